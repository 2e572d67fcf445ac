"""The outermost layer of an API: every request gets a correlation id, a line in the access log, and an answer."""

import time
import uuid
from typing import Annotated

from fastapi import Depends
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry

CORRELATION = "xin.correlation"
OUTER_ROUTER = frozenset({"path_params", "route", "router", "endpoint", "app"})


class Edge:
    """ASGI around the API of the function *name*."""

    def __init__(self, name: str, api: ASGIApp) -> None:
        self._name = name
        self._path = f"/fn/{name}"
        self._api = api
        self._log = telemetry.logger(name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands one request on. An error that nobody expected was answered inside; here it is logged."""
        if scope["type"] != "http":
            return
        scope = self._own(scope)
        correlation = scope[CORRELATION]
        started = time.monotonic()
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Content-Type-Options"] = "nosniff"
                headers["X-Correlation-Id"] = correlation
            await send(message)

        traceparent = Request(scope).headers.get("traceparent", "")
        with (
            telemetry.about(correlation_id=correlation),
            telemetry.span(self._name, scope["method"], traceparent),
        ):
            try:
                await self._api(scope, receive, send_on)
            except Exception:
                self._log.exception("a bug")
            route = getattr(scope.get("route"), "path", "-")
            took = round((time.monotonic() - started) * 1000, 1)
            extra = {"method": scope["method"], "route": route, "status": status, "ms": took}
            self._log.info("request", extra=extra)
        telemetry.REQUESTS.labels(self._name, str(status)).inc()

    def _own(self, scope: Scope) -> Scope:
        """Without what an outer router left, and with our own path taken off where whoever is before us left it on."""
        own = {name: value for name, value in scope.items() if name not in OUTER_ROUTER}
        if not own.get("root_path") and own["path"].startswith(f"{self._path}/"):
            own["root_path"] = self._path
        own[CORRELATION] = str(uuid.uuid4())
        return own


def correlation_of(request: Request) -> str:
    """The id under which everything that this request causes is logged."""
    return str(request.scope[CORRELATION])


Correlation = Annotated[str, Depends(correlation_of)]
