"""What a provider posts, to the last byte, so that the same can be posted again: it does so until it gets a 2xx."""

import itertools
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.pipeline import meta

UPDATES = itertools.count(time.time_ns() // 10**6 % 10**9)


@dataclass(frozen=True)
class Webhook:
    """One delivery: its path below the function's own address, headers and body."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    async def post(self, url: str) -> int:
        """To the function at *url*; its answer, 0 where it gave none."""
        async with httpx.AsyncClient(timeout=60) as client:
            try:
                return (await client.post(url + self.path, headers=self.headers, content=self.body)).status_code
            except httpx.TransportError:
                return 0


@dataclass(frozen=True)
class Line:
    """A channel as its provider knows it, and what comes in by it."""

    kind: str
    channel: Mapping[str, str]

    def text(self, sender: str, text: str) -> Webhook:
        """*sender* writes *text*."""
        match self.kind:
            case "telegram" | "bale":
                return self._update(sender, text)
            case "whatsapp":
                return self._signed(meta.whatsapp_text(self.channel, text, name="مریم", phone=sender))
            case _:
                return self._signed(meta.instagram_text(self.channel, text, sender=sender))

    def batch(self, *texts: tuple[str, str]) -> Webhook:
        """Several (sender, text) in one delivery of WhatsApp's."""
        first, *more = (meta.whatsapp_text(self.channel, text, name="مریم", phone=sender) for sender, text in texts)
        for one in more:
            first["entry"] += one["entry"]
        return self._signed(first)

    def status(self, recipient: str, provider_id: str, state: str, *, part: str | None = None) -> Webhook:
        """WhatsApp tells what became of a message; *part*: the reference that we gave it, if it gives that back."""
        told = {"id": provider_id, "status": state, "timestamp": str(int(time.time())), "recipient_id": recipient}
        if part:
            told["biz_opaque_callback_data"] = part
        body = meta.whatsapp_text(self.channel, "", name="", phone=recipient)
        value = body["entry"][0]["changes"][0]["value"]
        del value["messages"], value["contacts"]
        value["statuses"] = [told]
        return self._signed(body)

    def echo(self, recipient: str, text: str, mid: str | None = None) -> Webhook:
        """Instagram tells what our side has said to *recipient*, by the API or by hand."""
        body = meta.instagram_text(self.channel, text, sender=recipient)
        item = body["entry"][0]["messaging"][0]
        item["sender"], item["recipient"] = item["recipient"], item["sender"]
        item["message"] = {"mid": mid or f"aWdfZA{uuid.uuid4().hex}", "text": text, "is_echo": True}
        return self._signed(body)

    def _update(self, sender: str, text: str) -> Webhook:
        person = {"id": int(sender), "is_bot": False, "first_name": "مریم", "language_code": "fa"}
        chat = {"id": int(sender), "type": "private", "first_name": "مریم"}
        number = next(UPDATES)
        message = {"message_id": number % 10_000, "date": int(time.time()), "from": person, "chat": chat, "text": text}
        headers = {
            "content-type": "application/json",
            "x-telegram-bot-api-secret-token": self.channel["secret_token"],
        }
        return self._webhook({"update_id": number, "message": message}, headers)

    def _signed(self, body: dict[str, Any]) -> Webhook:
        content = json.dumps(body).encode()
        return Webhook(f"/{self.channel['id']}", meta.signature(content, self.channel["app_secret"]), content)

    def _webhook(self, body: dict[str, Any], headers: Mapping[str, str]) -> Webhook:
        return Webhook(f"/{self.channel['id']}", headers, json.dumps(body).encode())
