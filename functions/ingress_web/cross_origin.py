"""What browsers need to be told before a page of another site may use this API."""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.ingress_web.origins import ALLOWED

PREFLIGHT_SECONDS = 7200


class CrossOrigin:
    """ASGI around the API: answers preflights, and lets the page read the answer whose origin was found allowed."""

    def __init__(self, api: ASGIApp) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Vary"] = "Origin"
                headers["Cross-Origin-Resource-Policy"] = "cross-origin"
                if origin := scope.get(ALLOWED):
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = "Retry-After"
            await send(message)

        application = _preflight(Request(scope)) if scope["method"] == "OPTIONS" else self._api
        await application(scope, receive, send_on)


def _preflight(request: Request) -> Response:
    """A preflight names neither widget nor session, so it can't be judged: the request that follows is."""
    headers = {
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "authorization, content-type, last-event-id",
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        "Allow": "GET, POST, OPTIONS",
    }
    if origin := request.headers.get("origin"):
        headers["Access-Control-Allow-Origin"] = origin
    return Response(status_code=204, headers=headers)
