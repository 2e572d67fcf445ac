"""Answers that no well-behaved server gives: one that never comes, one that breaks off, a stream that stops."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Literal

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

TRANSPORT = "simulator.transport"
CLOSING = "simulator.closing"


class Reach:
    """Puts the connection's transport and the simulator's end within reach of the answers below.

    ASGI has no way to drop a connection. Uvicorn's `send` is a method of an object that holds the transport; under a
    server that hides it, `Cut` falls back to a response that never completes.
    """

    def __init__(self, app: ASGIApp, closing: asyncio.Event) -> None:
        self._app = app
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
            scope[CLOSING] = self._closing
        await self._app(scope, receive, send)


async def _until_gone(scope: Scope, receive: Receive) -> None:
    """Waits until the caller hangs up or the simulator closes."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    waits = [asyncio.ensure_future(gone()), asyncio.ensure_future(scope[CLOSING].wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _cut(scope: Scope, receive: Receive) -> None:
    transport = scope.get(TRANSPORT)
    if isinstance(transport, asyncio.BaseTransport) and not transport.is_closing():
        transport.abort()  # type: ignore[attr-defined]
        await _until_gone(scope, receive)


class Hang(Response):
    """Not even headers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _until_gone(scope, receive)
        await _cut(scope, receive)


class Cut(Response):
    """The connection breaks without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get(TRANSPORT) is None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            return
        await _cut(scope, receive)


class Chunks(Response):
    """A stream of ready chunks that ends well, stays open for ever, or breaks off."""

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        end: Literal["well", "hang", "cut"] = "well",
        media_type: str = "text/event-stream",
    ) -> None:
        super().__init__(media_type=media_type)
        self._chunks = chunks
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", f"{self.media_type}; charset=utf-8".encode()), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)  # a write of its own for each
        if self._end == "hang":
            await _until_gone(scope, receive)
        if self._end == "well":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await _cut(scope, receive)


class Piecemeal(Response):
    """The answer *whole*, its body in *pieces* of the caller's choice, each after a pause; or it breaks off."""

    def __init__(
        self, whole: Response, pieces: Sequence[bytes], *, pause: float = 0.0, end: Literal["well", "cut"] = "well"
    ) -> None:
        super().__init__(status_code=whole.status_code)
        self.raw_headers, self.body = whole.raw_headers, whole.body
        self._pieces = pieces
        self._pause = pause
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        gone = asyncio.ensure_future(_until_gone(scope, receive))
        try:
            for piece in self._pieces:
                await asyncio.wait({gone}, timeout=self._pause)
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            gone.cancel()
        if self._end == "well":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await _cut(scope, receive)
