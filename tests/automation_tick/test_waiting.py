"""Who counts as waiting, since when and for what: rows as each step leaves them when it loses a customer."""

from typing import LiteralString
from uuid import UUID

import pytest

from shared.store import alarms, handover
from shared.store.alarms import Waiting
from tests.automation_tick.conftest import Shop


async def waiting(shop: Shop) -> dict[UUID, Waiting]:
    """Everybody who waits, by conversation."""
    return {one.conversation: one for one in await alarms.look(shop.stores["xin_tick"], limit=1000, known=())}


async def test_burst(neighbour: Shop) -> None:
    """Of a burst the first message counts: whoever asks again is not put back to the end of the queue."""
    conversation = await neighbour.write(correlation="first")
    await neighbour.age(conversation, 61)
    await neighbour.write(correlation="second")

    assert (await waiting(neighbour))[conversation].correlation == "first"


async def test_while_a_turn_runs(neighbour: Shop) -> None:
    """A message that comes while a turn is made waits from then on, and not from that turn's commit."""
    conversation = await neighbour.write()
    await neighbour.answer(conversation, interrupted_by="second")
    await neighbour.set("UPDATE outbound_parts SET state = 'accepted'")
    await neighbour.set("UPDATE messages SET created_at = created_at - interval '70 s' WHERE correlation_id = 'second'")

    found = (await waiting(neighbour))[conversation]

    assert (found.seq, found.correlation, found.why) == (2, "second", "not_taken")
    assert found.seconds == pytest.approx(70, abs=5)


async def test_a_person_had_it(neighbour: Shop) -> None:
    """While a person has the conversation nothing is the bot's fault; after a release the bot has a minute, no less."""
    conversation = await neighbour.write()
    async with neighbour.stores["xin_console"].tenant(neighbour.tenant.id) as db:
        await handover.take_over(db, conversation, who=neighbour.tenant.person)
    await neighbour.age(conversation, 3600)
    assert conversation not in await waiting(neighbour)

    async with neighbour.stores["xin_console"].tenant(neighbour.tenant.id) as db:
        await handover.release(db, conversation)
    assert conversation not in await waiting(neighbour)
    await neighbour.age(conversation, 61)
    assert (await waiting(neighbour))[conversation].seconds == pytest.approx(61, abs=5)


async def test_an_answer_after_a_release(neighbour: Shop) -> None:
    """What the bot says right after a release is not undelivered at once, though the customer has waited long."""
    conversation = await neighbour.write()
    await neighbour.age(conversation, 3600)
    await neighbour.answer(conversation)

    assert conversation not in await waiting(neighbour)
    await neighbour.age(conversation, 26)  # and the 35 s that the turn may have taken
    assert (await waiting(neighbour))[conversation].why == "not_sent"


@pytest.mark.parametrize(("status", "named"), [("bot", True), ("waiting", True), ("human", False), ("resolved", False)])
async def test_status(neighbour: Shop, status: str, named: bool) -> None:
    """Whom a person was promised still gets answers; who has a person, or is done, doesn't wait for the bot."""
    conversation = await neighbour.write()
    await neighbour.age(conversation, 61)
    await neighbour.set("UPDATE conversations SET status = %(status)s", status=status)
    assert (conversation in await waiting(neighbour)) == named


LOST_BEFORE: list[tuple[str, LiteralString]] = [
    ("not_taken", "SELECT 1"),
    ("being_answered", "UPDATE conversations SET lease_event = 'e', lease_beat = clock_timestamp()"),
    ("handler_gone", "UPDATE conversations SET lease_event = 'e', lease_beat = clock_timestamp() - interval '21 s'"),
]
"""Why, and what was done to a message that is open."""

