"""The shell around a function: what functions-framework leaves open, alike in a container, on one machine and in tests.

A function's main.py makes one `Function`, says what it opens, registers what it does with events or what it serves, and
ends in `handle = function.target()`. It then runs under functions-framework's own command line, and under ours:
`python -m shared.hosting functions.deliver.main`. Here every function gets `/healthz`, `/readyz`, `/metrics`, a status
code by the kind of error, a lifespan, a trace and an access log.
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Generic, Protocol, TypeVar

import psycopg
from cloudevents.http import CloudEvent
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from events import BadData, BatchNotTaken, Context, Event, NotAnEvent, data_of, from_request
from shared import telemetry
from shared.errors import Permanent, Retryable, TooLarge
from shared.settings import Settings
from shared.store import dead_letters
from shared.store.tenancy import Store

EVENT_BYTES = 1024 * 1024
HANDLER_SECONDS = 35
READING_SECONDS = 10
CHECK_SECONDS = 3


class App(Protocol):
    """What a function keeps open: at least the database, where a letter that can't be handled is kept."""

    @property
    def store(self) -> Store:
        """The way to the database."""


A = TypeVar("A", bound=App)
E = TypeVar("E", bound=Event)
Handler = Callable[[A, Any, Context], Awaitable[None]]
Raw = Callable[[A, CloudEvent], Awaitable[None]]
Check = Callable[[A], Awaitable[None]]


