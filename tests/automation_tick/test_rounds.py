"""The tick: what stayed open is nudged, what is due is done once, dead letters are kept."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from cloudevents.http import CloudEvent

from events import AutomationDue, MessageReceived, ReplyComposed
from shared.automation.schedule import next_due
from shared.errors import Unreadable
from shared.store import handover, leases
from tests.automation_tick.conftest import Shop


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
    await shop.answer(conversation)
    shop.rounds.patience_seconds = 0
    await shop.rounds.nudge_open_work()
    assert shop.broker.of_type(ReplyComposed.type, conversation)


async def test_fair(shop: Shop) -> None:
    """A tenant with a long queue does not hide another's one conversation."""
    for number in range(5):
        await shop.age(await shop.write(sender=str(number)), 300)
    neighbour = await shop.next_door()
    conversation = await neighbour.write()
    await neighbour.age(conversation, 40)
    async with shop.stores["xin_tick"].connection() as db:
        rows = await (await db.execute("SELECT id FROM due_work(2, interval '30 s') WHERE kind = 'message'")).fetchall()
    assert conversation in {row[0] for row in rows}


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


async def test_bot_goes_on(shop: Shop) -> None:
    """A person who spoke outside and has been silent for long enough holds the bot no longer: what waits is nudged."""
    silent, fresh, held = await shop.write(), await shop.write(sender="علی"), await shop.write(sender="سارا")
    for conversation in (silent, fresh):
        async with shop.stores["xin_deliver"].tenant(shop.tenant.id) as db:
            await handover.speak_outside(
                db, shop.tenant.id, conversation, key=str(conversation), text="سلام", at=None, resume_minutes=60
            )
    async with shop.stores["xin_console"].tenant(shop.tenant.id) as db:
        await handover.take_over(db, held, who=shop.tenant.person)
    await shop.write()
    await shop.set("UPDATE conversations SET resume_at = resume_at - interval '61 min' WHERE id = %(id)s", id=silent)

    await shop.rounds.let_the_bot_go_on()
    await shop.rounds.let_the_bot_go_on()

    rows = dict(await shop.rows("SELECT id, status FROM conversations"))  # type: ignore[arg-type]
    assert (rows[silent], rows[fresh], rows[held]) == ("bot", "human", "human")
    async with asyncio.timeout(5):
        while not shop.broker.of_type(MessageReceived.type, silent):
            await asyncio.sleep(0.01)
    assert len(shop.broker.of_type(MessageReceived.type, silent)) == 1
