"""Handlers of deliver held at a point while another, a person or the provider comes in between."""

import time

import pytest

from events import ReplyComposed, StatusReceived
from functions.deliver.outbox import CLAIM_SECONDS
from local.simulator.scripts import Echo, Statuses
from shared.failpoints import Point
from tests.faults.courier import Letter
from tests.faults.hall import Hall
from tests.faults.shop import Outcome, Shop, until
from tests.faults.table import HELD, Fault

pytest_plugins = ("tests.faults.plugin",)

SENDER = {"telegram": "700700800", "whatsapp": "4915112345680", "instagram": "8800112255"}
TEXTS = ["ارسال دو روز طول می‌کشد.", "بازگشت تا هفت روز ممکن است."]
BUSY = HELD.fault("deliver.claimed", "a second sender is asked while the first has the slot")
STALE = HELD.fault("deliver.claimed", "the first sender stands still until its slot has run out; a second sends")
LATE = HELD.fault("deliver.answered", "the first sender stands still until its slot has run out; a second sends")
LATE_TOLD = HELD.fault("deliver.answered", "the same on whatsapp, whose status comes in time")
TAKEN: dict[str, Fault] = {
    point: HELD.fault(point, f"a person takes over {when} the first of two parts is sent; later they release")
    for point, when in (("deliver.claimed", "before"), ("deliver.answered", "when"))
}
REPLIED = HELD.fault("deliver.answered", "a person answers when the first of two parts is sent")
EARLY = {
    named: HELD.fault("deliver.answered", f"whatsapp's status comes before the provider's answer is recorded, {how}")
    for named, how in ((True, "and names our part"), (False, "and names only a message we don't know yet"))
}
ECHO = HELD.fault("deliver.answered", "instagram's echo comes before the provider's answer is recorded")
BY_HAND = HELD.fault(
    "deliver.answered", "a person writes to the same customer in the app, before the answer is recorded"
)


async def ask(hall: Hall, shop: Shop) -> Letter:
    """Another event for the conversation; back when its handler is done."""
    conversation = await shop.conversation(SENDER[shop.line.kind])
    assert conversation
    return await hall.courier.send(ReplyComposed(tenant=shop.tenant.id, conversation=conversation))


async def person(hall: Hall, shop: Shop, act: str, body: object = None) -> None:
    """The tenant's person does *act* by the console's API."""
    conversation = await shop.conversation(SENDER[shop.line.kind])
    async with shop.signed_in(hall.address("console-api")) as client:
        answer = await client.post(f"/conversations/{conversation}/{act}", json=body)
    assert answer.is_success, answer.text


async def bot(shop: Shop) -> Outcome:
    """What became of the conversation, by what the bot said."""
    return await shop.outcome(SENDER[shop.line.kind], authors=("bot",))


async def told(shop: Shop, kind: str, count: int = 1) -> None:
    """Returns when so many of the provider's *kind* of events are stored."""
    statement = "SELECT 1 FROM provider_events WHERE channel_id = %s AND kind = %s"

    async def stored() -> bool:
        return len(await shop.rows(statement, shop.tenant.channel, kind)) >= count

    await until(stored, f"{count} {kind}")


async def looked_at(hall: Hall, shop: Shop) -> None:
    """Returns when an echo is stored and somebody has tried to join it."""
    await told(shop, "echo")
    letters = hall.courier.about
    channel = shop.tenant.channel
    await until(lambda: [one for one in letters(channel, StatusReceived) if one.is_acknowledged], "a look at the echo")


async def test_busy(hall: Hall) -> None:
    """Who finds the slot taken acknowledges and leaves."""
    shop = await hall.shop()
    async with hall.holding("deliver.claimed") as first:
        await hall.hear(shop, SENDER["telegram"])
        await first.held()
        assert (await ask(hall, shop)).answers == [204]
        first.go()
        await hall.answered(shop, SENDER["telegram"])

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == Outcome(1, 1, 1)
    BUSY.saw(outcome)


async def test_stale_claim(hall: Hall) -> None:
    """Who has stood still for so long does not begin to call: another has."""
    shop = await hall.shop()
    async with hall.holding("deliver.claimed") as first:
        await hall.hear(shop, SENDER["telegram"])
        await first.held()
        began = time.monotonic()
        await shop.age(31)
        assert (await ask(hall, shop)).answers == [204]
        await hall.answered(shop, SENDER["telegram"])
        await until(lambda: time.monotonic() > began + CLAIM_SECONDS, "the claim too old")
        first.go()
        await hall.quiet()

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == Outcome(1, 1, 1, maybe_twice=True)
    STALE.saw(outcome)


async def test_late_answer(hall: Hall) -> None:
    """What may have been sent is sent once more and marked; both of the provider's ids are known in the end."""
    shop = await hall.shop()
    async with hall.holding("deliver.answered") as first:
        await hall.hear(shop, SENDER["telegram"])
        await first.held()
        await shop.age(31)
        assert (await ask(hall, shop)).answers == [204]
        first.go()
        await hall.quiet()

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == Outcome(1, 1, 2, maybe_twice=True)
    ids = "SELECT provider_id <> provider_id_again FROM outbound_parts WHERE author = 'bot' AND tenant_id = %s"
    assert await shop.rows(ids, shop.tenant.id) == [(True,)]
    LATE.saw(f"{outcome}, both ids known")


