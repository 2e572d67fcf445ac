"""All functions in one process: `python -m local.functions`, started by `make up`.

The public ones answer in a thread of their own; those that take events in the main one, on a port of their own.
"""

import asyncio
import importlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from local.demo.opening import open_shop
from local.demo.page import chosen_urls
from local.demo.seed import Demo
from local.doors import PrivateDoor, PublicDoor, Readiness
from local.machine.state import Home
from local.simulator.accounts import Accounts
from local.simulator.app import create_simulator
from shared.hosting import Function
from shared.serving import Server, server
from shared.settings import Settings

LOOPBACK = "127.0.0.1"
SWITCH_SECONDS = 0.001
"""How soon the thread that takes messages in gets the interpreter from the one that answers them."""
PUBLIC = ("ingress-telegram", "ingress-whatsapp", "ingress-instagram", "ingress-web", "console-api")
PRIVATE = ("orchestrate", "embed-chunk", "deliver", "automation-tick")


def load(names: tuple[str, ...]) -> dict[str, Function[Any]]:
    """The functions by name."""
    modules = {name: importlib.import_module(f"functions.{name.replace('-', '_')}.main") for name in names}
    return {name: module.function for name, module in modules.items()}


class PublicSide(threading.Thread):
    """The public functions in a thread with a loop of its own: taking a message in never waits behind answering one."""

    def __init__(self, functions: Mapping[str, Function[Any]], settings: Settings, *servers: Server) -> None:
        super().__init__(name="public", daemon=True)
        self._functions = functions
        self._settings = settings
        self._servers = servers
        self._loop = uvloop.new_event_loop()
        self._ending = asyncio.Event()
        self._up: Future[None] = Future()

    def run(self) -> None:
        """The thread's life."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._live())

    async def _live(self) -> None:
        try:
            async with running(self._functions, self._settings, *self._servers):
                self._up.set_result(None)
                await self._ending.wait()
        except Exception as problem:
            if self._up.done():
                raise
            self._up.set_exception(problem)

    async def __aenter__(self) -> "PublicSide":
        self.start()
        await asyncio.wrap_future(self._up)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        await asyncio.to_thread(self.join)


@asynccontextmanager
async def running(functions: Mapping[str, Function[Any]], settings: Settings, *servers: Server) -> AsyncIterator[None]:
    """The functions opened and the servers serving, in the loop that runs this, until the block ends."""
    async with AsyncExitStack() as stack:
        for function in functions.values():
            await function.start(settings)
            stack.push_async_callback(function.stop)
        tasks = [asyncio.create_task(one.serve()) for one in servers]
        try:
            yield
        finally:
            for one in servers:
                one.should_exit = True
            await asyncio.gather(*tasks, return_exceptions=True)


async def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    sys.setswitchinterval(SWITCH_SECONDS)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    private_port = int(os.environ["XIN_PRIVATE_PORT"])
    simulator_port = int(os.environ["XIN_SIMULATOR_PORT"])
    settings = Settings.load().model_copy(update={"simulator_url": f"http://{LOOPBACK}:{simulator_port}"})
    demo = Demo(Home(Path(os.environ["XIN_HOME"])), settings.public_url)
    public, private = load(PUBLIC), load(PRIVATE)
    urls = {name: f"{settings.public_url}/fn/{name}" for name in public}
    urls |= {name: f"http://{LOOPBACK}:{private_port}/{name}" for name in private}

    simulator = create_simulator(Accounts(accounts=demo.accounts(), any_chat=True, any_webhook_url=True))
    here = asyncio.get_running_loop()
    homes = dict.fromkeys(public.values(), None) | dict.fromkeys(private.values(), here)
    readiness = Readiness(homes, settings.sink)
    closing = [function.closes for function in public.values()]
    door = PublicDoor(public, readiness, demo, simulator, chosen_urls=chosen_urls(settings))
    proxies = settings.trusted_proxies
    public_server = server(door, host=LOOPBACK, port=settings.port, closing=closing, trusted_proxies=proxies)
    simulated = server(simulator.app, host=LOOPBACK, port=simulator_port, closing=[simulator.closing.set])
    ending = [function.closes for function in private.values()]
    private_server = server(PrivateDoor(private), host=LOOPBACK, port=private_port, closing=ending)
    async with (
        running(private, settings, private_server),
        PublicSide(public, settings, public_server, simulated),
    ):
        opening = asyncio.create_task(open_shop(demo, settings, urls))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([opening, stopping], return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()
        await stopping
        opening.cancel()


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
