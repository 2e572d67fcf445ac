"""All functions in one process, each under its own path: `python -m local.functions`, started by `make up`.

Two doors. The public one has what the world may reach; the private one, on a loopback port of its own, the functions
that take events, and the simulated providers.
"""

import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from local.demo.opening import open_shop
from local.demo.seed import Demo
from local.machine.state import Home
from local.simulator.accounts import Accounts
from local.simulator.app import Simulator, create_simulator
from shared.hosting import Function
from shared.settings import Settings

ROOT = Path(__file__).parents[1]
PUBLIC = ("ingress-telegram", "ingress-whatsapp", "ingress-instagram", "ingress-web", "console-api")
PRIVATE = ("orchestrate", "embed-chunk", "deliver", "automation-tick")
NOT_NEEDED_TO_ANSWER = {"objects", "embeddings"}
STOP_SECONDS = 4


def load(names: tuple[str, ...]) -> dict[str, Function[Any]]:
    """The functions by name."""
    modules = {name: importlib.import_module(f"functions.{name.replace('-', '_')}.main") for name in names}
    return {name: module.function for name, module in modules.items()}


class PublicDoor:
    """ASGI: `/fn/<function>/…`, `/api/…`, static files, the demo, health and metrics."""

    def __init__(
        self,
        functions: Mapping[str, Function[Any]],
        everything: Mapping[str, Function[Any]],
        demo: Demo,
        simulator: Simulator,
    ) -> None:
        self._functions = functions
        self._everything = everything
        self._demo = demo
        self._simulator = simulator
        self._static = {
            "/console": StaticFiles(directory=ROOT / "console" / "dist", html=True, check_dir=False),
            "/widget": StaticFiles(directory=ROOT / "widget" / "dist", html=True, check_dir=False),
            "/demo": StaticFiles(directory=ROOT / "widget" / "dist" / "demo", html=True, check_dir=False),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Finds whose path it is."""
        if scope["type"] != "http":
            return
        application, prefix = await self._find(scope["path"], scope["query_string"].decode("latin-1"))
        inner = {**scope, "root_path": scope.get("root_path", "") + prefix} if prefix else scope
        await application(inner, receive, send)

    async def _find(self, path: str, query: str) -> tuple[ASGIApp, str]:
        first, _, rest = path.lstrip("/").partition("/")
        if first == "fn":
            name = rest.partition("/")[0]
            if name in self._functions:
                return self._functions[name], f"/fn/{name}"
        if first == "api":
            return self._functions["console-api"], ""
        if first == "sim":
            return self._simulator.demo, ""
        if path == "/demo/config.json":
            return JSONResponse(self._demo.channel("web")), ""
        if path in ("/", "/console", "/widget", "/demo"):
            return RedirectResponse({"/": "/demo/"}.get(path, f"{path}/") + (f"?{query}" if query else "")), ""
        if path == "/embed.js":
            return self._static["/widget"], ""
        if f"/{first}" in self._static:
            return self._static[f"/{first}"], f"/{first}"
        return await self._own(path), ""

    async def _own(self, path: str) -> Response:
        match path:
            case "/healthz":
                return PlainTextResponse("ok")
            case "/metrics":
                return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
            case "/readyz":
                parts = await self.readiness()
                needed = {
                    part: state for part, state in parts.items() if part.rpartition(".")[2] not in NOT_NEEDED_TO_ANSWER
                }
                return JSONResponse(parts, 200 if set(needed.values()) == {"ok"} else 503)
        return PlainTextResponse("Not found", 404)

    async def readiness(self) -> dict[str, str]:
        """Each function's parts, as `<function>.<part>`."""
        answers = await asyncio.gather(*(function.ready() for function in self._everything.values()))
        return {
            f"{name}.{part}": state
            for name, parts in zip(self._everything, answers, strict=True)
            for part, state in parts.items()
        }


class PrivateDoor:
    """ASGI: `/<function>/…` for the functions that take events; the rest belongs to the simulated providers."""

    def __init__(self, functions: Mapping[str, Function[Any]], simulator: Simulator) -> None:
        self._functions = functions
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Finds whose path it is."""
        if scope["type"] != "http":
            return
        name = scope["path"].lstrip("/").partition("/")[0]
        if name in self._functions:
            await self._functions[name]({**scope, "root_path": f"/{name}"}, receive, send)
        else:
            await self._simulator.app(scope, receive, send)


class Server(uvicorn.Server):
    """Leaves the signals to the house: there are two servers in it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def server(app: Any, port: int) -> Server:
    """On loopback; what faces the world stands before it."""
    return Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            backlog=2048,
        )
    )


@asynccontextmanager
async def running(*servers: Server) -> AsyncIterator[None]:
    """The servers, until the block ends."""
    tasks = [asyncio.create_task(one.serve()) for one in servers]
    try:
        yield
    finally:
        for one in servers:
            one.should_exit = True
        await asyncio.gather(*tasks, return_exceptions=True)


async def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    private_port = int(os.environ["XIN_PRIVATE_PORT"])
    settings = Settings.load().model_copy(update={"simulator_url": f"http://127.0.0.1:{private_port}"})
    demo = Demo(Home(Path(os.environ["XIN_HOME"])), settings.public_url)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    public, private = load(PUBLIC), load(PRIVATE)
    simulator = create_simulator(Accounts(accounts=demo.accounts(), any_webhook_url=True))
    async with AsyncExitStack() as stack:
        for function in (*private.values(), *public.values()):
            await function.start(settings)
            stack.push_async_callback(function.stop)
        stack.push_async_callback(simulator.close)
        doors = PublicDoor(public, {**public, **private}, demo, simulator), PrivateDoor(private, simulator)
        await stack.enter_async_context(running(server(doors[0], settings.port), server(doors[1], private_port)))
        urls = {name: f"{settings.public_url}/fn/{name}" for name in public}
        urls |= {name: f"http://127.0.0.1:{private_port}/{name}" for name in private}
        opening = asyncio.create_task(open_shop(demo, settings, urls))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([opening, stopping], return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()
        await stopping
        opening.cancel()


if __name__ == "__main__":
    import uvloop

    sys.exit(uvloop.run(main()))
