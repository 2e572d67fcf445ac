"""What the page `/demo` asks besides the phones: which channels can be played, and whose conversation a phone is in.

Nothing secret is in its answers. A conversation's id opens nothing by itself: the console asks who wants to see it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Literal, LiteralString

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from functions.deliver.senders import API_URLS
from local.demo.seed import INGRESS, Demo
from local.simulator.ledger import Ledger
from shared.errors import Retryable
from shared.settings import Settings
from shared.store.tenancy import Store

LOOK_UP_SECONDS = 1

CHANNELS = "SELECT id, enabled, coalesce((settings->>'simulated')::boolean, false) FROM channels"

CONVERSATION = """
    SELECT c.id FROM conversations c JOIN contacts t ON t.id = c.contact_id JOIN channels h ON h.id = c.channel_id
     WHERE h.id = %(channel)s AND (h.settings->>'simulated')::boolean AND t.external_id = ANY(%(names)s)
     ORDER BY c.updated_at DESC LIMIT 1
"""

State = Literal["simulated", "elsewhere", "real", "gone"]
"""simulated: the phone is the customer's. elsewhere: the environment names another API, which gets the answers.
real: the channel has a provider's token of its own. gone: removed, or switched off."""


class Config(BaseModel):
    """What the page is told about the demo tenant. *open*: its documents answer."""

    open: bool
    widget_id: str
    api_url: str
    channels: dict[str, State]


def chosen_urls(settings: Settings) -> frozenset[str]:
    """The kinds whose API the environment names."""
    return frozenset(kind for kind, (name, _) in API_URLS.items() if name in settings.model_fields_set)


class DemoPage:
    """The page's questions, answered from the demo tenant's rows."""

    def __init__(
        self, demo: Demo, ledger: Ledger, store: Callable[[], Awaitable[Store]], chosen: Collection[str] = ()
    ) -> None:
        """*store*: a way into the database that may read channels and conversations; *chosen*: see `chosen_urls`."""
        self._demo = demo
        self._ledger = ledger
        self._store = store
        self._chosen = chosen

    async def config(self, _: Request) -> Response:
        """`GET /demo/config.json`. 503 while the database is away."""
        web = self._demo.channel("web")
        try:
            rows = await self._rows(CHANNELS, {})
        except (Retryable, TimeoutError):
            return _unavailable()
        found = {str(id): (enabled, simulated) for id, enabled, simulated in rows}
        states = {kind: self._state(kind, found.get(str(self._demo.id(kind)))) for kind in INGRESS}
        config = Config(
            open=(self._demo.home.path / "seed.json").exists(),
            widget_id=web["widget_id"],
            api_url=web["api_url"],
            channels=states,
        )
        return JSONResponse(config.model_dump(), headers={"Cache-Control": "no-store"})

    async def conversation(self, request: Request) -> Response:
        """`GET /demo/conversation.json?kind=&account=&chat=`: `{"id"}`, null before anything was stored."""
        kind, account, chat = (request.query_params.get(name, "") for name in ("kind", "account", "chat"))
        phone = self._ledger.phone(account, chat)
        if kind not in INGRESS or phone is None:
            return JSONResponse({"id": None}, headers={"Cache-Control": "no-store"})
        names = [name for name in (chat, phone.user_id) if name]
        try:
            rows = await self._rows(CONVERSATION, {"channel": self._demo.id(kind), "names": names})
        except (Retryable, TimeoutError):
            return _unavailable()
        return JSONResponse({"id": str(rows[0][0]) if rows else None}, headers={"Cache-Control": "no-store"})

    async def _rows(self, statement: LiteralString, given: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Raises Retryable and TimeoutError: the page asks again, and says so meanwhile."""
        store = await self._store()
        async with asyncio.timeout(LOOK_UP_SECONDS), store.tenant(self._demo.tenant) as db:
            return await (await db.execute(statement, given)).fetchall()

    def _state(self, kind: str, found: tuple[bool, bool] | None) -> State:
        if found is None or not found[0]:
            return "gone"
        if kind != "web" and not found[1]:
            return "real"
        return "elsewhere" if kind in self._chosen else "simulated"


def _unavailable() -> Response:
    return JSONResponse({"detail": "the database can't be reached"}, 503, headers={"Retry-After": "1"})
