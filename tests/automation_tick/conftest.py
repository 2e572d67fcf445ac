"""A tenant with customers, and the tick's rounds on a real database and before a real broker's door."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

from functions.automation_tick.alarm import Alarm
from functions.automation_tick.gauges import Gauges
from functions.automation_tick.rounds import Rounds
from local.machine.schema import DatabaseUrls
from shared.publishing import Publisher
from shared.serving import server
from shared.store import leases, taking_in, turns
from shared.store.jsonb import jsonb
from shared.store.taking_in import NewMessage
from shared.store.tenancy import Store
from shared.store.turns import NewTurn
from tests.conftest import PostgresServer
from tests.console_api.broker import Broker
from tests.store.world import Empty
from tests.tenants import Tenant, found, open_store

OF_THE_PAST = (
    "UPDATE conversations SET open_since = open_since - make_interval(secs => %(seconds)s) WHERE id = %(id)s",
    "UPDATE messages SET created_at = created_at - make_interval(secs => %(seconds)s) WHERE conversation_id = %(id)s",
    "UPDATE turns SET created_at = created_at - make_interval(secs => %(seconds)s) WHERE conversation_id = %(id)s",
    "UPDATE outbound_parts SET created_at = created_at - make_interval(secs => %(seconds)s)"
    " WHERE conversation_id = %(id)s",
)


@dataclass(frozen=True)
class Shop:
    """A tenant, everybody's way to the database, and the tick's rounds before a real broker's door."""

    tenant: Tenant
    stores: dict[str, Store]
    rounds: Rounds
    broker: Broker
    gauges: Gauges
    urls: DatabaseUrls

    async def next_door(self) -> "Shop":
        """Another tenant in the same database."""
        return replace(self, tenant=await found(self.urls.app))

    async def write(self, *, sender: str = "مریم", correlation: str = "-") -> UUID:
        new = NewMessage(sender=sender, provider_id=str(uuid4()), kind="text", text="سلام")
        async with self.stores["xin_ingress"].connection() as db:
            taken = await taking_in.store_message(db, self.tenant.id, self.tenant.channel, new, correlation=correlation)
        return taken.conversation

    async def answer(self, conversation: UUID, *, interrupted_by: str = "") -> None:
        """A turn; the customer writes *interrupted_by* before it is committed, and that stays open."""
        async with self.stores["xin_orchestrate"].tenant(self.tenant.id) as db:
            lease = await leases.take(db, conversation, event="e")
        assert lease
        if interrupted_by:
            await self.write(correlation=interrupted_by)
        async with self.stores["xin_orchestrate"].tenant(self.tenant.id) as db:
            new = NewTurn("پاسخ", ["پاسخ"], "answered", "bot", 0, (), Empty(), None, 0, 0)
            assert await turns.commit(db, self.tenant.id, self.tenant.channel, lease, new, correlation="-")
            await leases.give_up(db, lease)

    async def age(self, conversation: UUID, seconds: float) -> None:
        """All that was said and done in it was so much earlier."""
        for statement in OF_THE_PAST:
            await self.set(statement, seconds=seconds, id=conversation)

    async def set(self, statement: LiteralString, **values: object) -> None:
        """Whatever the owner of the database can do to the tenant's rows."""
        async with await psycopg.AsyncConnection.connect(self.urls.owner) as db:
            await db.execute("SELECT set_config('app.tenant_id', %s, true)", (str(self.tenant.id),))
            await db.execute(statement, values)

    async def rule(self, action: dict[str, str], due_at: datetime) -> UUID:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            row = await (
                await db.execute(
                    "INSERT INTO automation_rules (tenant_id, name, schedule, action, next_due_at)"
                    " VALUES (%s, 'یادآوری', '0 9 * * *', %s, %s) RETURNING id",
                    (self.tenant.id, jsonb(action), due_at),
                )
            ).fetchone()
        assert row
        return UUID(str(row[0]))

    async def rows(self, statement: LiteralString) -> list[tuple[object, ...]]:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            return [tuple(row) for row in await (await db.execute(statement)).fetchall()]


@asynccontextmanager
async def opened(database: DatabaseUrls) -> AsyncIterator[Shop]:
    """A new tenant in *database*, and a broker of its own."""
    tenant, broker = await found(database.app), Broker()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = server(broker, host="127.0.0.1", port=port)
    serving = asyncio.create_task(one.serve())
    async with AsyncExitStack() as stack:
        roles = ("xin_ingress", "xin_orchestrate", "xin_deliver", "xin_console", "xin_tick")
        stores = {role: await stack.enter_async_context(open_store(database.app, role=role)) for role in roles}
        sink = f"http://127.0.0.1:{port}/"
        async with asyncio.timeout(10):
            while not one.started:
                await asyncio.sleep(0.01)
        publisher = await stack.enter_async_context(Publisher(sink, function="automation-tick"))
        gauges = Gauges()
        rounds = Rounds(stores["xin_tick"], publisher, Alarm(stores["xin_tick"], gauges), patience_seconds=30)
        yield Shop(tenant, stores, rounds, broker, gauges, database)
    one.should_exit = True
    await serving


@pytest.fixture
async def shop(database: DatabaseUrls) -> AsyncIterator[Shop]:
    """In a database of its own: whatever it counts is its own."""
    async with opened(database) as shop:
        yield shop


@pytest.fixture(scope="session")
async def street(postgres: PostgresServer) -> AsyncIterator[Shop]:
    async with opened(await postgres.copy("street")) as shop:
        yield shop


@pytest.fixture
async def neighbour(street: Shop) -> Shop:
    """A new tenant in a database that others have, too: much cheaper than one of its own."""
    return await street.next_door()
