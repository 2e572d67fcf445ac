"""The two doors of one machine: what the world may reach, and what only events may."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.ingress_web.widgets import framed_by
from local.demo.page import DemoPage
from local.demo.seed import Demo
from local.simulator.app import Simulator
from local.static_files import LOADER, Pages, content_policy, guarded
from shared.errors import Retryable
from shared.hosting import Function
from shared.store.tenancy import Store

ROOT = Path(__file__).parents[1]
LOOK_UP_SECONDS = 1
NOT_NEEDED_TO_ANSWER = {"objects", "embeddings"}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PLAYED = {"demo", "sim"}
"""Paths that anybody may use who reaches this machine: so that only our own pages do, see `PublicDoor._is_ours`."""


class Readiness:
    """Whether customers are answered: every part of every function, each asked in the loop that it lives in."""

    def __init__(self, homes: Mapping[Function[Any], asyncio.AbstractEventLoop | None], sink: str) -> None:
        """*homes*: a function's loop, None for the loop that asks; *sink*: the broker's address."""
        self._homes = homes
        self._broker = urljoin(sink, "/healthz")

    async def parts(self) -> dict[str, str]:
        """`<function>.<part>`, and `broker`: "ok", or what is wrong."""
        functions = list(self._homes)
        answers = await asyncio.gather(*(self._ask(function) for function in functions))
        found = {"broker": await self._ask_broker()}
        for function, parts in zip(functions, answers, strict=True):
            found |= {f"{function.name}.{part}": state for part, state in parts.items()}
        return found

    async def _ask(self, function: Function[Any]) -> dict[str, str]:
        loop = self._homes[function]
        if loop is None:
            return await function.ready()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(function.ready(), loop))

    async def _ask_broker(self) -> str:
        try:
            async with httpx.AsyncClient(timeout=3) as client:
                answer = await client.get(self._broker)
        except httpx.TransportError as problem:
            return type(problem).__name__
        return "ok" if answer.is_success else f"status {answer.status_code}"


class PublicDoor:
    """ASGI: `/fn/<function>/…`, `/api/…`, static files, the demo, health and metrics."""

    def __init__(
        self,
        functions: Mapping[str, Function[Any]],
        readiness: Readiness,
        demo: Demo,
        simulator: Simulator,
        built: Path = ROOT,
        *,
        chosen_urls: Collection[str] = (),
    ) -> None:
        """*built*: where `console/dist` and `widget/dist` are; *chosen_urls*: see `local.demo.page`."""
        self._functions = functions
        self._readiness = readiness
        self._simulator = simulator
        self._demo_page = DemoPage(demo, simulator.ledger, self._store, chosen_urls)
        self._pages = {
            "/console": Pages(built / "console" / "dist", self._console_policy),
            "/widget": Pages(built / "widget" / "dist", self._widget_policy),
            "/demo": Pages(built / "widget" / "dist" / "demo", self._demo_policy),
        }
        public = urlsplit(demo.public_url)
        self._api = f"{public.scheme}://{public.netloc}"
        self._hosts = {*LOOPBACK, public.hostname}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Finds whose path it is."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        if scope["path"].lstrip("/").partition("/")[0] in PLAYED and not self._is_ours(request):
            await guarded(PlainTextResponse("Not from this page, or not by this name", 403))(scope, receive, send)
            return
        application, prefix = await self._find(request, scope["path"], scope["query_string"].decode("latin-1"))
        inner = {**scope, "root_path": scope.get("root_path", "") + prefix} if prefix else scope
        await application(inner, receive, send)

    def _is_ours(self, request: Request) -> bool:
        """Whether the machine is called by a name of its own, and by no other site's page.

        A foreign name that was made to lead here (DNS rebinding) would let a site read what is shown; without a look at
        Origin a form on it could write.
        """
        host = request.headers.get("host", "")
        origin = request.headers.get("origin")
        own = {self._api, f"http://{host}", f"https://{host}"}
        return _hostname(host) in self._hosts and (origin is None or origin in own)

    async def _find(self, request: Request, path: str, query: str) -> tuple[ASGIApp, str]:
        first, _, rest = path.lstrip("/").partition("/")
        if first == "fn":
            name = rest.partition("/")[0]
            if name in self._functions:
                return self._functions[name], f"/fn/{name}"
        if first == "api":
            return self._functions["console-api"], ""
        application, prefix = await self._find_own(request, path, query)
        return guarded(application), prefix

    async def _find_own(self, request: Request, path: str, query: str) -> tuple[ASGIApp, str]:
        first = path.lstrip("/").partition("/")[0]
        if first == "sim":
            return self._simulator.demo, ""
        if path == "/demo/config.json":
            return await self._demo_page.config(request), ""
        if path == "/demo/conversation.json":
            return await self._demo_page.conversation(request), ""
        if path in ("/", "/console", "/widget", "/demo"):
            return RedirectResponse({"/": "/demo/"}.get(path, f"{path}/") + (f"?{query}" if query else "")), ""
        if path == LOADER:
            return self._pages["/widget"], ""
        if f"/{first}" in self._pages:
            return self._pages[f"/{first}"], f"/{first}"
        return await self._answer(path), ""

    async def _console_policy(self, _: Request) -> str:
        return content_policy(framed_by=[])

    async def _demo_policy(self, _: Request) -> str:
        return content_policy(framed_by=["'self'"])

    async def _widget_policy(self, request: Request) -> str:
        web = await self._functions["ingress-web"].start()
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                sites = await framed_by(web, request.query_params.get("widget_id", ""))
        except (Retryable, TimeoutError):
            sites = None  # nobody can be served now: the app is shown and tries again, where a refused page stays blank
        return content_policy(framed_by=sites, connects_to=[self._api])

    async def _store(self) -> Store:
        store: Store = (await self._functions["ingress-web"].start()).store
        return store

    async def _answer(self, path: str) -> Response:
        match path:
            case "/healthz":
                return PlainTextResponse("ok")
            case "/metrics":
                return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
            case "/readyz":
                parts = await self._readiness.parts()
                needed = {
                    part: state for part, state in parts.items() if part.rpartition(".")[2] not in NOT_NEEDED_TO_ANSWER
                }
                return JSONResponse(parts, 200 if set(needed.values()) == {"ok"} else 503)
        return PlainTextResponse("Not found", 404)


def _hostname(host: str) -> str | None:
    """The name in a Host header, None for one that is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class PrivateDoor:
    """ASGI: `/<function>/…` for the functions that take events."""

    def __init__(self, functions: Mapping[str, Function[Any]]) -> None:
        self._functions = functions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Finds whose path it is."""
        if scope["type"] != "http":
            return
        name = scope["path"].lstrip("/").partition("/")[0]
        found: ASGIApp = self._functions.get(name, PlainTextResponse("Not found", 404))
        await found({**scope, "root_path": f"/{name}"}, receive, send)
