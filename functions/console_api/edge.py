"""The outermost layer: every request gets a correlation id, a line in the access log, and in any case an answer."""

import time
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.console_api.bodies import LimitedBody
from functions.console_api.console import NAME
from shared import telemetry

OWN_PATH = f"/fn/{NAME}"
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class Edge:
    """ASGI around the API."""

    def __init__(self, site: ASGIApp) -> None:
        self._site = site
        self._log = telemetry.logger(NAME)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands one request on. An error that nobody expected was answered inside; here it is logged."""
        if scope["type"] != "http":
            return
        scope = _own_scope(scope)
        started = time.monotonic()
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                correlation = (b"x-correlation-id", scope["xin.correlation"].encode())
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS, correlation]}
            await send(message)

        traceparent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        with (
            telemetry.about(correlation_id=scope["xin.correlation"]),
            telemetry.span(NAME, f"{scope['method']} api", traceparent),
        ):
            try:
                await self._site(scope, LimitedBody(scope, receive), send_on)
            except Exception:
                self._log.exception("a bug")
            route = getattr(scope.get("route"), "path", "-")
            seconds = time.monotonic() - started
            self._log.info(
                "request",
                extra={"method": scope["method"], "route": route, "status": status, "ms": round(seconds * 1000, 1)},
            )


def _own_scope(scope: Scope) -> Scope:
    """Without what an outer router left, and with our own path taken off where whoever is before us left it on."""
    own = {name: scope[name] for name in scope if name not in ("path_params", "route", "router", "endpoint", "app")}
    if not own.get("root_path") and own["path"].startswith(f"{OWN_PATH}/"):
        own["root_path"] = OWN_PATH
    own["xin.correlation"] = str(uuid.uuid4())
    return own
