"""A real SIGKILL while a message is answered: one turn, whoever asks for it again."""

import pytest

from events import MessageReceived
from shared.failpoints import Point
from tests.faults.shop import Outcome
from tests.faults.stage import Stage
from tests.faults.table import KILLED

pytest_plugins = ("tests.faults.plugin",)

POINTS: tuple[Point, ...] = ("orchestrate.leased", "orchestrate.composed", "orchestrate.committed")
WAYS = {
    "at once": "orchestrate is killed; the broker delivers again at once, later the tick asks",
    "two beats": "orchestrate is killed; the broker delivers again after two missed beats",
    "lost": "orchestrate is killed and the event lost; the tick asks",
}
DEAD = {(point, way): KILLED.fault(point, what) for point in POINTS for way, what in WAYS.items()}
MORE = {
    point: KILLED.fault(point, "orchestrate is killed; the customer writes again before anybody has taken over")
    for point in POINTS
}
SENDER = "700200300"


@pytest.mark.parametrize(("point", "way"), list(DEAD))
async def test_event(stage: Stage, point: Point, way: str) -> None:
    """Whether the dead handler's event comes again, early or late, or never: the message gets one answer."""
    shop = await stage.shop()
    survivor = await stage.survivor("ingress-telegram")
    async with stage.dying("orchestrate", point):
        assert await shop.line.text(SENDER, "سلام").post(survivor.url) == 200
    assert len(stage.courier.undelivered(MessageReceived)) == 1

    match way:
        case "at once":
            await stage.redeliver()
            assert shop.heard(SENDER) == []
        case "two beats":
            await shop.age(11)
            await stage.redeliver()
            if point != "orchestrate.committed":  # there the turn stands, and only the tick knows of its parts
                await stage.answered(shop, SENDER)
        case _:
            stage.courier.lose()

    await stage.settle(shop)
    outcome = await shop.outcome(SENDER)
    assert outcome == Outcome(1, 1, 1)
    DEAD[point, way].saw(outcome)


@pytest.mark.parametrize("point", POINTS)
async def test_more(stage: Stage, point: Point) -> None:
    """What comes while a dead handler holds the lease waits for the next one, and is answered with the rest."""
    shop = await stage.shop()
    survivor = await stage.survivor("ingress-telegram")
    async with stage.dying("orchestrate", point):
        assert await shop.line.text(SENDER, "سلام").post(survivor.url) == 200

    assert await shop.line.text(SENDER, "کسی هست؟").post(survivor.url) == 200

    await stage.settle(shop)
    times = 2 if point == "orchestrate.committed" else 1
    outcome = await shop.outcome(SENDER)
    assert outcome == Outcome(2, times, times, ("accepted",) * times)
    MORE[point].saw(outcome)
