"""What is wrong with a whole channel or a customer of it: nobody answers there, its token is void, we are blocked."""

import re
import socket
from uuid import UUID

import pytest

from functions.deliver.outbox import Outbox
from local.simulator.scripts import Block, Oversized, RevokeToken, RotateToken, Unblock
from tests.faults.house import House
from tests.faults.scene import ARRIVED, KINDS, Scene, until

URLS = ("telegram_api_url", "bale_api_url", "graph_api_url", "instagram_api_url")
MEBIBYTE = 1 << 20


@pytest.mark.parametrize("kind", KINDS)
async def test_no_connection(house: House, kind: str) -> None:
    """While nobody takes the connection everything waits and says why; then it leaves once, nothing is ambiguous."""
    scene = await Scene.open(house, kind)
    await scene.compose("سفارش شما ثبت شد", "فردا می‌رسد")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and it never listens
        closed = dict.fromkeys(URLS, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        async with Outbox.open(house.settings.model_copy(update=closed)) as cut_off:
            await cut_off.drain(UUID(house.tenant), scene.conversation)
            waiting = await scene.fates()

    await scene.pass_time(60)
    await scene.nudge()
    await scene.rest()

    assert [fate.status for fate in waiting] == ["queued", "queued"]
    assert "could not be reached" in (waiting[0].reason or "")
    assert [(fate.status, fate.copies, fate.maybe_twice) for fate in await scene.fates()] == [
        (ARRIVED[kind], 1, False)
    ] * 2
    assert [sent.text for sent in scene.channel.sent()] == scene.said


async def revoked(house: House, kind: str) -> tuple[Scene, Scene]:
    """Two customers of a channel whose token was revoked after some of what the bot had to say had left."""
    scene = await Scene.open(house, kind)
    other = await Scene.open(house, kind, channel=scene.channel)
    await scene.answer("سلام", "سفارش شما ثبت شد")
    await scene.rest()
    scene.channel.script(RevokeToken())
    await scene.compose("فردا می‌رسد", "پیک تماس می‌گیرد")
    await other.compose("بله، موجود است")
    await scene.nudge(wait=True)
    await scene.waiting()
    await other.nudge(wait=True)
    return scene, other


async def repair(scene: Scene) -> str:
    """The tenant gets a new token and enters it in the console; the token."""
    channel = scene.channel
    token = f"{channel.token}-new"
    channel.script(RotateToken(token=token))
    name = "bot_token" if ":" in token else "access_token"
    changed = await scene.house.owner.patch(f"/channels/{channel.id}", json={"secrets": {name: token}})
    assert changed.status_code == 200, changed.text
    return token


@pytest.mark.parametrize("kind", KINDS)
async def test_revoked_token(house: House, kind: str) -> None:
    """A token revoked amid the queue: all of the channel waits and says why; with a new one it leaves, in order."""
    scene, other = await revoked(house, kind)
    waiting, shown = await scene.fates(), await scene.channel.shown()
    asked = len(scene.channel.calls())

    token = await repair(scene)
    for one in (scene, other):
        await one.nudge()
        await one.rest()

    arrived = (ARRIVED[kind], 1, False)
    assert [fate.status for fate in waiting] == [ARRIVED[kind]] * 2 + ["queued"] * 2
    assert re.search("401|190", waiting[2].reason or "")
    assert re.search("401|190", shown["last_error"])
    assert asked <= 4, "a refusal, perhaps a look whether the token is the newest, and nobody else asks"
    for one in (scene, other):
        assert [(fate.status, fate.copies, fate.maybe_twice) for fate in await one.fates()] == [arrived] * len(one.said)
        assert [sent.text for sent in one.channel.sent() if sent.chat == one.customer] == one.said
    assert len(scene.channel.calls()) == asked + 3
    told = f"{waiting}{shown}{await scene.channel.shown()}"
    assert scene.channel.token not in told
    assert token not in told


async def test_repaired_at_once(house: House) -> None:
    """Whoever has entered a new token sees at the next look that it works: nothing waits out the refused one's time."""
    scene, _ = await revoked(house, "telegram")

    await repair(scene)

    async def left() -> bool:
        return len(scene.channel.sent()) == len(scene.said) + 1

    await until(left, "what waited for the token", seconds=5)


@pytest.mark.parametrize("kind", ["telegram", "bale", "instagram"])
async def test_blocked(house: House, kind: str) -> None:
    """Who blocked us isn't asked twice, and the operator sees it; who writes again is answered again."""
    scene = await Scene.open(house, kind)
    scene.channel.script(Block(), chat=scene.customer)
    await scene.answer("سفارش شما ثبت شد", "فردا می‌رسد")
    await scene.rest()
    refused = await scene.fates()
    shown = await house.owner.get(f"/conversations/{scene.conversation}")

    scene.channel.script(Unblock(), chat=scene.customer)
    await scene.answer("خوش برگشتید")
    await scene.rest()

    assert [(fate.status, fate.copies) for fate in refused] == [("failed", 0)] * 2
    assert all(fate.reason for fate in refused)
    assert shown.json()["unreachable"] is True
    assert (await house.owner.get(f"/conversations/{scene.conversation}")).json()["unreachable"] is False
    assert [fate.status for fate in await scene.fates()] == ["failed", "failed", ARRIVED[kind]]
    assert len(scene.channel.calls()) == 2


async def test_blocked_on_whatsapp(house: House) -> None:
    """WhatsApp tells nobody: what a customer who blocked us was sent stays sent, and that isn't sent again."""
    scene = await Scene.open(house, "whatsapp")
    scene.channel.script(Block(), chat=scene.customer)

    await scene.answer("سفارش شما ثبت شد")
    await scene.rest()
    await scene.pass_time(86_400)
    await scene.nudge(wait=True)

    assert [(fate.status, fate.copies) for fate in await scene.fates()] == [("sent", 1)]
    assert len(scene.channel.calls()) == 1


async def test_flood(house: House) -> None:
    """A provider, or what stands in its place, can't fill our memory: an answer without end isn't read to its end."""
    scene = await Scene.open(house, "telegram")
    scene.channel.script(Oversized(mebibytes=64))

    await scene.answer("سفارش شما ثبت شد")
    await scene.rest()

    assert scene.channel.calls()[0].answer_bytes < 16 * MEBIBYTE
