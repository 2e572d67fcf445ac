"""A subscriber on loopback: keeps what it got, and answers as a test asks, event by event."""

import asyncio
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from aiohttp import web


@dataclass(frozen=True)
class Got:
    """One request. Header names are in lower case."""

    method: str
    headers: dict[str, str]
    body: bytes
    at: float

    def attribute(self, name: str) -> str | None:
        """A CloudEvents attribute of it."""
        return self.headers.get(f"ce-{name}")


@dataclass(frozen=True)
class Says:
    """An answer. *after* seconds; code 0 hangs up without one."""

    code: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: float = 0.0


class Subscriber:
    """Listens on *url*. Whoever has no answer prepared gets 204."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._got: dict[tuple[str, str], list[Got]] = defaultdict(list)
        self._prepared: dict[tuple[str, str], deque[Says]] = {}
        self._always: dict[str, Says] = {}
        self._held: dict[str, asyncio.Event] = {}
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        parts = urlsplit(self.url)
        await web.TCPSite(self._runner, parts.hostname, parts.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner
        await self._runner.cleanup()

    def prepare(self, path: str, event_id: str, *answers: Says) -> None:
        """The next answers at *path* to the event *event_id*; the last one stays."""
        self._prepared[path, event_id] = deque(answers)

    def always(self, path: str, says: Says | None) -> None:
        """What *path* answers to events that nothing was prepared for."""
        self._always.pop(path, None) if says is None else self._always.__setitem__(path, says)

    def hold(self, path: str) -> None:
        """From now on *path* answers nothing until it is released."""
        self._held[path] = asyncio.Event()

    def release(self, path: str) -> None:
        """Lets all answers of *path* go."""
        self._held.pop(path).set()

    def forget(self) -> None:
        """As if nothing had come and nothing had been prepared."""
        self._got.clear()
        self._prepared.clear()
        self._always.clear()
        for path in list(self._held):
            self.release(path)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        got = Got(request.method, headers, await request.read(), time.monotonic())
        key = request.path, headers.get("ce-id", "")
        async with self._news:
            self._got[key].append(got)
            self._news.notify_all()
        prepared = self._prepared.get(key)
        says = (prepared.popleft() if len(prepared) > 1 else prepared[0]) if prepared else None
        says = says or self._always.get(request.path) or Says()
        await asyncio.sleep(says.after)
        if held := self._held.get(request.path):
            await held.wait()
        if says.code == 0 and request.transport:
            request.transport.abort()
        return web.Response(status=says.code or 500, headers=says.headers, body=says.body or None)

    def seen(self, path: str, event_id: str) -> list[Got]:
        """What came so far."""
        return list(self._got[path, event_id])

    def ids(self, path: str) -> set[str]:
        """The ids of all events that came to *path*."""
        return {event_id for where, event_id in self._got if where == path}

    async def got(self, path: str, event_id: str, times: int = 1, within: float = 10.0) -> list[Got]:
        """Waits until the event came *times* times. Raises TimeoutError."""
        await self.until(lambda: len(self._got[path, event_id]) >= times, within)
        return self.seen(path, event_id)

    async def until(self, condition: object, within: float = 10.0) -> None:
        """Waits until *condition()* holds; it is asked whenever something came. Raises TimeoutError."""
        assert callable(condition)
        async with self._news, asyncio.timeout(within):
            await self._news.wait_for(condition)