LOST_BEHIND: list[tuple[str, LiteralString]] = [
    ("not_sent", "UPDATE outbound_parts SET next_attempt_at = created_at"),
    ("sent_later", "UPDATE outbound_parts SET next_attempt_at = clock_timestamp() + interval '5 min'"),
    ("sent_later", "UPDATE conversations SET blocked_until = clock_timestamp() + interval '5 min'"),
    ("channel_blocked", "UPDATE channels SET blocked_until = clock_timestamp() + interval '5 min'"),
    ("channel_off", "UPDATE channels SET enabled = false"),
    ("perhaps_sent", "UPDATE outbound_parts SET state = 'unknown', ambiguous = 1"),
    ("perhaps_sent", "UPDATE outbound_parts SET state = 'unknown', ambiguous = 2"),
    ("refused", "UPDATE outbound_parts SET state = 'failed'"),
    (
        "being_sent",
        "WITH p AS (UPDATE outbound_parts SET state = 'sending' RETURNING id) UPDATE conversations"
        " SET send_part = p.id, send_until = clock_timestamp() + interval '9 s' FROM p",
    ),
    (
        "sender_gone",
        "WITH p AS (UPDATE outbound_parts SET state = 'sending' RETURNING id) UPDATE conversations"
        " SET send_part = p.id, send_until = clock_timestamp() - interval '9 s' FROM p",
    ),
]
"""The same for an answer that was given and did not leave."""


@pytest.mark.parametrize(("why", "planted"), LOST_BEFORE)
async def test_lost_before_the_answer(neighbour: Shop, why: str, planted: LiteralString) -> None:
    """A message that no turn covers is found, with what holds it up."""
    conversation = await neighbour.write()
    await neighbour.age(conversation, 61)
    await neighbour.set(planted)
    assert (await waiting(neighbour))[conversation].why == why


@pytest.mark.parametrize(("why", "planted"), LOST_BEHIND)
async def test_lost_behind_the_answer(neighbour: Shop, why: str, planted: LiteralString) -> None:
    """An answer that doesn't leave is found, with what holds it up, until the provider has it."""
    conversation = await neighbour.write()
    await neighbour.answer(conversation)
    await neighbour.age(conversation, 61)
    await neighbour.set(planted)

    found = (await waiting(neighbour))[conversation]
    assert (found.why, found.seq) == (why, 2)
    assert found.seconds == pytest.approx(61, abs=5)

    await neighbour.set("UPDATE outbound_parts SET state = 'accepted'")
    assert conversation not in await waiting(neighbour)


@pytest.mark.parametrize(
    "done",
    [
        "UPDATE conversations SET status = 'resolved'",
        "UPDATE conversations SET status = 'human'",
        "UPDATE contacts SET unreachable_at = clock_timestamp()",
        "UPDATE outbound_parts SET author = 'operator'",
        "UPDATE outbound_parts SET created_at = clock_timestamp() - interval '25 h'",
    ],
)
async def test_a_refusal_ends(neighbour: Shop, done: LiteralString) -> None:
    """A refused answer is named until a person has seen to it, not for a customer who blocked us, nor for ever."""
    conversation = await neighbour.write()
    await neighbour.answer(conversation)
    await neighbour.age(conversation, 61)
    await neighbour.set("UPDATE outbound_parts SET state = 'failed'")
    assert conversation in await waiting(neighbour)

    await neighbour.set(done)

    assert conversation not in await waiting(neighbour)


async def test_a_later_answer_gets_through(neighbour: Shop) -> None:
    """A refused answer is named though earlier ones were delivered, until a later one gets through."""
    for _ in range(3):
        conversation = await neighbour.write()
        await neighbour.answer(conversation)
    await neighbour.age(conversation, 61)
    await neighbour.set(
        "UPDATE outbound_parts SET state = CASE seq WHEN 2 THEN 'delivered' WHEN 4 THEN 'failed' ELSE 'queued' END"
    )
    assert (await waiting(neighbour))[conversation].seq == 4

    await neighbour.set("UPDATE outbound_parts SET state = 'accepted' WHERE seq = 6")

    assert conversation not in await waiting(neighbour)
