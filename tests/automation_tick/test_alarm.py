"""The alarm: a customer without an answer for a minute is named, whichever step lost them, until they wait no more."""

import logging
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from pydantic import SecretStr

from events import MessageReceived
from functions.automation_tick.alarm import NAMED
from functions.automation_tick.gauges import FRESH_SECONDS, Gauges, Look
from functions.automation_tick.main import TICK, function
from shared.settings import Settings
from shared.store import alarms
from shared.store.alarms import Waiting
from tests.automation_tick.conftest import Shop


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the tick logs."""
    caplog.set_level(logging.INFO, logger="xin-automation-tick")
    return caplog


def said(log: pytest.LogCaptureFixture, message: str, conversation: UUID | None = None) -> list[dict[str, Any]]:
    """The lines of that message, about one conversation or about all."""
    found = [vars(line) for line in log.records if line.getMessage() == message]
    return [line for line in found if conversation is None or line["conversation"] == str(conversation)]


def series(gauges: Gauges) -> dict[str, dict[str, float]]:
    """Metric to conversation (or cause, or nothing) to value, as a scrape sees it."""
    registry = CollectorRegistry()
    registry.register(gauges)
    seen: dict[str, dict[str, float]] = {}
    for metric in registry.collect():
        for sample in metric.samples:
            labels = sample.labels
            seen.setdefault(sample.name, {})[labels.get("conversation", labels.get("why", ""))] = sample.value
    return seen


async def test_metrics(shop: Shop) -> None:
    """Who waits has a series of their own beside the count and the longest wait, and none once they are answered."""
    conversation = await shop.write()
    await shop.age(conversation, 59)
    await shop.rounds.alarm.look()
    assert series(shop.gauges)["xin_unanswered_conversations"] == {"": 0}

    await shop.age(conversation, 31)
    await shop.rounds.alarm.look()

    seen = series(shop.gauges)
    assert seen["xin_unanswered_conversations"] == {"": 1}
    assert seen["xin_unanswered_by_cause"] == {"not_taken": 1}
    assert seen["xin_unanswered_seconds"][str(conversation)] == pytest.approx(90, abs=5)
    assert seen["xin_unanswered_oldest_seconds"][""] == pytest.approx(90, abs=5)

    await shop.answer(conversation)
    await shop.rounds.alarm.look()

    seen = series(shop.gauges)
    assert seen["xin_unanswered_conversations"] == seen["xin_unanswered_oldest_seconds"] == {"": 0}
    assert "xin_unanswered_seconds" not in seen


async def test_log(shop: Shop, log: pytest.LogCaptureFixture) -> None:
    """A line names all that leads to the message; again only after twice the time, and once more when it is over."""
    conversation = await shop.write(correlation="path-of-the-lost-one")
    await shop.age(conversation, 70)
    for _ in range(3):
        await shop.rounds.alarm.look()

    (line,) = said(log, "a customer waits", conversation)
    assert line["levelname"] == "ERROR"
    assert (line["tenant"], line["channel"]) == (str(shop.tenant.id), str(shop.tenant.channel))
    assert (line["seq"], line["correlation_id"], line["why"]) == (1, "path-of-the-lost-one", "not_taken")
    assert line["seconds"] == pytest.approx(70, abs=5)

    for seconds, expected in ((60, 1), (20, 2), (100, 2), (60, 3)):  # 130, 150, 250, 310
        await shop.age(conversation, seconds)
        await shop.rounds.alarm.look()
        assert len(said(log, "a customer waits", conversation)) == expected
    assert not said(log, "a customer waits no more")

    await shop.answer(conversation)
    for _ in range(2):
        await shop.rounds.alarm.look()
    (over,) = said(log, "a customer waits no more", conversation)
    assert over["levelname"] == "INFO"
    assert over["seconds"] == pytest.approx(310, abs=5)


async def test_named_again(shop: Shop, log: pytest.LogCaptureFixture) -> None:
    """Who was answered and is lost a second time is named at once, however long they had waited the first time."""
    conversation = await shop.write()
    await shop.age(conversation, 4000)
    await shop.rounds.alarm.look()
    await shop.answer(conversation)
    await shop.set("UPDATE outbound_parts SET state = 'accepted'")
    await shop.write()
    await shop.set("UPDATE conversations SET open_since = open_since - interval '70 s'")

    await shop.rounds.alarm.look()

    assert [line["seconds"] for line in said(log, "a customer waits", conversation)] == [
        pytest.approx(4000, abs=5),
        pytest.approx(70, abs=5),
    ]


async def crowd(shop: Shop, many: int) -> None:
    """So many more customers have waited, each for a second less than the one before."""
    await shop.set(
        "WITH t AS (INSERT INTO contacts (tenant_id, channel_id, external_id)"
        " SELECT %(tenant)s, %(channel)s, 'c' || g FROM generate_series(1, %(many)s) g RETURNING id)"
        " INSERT INTO conversations (tenant_id, channel_id, contact_id, seq, last_in, open_since)"
        " SELECT %(tenant)s, %(channel)s, id, 1, 1,"
        " clock_timestamp() - interval '1 h' + row_number() OVER () * interval '1 s' FROM t",
        tenant=shop.tenant.id,
        channel=shop.tenant.channel,
        many=many,
    )


async def test_bounds(shop: Shop, log: pytest.LogCaptureFixture) -> None:
    """A thousand who wait are counted, fifty of them are named: every tenant's longest and every cause's among them."""
    await crowd(shop, 1000)
    neighbour = await shop.next_door()
    theirs, unlucky = await neighbour.write(), await neighbour.write(sender="علی")
    for conversation in (theirs, unlucky):
        await neighbour.age(conversation, 61)
    await neighbour.set(
        "UPDATE conversations SET lease_event = 'e', lease_beat = clock_timestamp() WHERE id = %(id)s", id=unlucky
    )
    for _ in range(2):
        await shop.rounds.alarm.look()

    seen = series(shop.gauges)
    assert seen["xin_unanswered_conversations"] == {"": 1002}
    assert seen["xin_unanswered_by_cause"] == {"not_taken": 1001, "being_answered": 1}
    assert seen["xin_unanswered_oldest_seconds"][""] == pytest.approx(3600, abs=10)
    assert len(seen["xin_unanswered_seconds"]) == NAMED
    assert {str(theirs), str(unlucky)} <= seen["xin_unanswered_seconds"].keys()
    assert len(said(log, "a customer waits")) == NAMED
    (more,) = said(log, "more customers wait than are named")
    assert more["waiting"] == 1002
    first = await alarms.look(shop.stores["xin_tick"], limit=2, known=())
    assert {one.why for one in first} == {"not_taken", "being_answered"}


async def test_pushed_out(shop: Shop, log: pytest.LogCaptureFixture) -> None:
    """Who is no longer named because others wait longer is not said to wait no more."""
    newest = await shop.write()
    await shop.age(newest, 61)
    await shop.rounds.alarm.look()
    await crowd(shop, NAMED)

    await shop.rounds.alarm.look()

    assert str(newest) not in series(shop.gauges)["xin_unanswered_seconds"]
    assert not said(log, "a customer waits no more")


def test_old_look() -> None:
    """What was found a minute ago is told no longer, as it may be over; when the tick looked is told still."""
    gauges = Gauges()
    assert series(gauges) == {}
    waits = Waiting(uuid4(), uuid4(), uuid4(), "not_taken", 1, "-", 70, 1)
    look = Look({"not_taken": 1}, 70, [waits])

    gauges.show(replace(look, monotonic=look.monotonic - FRESH_SECONDS + 5))
    assert series(gauges)["xin_unanswered_seconds"][str(waits.conversation)] == pytest.approx(125, abs=3)
    assert series(gauges)["xin_unanswered_oldest_seconds"][""] == pytest.approx(125, abs=3)

    gauges.show(replace(look, monotonic=look.monotonic - FRESH_SECONDS - 1))
    assert series(gauges) == {"xin_tick_looked_timestamp_seconds": {"": look.at}}


async def tick(shop: Shop, sink: str) -> int:
    """One beat of the clock for the function as it is deployed, without Redis; the status."""
    event = {"ce-id": str(uuid4()), "ce-source": "/clock", "ce-type": TICK, "ce-specversion": "1.0"}
    await function.start(Settings(database_url=SecretStr(shop.urls.app), sink=sink))
    try:
        transport = httpx.ASGITransport(function)
        async with httpx.AsyncClient(transport=transport, base_url="http://automation-tick") as client:
            return (await client.post("/", headers=event, content=b"")).status_code
    finally:
        await function.stop()


async def test_broker_away(shop: Shop, log: pytest.LogCaptureFixture) -> None:
    """The alarm needs neither Redis nor the broker: a nudge that nobody takes doesn't suppress it."""
    conversation = await shop.write()
    await shop.age(conversation, 61)

    assert await tick(shop, "http://127.0.0.1:9/") == 503

    labels = {"tenant": str(shop.tenant.id), "conversation": str(conversation)}
    assert (REGISTRY.get_sample_value("xin_unanswered_seconds", labels) or 0) >= 61
    assert said(log, "a customer waits", conversation)


async def test_alarm_broken(shop: Shop) -> None:
    """What repairs does not wait for what alarms: the nudges leave though the look fails, and the failure shows."""
    conversation = await shop.write()
    await shop.age(conversation, 61)
    async with await psycopg.AsyncConnection.connect(shop.urls.owner, autocommit=True) as db:
        await db.execute("SET ROLE xin_definer")
        await db.execute("REVOKE EXECUTE ON FUNCTION alarms(integer, uuid[]) FROM xin_tick")

    assert await tick(shop, shop.rounds.publisher._sink) == 500

    assert shop.broker.of_type(MessageReceived.type, conversation)
