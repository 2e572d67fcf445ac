"""Looking on: what passes between the platform and its providers, kept for chats that a phone has open.

A chat is found by what the body names. Tokens stand in paths and headers: of a path only the part after them is kept,
of headers nothing.
"""

import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from local.simulator.connection import Cut, Hang
from local.simulator.ledger import Chat, Exchange, Ledger
from local.simulator.webhooks import Post
from local.simulator.whatsapp import Number, WhatsAppApi

Endpoint = Callable[[Request], Awaitable[Response]]
Found = tuple[str, str]
"""A chat, and the id of the message that is spoken of, or an empty text."""


class Wire:
    """Notes both directions. It costs nothing while nobody has a phone open."""

    def __init__(self, ledger: Ledger, whatsapp: WhatsAppApi, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._whatsapp = whatsapp
        self._now = now

    def listening(self, kind: str, endpoint: Endpoint) -> Endpoint:
        """A provider's *endpoint*, whose calls are noted once they are answered."""

        async def noted(request: Request) -> Response:
            if not self._ledger.has_phones:
                return await endpoint(request)
            body = await request.body()
            at, began = self._now(), time.monotonic()
            response = await endpoint(request)
            ms = round((time.monotonic() - began) * 1000)
            unanswered = isinstance(response, Hang | Cut)
            status = None if unanswered else response.status_code
            answer = None if unanswered else _parsed(bytes(response.body))
            self._note_call(kind, request, _parsed(body), status, answer, at=at, ms=ms)
            return response

        return noted

    def delivered(self, account: str, url: str, post: Post, status: int | None, answer: bytes, seconds: float) -> None:
        """Notes one try to post a webhook."""
        if not self._ledger.has_phones:
            return
        body = _parsed(post.body)
        chat, message = self._find(account, _chat_of_webhook, body)
        if chat is None:
            return
        path = urlsplit(url).path.rpartition("/")[0] + "/…"  # the last part is the channel's id
        at = self._now() - seconds
        chat.note(Exchange(at, False, "POST", path, body, status, _parsed(answer), message, round(seconds * 1000)))

    def _note_call(
        self, kind: str, request: Request, body: Any, status: int | None, answer: Any, *, at: float, ms: int
    ) -> None:
        parts = request.path_params
        if "token" in parts:
            account, path = f"{kind}-{parts['token'].partition(':')[0]}", f"/bot…/{parts['method']}"
            chat, message = self._find(account, _chat_of_bot_call, body, answer)
        else:
            account, path = f"{kind}-{parts['node']}", f"/{parts['version']}/{parts['node']}/messages"
            number = self._whatsapp.numbers.get(parts["node"]) if kind == "whatsapp" else None
            chat, message = self._find(account, _chat_of_graph_call, body, answer, number)
        if chat is not None:
            chat.note(Exchange(at, True, request.method, path, body, status, answer, message, ms))

    def _find(self, account: str, find: Callable[..., Found], *said: Any) -> tuple[Chat | None, str]:
        # A body may be anything: what doesn't read as one of theirs belongs to no chat.
        with suppress(AttributeError, IndexError, KeyError, TypeError):
            chat, message = find(*said)
            return self._ledger.phone(account, chat), message
        return None, ""


def _chat_of_bot_call(body: Any, answer: Any) -> Found:
    made = answer.get("result") if isinstance(answer, dict) else None
    message = made.get("message_id") if isinstance(made, dict) else body.get("message_id")
    return str(body["chat_id"]), str(message or "")


def _chat_of_graph_call(body: Any, answer: Any, number: Number | None) -> Found:
    made = answer if isinstance(answer, dict) else {}
    if number is None:
        return str(body["recipient"]["id"]), str(made.get("message_id", ""))
    if "status" in body:
        return number.chat_of(body["message_id"]), body["message_id"]
    chat = str(body["to"]).lstrip("+") if body.get("to") else number.by_user_id[body["recipient"]]
    return chat, made["messages"][0]["id"] if made.get("messages") else ""


def _chat_of_webhook(body: Any) -> Found:
    if "update_id" in body:
        return _chat_of_update(body)
    entry = body["entry"][0]
    if "messaging" in entry:
        item = entry["messaging"][0]
        message = item.get("message") or item.get("read") or {}
        customer = item["recipient"] if message.get("is_echo") else item["sender"]
        return customer["id"], message.get("mid", "")
    value = entry["changes"][0]["value"]
    if "statuses" in value:
        status = value["statuses"][0]
        return status["recipient_id"], status["id"]
    if "message_echoes" in value:
        echo = value["message_echoes"][0]
        return echo["to"], echo["id"]
    message = value["messages"][0]
    return message.get("from") or message["from_user_id"], message["id"]


def _chat_of_update(update: Any) -> Found:
    for kind, content in update.items():
        if kind == "message":
            return str(content["chat"]["id"]), str(content["message_id"])
        if kind == "callback_query":
            return str(content["from"]["id"]), ""
        if kind == "my_chat_member":
            return str(content["chat"]["id"]), ""
    raise KeyError("no chat")


def _parsed(body: bytes) -> Any:
    """JSON, or what else was said, up to a kilobyte."""
    try:
        return json.loads(body)
    except ValueError:
        return body[:1024].decode(errors="replace")
