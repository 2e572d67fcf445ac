"""Webhooks, ticks and workers on documents held at a point while others come in between."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from events import KnowledgeUploaded
from shared.failpoints import Point
from shared.store.jsonb import jsonb
from tests.conftest import S3
from tests.faults.courier import Letter
from tests.faults.documents import Documents, Left, document
from tests.faults.hall import Hall
from tests.faults.shop import Outcome
from tests.faults.table import HELD, Fault

pytest_plugins = ("tests.faults.plugin",)

PASSAGES = 70
SENDER = "700800900"
TIMES = 20
CROWD = HELD.fault("ingress.authenticated", "one update twenty times in parallel, all of them past the secret")
STRANGERS = HELD.fault("ingress.authenticated", "twenty first messages of one new customer in parallel")
TICKS: dict[str, Fault] = {
    "automation-tick.looked": HELD.fault(
        "automation-tick.looked", "two ticks have seen the same rule due, and go on at once"
    ),
    "automation-tick.claimed": HELD.fault(
        "automation-tick.claimed", "a tick has claimed a rule's run; another looks meanwhile"
    ),
}
OTHER = HELD.fault(
    "embed-chunk.indexed", "a worker stands still until its lease has run out; another does the document"
)
DELETED: dict[str, Fault] = {
    point: HELD.fault(point, f"the document is deleted while {what}; a second worker looks meanwhile")
    for point, what in (
        ("embed-chunk.claimed", "its worker has just taken it up"),
        ("embed-chunk.read", "its worker has read it"),
        ("embed-chunk.indexed", "its worker has written vectors"),
        ("embed-chunk.activated", "it begins to answer"),
    )
}
COMING = HELD.fault(
    "console-api.object_stored", "a new version's file is stored and its row is not; a worker looks at the document"
)


async def test_crowd(hall: Hall) -> None:
    """One update that comes twenty times at once is one message."""
    shop = await hall.shop()
    webhook = shop.line.text(SENDER, "سلام")
    async with hall.holding("ingress.authenticated", crowd=TIMES) as all_of_them:
        posts = [asyncio.create_task(webhook.post(hall.address("ingress-telegram"))) for _ in range(TIMES)]
        await all_of_them.held()
        all_of_them.go()
        assert await asyncio.gather(*posts) == [200] * TIMES

    await hall.answered(shop, SENDER)
    await hall.settle(shop)
    outcome = await shop.outcome(SENDER)
    assert outcome == Outcome(1, 1, 1)
    CROWD.saw(outcome)


async def test_first_messages(hall: Hall) -> None:
    """What a new customer sends at once is one conversation, numbered without a gap, and all of it covered by turns."""
    shop = await hall.shop()
    async with hall.holding("ingress.authenticated", crowd=TIMES) as all_of_them:
        posts = [
            asyncio.create_task(shop.line.text(SENDER, "سلام").post(hall.address("ingress-telegram")))
            for _ in range(TIMES)
        ]
        await all_of_them.held()
        all_of_them.go()
        assert await asyncio.gather(*posts) == [200] * TIMES

    await hall.answered(shop, SENDER)
    await hall.settle(shop)
    outcome = await shop.outcome(SENDER)
    assert outcome.stored == TIMES
    assert outcome.copies == outcome.turns == len(outcome.states)
    statement = (
        "SELECT count(*), max(seq) - count(*), bool_and(answered >= last_in) FROM conversations WHERE tenant_id = %s"
    )
    ((conversations, _, answered),) = await shop.rows(statement, shop.tenant.id)
    assert (conversations, answered) == (1, True)
    STRANGERS.saw("one conversation, twenty messages stored, every one in a turn, a copy a turn")


@pytest.mark.parametrize("point", list(TICKS))
async def test_two_ticks(hall: Hall, point: Point) -> None:
    """A rule that is due makes one run, however many look, and the run is done once."""
    shop = await hall.shop()
    statement = (
        "INSERT INTO automation_rules (tenant_id, name, schedule, action, next_due_at)"
        " VALUES (%s, 'شمارش', '0 9 * * *', %s, %s)"
    )
    action = jsonb({"do": "note", "text": "انبار را بشمارید"})
    await shop.database.execute(statement, (shop.tenant.id, action, datetime.now(UTC) - timedelta(minutes=1)))
    crowd = 2 if point == "automation-tick.looked" else 1
    async with hall.holding(point, crowd=crowd) as gate:
        ticks = [asyncio.create_task(hall.tick()) for _ in range(crowd)]
        await gate.held()
        if crowd == 1:
            assert await hall.tick() == 204
        gate.go()
        assert set(await asyncio.gather(*ticks)) == {204}

    await hall.settle(shop)
    runs = await shop.rows("SELECT state FROM automation_runs WHERE tenant_id = %s", shop.tenant.id)
    notes = await shop.rows("SELECT 1 FROM audit_log WHERE tenant_id = %s", shop.tenant.id)
    assert (runs, len(notes)) == ([("done",)], 1)
    TICKS[point].saw("one run done, one note written")


@pytest.fixture
async def documents(hall: Hall, object_store: S3, tmp_path: Path) -> AsyncIterator[Documents]:
    async with Documents.open(await hall.shop(), hall.urls.app, object_store, hall.vectors) as documents:
        yield documents


async def work(hall: Hall, documents: Documents, asset: object) -> Letter:
    """An event about the document; back when its worker is done."""
    event = KnowledgeUploaded.model_validate({"tenant": documents.shop.tenant.id, "asset": asset})
    return await hall.courier.send(event)


async def test_lease_lost(hall: Hall, documents: Documents) -> None:
    """A worker whose lease has run out writes nothing more, and what two have written is there once."""
    asset = await documents.upload(document(PASSAGES, "انبار"))
    async with hall.holding("embed-chunk.indexed") as gate:
        first = asyncio.create_task(work(hall, documents, asset))
        await gate.held()
        assert (await work(hall, documents, asset)).answers == [204]
        assert (await documents.left()).answering == 0, "the lease is the first one's"
        await documents.shop.age(31)
        assert (await work(hall, documents, asset)).answers == [204]
        gate.go()
        assert (await first).answers == [204]

    await hall.settle(documents.shop)
    left = await documents.left()
    assert left == Left(1, 1, PASSAGES, PASSAGES, 1)
    OTHER.saw(left)


@pytest.mark.parametrize("point", list(DELETED))
async def test_deleted(hall: Hall, documents: Documents, point: Point) -> None:
    """A document that is deleted under its worker's hands leaves nothing behind."""
    asset = await documents.upload(document(PASSAGES, "انبار"))
    async with hall.holding(point) as gate:
        first = asyncio.create_task(work(hall, documents, asset))
        await gate.held()
        await documents.delete(asset)
        assert (await work(hall, documents, asset)).answers == [204]
        gate.go()
        assert (await first).answers == [204]

    await hall.settle(documents.shop)
    left = await documents.left()
    assert left == Left(0, 0, 0, 0, 0)
    DELETED[point].saw(left)


async def test_coming_version(hall: Hall, documents: Documents) -> None:
    """A file on its way is nobody's to remove, whoever works on the document meanwhile."""
    asset = await documents.upload(document(5, "قدیمی"))
    assert (await work(hall, documents, asset)).answers == [204]
    file = ("تازه.md", document(PASSAGES, "تازه").encode(), "text/markdown")
    owner = documents.shop.signed_in(hall.address("console-api"))
    async with owner, hall.holding("console-api.object_stored") as gate:
        putting = asyncio.create_task(owner.put(f"/knowledge/{asset}", files={"file": file}))
        await gate.held()
        assert (await work(hall, documents, asset)).answers == [204]
        assert await documents.files() == 2
        gate.go()
        assert (await putting).status_code == 202

    await hall.settle(documents.shop)
    left = await documents.left()
    assert left == Left(1, 1, PASSAGES, PASSAGES, 1)
    COMING.saw(left)
