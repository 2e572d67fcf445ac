"""Where functions are held: all are in this process, so that a test can stop one at a point and let others go on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import httpx

from shared import failpoints
from shared.failpoints import Point
from shared.hosting import Function
from shared.settings import Settings
from shared.store import leases, turns
from shared.store.turns import NewTurn
from tests.conftest import S3, PostgresServer
from tests.faults.courier import Courier
from tests.faults.ground import INGRESS, TAKES_EVENTS, TICK, Ground, environment_of, simulated
from tests.faults.house import Street, another
from tests.faults.shop import LIMIT_SECONDS, Shop
from tests.simulator.serving import serving
from tests.store.world import Empty
from tests.tenants import open_store

FUNCTIONS = ("ingress-telegram", "ingress-whatsapp", "ingress-instagram", "console-api", *TAKES_EVENTS)


@dataclass(eq=False)
class Gate:
    """Holds the first *crowd* who come to *point*, until `go`; whoever comes later passes."""

    point: Point
    crowd: int
    came: int = 0
    full: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, point: Point) -> bool:
        """Whether the next one at *point* is to wait here."""
        return point == self.point and self.came < self.crowd

    async def wait(self) -> None:
        """For `go`."""
        self.came += 1
        if self.came == self.crowd:
            self.full.set()
        await self.open.wait()

    async def held(self) -> None:
        """Returns when everybody who is to wait does."""
        async with asyncio.timeout(LIMIT_SECONDS):
            await self.full.wait()

    def go(self) -> None:
        """Lets them go on."""
        self.open.set()


@dataclass
class Hall(Ground):
    """See above."""

    url: str
    vectors: Path
    """Of embed-chunk; a test of this process may look into them."""
    functions: dict[str, Function[Any]]
    gates: list[Gate] = field(default_factory=list)

    async def shop(self, kind: str = "telegram") -> Shop:
        """A tenant with a channel of *kind*."""
        self.courier.lose()  # of a test that failed
        return await Shop.open(self.database, self.urls.app, self.simulator, kind, self.address(INGRESS[kind]))

    async def recover(self) -> None:
        """Returns when no function has a dead connection left: each is found by whoever uses it next."""
        for function in self.functions.values():
            while set((await function.ready()).values()) != {"ok"}:
                await asyncio.sleep(0.01)

    def address(self, function: str) -> str:
        """Where the world reaches the function."""
        return f"{self.url}/fn/{function}"

    async def hear(self, shop: Shop, sender: str, text: str = "سلام") -> None:
        """A customer's message, by the channel's webhook."""
        assert await shop.line.text(sender, text).post(self.address(INGRESS[shop.line.kind])) == 200

    async def say(self, shop: Shop, conversation: UUID, texts: list[str]) -> None:
        """A turn of the bot's in several parts, committed as orchestrate does it, with nobody told."""
        new = NewTurn("\n".join(texts), texts, "answered", "bot", 0, (), Empty(), None, 0, 0)
        orchestrate = open_store(self.urls.app, role="xin_orchestrate", connections=1)
        async with orchestrate as store, store.tenant(shop.tenant.id) as db:
            lease = await leases.take(db, conversation, event=str(uuid4()))
            assert lease
            assert await turns.commit(db, shop.tenant.id, shop.tenant.channel, lease, new, correlation="-")
            assert await leases.release(db, lease) is None

    @asynccontextmanager
    async def holding(self, point: Point, *, crowd: int = 1) -> AsyncIterator[Gate]:
        """The first *crowd* who reach *point* in this block wait there for `go`, at the latest for its end."""
        gate = Gate(point, crowd)
        self.gates.append(gate)
        failpoints.arm(self._pass)
        try:
            yield gate
        finally:
            self.gates.remove(gate)
            gate.go()
            if not self.gates:
                failpoints.arm(None)

    async def tick(self, url: str = "") -> int:
        """The clock beats."""
        client = self.courier.subscribers["automation-tick"]
        return (await client.post(url or "/", headers={**TICK, "ce-id": str(uuid4())}, content=b"{}")).status_code

    async def _pass(self, point: Point) -> None:
        gate = next((gate for gate in self.gates if gate.takes(point)), None)
        if gate is not None:
            await gate.wait()

    @classmethod
    @asynccontextmanager
    async def open(cls, postgres: PostgresServer, valkey: str, object_store: S3, folder: Path) -> AsyncIterator[Self]:
        """On a database of its own; vectors go into *folder*."""
        database_name = f"held_{uuid4().hex}"
        urls = await postgres.copy(database_name)
        courier, simulator, street = Courier(), simulated(), Street()
        modules = {name: f"functions.{name.replace('-', '_')}.main" for name in FUNCTIONS}
        functions = {name: another(import_module(module).function) for name, module in modules.items()}
        async with AsyncExitStack() as stack:
            sink = await stack.enter_async_context(serving(courier))
            provider = await stack.enter_async_context(serving(simulator.app, before_stop=simulator.closing.set))
            stack.push_async_callback(simulator.close)
            settings = Settings.model_validate(environment_of(urls.app, valkey, object_store, sink, provider, folder))
            for function in functions.values():
                await function.start(settings)
                stack.push_async_callback(function.stop)
            street.rooms = {f"/fn/{name}": function for name, function in functions.items()}
            url = await stack.enter_async_context(serving(street))
            for name in TAKES_EVENTS:
                client = httpx.AsyncClient(transport=httpx.ASGITransport(functions[name]), base_url=f"http://{name}")
                courier.subscribers[name] = await stack.enter_async_context(client)
            database = await stack.enter_async_context(postgres.server.superuser(database_name))
            yield cls(urls, database, courier, simulator, url, folder, functions)
        await postgres.drop(database_name)
