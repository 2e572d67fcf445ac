"""A busy street before the running product: customers who write and write, and repeat what got no answer."""

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from tests.pipeline import meta
from tests.pipeline.desk import Desk
from tests.pipeline.provider import Customer
from tests.pipeline.widget import Visitor
from tests.product import Product

QUESTIONS = ("ساعت کاری شما چیست؟", "ارسال به شهرهای دیگر چند روز طول می‌کشد؟", "شرایط بازگشت کالا چیست؟", "سلام")
PACE_SECONDS = 1.2
"""A person's: sometimes before the answer, sometimes behind it."""
AGAIN_SECONDS = 0.2


class Chat(Protocol):
    """One customer on one channel."""

    def find(self, desk: Desk) -> str:
        """Their conversation, as the console knows it."""

    def post(self, text: str) -> Callable[[], int]:
        """*text* as one message: each call sends the very same, and returns the status, 0 for none."""

    def heard(self) -> list[str]:
        """What reached them, in order."""


@dataclass
class OnTelegram:
    """By the test's own Telegram."""

    customer: Customer

    def find(self, desk: Desk) -> str:
        """By name."""
        return str(desk.conversation_of(self.customer)["id"])

    def post(self, text: str) -> Callable[[], int]:
        """An update."""
        update = self.customer.update(text)
        return lambda: self.customer.post(update)

    def heard(self) -> list[str]:
        """Of sendMessage."""
        return self.customer.heard


@dataclass
class OnWhatsApp:
    """By the product's simulator."""

    product: Product
    channel: dict[str, str]
    phone: str = field(default_factory=lambda: f"4915{random.randrange(10**8, 10**9)}")

    @property
    def name(self) -> str:
        """Theirs alone."""
        return f"نگار {self.phone}"

    def find(self, desk: Desk) -> str:
        """By name."""
        found = desk.find(contact_name=self.name)
        assert found, f"{self.name} is not in the inbox"
        return str(found["id"])

    def post(self, text: str) -> Callable[[], int]:
        """A webhook."""
        webhook = meta.whatsapp_text(self.channel, text, name=self.name, phone=self.phone)

        def again() -> int:
            try:
                return meta.post(self.channel, webhook).status_code
            except httpx.TransportError:
                return 0

        return again

    def heard(self) -> list[str]:
        """Of messages that the number's API took."""
        account = f"whatsapp-{self.channel['phone_number_id']}"
        answer = httpx.get(f"{self.product.simulator}/sim/sent", params={"account": account, "chat": self.phone})
        return [sent["text"] for sent in answer.json()]


@dataclass
class OnSite:
    """By the widget."""

    visitor: Visitor

    def find(self, desk: Desk) -> str:
        """The widget knows it."""
        return self.visitor.conversation

    def post(self, text: str) -> Callable[[], int]:
        """A message under one client_msg_id."""
        posted = {"client_msg_id": uuid.uuid4().hex, "type": "text", "text": text}

        def again() -> int:
            try:
                return self.visitor.client.post(f"{self.visitor.path}/messages", json=posted).status_code
            except httpx.TransportError:
                return 0

        return again

    def heard(self) -> list[str]:
        """What the widget shows of the bot."""
        return [message["text"] for message in self.visitor.messages("bot")]


@dataclass
class Shopper:
    """A chat and what was written in it. A message is written once it is acknowledged, and until then repeated."""

    chat: Chat
    written: int = 0

    def write_until(self, stop: threading.Event) -> None:
        """One message after the other."""
        dice = random.Random()
        while not stop.is_set():
            send = self.chat.post(dice.choice(QUESTIONS))
            while not 200 <= send() < 300:
                time.sleep(AGAIN_SECONDS)
            self.written += 1
            stop.wait(dice.random() * PACE_SECONDS)


@dataclass
class Uploader:
    """A person who puts in documents, and tries again until one is taken."""

    desk: Desk
    taken: list[str] = field(default_factory=list)

    def write_until(self, stop: threading.Event) -> None:
        """One after the other."""
        while not stop.is_set():
            number = uuid.uuid4().hex
            while not (answer := self._upload(number)):
                time.sleep(AGAIN_SECONDS)
            self.taken.append(answer["id"])
            stop.wait(PACE_SECONDS)

    def _upload(self, number: str) -> dict[str, Any]:
        try:
            answer = self.desk.upload(f"{number}.md", f"# انبار\n\nانبار {number} باز است.\n")
        except httpx.TransportError:
            return {}
        return dict(answer.json()) if answer.is_success else {}
