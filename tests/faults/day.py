"""A database that goes away for a day, and what stands around it meanwhile: real processes, the real broker.

The day is short. Postgres is away for some ten seconds; providers come again after a fraction of a second instead of
hours; the broker gives up after one retry instead of five, a hundredth of a second later instead of a second, and
brings back what it has parked every second instead of every minute; then the rows' times are set back by a day.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx

from events import Context, Event, to_http
from local.broker.app import create_app
from local.broker.topology import Topology, load
from local.machine import schema
from local.machine.leftovers import Ledger
from local.machine.postgres import Postgres
from local.machine.process import Supervised
from local.machine.schema import DatabaseUrls
from local.machine.state import Home
from local.simulator import Simulator
from tests.conftest import S3
from tests.faults.child import RECORDING
from tests.faults.courier import MANIFESTS
from tests.faults.ground import INGRESS, TICK, environment_of, simulated
from tests.faults.incoming import Webhook
from tests.faults.nursery import ROOT, Child, Nursery
from tests.faults.shop import Shop, SuperUser, until
from tests.simulator.serving import serving

FUNCTIONS = (
    "ingress-telegram",
    "ingress-whatsapp",
    "orchestrate",
    "deliver",
    "automation-tick",
    "console-api",
    "embed-chunk",
)
AGAIN_SECONDS = 0.2
SINK = "/xin/default"
"""The broker's path in k8s/base."""


def hasty(topology: Topology) -> Topology:
    """The same triggers, which give up soon; the test is the clock."""
    delivery = {"retry": 1, "backoff_delay": timedelta(milliseconds=10)}
    triggers = [
        trigger.model_copy(
            update={
                "spec": trigger.spec.model_copy(update={"delivery": trigger.spec.delivery.model_copy(update=delivery)})
            }
        )
        for trigger in topology.triggers
    ]
    return topology.model_copy(update={"triggers": tuple(triggers), "ping_sources": ()})


@dataclass
class Sending:
    """A provider that posts one webhook until it gets a 2xx, and all the answers that it got."""

    webhook: Webhook
    url: str
    answers: list[int] = field(default_factory=list)

    async def persist(self) -> None:
        """Returns when it is taken."""
        while not self.answers or self.answers[-1] != 200:
            if self.answers:
                await asyncio.sleep(AGAIN_SECONDS)
            self.answers.append(await self.webhook.post(self.url))


@dataclass
class Place:
    """Everything that runs; `database` sees all rows while Postgres is there."""

    server: Postgres
    home: Home
    urls: DatabaseUrls
    simulator: Simulator
    broker: str
    """Its address."""
    children: dict[str, Child]
    running: Supervised | None = None

    async def start_postgres(self) -> None:
        """Returns when it answers."""
        part = self.server.part()
        ledger = Ledger(self.home.directory("ledgers", "day"))
        self.running = Supervised(part, home=self.home.path, ledger=ledger, say=print)
        await self.running.start()

    async def stop_postgres(self) -> None:
        """Fast: open transactions are rolled back."""
        assert self.running
        await self.running.stop()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[SuperUser]:
        """Every tenant's rows."""
        async with self.server.superuser("xin") as database:
            yield database

    async def shop(self, database: SuperUser, kind: str) -> Shop:
        """A tenant with a channel of *kind*."""
        hooks = self.children[INGRESS[kind]].url
        return await Shop.open(database, self.urls.app, self.simulator, kind, hooks)

    async def publish(self, event: Event) -> None:
        """To the broker, as a function does behind its commit."""
        headers, body = to_http(event, Context.start("/xin/test"))
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"{self.broker}{SINK}", headers=headers, content=body)).status_code == 202

    async def ask(self, function: str, path: str, *, method: str = "GET", **options: Any) -> httpx.Response:
        """One request to a function's process."""
        async with httpx.AsyncClient(timeout=60) as client:
            return await client.request(method, self.children[function].url + path, **options)

    async def tick(self) -> int:
        """The clock beats; the answer of automation-tick."""
        headers = {**TICK, "ce-id": str(uuid4())}
        return (await self.ask("automation-tick", "/", method="POST", headers=headers, content=b"{}")).status_code

    async def count(self, metric: str) -> float:
        """The broker's *metric*, over all triggers."""
        async with httpx.AsyncClient() as client:
            page = (await client.get(f"{self.broker}/metrics")).text
        return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(metric))

    def lines(self) -> dict[str, int]:
        """How many lines each function has logged so far."""
        return {name: len(child.log.read_text().splitlines()) for name, child in self.children.items()}

    async def readiness(self) -> dict[str, tuple[int, int, dict[str, str]]]:
        """Of each function: alive, ready, and what it says of its parts."""
        found = {}
        for name in self.children:
            alive, ready = await asyncio.gather(self.ask(name, "/healthz"), self.ask(name, "/readyz"))
            found[name] = (alive.status_code, ready.status_code, json.loads(ready.content))
        return found

    @classmethod
    @asynccontextmanager
    async def open(cls, home: Home, valkey: str, object_store: S3, folder: Path) -> AsyncIterator[Self]:
        """With a Postgres of its own, which runs."""
        server = Postgres(home.directory("postgres that goes away"), home.port("day"), durable=False)
        await server.prepare()
        passwords = {role: home.secret(f"day {role}") for role in (schema.OWNER, schema.APP)}
        simulator = simulated()
        children: dict[str, Child] = {}
        async with AsyncExitStack() as stack:
            provider = await stack.enter_async_context(serving(simulator.app, before_stop=simulator.closing.set))
            stack.push_async_callback(simulator.close)
            nursery = await stack.enter_async_context(Nursery.open(folder))
            ports = {name: nursery.free_port() for name in FUNCTIONS}
            addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
            broker = create_app(hasty(load(MANIFESTS)), valkey, addresses, bring_back_seconds=1)
            address = await stack.enter_async_context(serving(broker))  # its lifespan begins, too
            place = cls(server, home, DatabaseUrls("", ""), simulator, address, children)
            await place.start_postgres()
            stack.push_async_callback(place.stop_postgres)
            place.urls = await schema.provision(server, database="xin", passwords=passwords)
            await schema.migrate(place.urls.owner)
            await schema.admit_functions(place.urls.owner, schema.APP)
            sink = f"{address}{SINK}"
            environment = environment_of(place.urls.app, valkey, object_store, sink, provider, folder / "vectors")
            environment |= {"PYTHONPATH": str(ROOT), RECORDING: "1"}
            for name in FUNCTIONS:
                children[name] = await nursery.start(name, environment, port=ports[name])
            yield place


async def back_within(place: Place, seconds: float) -> float:
    """How long after now every function is ready. Fails when one is not in time."""
    began = time.monotonic()

    async def all_ready() -> bool:
        return all(ready == 200 for _, ready, _ in (await place.readiness()).values())

    await until(all_ready, "every function ready", seconds=seconds)
    return time.monotonic() - began
