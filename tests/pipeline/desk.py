"""An operator's desk: what the console's API shows and does, as the tests ask for it."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx

from tests.pipeline.provider import Customer
from tests.pipeline.waiting import until


class Desk:
    """Somebody who is signed in."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def items(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """Every item of a collection, page by page."""
        return list(self._pages(path, parameters))

    def _pages(self, path: str, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        cursor: str | None = ""
        while cursor is not None:
            answer = self.client.get(
                path, params={"limit": 100, **parameters, **({"cursor": cursor} if cursor else {})}
            )
            assert answer.status_code == 200, answer.text
            page = answer.json()
            yield from page["items"]
            cursor = page.get("next_cursor")

    def find(self, **wanted: str) -> dict[str, Any] | None:
        """The conversation whose fields have these values; None when there is none among the newest hundred."""
        answer = self.client.get("/conversations", params={"limit": 100})
        assert answer.status_code == 200, answer.text
        return next((one for one in answer.json()["items"] if all(one[k] == v for k, v in wanted.items())), None)

    def conversation_of(self, customer: Customer) -> dict[str, Any]:
        """The customer's conversation, as the inbox shows it now."""
        found = self.find(contact_name=customer.name)
        assert found, f"{customer.name} is not in the inbox"
        return found

    def messages(self, conversation: str, role: str = "") -> list[dict[str, Any]]:
        """All that was said, oldest first, by *role* or by all."""
        found = self.items(f"/conversations/{conversation}/messages", after=0)
        return [message for message in found if role in ("", message["role"])]

    def is_covered(self, conversation: str) -> bool:
        """Whether the newest customer message lies in a turn."""
        newest = max(message["seq"] for message in self.messages(conversation, "customer"))
        turns = {message["turn_id"] for message in self.messages(conversation, "bot")} - {None}
        return any(self.client.get(f"/turns/{turn}").json()["n"] >= newest for turn in turns)

    def upload(self, name: str, content: str | bytes, *, over: str = "") -> httpx.Response:
        """A document, or with *over* a new version of that one."""
        data = content.encode() if isinstance(content, str) else content
        path = f"/knowledge/{over}" if over else "/knowledge"
        return self.client.request("PUT" if over else "POST", path, files={"file": (name, data, "text/markdown")})

    def settled(self, asset: str, *, version: int = 1, seconds: float = 30) -> dict[str, Any]:
        """The document once it is ready or has failed."""

        def look() -> dict[str, Any] | None:
            document = dict(self.client.get(f"/knowledge/{asset}").json())
            done = document["status"] in ("ready", "failed") and document["version"] >= version
            return document if done else None

        found = until(look, f"the end of {asset}'s indexing", seconds=seconds)
        assert found
        return found

    def learn(self, name: str, content: str | bytes) -> str:
        """Uploads a document and waits until it answers; its id."""
        answer = self.upload(name, content)
        assert answer.status_code == 202, answer.text
        asset = str(answer.json()["id"])
        assert self.settled(asset)["status"] == "ready"
        return asset


def new_word() -> str:
    """A word that stands in no document yet."""
    return "زر" + uuid.uuid4().hex[:10].translate(str.maketrans("0123456789abcdef", "ابپتجچدرزسشفکگلم"))