class Function(Generic[A]):
    """One deployable: a name, what it opens at start, the events it takes and the paths it serves."""

    def __init__(self, name: str, *, opens: Callable[[Settings], AbstractAsyncContextManager[A]]) -> None:
        self.name = name
        self._opens = opens
        self._handlers: dict[str, tuple[type[Event], Handler[A]]] = {}
        self._foreign: dict[str, Raw[A]] = {}
        self._paths: dict[str, Raw[A]] = {}
        self._serves: Callable[[A], ASGIApp] | None = None
        self._site: ASGIApp | None = None
        self._checks: dict[str, Check[A]] = {"postgres": lambda app: app.store.ping()}
        self._when_closing: Callable[[A], None] | None = None
        self._app: A | None = None
        self._stack = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._log = telemetry.logger(name)

    # What main.py says

    def on(self, event: type[E]) -> Callable[[Callable[[A, E, Context], Awaitable[None]]], None]:
        """Registers the decorated handler for *event*. What it raises decides the answer, see shared/errors.py."""

        def register(handler: Callable[[A, E, Context], Awaitable[None]]) -> None:
            self._handlers[event.type] = (event, handler)

        return register

    def on_foreign(self, event_type: str) -> Callable[[Raw[A]], None]:
        """Registers the decorated handler for an event that isn't ours, such as the clock's."""

        def register(handler: Raw[A]) -> None:
            self._foreign[event_type] = handler

        return register

    def on_path(self, path: str) -> Callable[[Raw[A]], None]:
        """Registers the decorated handler for every CloudEvent posted to *path*, of whatever type."""

        def register(handler: Raw[A]) -> None:
            self._paths[path] = handler

        return register

    def serves(self, make: Callable[[A], ASGIApp]) -> Callable[[A], ASGIApp]:
        """Registers the maker of the application that gets every request which is not the host's own."""
        self._serves = make
        return make

    def check(self, name: str, check: Check[A]) -> None:
        """Adds a part that must be there for `/readyz` to be 200; *check* raises when it isn't."""
        self._checks[name] = check

    def when_closing(self, tell: Callable[[A], None]) -> None:
        """Registers what ends streams: called when the server begins to stop, before it waits for open connections."""
        self._when_closing = tell

    def target(self) -> Callable[[Request], Awaitable[Response]]:
        """The function as functions-framework knows it, to be bound to the name `handle`."""
        from functions_framework.aio import http

        async def handle(request: Request) -> Response:
            await self.start()
            return _Whole(self)

        http(handle)  # notes the name; what it returns is the same function again
        return handle

    # Its life

    async def start(self, settings: Settings | None = None) -> A:
        """Opens what the function needs, once. Raises MissingSetting and whatever opening raises."""
        async with self._starting:
            if self._app is None:
                settings = settings or Settings.load()
                telemetry.set_up(settings, self.name)
                app = await self._stack.enter_async_context(self._opens(settings))
                try:
                    self._site = self._serves(app) if self._serves else None
                except BaseException:
                    await self._stack.aclose()
                    raise
                self._app = app
            return self._app

    async def stop(self) -> None:
        """Closes it again; it may be started anew."""
        self._app = self._site = None
        await self._stack.aclose()

    def closes(self) -> None:
        """The server begins to stop."""
        if self._app is not None and self._when_closing is not None:
            self._when_closing(self._app)

    async def ready(self) -> dict[str, str]:
        """Every part with "ok" or what is wrong with it."""
        app = await self.start()

        async def ask(check: Check[A]) -> str:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await check(app)
            except Exception as problem:
                return f"{type(problem).__name__}: {problem}"[:200]
            return "ok"

        answers = await asyncio.gather(*(ask(check) for check in self._checks.values()))
        return dict(zip(self._checks, answers, strict=True))

    # ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: lifespan, the host's own paths, events, and what `serves` made."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        app = await self.start()
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        request = Request(scope, receive)
        try:
            response = await self._answer(app, path, request)
        except TooLarge as problem:
            response = Response(str(problem), 413)
        except Retryable as problem:
            response = Response(str(problem), 503)
        if response is not None:
            await response(scope, receive, send)
            return
        assert self._site is not None
        await self._site(scope, receive, send)

    async def _answer(self, app: A, path: str, request: Request) -> Response | None:
        if path == "/healthz":
            return Response("ok", media_type="text/plain")
        if path == "/readyz":
            parts = await self.ready()
            status = 200 if set(parts.values()) == {"ok"} else 503
            return Response(json.dumps(parts), status, media_type="application/json")
        if path == "/metrics":
            return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
        if (path == "/" and (self._handlers or self._foreign)) or path in self._paths:
            return await self._take_event(app, path, request)
        return None if self._site else Response(status_code=404)

    async def _take_event(self, app: A, path: str, request: Request) -> Response:
        allow = {"Allow": "POST, OPTIONS"}
        if request.method == "OPTIONS":
            return Response(headers={**allow, "WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"})
        if request.method != "POST":
            return Response(status_code=405, headers=allow)
        body = await read_body(request, EVENT_BYTES)
        try:
            received = from_request(request.headers, body)
        except BatchNotTaken:
            return Response("one event at a time, please", 415)
        except NotAnEvent as problem:
            return Response(str(problem)[:500], 400)
        context = Context.of(received)
        started = time.monotonic()
        known = received["type"] in self._handlers or received["type"] in self._foreign or path in self._paths
        kind = str(received["type"]) if known else "unknown"
        with (
            telemetry.about(correlation_id=context.correlation_id, tenant=received.get("tenantid")),
            telemetry.span(self.name, kind, context.traceparent) as traceparent,
        ):
            context = context.model_copy(update={"traceparent": traceparent})
            outcome, response = await self._handle(app, path, received, context, body)
            seconds = time.monotonic() - started
            self._log.info("event", extra={"type": kind, "outcome": outcome, "ms": round(seconds * 1000, 1)})
        telemetry.EVENTS.labels(self.name, kind, outcome).inc()
        telemetry.EVENT_SECONDS.labels(self.name, kind).observe(seconds)
        return response

    async def _handle(
        self, app: A, path: str, received: CloudEvent, context: Context, body: bytes
    ) -> tuple[str, Response]:
        try:
            try:
                async with asyncio.timeout(HANDLER_SECONDS):
                    await self._dispatch(app, path, received, context)
            except (BadData, Permanent) as problem:
                await self._keep(app, received, context, body, str(problem))
                self._log.warning("dead letter", extra={"reason": str(problem)})
                return "dead_letter", Response(status_code=204)
        except Retryable as problem:
            self._log.warning("come again", extra={"reason": str(problem)})
            wait = {"Retry-After": str(round(problem.retry_after_seconds))} if problem.retry_after_seconds else None
            return "retry", Response(status_code=503, headers=wait)
        except (psycopg.OperationalError, OSError, TimeoutError) as problem:
            self._log.warning("come again", extra={"reason": type(problem).__name__})
            return "retry", Response(status_code=503)
        except Exception:
            self._log.exception("a bug")
            return "bug", Response(status_code=500)
        return "done", Response(status_code=204)

    async def _dispatch(self, app: A, path: str, received: CloudEvent, context: Context) -> None:
        if raw := self._paths.get(path) or self._foreign.get(received["type"]):
            await raw(app, received)
            return
        if received["type"] not in self._handlers:
            raise BadData(f"{self.name} takes no events of type {received['type']}")
        model, handler = self._handlers[received["type"]]
        await handler(app, data_of(received, model), context)

    async def _keep(self, app: A, received: CloudEvent, context: Context, body: bytes, reason: str) -> None:
        """Keeps it for the platform's administrator: nobody has checked whose event this is."""
        async with app.store.connection() as db:
            await dead_letters.keep(
                db,
                tenant=None,
                source=context.source,
                reason=reason,
                payload=body,
                event_id=context.id,
                event_type=str(received["type"]),
                attributes={name: str(value) for name, value in received.get_attributes().items()},
                correlation_id=context.correlation_id,
            )

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as problem:
            await send({"type": "lifespan.startup.failed", "message": f"{self.name}: {problem}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


class _Whole(Response):
    """A response that lets a function answer the whole request: streams and all."""

    def __init__(self, function: ASGIApp) -> None:
        super().__init__()
        self._function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._function(scope, receive, send)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, at most *limit* bytes. Raises TooLarge: before reading where the length is announced."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge(f"the body may have {limit} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(READING_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > limit:
                    raise TooLarge(f"the body may have {limit} bytes")
    except TimeoutError:
        raise Retryable("the body did not come in time") from None
    return bytes(body)


def main() -> None:
    """Runs one function, as its image does."""
    from shared.serving import server

    function: Function[Any] = importlib.import_module(sys.argv[1]).function
    # Behind Knative's queue-proxy, which alone can reach the port.
    settings = Settings.load()
    one = server(
        function,
        host="0.0.0.0",  # noqa: S104
        port=settings.port,
        closing=[function.closes],
        trusted_proxies=settings.trusted_proxies,
        alone=True,
    )
    one.run()


if __name__ == "__main__":
    main()
