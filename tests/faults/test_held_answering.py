"""Handlers of orchestrate held at a point while another, or a person, comes in between: one turn, and the bot's only
while it is the bot's to speak."""

import asyncio

import pytest

from events import MessageReceived
from shared.failpoints import Point
from tests.faults.courier import Letter
from tests.faults.hall import Hall
from tests.faults.shop import Outcome, Shop
from tests.faults.table import HELD, Fault

pytest_plugins = ("tests.faults.plugin",)

SENDER = "700600700"
BUSY = HELD.fault("orchestrate.leased", "a second handler is asked while the first has the lease")
LOST: dict[str, Fault] = {
    "orchestrate.leased": HELD.fault("orchestrate.leased", "the first handler stands still for 21 s; a second answers"),
    "orchestrate.composed": HELD.fault(
        "orchestrate.composed", "the first handler stands still for 21 s with its answer ready; a second answers"
    ),
}
BOTH = HELD.fault(
    "orchestrate.composed", "two handlers have an answer ready, the first without its lease, and go on at once"
)
NEXT = {
    point: HELD.fault(point, f"the customer writes again {when}")
    for point, when in (
        ("orchestrate.leased", "while the first message is being answered"),
        ("orchestrate.composed", "when the first answer is ready"),
        ("orchestrate.committed", "when the first answer is committed"),
    )
}
TAKEN = HELD.fault("orchestrate.composed", "a person takes over, and says nothing; later they release")
REPLIED = HELD.fault("orchestrate.composed", "a person answers; later they release")
RELEASED = HELD.fault("orchestrate.composed", "a person takes over and releases before the handler goes on")
RESOLVED = HELD.fault("orchestrate.composed", "a person closes the conversation; later the customer writes again")


async def ask(hall: Hall, shop: Shop) -> Letter:
    """Another event for the conversation, under an id of its own; back when its handler is done."""
    conversation = await shop.conversation(SENDER)
    assert conversation
    return await hall.courier.send(MessageReceived(tenant=shop.tenant.id, conversation=conversation, seq=1))


async def person(hall: Hall, shop: Shop, act: str, body: object = None) -> None:
    """The tenant's person does *act* by the console's API."""
    conversation = await shop.conversation(SENDER)
    async with shop.signed_in(hall.address("console-api")) as client:
        answer = await client.post(f"/conversations/{conversation}/{act}", json=body)
    assert answer.is_success, answer.text


async def bot(shop: Shop) -> Outcome:
    """What became of the conversation, by what the bot said."""
    return await shop.outcome(SENDER, authors=("bot",))


async def test_busy(hall: Hall) -> None:
    """Who doesn't get the lease acknowledges and leaves."""
    shop = await hall.shop()
    async with hall.holding("orchestrate.leased") as first:
        await hall.hear(shop, SENDER)
        await first.held()
        assert (await ask(hall, shop)).answers == [204]
        assert (await bot(shop)).turns == 0
        first.go()
        await hall.answered(shop, SENDER)

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == Outcome(1, 1, 1)
    BUSY.saw(outcome)


@pytest.mark.parametrize("point", list(LOST))
async def test_lease_lost(hall: Hall, point: Point) -> None:
    """A handler that was too slow commits nothing, however far it has come."""
    shop = await hall.shop()
    async with hall.holding(point) as first:
        await hall.hear(shop, SENDER)
        await first.held()
        await shop.age(21)
        assert (await ask(hall, shop)).answers == [204]
        await hall.answered(shop, SENDER)
        first.go()
        await hall.quiet()

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == Outcome(1, 1, 1)
    LOST[point].saw(outcome)


async def test_both_commit(hall: Hall) -> None:
    """Of two answers that are ready the one whose lease is the row's is committed."""
    shop = await hall.shop()
    async with hall.holding("orchestrate.composed", crowd=2) as both:
        await hall.hear(shop, SENDER)
        while not both.came:
            await asyncio.sleep(0.01)
        await shop.age(21)
        asking = asyncio.create_task(ask(hall, shop))
        await both.held()
        both.go()
        assert (await asking).answers == [204]

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == Outcome(1, 1, 1)
    BOTH.saw(outcome)


