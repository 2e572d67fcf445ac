"""A client and a provider that cost almost nothing, so that the product is what is measured."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

UPDATES = itertools.count(time.time_ns() // 1_000_000 % 1_000_000_000)
QUESTION = "ساعت کاری فروشگاه شما چیست؟"


def update(chat: int, text: str = QUESTION) -> bytes:
    """The body of a Telegram webhook."""
    person = {"id": chat, "is_bot": False, "first_name": "مریم"}
    message = {"message_id": 1, "date": int(time.time()), "from": person, "chat": {"id": chat, "type": "private"}}
    return json.dumps({"update_id": next(UPDATES), "message": {**message, "text": text}}).encode()


class Connection:
    """One kept-alive connection that posts bodies and reads statuses."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = urlsplit(url)
        lines = [f"POST {self._url.path or '/'} HTTP/1.1", f"Host: {self._url.netloc}"]
        lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **headers}.items()]
        self._head = "\r\n".join(lines).encode()

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def post(self, body: bytes) -> tuple[int, float]:
        """The status, and how many seconds it took."""
        began = time.perf_counter()
        self._writer.write(self._head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                await self._reader.readexactly(int(line.split(b":")[1]))
        return int(head.split(b" ", 2)[1]), time.perf_counter() - began


@dataclass
class Provider:
    """Takes every sendMessage at once and notes when a chat was written to."""

    url: str = ""
    got: dict[int, float] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Provider"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def until(self, chats: Iterable[int], *, seconds: float) -> None:
        """Waits until every one of *chats* was written to. Raises TimeoutError."""
        missing = set(chats)
        async with asyncio.timeout(seconds):
            while missing := missing - self.got.keys():
                self.arrived.clear()
                await self.arrived.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        numbers = itertools.count(1)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length")
                )
                message = json.loads(await reader.readexactly(length))
                self.got.setdefault(int(message["chat_id"]), time.perf_counter())
                self.arrived.set()
                answer = b'{"ok":true,"result":{"message_id":%d}}' % next(numbers)
                kind = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                writer.write(kind % len(answer) + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
