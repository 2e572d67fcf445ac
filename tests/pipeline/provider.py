"""Telegram and Bale, outside the product: a strict little Bot API server that outlives whatever is killed.

It stands under `TELEGRAM_API_URL` and `BALE_API_URL`. Customers of the tests are its chats; every other chat is handed
to the product's own simulator, so that the phones on `/demo` go on working.
"""

import itertools
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

TEXT_LIMIT = 4096
CHATS = itertools.count(700_000_000 + time.time_ns() % 10**6 * 10)
UPDATES = itertools.count(time.time_ns() // 10**6 % 10**9)


@dataclass(frozen=True)
class Sent:
    """A sendMessage that was accepted. *at* is by the monotonic clock."""

    kind: str
    chat: int
    text: str
    at: float


@dataclass
class Provider:
    """The server, and what it was told. *slow_seconds*: how long it takes to answer after it has accepted."""

    url: str = ""
    slow_seconds: float = 0.0
    tokens: dict[str, str] = field(default_factory=dict)
    """Bot token to kind."""
    elsewhere: str = ""
    """The simulator that has the chats which aren't ours."""
    chats: set[int] = field(default_factory=set)
    sent: list[Sent] = field(default_factory=list)
    typing: list[int] = field(default_factory=list)
    """The chats that were shown a sign of typing."""
    refused: list[str] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> "Provider":
        """Listens on a free port."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            do_POST = _answer
            provider = self

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """No connection is taken any more."""
        assert self._server
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What tells the product to come here."""
        return {"TELEGRAM_API_URL": self.url, "BALE_API_URL": f"{self.url}/bale"}

    def admit(self, up: Mapping[str, Any], simulator: str) -> None:
        """The demo tenant's bots, by up.json, and where the rest of the chats are."""
        self.tokens |= {up["channels"][kind]["bot_token"]: kind for kind in ("telegram", "bale")}
        self.elsewhere = simulator

    def customer(self, channel: Mapping[str, str]) -> "Customer":
        """Somebody new who has opened a chat with the bot of *channel* (`webhook_url`, `secret_token`)."""
        customer = Customer(self, dict(channel), next(CHATS))
        self.chats.add(customer.chat)
        return customer

    def take(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Answers one call. https://core.telegram.org/bots/api#making-requests"""
        kind, _, rest = path.removeprefix("/").rpartition("bot")
        token, _, method = rest.partition("/")
        told = json.loads(body or b"{}")
        if self.tokens.get(token) != (kind.strip("/") or "telegram"):
            return self._refuse(401, "Unauthorized", path)
        if int(told.get("chat_id", 0)) not in self.chats:
            answer = httpx.post(f"{self.elsewhere}/{self.tokens[token]}/bot{token}/{method}", json=told, timeout=10)
            return answer.status_code, answer.content
        if method == "sendChatAction":
            self.typing.append(int(told["chat_id"]))
        if method != "sendMessage":
            return 200, b'{"ok":true,"result":true}'
        text = told.get("text")
        if not isinstance(text, str) or not 0 < len(text) <= TEXT_LIMIT:
            return self._refuse(400, "Bad Request: message text is empty or too long", path)
        self.sent.append(Sent(self.tokens[token], int(told["chat_id"]), text, time.monotonic()))
        number = len(self.sent)
        time.sleep(self.slow_seconds)
        message = {"message_id": number, "date": int(time.time()), "chat": {"id": told["chat_id"], "type": "private"}}
        return 200, json.dumps({"ok": True, "result": {**message, "text": text}}).encode()

    def _refuse(self, code: int, why: str, path: str) -> tuple[int, bytes]:
        self.refused.append(f"{code} {why}: {path}")
        return code, json.dumps({"ok": False, "error_code": code, "description": why}).encode()


def _answer(handler: Any) -> None:
    body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
    try:
        status, content = handler.provider.take(handler.path, body)
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
    except OSError:  # who asked has been killed meanwhile
        handler.close_connection = True


@dataclass
class Customer:
    """A person in a private chat with a bot. Their name is theirs alone: the console finds them by it."""

    provider: Provider
    channel: dict[str, str]
    chat: int

    @property
    def name(self) -> str:
        return f"مریم {self.chat}"

    @property
    def heard(self) -> list[str]:
        """What the bot has sent them, in order."""
        return [sent.text for sent in list(self.provider.sent) if sent.chat == self.chat]

    def update(self, text: str) -> dict[str, Any]:
        """One update, as Telegram and Bale send it. https://core.telegram.org/bots/api#update"""
        number = next(UPDATES)
        person = {"id": self.chat, "is_bot": False, "first_name": self.name, "language_code": "fa"}
        chat = {"id": self.chat, "type": "private", "first_name": self.name}
        message = {"message_id": number % 10_000, "date": int(time.time()), "from": person, "chat": chat}
        return {"update_id": number, "message": {**message, "text": text}}

    def post(self, update: dict[str, Any], *, client: httpx.Client | None = None) -> int:
        """*update* to the webhook, with its secret; the status. 0: nobody answered."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.channel["secret_token"]}
        post = client.post if client else httpx.post
        try:
            return post(self.channel["webhook_url"], json=update, headers=headers, timeout=20).status_code
        except httpx.TransportError:
            return 0

    def write(self, text: str) -> None:
        """Writes, and the webhook takes it."""
        assert self.post(self.update(text)) == 200