@pytest.mark.parametrize("point", list(NEXT))
async def test_next_message(hall: Hall, point: Point) -> None:
    """What comes in while a turn is made is answered by the next turn, and by one."""
    shop = await hall.shop()
    async with hall.holding(point) as first:
        await hall.hear(shop, SENDER)
        await first.held()
        await hall.hear(shop, SENDER, "کسی هست؟")
        if point == "orchestrate.committed":  # the lease is free: another handler answers the second message
            await hall.answered(shop, SENDER, 2)
        first.go()
        await hall.answered(shop, SENDER, 2)

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == Outcome(2, 2, 2, ("accepted", "accepted"))
    covered = await shop.rows("SELECT after, n FROM turns WHERE tenant_id = %s ORDER BY n", shop.tenant.id)
    assert covered[0][1] == covered[1][0], "no gap between two turns, and no overlap"
    NEXT[point].saw(outcome)


async def test_taken_over(hall: Hall) -> None:
    """The bot says nothing from a person's takeover on; what waited is answered afresh after the release."""
    shop = await hall.shop()
    async with hall.holding("orchestrate.composed") as first:
        await hall.hear(shop, SENDER)
        await first.held()
        await person(hall, shop, "takeover")
        first.go()
        await hall.quiet()
    await hall.settle(shop)
    silent = await bot(shop)
    assert (silent, await shop.status(SENDER)) == (Outcome(1, 0, 0, ()), "human")

    await person(hall, shop, "release")
    await hall.answered(shop, SENDER)

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == Outcome(1, 1, 1)
    TAKEN.saw(f"until the release nothing of the bot's; then {outcome}")


async def test_person_answers(hall: Hall) -> None:
    """Where a person has answered the bot does not, then or later."""
    shop = await hall.shop()
    async with hall.holding("orchestrate.composed") as first:
        await hall.hear(shop, SENDER)
        await first.held()
        await person(hall, shop, "messages", {"text": "سلام، من مینا هستم."})
        first.go()
        await hall.quiet()
    await person(hall, shop, "release")

    await hall.settle(shop)
    assert await bot(shop) == Outcome(1, 0, 0, ())
    outcome = await shop.outcome(SENDER, authors=("operator",))
    assert outcome == Outcome(1, 0, 1)
    REPLIED.saw("the person's words once, nothing of the bot's")


async def test_taken_and_released(hall: Hall) -> None:
    """A handler that did not notice that a person came and went says nothing; the next one answers."""
    shop = await hall.shop()
    async with hall.holding("orchestrate.composed") as first:
        await hall.hear(shop, SENDER)
        await first.held()
        await person(hall, shop, "takeover")
        await person(hall, shop, "release")
        await hall.answered(shop, SENDER)
        first.go()
        await hall.quiet()

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == Outcome(1, 1, 1)
    RELEASED.saw(outcome)


async def test_resolved(hall: Hall) -> None:
    """What a person has closed the bot does not answer; the customer's next message it does."""
    shop = await hall.shop()
    async with hall.holding("orchestrate.composed") as first:
        await hall.hear(shop, SENDER)
        await first.held()
        await person(hall, shop, "resolve")
        first.go()
        await hall.quiet()
    await hall.settle(shop)
    assert (await bot(shop), await shop.status(SENDER)) == (Outcome(1, 0, 0, ()), "resolved")

    await hall.hear(shop, SENDER, "یک سوال دیگر")

    await hall.settle(shop)
    outcome = await bot(shop)
    assert (outcome, await shop.status(SENDER)) == (Outcome(2, 1, 1), "bot")
    RESOLVED.saw(f"nothing of the bot's until then; {outcome}")