async def test_late_answer_told(hall: Hall) -> None:
    """A status that names our part settles it before anybody sends again."""
    shop = await hall.shop("whatsapp")
    async with hall.holding("deliver.answered") as first:
        await hall.hear(shop, SENDER["whatsapp"])
        await first.held()
        await shop.age(31)
        await told(shop, "status", 2)
        assert (await ask(hall, shop)).answers == [204]
        first.go()
        await hall.quiet()

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == Outcome(1, 1, 1, ("delivered",))
    LATE_TOLD.saw(outcome)


@pytest.mark.parametrize("point", list(TAKEN))
async def test_taken_over(hall: Hall, point: Point) -> None:
    """What is being sent at a takeover leaves, nothing behind it does, and a release does not say it again."""
    shop = await hall.shop()
    conversation = await shop.hear(SENDER["telegram"], "سلام")
    await hall.say(shop, conversation, TEXTS)
    async with hall.holding(point) as first:
        await shop.age(3)
        assert await hall.tick() == 204
        await first.held()
        await person(hall, shop, "takeover")
        first.go()
        await hall.quiet()
    await hall.settle(shop)
    expected = Outcome(1, 1, 1, ("accepted", "cancelled"))
    assert await bot(shop) == expected

    await person(hall, shop, "release")

    await hall.settle(shop)
    outcome = await bot(shop)
    assert outcome == expected
    TAKEN[point].saw(outcome)


async def test_person_answers(hall: Hall) -> None:
    """A person's words leave behind what was being sent, and the rest of the bot's does not leave."""
    shop = await hall.shop()
    conversation = await shop.hear(SENDER["telegram"], "سلام")
    await hall.say(shop, conversation, TEXTS)
    async with hall.holding("deliver.answered") as first:
        await shop.age(3)
        assert await hall.tick() == 204
        await first.held()
        await person(hall, shop, "messages", {"text": "سلام، من مینا هستم."})
        first.go()
        await hall.answered(shop, SENDER["telegram"], 2)

    await hall.settle(shop)
    assert shop.heard(SENDER["telegram"]) == [TEXTS[0], "سلام، من مینا هستم."]
    outcome = await shop.outcome(SENDER["telegram"])
    assert outcome == Outcome(1, 1, 2, ("accepted", "cancelled", "accepted"))
    REPLIED.saw("the first part, then the person's words; the second part cancelled")


@pytest.mark.parametrize("named", list(EARLY))
async def test_early_status(hall: Hall, named: bool) -> None:
    """A status that overtakes its own row is joined with it: at once by our reference, or when the row is written."""
    shop, sender = await hall.shop("whatsapp"), SENDER["whatsapp"]
    shop.simulator.script(shop.account, Statuses(), chat=sender)
    async with hall.holding("deliver.answered") as first:
        await hall.hear(shop, sender)
        await first.held()
        (sent,) = shop.simulator.ledger.sent(account=shop.account, chat=sender)
        status = shop.line.status(sender, sent.id, "delivered", part=sent.reference if named else None)
        assert await status.post(hall.address("ingress-whatsapp")) == 200
        first.go()
        await hall.quiet()

    outcome = await bot(shop)
    assert outcome == Outcome(1, 1, 1, ("delivered",))
    await hall.settle(shop)
    EARLY[named].saw(outcome)


async def test_early_echo(hall: Hall) -> None:
    """An echo that comes before its part knows the provider's id is still ours: nobody has taken over."""
    shop, sender = await hall.shop("instagram"), SENDER["instagram"]
    async with hall.holding("deliver.answered") as first:
        await hall.hear(shop, sender)
        await first.held()
        await looked_at(hall, shop)
        assert await shop.status(sender) == "bot"
        first.go()
        await hall.quiet()

    await hall.settle(shop)
    outcome = await bot(shop)
    assert (outcome, await shop.status(sender)) == (Outcome(1, 1, 1), "bot")
    ECHO.saw(f"{outcome}; the bot's still")


async def test_by_hand(hall: Hall) -> None:
    """What a person writes in the app takes the conversation over, also while a reply of the bot's is on its way."""
    shop, sender = await hall.shop("instagram"), SENDER["instagram"]
    shop.simulator.script(shop.account, Echo(when="never"), chat=sender)
    async with hall.holding("deliver.answered") as first:
        await hall.hear(shop, sender)
        await first.held()
        await shop.simulator.phone.business_writes("instagram", shop.account, sender, "سلام، من مینا هستم.")
        await looked_at(hall, shop)
        first.go()
        await hall.quiet()

    await hall.settle(shop)
    outcome = await bot(shop)
    assert (outcome, await shop.status(sender)) == (Outcome(1, 1, 1), "human")
    said = "SELECT count(*) FROM messages WHERE role = 'operator' AND tenant_id = %s"
    assert await shop.rows(said, shop.tenant.id) == [(1,)]
    BY_HAND.saw(f"{outcome}; then the person's, their words kept once")
