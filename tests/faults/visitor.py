"""A visitor of the shop's site: one session of the widget's API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.faults.shop import SITE, Shop


@dataclass(frozen=True)
class Visitor:
    """Speaks to the function at *url*, and may speak to another process of it."""

    client: httpx.AsyncClient
    conversation: str
    url: str

    @classmethod
    @asynccontextmanager
    async def arrive(cls, shop: Shop, url: str) -> AsyncIterator[Self]:
        """Opens a session on the shop's widget."""
        async with httpx.AsyncClient(headers={"Origin": SITE}, timeout=20) as client:
            opening = {"widget_id": str(shop.tenant.channel), "page": {"url": f"{SITE}/", "lang": "fa"}}
            answer = await client.post(f"{url}/sessions", json=opening)
            assert answer.status_code == 200, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['session_token']}"
            yield cls(client, answer.json()["conversation_id"], url)

    async def post(self, text: str, *, client_msg_id: str = "1", url: str = "") -> dict[str, Any] | None:
        """What was stored; None where nobody answered."""
        posted = {"client_msg_id": client_msg_id, "type": "text", "text": text}
        try:
            answer = await self.client.post(f"{url or self.url}{self._path}", json=posted)
        except httpx.TransportError:
            return None
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    async def roles(self) -> list[str]:
        """Who said what is shown, in order."""
        return [message["role"] for message in (await self.client.get(f"{self.url}{self._path}")).json()["items"]]

    @property
    def _path(self) -> str:
        return f"/conversations/{self.conversation}/messages"
