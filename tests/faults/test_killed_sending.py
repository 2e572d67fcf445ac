"""A real SIGKILL while a reply is sent: it arrives, and what may have arrived twice says so."""

from typing import Any

import pytest
from redis.asyncio import Redis

from local.simulator.scripts import Echo, Statuses
from shared.failpoints import Point
from shared.live import conversation_stream
from shared.store import handover
from tests.faults.ground import INGRESS
from tests.faults.shop import Outcome, Shop, until
from tests.faults.stage import Stage
from tests.faults.table import KILLED
from tests.faults.visitor import Visitor
from tests.tenants import open_store

pytest_plugins = ("tests.faults.plugin",)

SENDER = {
    "telegram": "700300400",
    "bale": "700300401",
    "whatsapp": "4915112345679",
    "instagram": "8800112244",
}
CLAIMED = {
    kind: KILLED.fault("deliver.claimed", f"deliver is killed before it calls {kind}; its slot runs out")
    for kind in SENDER
}
BLIND = {
    kind: KILLED.fault("deliver.answered", f"deliver is killed when {kind} has taken the message, {why}")
    for kind, why in {
        "telegram": "which tells nothing afterwards",
        "bale": "which tells nothing afterwards",
        "whatsapp": "whose statuses never come",
        "instagram": "whose echo never comes",
    }.items()
}
TOLD = {
    kind: KILLED.fault("deliver.answered", f"deliver is killed when {kind} has taken the message; {what} tells of it")
    for kind, what in {"whatsapp": "a status", "instagram": "the echo"}.items()
}
SHOWN = {
    point: KILLED.fault(point, f"deliver is killed {when} the widget's answer is in the stream")
    for point, when in (("deliver.claimed", "before"), ("deliver.answered", "when"))
}
TWICE = KILLED.fault(
    "deliver.answered", "deliver is killed when telegram has taken the message, and again the second time"
)
AFTERWARDS = KILLED.fault(
    "deliver.answered",
    "deliver is killed when instagram has taken the message; the echo comes after the second sending",
)
PERSON = KILLED.fault(
    "deliver.answered",
    "deliver is killed when whatsapp has taken the message; a person answers before it is tried again",
)
RECORDED = KILLED.fault("deliver.recorded", "deliver is killed when it has recorded the only part")
PARTS = KILLED.fault(
    "deliver.recorded", "deliver is killed when it has recorded the first of two parts, and so claimed the second"
)
JOINED = KILLED.fault("deliver.joined", "deliver is killed when it has joined a status; the broker delivers it again")


async def write(stage: Stage, shop: Shop, *, silent: bool = False) -> None:
    """A customer writes. *silent*: the provider will not tell what becomes of the answer."""
    kind = shop.line.kind
    if silent and kind in ("whatsapp", "instagram"):
        step = Statuses() if kind == "whatsapp" else Echo(when="never")
        shop.simulator.script(shop.account, step, chat=SENDER[kind])
    survivor = await stage.survivor(INGRESS[kind])
    assert await shop.line.text(SENDER[kind], "سلام").post(survivor.url) == 200


@pytest.mark.parametrize("kind", list(CLAIMED))
async def test_claimed(stage: Stage, kind: str) -> None:
    """Nobody knows that the call was never made: it is made once more, and marked."""
    shop = await stage.shop(kind)
    async with stage.dying("deliver", "deliver.claimed"):
        await write(stage, shop)
    await stage.redeliver()
    assert shop.heard(SENDER[kind]) == []

    await stage.settle(shop)

    state = "delivered" if kind == "whatsapp" else "accepted"
    outcome = await shop.outcome(SENDER[kind])
    assert outcome == Outcome(1, 1, 1, (state,), maybe_twice=True)
    CLAIMED[kind].saw(outcome)


