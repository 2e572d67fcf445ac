"""Where functions are killed: each is a process of its own, on real stores."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from uuid import uuid4

import httpx

from shared.failpoints import Point
from tests.conftest import S3, PostgresServer
from tests.faults.courier import Courier
from tests.faults.ground import INGRESS, TAKES_EVENTS, TICK, Ground, environment_of, simulated
from tests.faults.nursery import Child, Nursery
from tests.faults.shop import Shop
from tests.simulator.serving import serving


@dataclass
class Stage(Ground):
    """See above. What is started without a point is called a survivor: it goes on when another has been killed."""

    nursery: Nursery
    environment: dict[str, str]
    survivors: dict[str, Child] = field(default_factory=dict)
    clients: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def shop(self, kind: str = "telegram") -> Shop:
        """A tenant with a channel of *kind*, and everybody who is needed to answer on it."""
        self.courier.lose()  # of a test that failed
        ingress = await self.survivor(INGRESS[kind])
        for function in TAKES_EVENTS:
            await self.survivor(function)
        return await Shop.open(self.database, self.urls.app, self.simulator, kind, ingress.url)

    async def survivor(self, function: str) -> Child:
        """The function as it always runs; started when it is first asked for."""
        if function not in self.survivors:
            child = self.survivors[function] = await self.start(function)
            if function in TAKES_EVENTS:
                await self.subscribe(child)
        return self.survivors[function]

    async def start(
        self, function: str, *, point: Point | None = None, nth: int = 1, folder: Path | None = None
    ) -> Child:
        """One more process of the function. *folder*: for its vectors, which one process can have open at a time."""
        own = {"XIN_VECTORS_PATH": str(folder)} if folder else {}
        return await self.nursery.start(function, {**self.environment, **own}, point=point, nth=nth)

    async def subscribe(self, child: Child) -> None:
        """The broker delivers to *child* from now on."""
        client = httpx.AsyncClient(base_url=child.url, timeout=60)
        self.courier.subscribers[child.function] = await self.clients.enter_async_context(client)

    @asynccontextmanager
    async def dying(
        self, function: str, point: Point, *, nth: int = 1, folder: Path | None = None
    ) -> AsyncIterator[Child]:
        """A process that gets everything the broker has for *function*, and kills itself at *point* before the end."""
        child = await self.start(function, point=point, nth=nth, folder=folder)
        async with self._serving(child):
            yield child
            fate = await self.nursery.fate(child)
            assert fate == -signal.SIGKILL, f"{function} was to be killed at {point}, and ended with {fate}"

    @asynccontextmanager
    async def worker(self, folder: Path) -> AsyncIterator[None]:
        """An embed-chunk whose vectors lie in *folder* gets what the broker has, until the block ends."""
        child = await self.start("embed-chunk", folder=folder)
        async with self._serving(child):
            yield
            await self.quiet()
            await self.nursery.stop(child)

    @asynccontextmanager
    async def _serving(self, child: Child) -> AsyncIterator[None]:
        """Whoever subscribed before gets what comes afterwards; nothing is left of *child*."""
        before = self.courier.subscribers.get(child.function)
        if child.function in TAKES_EVENTS:
            await self.subscribe(child)
        try:
            yield
        finally:
            await self.nursery.end(child)
            await self.courier.rest()
            if before is not None:
                self.courier.subscribers[child.function] = before

    async def tick(self, url: str = "") -> int:
        """The clock beats; the answer of automation-tick, or of the one at *url*, 0 where it gave none."""
        url = url or (await self.survivor("automation-tick")).url
        async with httpx.AsyncClient(timeout=60) as client:
            try:
                return (await client.post(url, headers={**TICK, "ce-id": str(uuid4())}, content=b"{}")).status_code
            except httpx.TransportError:
                return 0

    @classmethod
    @asynccontextmanager
    async def open(cls, postgres: PostgresServer, valkey: str, object_store: S3, folder: Path) -> AsyncIterator[Self]:
        """On a database of its own; logs and vectors go into *folder*."""
        name = f"faults_{uuid4().hex}"
        urls = await postgres.copy(name)
        courier, simulator = Courier(), simulated()
        async with AsyncExitStack() as stack:
            sink = await stack.enter_async_context(serving(courier))
            provider = await stack.enter_async_context(serving(simulator.app, before_stop=simulator.closing.set))
            stack.push_async_callback(simulator.close)
            nursery = await stack.enter_async_context(Nursery.open(folder))
            database = await stack.enter_async_context(postgres.server.superuser(name))
            environment = environment_of(urls.app, valkey, object_store, sink, provider, folder / "vectors")
            environment["PYTHONPATH"] = os.getcwd()
            stage = cls(urls, database, courier, simulator, nursery, environment)
            async with stage.clients:
                yield stage
        await postgres.drop(name)
