"""A customer's WhatsApp or Instagram: the product's own simulator, played over its HTTP API as `/demo` does."""

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.product import Product

NUMBERS = itertools.count(time.time_ns() // 1000 % 10**9)


@dataclass
class Phone:
    """One customer. *chat*: their number, or Instagram's id of them."""

    product: Product
    kind: str
    chat: str = ""
    name: str = ""
    url: str = field(init=False)
    client: httpx.Client = field(default_factory=httpx.Client)

    def __post_init__(self) -> None:
        number = next(NUMBERS)
        self.chat = self.chat or (f"4915{number:09d}" if self.kind == "whatsapp" else f"17{number:012d}")
        self.name = self.name or f"مشتری {self.chat}"
        accounts = httpx.get(f"{self.product.simulator}/sim/accounts").json()
        account = next(one["key"] for one in accounts if one["kind"] == self.kind)
        self.url = f"{self.product.simulator}/sim/{account}/chats/{self.chat}"

    def write(self, text: str) -> str:
        """Returns the provider's id of it."""
        return str(self._post("messages", text=text, name=self.name)["id"])

    def read(self) -> None:
        """Looks at the chat."""
        self._post("read")

    def business_writes(self, text: str) -> None:
        """A person of the business answers in the provider's own app."""
        self._post("business", text=text)

    @property
    def heard(self) -> list[str]:
        """What the business said, oldest first."""
        entries = self.client.get(self.url).json()["messages"]
        return [entry["text"] for entry in entries if entry["role"] != "customer"]

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.client.post(f"{self.url}/{path}", json=body)
        assert answer.is_success, answer.text
        return dict(answer.json()) if answer.content else {}