@pytest.mark.parametrize("kind", list(BLIND))
async def test_nobody_tells(stage: Stage, kind: str) -> None:
    """Where nothing tells that the provider has it, the customer gets it a second time, and the operator is told."""
    shop = await stage.shop(kind)
    async with stage.dying("deliver", "deliver.answered"):
        await write(stage, shop, silent=True)
    await stage.redeliver()
    assert len(shop.heard(SENDER[kind])) == 1

    await stage.settle(shop)

    state = "delivered" if kind == "whatsapp" else "accepted"
    outcome = await shop.outcome(SENDER[kind])
    assert outcome == Outcome(1, 1, 2, (state,), maybe_twice=True)
    BLIND[kind].saw(outcome)


@pytest.mark.parametrize("kind", list(TOLD))
async def test_provider_tells(stage: Stage, kind: str) -> None:
    """What the provider tells of a message whose sender died settles it: nothing is sent again, the bot goes on."""
    shop = await stage.shop(kind)
    async with stage.dying("deliver", "deliver.answered"):
        await write(stage, shop)
    events = "SELECT kind FROM provider_events WHERE channel_id = %s"
    count = 2 if kind == "whatsapp" else 1

    async def all_told() -> bool:
        return len(await shop.rows(events, shop.tenant.channel)) == count

    await until(all_told, "what the provider tells")
    await stage.redeliver()

    await stage.settle(shop)

    state = "delivered" if kind == "whatsapp" else "accepted"
    outcome = await shop.outcome(SENDER[kind])
    assert outcome == Outcome(1, 1, 1, (state,))
    assert await shop.status(SENDER[kind]) == "bot"
    TOLD[kind].saw(outcome)


async def test_killed_twice(stage: Stage) -> None:
    """It is sent twice and never a third time; what became of it stays unknown, and is shown so."""
    shop = await stage.shop()
    async with stage.dying("deliver", "deliver.answered"):
        await write(stage, shop)
    await stage.redeliver()
    await shop.age(31)
    async with stage.dying("deliver", "deliver.answered"):
        assert await stage.tick() == 204
        await stage.answered(shop, SENDER["telegram"], 2)
    await stage.redeliver()

    await stage.settle(shop)

    outcome = await shop.outcome(SENDER["telegram"])
    assert outcome == Outcome(1, 1, 2, ("unknown",), maybe_twice=True)
    TWICE.saw(outcome)


async def test_echo_afterwards(stage: Stage) -> None:
    """An echo of the first copy is ours, however late: a part that was sent twice has two ids, and no third."""
    shop, sender = await stage.shop("instagram"), SENDER["instagram"]
    ingress = await stage.survivor("ingress-instagram")
    async with stage.dying("deliver", "deliver.answered"):
        await write(stage, shop, silent=True)
    await stage.redeliver()
    await stage.settle(shop)
    first, _ = shop.simulator.ledger.sent(account=shop.account, chat=sender)

    assert await shop.line.echo(sender, first.text, first.id).post(ingress.url) == 200

    await stage.settle(shop)
    outcome = await shop.outcome(sender)
    assert (outcome, await shop.status(sender)) == (Outcome(1, 1, 2, maybe_twice=True), "bot")
    assert await shop.line.echo(sender, first.text).post(ingress.url) == 200  # a person says the same by hand
    await stage.settle(shop)
    assert await shop.status(sender) == "human"
    AFTERWARDS.saw(f"{outcome}; the bot's still, until a person writes the same words")


async def test_person_answers(stage: Stage) -> None:
    """What is unknown when a person takes over is not said again; it stays unknown, and their words leave."""
    shop, sender = await stage.shop("whatsapp"), SENDER["whatsapp"]
    async with stage.dying("deliver", "deliver.answered"):
        await write(stage, shop, silent=True)
    await stage.redeliver()
    await shop.age(31)
    assert await stage.tick() == 204  # its slot is over: unknown, and due in a minute
    await stage.quiet()
    conversation = await shop.conversation(sender)
    async with shop.signed_in((await stage.survivor("console-api")).url) as operator:
        answer = await operator.post(f"/conversations/{conversation}/messages", json={"text": "سلام، من مینا هستم."})
    assert answer.status_code == 201

    await stage.settle(shop)

    outcome = await shop.outcome(sender)
    assert outcome == Outcome(1, 1, 2, ("unknown", "delivered"))
    assert shop.heard(sender)[1] == "سلام، من مینا هستم."
    PERSON.saw("the bot's words once and unknown, then the person's, delivered")


