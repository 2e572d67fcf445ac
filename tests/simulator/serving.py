"""Real servers on loopback for the simulator's tests: the simulator itself, and a business's webhook."""

import asyncio
import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the signals are the test run's


@dataclass
class Door:
    """One server for all tests, behind which each puts its own application: a server takes its time to stop."""

    url: str = ""
    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.app is not None:
            await self.app(scope, receive, send)


@asynccontextmanager
async def serving(app: ASGIApp, *, before_stop: Callable[[], Any] = lambda: None) -> AsyncIterator[str]:
    """The address at which *app* answers, on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, access_log=False, log_level="critical", timeout_graceful_shutdown=2)
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not running.done(), "the server did not start"
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        before_stop()
        server.should_exit = True
        await running


@dataclass(frozen=True)
class Hook:
    """One request that the webhook got."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Webhook:
    """A business's webhook: it keeps what it gets, and answers with the statuses it was given, then with 200."""

    verify_token: str = "verify-me"
    got: list[Hook] = field(default_factory=list)
    answers: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        hook = Hook(scope["method"], scope["path"], parse_qs(scope["query_string"].decode()), headers, body)
        self.got.append(hook)
        await self.gate.wait()
        status, extra = self.answers.popleft() if self.answers else (200, {})
        content = b""
        if hook.method == "GET":
            right = hook.query.get("hub.verify_token") == [self.verify_token]
            status, content = (200, hook.query["hub.challenge"][0].encode()) if right else (403, b"")
        raw = [(name.encode(), value.encode()) for name, value in extra.items()]
        raw += [(b"content-length", str(len(content)).encode()), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})


async def until(condition: Callable[[], Any], *, seconds: float = 5.0) -> Any:
    """Waits until *condition* holds, and returns what it gave."""
    async with asyncio.timeout(seconds):
        while not (value := condition()):
            await asyncio.sleep(0.005)
    return value
