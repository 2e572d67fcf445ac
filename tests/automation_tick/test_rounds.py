"""The tick: what stayed open is nudged, who waits raises the alarm, what is due is done once, dead letters are kept."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from cloudevents.http import CloudEvent
from prometheus_client import REGISTRY

from events import AutomationDue, MessageReceived, ReplyComposed
from functions.automation_tick.rounds import Rounds
from local.machine.schema import DatabaseUrls
from shared.automation.schedule import next_due
from shared.errors import Unreadable
from shared.publishing import Publisher
from shared.serving import server
from shared.store import leases, taking_in, turns
from shared.store.jsonb import jsonb
from shared.store.taking_in import NewMessage
from shared.store.tenancy import Store
from shared.store.turns import NewTurn
from tests.console_api.broker import Broker
from tests.store.world import Empty
from tests.tenants import Tenant, found, open_store


@dataclass(frozen=True)
class Shop:
    """A tenant, everybody's way to the database, and the tick's rounds before a real broker's door."""

    tenant: Tenant
    stores: dict[str, Store]
    rounds: Rounds
    broker: Broker

    async def write(self, *, sender: str = "مریم") -> UUID:
        new = NewMessage(sender=sender, provider_id=str(uuid4()), kind="text", text="سلام")
        async with self.stores["xin_ingress"].connection() as db:
            taken = await taking_in.store_message(db, self.tenant.id, self.tenant.channel, new, correlation="-")
        return taken.conversation

    async def age(self, conversation: UUID, seconds: int) -> None:
        async with self.stores["xin_orchestrate"].tenant(self.tenant.id) as db:
            statement = "UPDATE conversations SET open_since = open_since - make_interval(secs => %s) WHERE id = %s"
            await db.execute(statement, (seconds, conversation))

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

    async def rows(self, statement: str) -> list[tuple[object, ...]]:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            return [tuple(row) for row in await (await db.execute(statement)).fetchall()]


@pytest.fixture
async def shop(database: DatabaseUrls) -> AsyncIterator[Shop]:
    tenant, broker = await found(database.app), Broker()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = server(broker, host="127.0.0.1", port=port)
    serving = asyncio.create_task(one.serve())
    async with AsyncExitStack() as stack:
        roles = ("xin_ingress", "xin_orchestrate", "xin_console", "xin_tick")
        stores = {role: await stack.enter_async_context(open_store(database.app, role=role)) for role in roles}
        sink = f"http://127.0.0.1:{port}/"
        async with asyncio.timeout(10):
            while not one.started:
                await asyncio.sleep(0.01)
        publisher = await stack.enter_async_context(Publisher(sink, function="automation-tick"))
        rounds = Rounds(stores["xin_tick"], publisher, patience_seconds=30)
        yield Shop(tenant, stores, rounds, broker)
    one.should_exit = True
    await serving


async def test_nudges_what_nobody_took(shop: Shop) -> None:
    """A message that was not taken for half a minute is nudged, each time under a new id; a fresh one is left alone."""
    old, fresh = await shop.write(), await shop.write(sender="علی")
    await shop.age(old, 31)

    await shop.rounds.nudge_open_work()
    await shop.rounds.nudge_open_work()

    nudged = shop.broker.of_type(MessageReceived.type, old)
    assert len(nudged) == 2
    assert len({event["id"] for event in nudged}) == 2
    assert not shop.broker.of_type(MessageReceived.type, fresh)


async def test_first_look(shop: Shop) -> None:
    """The first look after a start has no patience: whoever had the message may have died."""
    fresh = await shop.write()
    shop.rounds.patience_seconds = 0
    await shop.rounds.nudge_open_work()
    assert shop.broker.of_type(MessageReceived.type, fresh)


async def test_leaves_a_holder_alone(shop: Shop) -> None:
    """What somebody is answering right now is not nudged."""
    conversation = await shop.write()
    await shop.age(conversation, 31)
    async with shop.stores["xin_orchestrate"].tenant(shop.tenant.id) as db:
        assert await leases.take(db, conversation, event="e")
    await shop.rounds.nudge_open_work()
    assert shop.broker.events == []


async def test_nudges_parts(shop: Shop) -> None:
    """A part that is due and was not sent is nudged."""
    conversation = await shop.write()
    async with shop.stores["xin_orchestrate"].tenant(shop.tenant.id) as db:
        lease = await leases.take(db, conversation, event="e")
        assert lease
        new = NewTurn("پاسخ", ["پاسخ"], "answered", "bot", 0, (), Empty(), None, 0, 0)
        assert await turns.commit(db, shop.tenant.id, shop.tenant.channel, lease, new, correlation="-")
        await leases.release(db, lease)
    shop.rounds.patience_seconds = 0
    await shop.rounds.nudge_open_work()
    assert shop.broker.of_type(ReplyComposed.type, conversation)


