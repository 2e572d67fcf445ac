"""A client and a provider that cost almost nothing, so that the product is what is measured."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

UPDATES = itertools.count(time.time_ns() // 1_000_000 % 1_000_000_000)
CHATS = itertools.count(1_000_000)
"""A chat that nobody wrote in yet."""
CONNECTIONS = 16
PACED_CONNECTIONS = 8
QUESTION = "ساعت کاری فروشگاه شما چیست؟"


def update(chat: int, text: str = QUESTION) -> bytes:
    """The body of a Telegram webhook."""
    person = {"id": chat, "is_bot": False, "first_name": "مریم"}
    message = {"message_id": 1, "date": int(time.time()), "from": person, "chat": {"id": chat, "type": "private"}}
    return json.dumps({"update_id": next(UPDATES), "message": {**message, "text": text}}).encode()


def new_chats(count: int) -> list[int]:
    """So many of CHATS."""
    return list(itertools.islice(CHATS, count))


class Connection:
    """One kept-alive connection that posts bodies and reads statuses."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = urlsplit(url)
        lines = [f"Host: {self._url.netloc}"]
        lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **headers}.items()]
        self._headers = "\r\n".join(lines).encode()

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def post(self, body: bytes, path: str = "") -> tuple[int, float]:
        """The status, and how many seconds it took. *path* is the URL's own unless another is given."""
        began = time.perf_counter()
        head = b"POST %b HTTP/1.1\r\n%b\r\n" % ((path or self._url.path or "/").encode(), self._headers)
        self._writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        for line in answer.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                await self._reader.readexactly(int(line.split(b":")[1]))
        return int(answer.split(b" ", 2)[1]), time.perf_counter() - began


Connect = Callable[[], Connection]


async def flood(connect: Connect, chats: Sequence[int], paths: Sequence[str] = ("",)) -> float:
    """Posts one message a chat over some connections, as fast as they are acknowledged; seconds it took.

    The chats take turns through *paths*, the webhooks of several channels.
    """
    waiting = iter(zip(chats, itertools.cycle(paths), strict=False))

    async def work() -> None:
        async with connect() as connection:
            for chat, path in waiting:
                status, _ = await connection.post(update(chat), path)
                assert status == 200, status

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


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


async def answered(connect: Connect, provider: Provider, chats: Sequence[int], paths: Sequence[str] = ("",)) -> float:
    """Seconds from the first webhook of a flood to the last call of the provider."""
    began = time.perf_counter()
    await flood(connect, chats, paths)
    await provider.until(chats, seconds=180)
    return time.perf_counter() - began


async def paced(
    connect: Connect, provider: Provider, *, a_second: float, count: int
) -> tuple[list[float], list[float]]:
    """Posts at a rate; seconds to the acknowledgement, and from the webhook to the provider's call."""
    chats = new_chats(count)
    began_at: dict[int, float] = {}
    acknowledged: list[float] = []
    free: asyncio.Queue[Connection] = asyncio.Queue()

    async def one(chat: int) -> None:
        began_at[chat] = time.perf_counter()
        connection = await free.get()
        status, _ = await connection.post(update(chat))
        assert status == 200, status
        acknowledged.append(time.perf_counter() - began_at[chat])
        free.put_nowait(connection)

    async with AsyncExitStack() as stack:
        for _ in range(PACED_CONNECTIONS):
            free.put_nowait(await stack.enter_async_context(connect()))
        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for i, chat in enumerate(chats):
                await asyncio.sleep(max(0.0, start + i / a_second - time.perf_counter()))
                group.create_task(one(chat))
        await provider.until(chats, seconds=60)
    return acknowledged, [provider.got[chat] - began_at[chat] for chat in chats]


async def one_at_a_time(connect: Connect, provider: Provider, count: int) -> list[float]:
    """Seconds from the webhook to the provider's call; the next message is written when the answer to one is there."""
    latency = []
    async with connect() as connection:
        for chat in new_chats(count):
            began = time.perf_counter()
            await connection.post(update(chat))
            await provider.until([chat], seconds=30)
            latency.append(provider.got[chat] - began)
    return latency
