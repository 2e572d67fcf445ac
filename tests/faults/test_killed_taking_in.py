"""A real SIGKILL while something is taken in: what got no 2xx its sender sends again, and it counts once."""

import asyncio
from typing import get_args

import pytest

from local.simulator.scripts import Statuses
from shared.failpoints import Point
from tests.faults.ground import INGRESS
from tests.faults.shop import Outcome
from tests.faults.stage import Stage
from tests.faults.table import KILLED
from tests.faults.visitor import Visitor

pytest_plugins = ("tests.faults.plugin",)

NAMES = {"telegram": "Telegram", "whatsapp": "WhatsApp", "instagram": "Instagram"}
SENDER = {"telegram": "700100200", "whatsapp": "4915112345678", "instagram": "8800112233"}
POINTS = [point for point in get_args(Point) if point.startswith("ingress.")]
AGAIN = {
    (kind, point): KILLED.fault(point, f"{INGRESS[kind]} is killed; {name} sends the message again")
    for point in POINTS
    for kind, name in NAMES.items()
}
CROWD = KILLED.fault(
    "ingress.stored",
    "ingress-telegram is killed; Telegram sends the update again, twenty times at once, and the tick looks",
)
BATCH = KILLED.fault(
    "ingress.stored", "ingress-whatsapp is killed with two customers' messages in one webhook, sent again"
)
STATUS = {
    point: KILLED.fault(point, "ingress-whatsapp is killed with a status, sent again: the message was delivered")
    for point in POINTS
}
WIDGET = KILLED.fault(
    "ingress-web.stored", "ingress-web is killed; the widget sends again under the same client_msg_id"
)
ONCE = {"whatsapp": Outcome(1, 1, 1, ("delivered",))}


@pytest.mark.parametrize(("kind", "point"), list(AGAIN))
async def test_message(stage: Stage, kind: str, point: Point) -> None:
    """A message whose webhook died before or after it was stored is stored once, answered once and sent once."""
    shop = await stage.shop(kind)
    webhook = shop.line.text(SENDER[kind], "سلام")
    async with stage.dying(INGRESS[kind], point) as child:
        assert await webhook.post(child.url) == 0

    assert await webhook.post((await stage.survivor(INGRESS[kind])).url) == 200

    await stage.answered(shop, SENDER[kind])
    await stage.settle(shop)
    outcome = await shop.outcome(SENDER[kind])
    assert outcome == ONCE.get(kind, Outcome(1, 1, 1))
    AGAIN[kind, point].saw(outcome)


async def test_crowd(stage: Stage) -> None:
    """However often a provider repeats what it got no answer to, and whoever else looks: it is one message."""
    shop = await stage.shop()
    webhook = shop.line.text("700100201", "سلام")
    async with stage.dying("ingress-telegram", "ingress.stored") as child:
        assert await webhook.post(child.url) == 0
    survivor = await stage.survivor("ingress-telegram")
    await shop.age(31)

    *answers, _ = await asyncio.gather(*(webhook.post(survivor.url) for _ in range(20)), stage.tick())

    assert answers == [200] * 20
    await stage.answered(shop, "700100201")
    await stage.settle(shop)
    outcome = await shop.outcome("700100201")
    assert outcome == Outcome(1, 1, 1)
    CROWD.saw(outcome)


async def test_batch(stage: Stage) -> None:
    """What one webhook brought of two customers is stored once for each."""
    shop = await stage.shop("whatsapp")
    senders = ("4915112345601", "4915112345602")
    webhook = shop.line.batch(*((sender, "سلام") for sender in senders))
    async with stage.dying("ingress-whatsapp", "ingress.stored") as child:
        assert await webhook.post(child.url) == 0

    assert await webhook.post((await stage.survivor("ingress-whatsapp")).url) == 200

    for sender in senders:
        await stage.answered(shop, sender)
    await stage.settle(shop)
    outcomes = {await shop.outcome(sender) for sender in senders}
    assert outcomes == {ONCE["whatsapp"]}
    BATCH.saw(f"each: {outcomes.pop()}")


@pytest.mark.parametrize("point", POINTS)
async def test_status(stage: Stage, point: Point) -> None:
    """A status that died on its way in reaches its part all the same."""
    shop = await stage.shop("whatsapp")
    sender = SENDER["whatsapp"]
    shop.simulator.script(shop.account, Statuses(), chat=sender)
    assert await shop.line.text(sender, "سلام").post((await stage.survivor("ingress-whatsapp")).url) == 200
    await stage.answered(shop, sender)
    (sent,) = shop.simulator.ledger.sent(account=shop.account, chat=sender)
    status = shop.line.status(sender, sent.id, "delivered")
    async with stage.dying("ingress-whatsapp", point) as child:
        assert await status.post(child.url) == 0

    assert await status.post((await stage.survivor("ingress-whatsapp")).url) == 200

    await stage.settle(shop)
    outcome = await shop.outcome(sender)
    assert outcome == ONCE["whatsapp"]
    assert await shop.rows("SELECT count(*) FROM provider_events WHERE channel_id = %s", shop.tenant.channel) == [(1,)]
    STATUS[point].saw(outcome)


async def test_widget(stage: Stage) -> None:
    """A visitor's message that was stored and not acknowledged is told to be a duplicate, and answered once."""
    shop = await stage.shop("web")
    survivor = await stage.survivor("ingress-web")
    async with Visitor.arrive(shop, survivor.url) as visitor:
        async with stage.dying("ingress-web", "ingress-web.stored") as child:
            assert await visitor.post("سلام", url=child.url) is None

        again = await visitor.post("سلام")

        assert again
        assert again["duplicate"]
        await stage.settle(shop)
        assert await visitor.roles() == ["customer", "bot"]
    assert await shop.rows("SELECT count(*) FROM turns WHERE tenant_id = %s", shop.tenant.id) == [(1,)]
    WIDGET.saw("one message stored, one turn, shown once")