async def test_fair(shop: Shop, database: DatabaseUrls) -> None:
    """A tenant with a long queue does not hide another's one conversation."""
    for number in range(5):
        await shop.age(await shop.write(sender=str(number)), 300)
    other = await found(database.app)
    neighbour = Shop(other, shop.stores, shop.rounds, shop.broker)
    conversation = await neighbour.write()
    await neighbour.age(conversation, 40)
    async with shop.stores["xin_tick"].connection() as db:
        rows = await (await db.execute("SELECT id FROM due_work(2, interval '30 s') WHERE kind = 'message'")).fetchall()
    assert conversation in {row[0] for row in rows}


async def test_alarm(shop: Shop) -> None:
    """A customer who has waited for a minute is counted, and no more once they are answered."""
    conversation = await shop.write()
    await shop.age(conversation, 61)
    await shop.rounds.nudge_open_work()
    assert REGISTRY.get_sample_value("xin_unanswered_conversations") == 1
    oldest = REGISTRY.get_sample_value("xin_unanswered_oldest_seconds")
    assert oldest is not None
    assert oldest >= 60

    async with shop.stores["xin_orchestrate"].tenant(shop.tenant.id) as db:
        await db.execute("UPDATE conversations SET answered = last_in")
    await shop.rounds.nudge_open_work()
    assert REGISTRY.get_sample_value("xin_unanswered_conversations") == 0


async def test_rule_once(shop: Shop) -> None:
    """A due time becomes one run, however many ticks look at once, and the rule moves on to its next time."""
    due_at = datetime.now(UTC) - timedelta(hours=3)
    rule = await shop.rule({"do": "note", "text": "انبار را بشمارید"}, due_at)

    await asyncio.gather(*(shop.rounds.nudge_open_work() for _ in range(4)))

    runs = await shop.rows("SELECT id, rule_id, due_at, state FROM automation_runs")
    assert [(run[1], run[2], run[3]) for run in runs] == [(rule, due_at, "due")]
    assert await shop.broker.told(AutomationDue.type, runs[0][0])
    ((moved_to,),) = await shop.rows("SELECT next_due_at FROM automation_rules")
    assert isinstance(moved_to, datetime)
    assert moved_to > datetime.now(UTC)


async def test_run_once(shop: Shop) -> None:
    """A run does its action once, also when it is told twice at once."""
    await shop.rule({"do": "note", "text": "انبار را بشمارید"}, datetime.now(UTC))
    await shop.rounds.nudge_open_work()
    ((run,),) = await shop.rows("SELECT id FROM automation_runs")

    await asyncio.gather(*(shop.rounds.run(shop.tenant.id, UUID(str(run))) for _ in range(3)))

    assert await shop.rows("SELECT state, outcome FROM automation_runs") == [("done", "noted")]
    assert await shop.rows("SELECT detail ->> 'text' FROM audit_log") == [("انبار را بشمارید",)]


async def test_unknown_action(shop: Shop) -> None:
    """An action that nobody knows fails, and says so."""
    await shop.rule({"do": "پرواز"}, datetime.now(UTC))
    await shop.rounds.nudge_open_work()
    ((run,),) = await shop.rows("SELECT id FROM automation_runs")
    await shop.rounds.run(shop.tenant.id, UUID(str(run)))
    assert await shop.rows("SELECT state FROM automation_runs") == [("failed",)]


@pytest.mark.parametrize("ours", [True, False])
async def test_dead_letter(shop: Shop, ours: bool) -> None:
    """A letter is its tenant's where the row that it names is; else only the platform's administrator sees it."""
    conversation = await shop.write()
    attributes = {
        "type": MessageReceived.type,
        "source": "/xin/test",
        "id": str(uuid4()),
        "subject": str(conversation if ours else uuid4()),
        "tenantid": str(shop.tenant.id),
        "knativeerrorcode": "500",
        "knativeerrordest": "http://orchestrate",
    }
    for _ in range(2):
        await shop.rounds.keep(CloudEvent(attributes, {"conversation": "x"}))

    reason = [("http://orchestrate answered 500",)]
    assert await shop.rows("SELECT reason FROM dead_letters") == (reason if ours else [])
    async with shop.stores["xin_console"].platform() as db:
        orphans = await (await db.execute("SELECT reason FROM dead_letters")).fetchall()
    assert orphans == ([] if ours else reason)


def test_next_due() -> None:
    """Nine in the morning in Tehran is half past five in Greenwich; a schedule that is none is refused in words."""
    after = datetime(2026, 3, 20, 23, 59, tzinfo=UTC)
    assert next_due("0 9 * * *", "Asia/Tehran", after) == datetime(2026, 3, 21, 5, 30, tzinfo=UTC)
    for schedule, timezone in (
        ("هر روز", "Asia/Tehran"),
        ("0 9 * * *", "Asia/Atlantis"),
        ("0 9 31 2 *", "Asia/Tehran"),
    ):
        with pytest.raises(Unreadable):
            next_due(schedule, timezone, after)
