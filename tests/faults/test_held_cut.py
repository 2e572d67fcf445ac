"""A function's connections to Postgres are cut at a point, as by a restart of the server or a failover."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from events import KnowledgeUploaded
from shared.failpoints import Point
from tests.conftest import S3
from tests.faults.documents import Documents, Left, document
from tests.faults.ground import INGRESS
from tests.faults.hall import Hall
from tests.faults.shop import Outcome, Shop
from tests.faults.table import HELD, Fault

pytest_plugins = ("tests.faults.plugin",)

SENDER = "700950100"
PASSAGES = 70
ROLES = {
    "ingress": "xin_ingress",
    "orchestrate": "xin_orchestrate",
    "deliver": "xin_deliver",
    "embed-chunk": "xin_embed",
}
CUT = "all its connections to Postgres are cut"
ENDS: dict[Point, Outcome] = {
    "ingress.authenticated": Outcome(1, 1, 1),
    "ingress.stored": Outcome(1, 1, 1),
    "orchestrate.leased": Outcome(1, 1, 1),
    "orchestrate.composed": Outcome(1, 1, 1),
    "orchestrate.committed": Outcome(1, 1, 1),
    "deliver.claimed": Outcome(1, 1, 1),
    "deliver.answered": Outcome(1, 1, 1),
    "deliver.recorded": Outcome(1, 1, 1),
}
ANSWERING: dict[str, Fault] = {point: HELD.fault(point, CUT) for point in ENDS}
INDEXING: dict[str, Fault] = {
    point: HELD.fault(point, CUT)
    for point in ("embed-chunk.claimed", "embed-chunk.read", "embed-chunk.indexed", "embed-chunk.activated")
}


@pytest.fixture(autouse=True)
async def _recovered(hall: Hall) -> AsyncIterator[None]:
    """For whatever comes afterwards."""
    yield
    await hall.recover()


async def cut(shop: Shop, point: str) -> None:
    """Every connection of the function that is held; the next one that it opens works."""
    role = ROLES[point.partition(".")[0]]
    statement = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s"
    assert {ended for (ended,) in await shop.rows(f"{statement} AND datname = current_database()", role)} <= {True}


@pytest.mark.parametrize("point", list(ANSWERING))
async def test_answering(hall: Hall, point: Point) -> None:
    """A function that lost its connections goes on or is asked again; nothing is said twice."""
    shop = await hall.shop()
    webhook = shop.line.text(SENDER, "سلام")
    url = hall.address(INGRESS["telegram"])

    async def post() -> None:
        """As a provider does it."""
        while await webhook.post(url) != 200:
            await asyncio.sleep(0.05)

    async with hall.holding(point) as gate:
        posting = asyncio.create_task(post())
        await gate.held()
        await cut(shop, point)
        gate.go()
        await posting
        await hall.quiet()
    await hall.redeliver()

    await hall.settle(shop)
    outcome = await shop.outcome(SENDER)
    assert outcome == ENDS[point]
    blocked = "SELECT count(*) FROM channels WHERE id = %s AND last_error IS NOT NULL"
    assert await shop.rows(blocked, shop.tenant.channel) == [(0,)], "a channel is not to blame for our database"
    ANSWERING[point].saw(outcome)


@pytest.fixture
async def documents(hall: Hall, object_store: S3) -> AsyncIterator[Documents]:
    async with Documents.open(await hall.shop(), hall.urls.app, object_store, hall.vectors) as documents:
        yield documents


@pytest.mark.parametrize("point", list(INDEXING))
async def test_indexing(hall: Hall, documents: Documents, point: Point) -> None:
    """A worker that lost its connections leaves what it has done to the next one."""
    asset = await documents.upload(document(PASSAGES, "انبار"))
    async with hall.holding(point) as gate:
        event = KnowledgeUploaded(tenant=documents.shop.tenant.id, asset=asset)
        working = asyncio.create_task(hall.courier.send(event))
        await gate.held()
        await cut(documents.shop, point)
        gate.go()
        await working
    await hall.redeliver()

    await hall.settle(documents.shop)
    left = await documents.left()
    assert left == Left(1, 1, PASSAGES, PASSAGES, 1)
    INDEXING[point].saw(left)
