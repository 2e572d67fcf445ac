"""Telegram's side of a bot, outside the product: posts updates like Telegram, takes sendMessage like Telegram."""

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

UPDATES = itertools.count(900_000_000)


@dataclass(frozen=True)
class Update:
    """One update, and how to post it."""

    chat: int
    text: str
    number: int = field(default_factory=lambda: next(UPDATES))

    def body(self) -> dict[str, Any]:
        """As Telegram sends a text in a private chat. https://core.telegram.org/bots/api#update"""
        person = {"id": self.chat, "is_bot": False, "first_name": "مریم", "language_code": "fa"}
        chat = {"id": self.chat, "type": "private", "first_name": "مریم"}
        message = {"message_id": self.number % 10_000, "date": int(time.time()), "from": person, "chat": chat}
        return {"update_id": self.number, "message": {**message, "text": self.text}}

    def post(self, client: httpx.Client, channel: dict[str, str]) -> int:
        """To the channel's webhook, with its secret; the status."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": channel["secret_token"]}
        return client.post(channel["webhook_url"], json=self.body(), headers=headers).status_code
