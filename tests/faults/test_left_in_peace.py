"""Customers who must not be written to: by WhatsApp's limit, whoever speaks; and those whom we can't reach."""

import pytest

from local.simulator.scripts import Refuse
from tests.faults.house import House
from tests.faults.scene import Scene

PAIR_LIMIT = Refuse(status=400, code=131056, message="(#131056) Pair rate limit hit")


async def test_pair_limit_binds_people(house: House) -> None:
    """A person who takes over doesn't write before the provider's time is over either; then theirs leaves alone."""
    scene = await Scene.open(house, "whatsapp")
    scene.channel.script(PAIR_LIMIT)
    await scene.answer("سفارش شما ثبت شد")
    await scene.waiting()

    said = await house.owner.post(f"/conversations/{scene.conversation}/messages", json={"text": "سلام، سپیده هستم"})
    await scene.nudge(wait=True)
    asked = len(scene.channel.calls())

    assert said.status_code == 201
    assert asked == 1
    await scene.rest()
    assert [sent.text for sent in scene.channel.sent()] == ["سلام، سپیده هستم"]


@pytest.mark.parametrize("kind", ["telegram", "instagram"])
async def test_unreachable(house: House, kind: str) -> None:
    """Nobody calls the provider for a customer who is known to be out of reach; the reason says what would help."""
    scene = await Scene.open(house, kind)
    await house.run(
        "UPDATE contacts SET unreachable_at = clock_timestamp() FROM conversations c"
        " WHERE c.id = %s AND contacts.id = c.contact_id",
        scene.conversation,
    )
    await scene.answer("سفارش شما ثبت شد")
    await scene.rest()

    (fate,) = await scene.fates()
    assert (fate.status, fate.copies) == ("failed", 0)
    assert "once they write" in (fate.reason or "")
    assert not scene.channel.calls()
