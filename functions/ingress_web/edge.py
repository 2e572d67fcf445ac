"""The outermost layer: preflights, what browsers need to be told, a correlation id, and an answer whatever happens."""

import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.ingress_web.origins import ALLOWED
from functions.ingress_web.web import NAME
from shared import telemetry

CORRELATION = "xin.correlation"
PREFLIGHT_SECONDS = 7200
OUTER_ROUTER = frozenset({"path_params", "route", "router", "endpoint", "app"})


class Edge:
    """ASGI around the API."""

    def __init__(self, site: ASGIApp) -> None:
        self._site = site
        self._log = telemetry.logger(NAME)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; an error that nobody expected is logged."""
        request = Request(scope)
        if request.method == "OPTIONS":
            await preflight(request)(scope, receive, send)
            return
        # Without what an outer router left: it would be taken for ours.
        scope = {name: value for name, value in scope.items() if name not in OUTER_ROUTER}
        scope[CORRELATION] = str(uuid.uuid4())
        started = time.monotonic()
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                _add_headers(MutableHeaders(scope=message), scope)
            await send(message)

        with (
            telemetry.about(correlation_id=scope[CORRELATION]),
            telemetry.span(NAME, f"{scope['method']} widget", request.headers.get("traceparent", "")),
        ):
            try:
                await self._site(scope, receive, send_on)
            except Exception:  # it has been answered
                self._log.exception("a bug")
            route = getattr(scope.get("route"), "path", "-")
            took = round((time.monotonic() - started) * 1000, 1)
            extra = {"method": scope["method"], "route": route, "status": status, "ms": took}
            self._log.info("request", extra=extra)
        telemetry.WEBHOOKS.labels(NAME, str(status)).inc()


def preflight(request: Request) -> Response:
    """A preflight names neither widget nor session, so it can't be judged: the request that follows is."""
    headers = {
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "authorization, content-type, last-event-id",
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        "Allow": "GET, POST, OPTIONS",
        "Vary": "Origin",
    }
    if origin := request.headers.get("origin"):
        headers["Access-Control-Allow-Origin"] = origin
    return Response(status_code=204, headers=headers)


def _add_headers(headers: MutableHeaders, scope: Scope) -> None:
    if origin := scope.get(ALLOWED):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = "Retry-After"
    headers["Vary"] = "Origin"
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cache-Control"] = "no-store"
    headers["X-Correlation-Id"] = scope[CORRELATION]