async def test_recorded(stage: Stage) -> None:
    """What stands in the row is not sent again, whoever asks."""
    shop = await stage.shop()
    async with stage.dying("deliver", "deliver.recorded"):
        await write(stage, shop)
    await stage.redeliver()

    await stage.settle(shop)

    outcome = await shop.outcome(SENDER["telegram"])
    assert outcome == Outcome(1, 1, 1)
    RECORDED.saw(outcome)


async def test_two_parts(stage: Stage) -> None:
    """The second part of a message leaves behind the first, and is what is marked."""
    shop = await stage.shop()
    await write(stage, shop)
    await stage.answered(shop, SENDER["telegram"])
    await stage.quiet()
    conversation = await shop.conversation(SENDER["telegram"])
    assert conversation
    texts = ["سفارش شما آماده است.", "فردا می‌رسد."]
    async with open_store(stage.urls.app, role="xin_console") as store, store.tenant(shop.tenant.id) as db:
        await handover.reply(
            db,
            shop.tenant.id,
            conversation,
            who=shop.tenant.person,
            text="\n".join(texts),
            texts=texts,
            correlation="-",
        )
    async with stage.dying("deliver", "deliver.recorded"):
        await shop.age(3)
        assert await stage.tick() == 204
    await stage.redeliver()

    await stage.settle(shop)

    assert shop.heard(SENDER["telegram"])[1:] == texts
    parts = "SELECT state, maybe_twice FROM outbound_parts WHERE author = 'operator' AND conversation_id = %s"
    assert await shop.rows(f"{parts} ORDER BY ordinal", conversation) == [("accepted", False), ("accepted", True)]
    PARTS.saw("each part once and in order, the second marked maybe twice")


async def test_joined(stage: Stage) -> None:
    """Joining again what was joined changes nothing."""
    shop = await stage.shop("whatsapp")
    sender = SENDER["whatsapp"]
    await write(stage, shop, silent=True)
    await stage.answered(shop, sender)
    await stage.quiet()
    (sent,) = shop.simulator.ledger.sent(account=shop.account, chat=sender)
    async with stage.dying("deliver", "deliver.joined"):
        survivor = await stage.survivor("ingress-whatsapp")
        assert await shop.line.status(sender, sent.id, "delivered").post(survivor.url) == 200
    await stage.redeliver()

    await stage.settle(shop)

    outcome = await shop.outcome(sender)
    assert outcome == Outcome(1, 1, 1, ("delivered",))
    JOINED.saw(outcome)


@pytest.mark.parametrize("point", list(SHOWN))
async def test_widget(stage: Stage, valkey: str, point: Point) -> None:
    """A widget's answer stands in the stream under one id, however often it was put there."""
    shop = await stage.shop("web")
    survivor = await stage.survivor("ingress-web")
    async with Visitor.arrive(shop, survivor.url) as visitor:
        async with stage.dying("deliver", point):
            assert await visitor.post("سلام")
        await stage.redeliver()
        await stage.settle(shop)
        assert await visitor.roles() == ["customer", "bot"]
    ((conversation, twice),) = await shop.rows(
        "SELECT conversation_id, maybe_twice FROM outbound_parts WHERE tenant_id = %s", shop.tenant.id
    )
    async with Redis.from_url(valkey, decode_responses=True) as redis:
        entries: Any = await redis.xrange(conversation_stream(shop.tenant.id, conversation))
    answers = [fields["data"] for _, fields in entries if '"role": "bot"' in fields["data"]]
    assert len(answers) == (2 if point == "deliver.answered" else 1)
    assert len(set(answers)) == 1
    assert twice
    SHOWN[point].saw("one message stored, one turn, shown once, marked maybe twice")
