"""How much of a body is read: little, unless a route asks for more before it reads."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES = 1024 * 1024
_KEY = "xin.body"


class LimitedBodies:
    """ASGI around the API, whose every body is limited."""

    def __init__(self, api: ASGIApp) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands one request on."""
        scope[_KEY] = body = _LimitedBody(scope, receive)
        await self._api(scope, body, send)


class _LimitedBody:
    """ASGI's receive, counting. Past the limit, announced or read, it raises HTTPException 413 instead."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.most = BODY_BYTES
        self._receive = receive
        self._read = 0
        announced = dict(scope["headers"]).get(b"content-length", b"")
        self._announced = int(announced) if announced.isdigit() else 0

    async def __call__(self) -> Message:
        """The next message."""
        if self._announced > self.most:
            raise HTTPException(413)
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > self.most:
            raise HTTPException(413)
        return message


def allow(request: Request, size: int) -> None:
    """This request's body may have *size* bytes. Call it before anything is read."""
    body: _LimitedBody = request.scope[_KEY]
    body.most = size
