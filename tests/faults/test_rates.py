"""Rates: who is told to wait waits, bot, number or pair; whoever wasn't goes on. Times are the provider's own."""

import asyncio
import time

import pytest

from local.machine.state import Home
from local.simulator.calls import Call
from local.simulator.scripts import Refuse, TooMany
from tests.faults.house import House
from tests.faults.scene import ARRIVED, KINDS, Channel, Scene, until

PAIR_LIMIT = Refuse(status=400, code=131056, message="(#131056) Pair rate limit hit")
WAIT_SECONDS = 5
CHATS = 3
PACE_SECONDS = 0.5
DEADLOCK = "deadlock detected"
"""Whoever is chosen to fail keeps its conversation's slot for half a minute."""


async def chats_of(house: House, kind: str, many: int = CHATS, *, channel: Channel | None = None) -> list[Scene]:
    """So many customers of one channel."""
    channel = channel or await Channel.connect(house, kind)
    return [await Scene.open(house, kind, channel=channel) for _ in range(many)]


async def limited(house: House, kind: str) -> tuple[list[Call], list[Call]]:
    """One bot of two is told to wait, amid answers in some chats of each; the calls of both."""
    slowed, free = await chats_of(house, kind), await chats_of(house, kind)
    slowed[0].channel.script(TooMany(retry_after=WAIT_SECONDS))

    await slowed[0].answer("سلام")
    told = await until(lambda: _refusal(slowed[0].channel), "the refusal")
    turn = 0
    while time.time() < told + WAIT_SECONDS:
        await asyncio.gather(slowed[turn % CHATS].answer("سفارش شما آماده است"), free[turn % CHATS].answer("بله"))
        turn += 1
        await asyncio.sleep(PACE_SECONDS)
    await asyncio.gather(*(scene.rest() for scene in (*slowed, *free)))

    for scene in (*slowed, *free):
        fates = await scene.fates()
        assert all((fate.status, fate.copies, fate.maybe_twice) == (ARRIVED[kind], 1, False) for fate in fates)
        assert [sent.text for sent in scene.channel.sent() if sent.chat == scene.customer] == scene.said
    return slowed[0].channel.calls(), free[0].channel.calls()


async def _refusal(channel: Channel) -> float | None:
    """When the provider told us to wait."""
    return next((call.answered_at for call in channel.calls() if call.step == "too_many"), None)


@pytest.fixture(scope="module")
async def at_once(house: House) -> dict[str, tuple[list[Call], list[Call]]]:
    """Every kind's wait, waited for together."""
    found = await asyncio.gather(*(limited(house, kind) for kind in KINDS))
    return dict(zip(KINDS, found, strict=True))


@pytest.mark.parametrize("kind", KINDS)
async def test_told_to_wait(at_once: dict[str, tuple[list[Call], list[Call]]], kind: str) -> None:
    """From the refusal on no call at all for as long as the provider asked, then on; another bot notices nothing."""
    slowed, free = at_once[kind]
    refusal = slowed[0]
    assert refusal.step == "too_many"
    assert refusal.answered_at
    until_when = refusal.answered_at + WAIT_SECONDS

    between = [call for call in slowed[1:] if call.at < until_when]
    meanwhile = [call for call in free if refusal.answered_at < call.at < until_when]

    assert not between
    assert slowed[1].at < until_when + 8, "it goes on without being asked"
    assert len([call for call in slowed if call.step == "too_many"]) == 1
    assert meanwhile, "the other bot's calls went on"


async def test_many_at_once(house: House) -> None:
    """A refusal amid a burst stops those of the bot's other chats that haven't called yet: none calls after it."""
    scenes = await chats_of(house, "telegram", 10)
    channel = scenes[0].channel
    channel.script(TooMany(retry_after=2))
    for scene in scenes:
        await scene.compose("سلام", "سفارش شما آماده است")

    await asyncio.gather(*(scene.nudge() for scene in scenes))
    await asyncio.gather(*(scene.rest() for scene in scenes))

    told = next(call.answered_at for call in channel.calls() if call.step == "too_many") or 0
    settled = told + 1  # who was calling while the refusal was read can't know
    assert not [call for call in channel.calls() if settled < call.at < told + 2]
    for scene in scenes:
        assert [sent.text for sent in channel.sent() if sent.chat == scene.customer] == scene.said


async def test_busy_number(house: House, home: Home) -> None:
    """A number whose statuses come all at once gets every answer out, and no two transactions wait for each other."""
    log = home.directory("logs") / "postgres.log"
    before = log.read_text().count(DEADLOCK)
    scenes = await chats_of(house, "whatsapp", 8)
    for scene in scenes:
        await scene.compose("سلام", "سفارش شما ثبت شد", "فردا می‌رسد", "پیک تماس می‌گیرد")

    await asyncio.gather(*(scene.nudge() for scene in scenes))
    await asyncio.gather(*(scene.rest() for scene in scenes))

    assert log.read_text().count(DEADLOCK) == before
    for scene in scenes:
        fates = await scene.fates()
        assert [(fate.status, fate.copies, fate.maybe_twice) for fate in fates] == [("delivered", 1, False)] * 4


async def test_pair_limit(house: House) -> None:
    """WhatsApp's limit for one customer makes that one wait 4 s, then 16 s, and nobody else of the number."""
    slowed, other = await chats_of(house, "whatsapp", 2)
    channel = slowed.channel
    channel.script(PAIR_LIMIT, PAIR_LIMIT, chat=slowed.customer)
    await slowed.answer("سلام", "سفارش شما آماده است")
    await slowed.waiting()

    async def calls_after(seconds: float) -> int:
        await slowed.pass_time(seconds)
        await slowed.nudge(wait=True)
        return len([call for call in channel.calls() if call.chat == slowed.customer])

    await other.answer("بله", "موجود است")
    await other.rest()
    assert [fate.status for fate in await other.fates()] == ["delivered"] * 2
    assert [await calls_after(1), await calls_after(3)] == [1, 2]
    assert [await calls_after(14), await calls_after(2)] == [2, 4]
    await slowed.rest()
    assert [(fate.status, fate.copies) for fate in await slowed.fates()] == [("delivered", 1)] * 2
