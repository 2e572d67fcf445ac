"""A real SIGKILL while a document is indexed or removed: it answers once, whole, and nothing is left behind."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from events import KnowledgeUploaded
from shared.failpoints import Point
from tests.conftest import S3
from tests.faults.documents import Documents, Left, document
from tests.faults.stage import Stage
from tests.faults.table import KILLED

pytest_plugins = ("tests.faults.plugin",)

PASSAGES = 70
"""More than one batch."""
WHOLE = Left(documents=1, answering=1, passages=PASSAGES, points=PASSAGES, files=1)
NEW: dict[tuple[Point, int], str] = {
    ("embed-chunk.claimed", 1): "embed-chunk is killed with a document it has just taken up",
    ("embed-chunk.read", 1): "embed-chunk is killed when it has read it and kept its passages",
    ("embed-chunk.indexed", 1): "embed-chunk is killed when the first 64 of 70 vectors are written and not yet counted",
    ("embed-chunk.indexed", 2): "embed-chunk is killed when all vectors are written and the last are not yet counted",
    ("embed-chunk.activated", 1): "embed-chunk is killed when the document answers",
}
INDEXED = {where: KILLED.fault(where[0], f"{what}; the tick asks") for where, what in NEW.items()}
REPLACED = {
    point: KILLED.fault(point, f"embed-chunk is killed {when}; the tick asks")
    for point, when in (
        ("embed-chunk.activated", "when a new version answers and the old one is not yet removed"),
        ("embed-chunk.removed", "when an old version's file and vectors are gone, and its rows are not"),
    )
}
DELETED = KILLED.fault(
    "embed-chunk.removed", "embed-chunk is killed when a deleted document's file and vectors are gone; the tick asks"
)


@pytest.fixture
async def documents(stage: Stage, object_store: S3, tmp_path: Path) -> AsyncIterator[Documents]:
    async with Documents.open(await stage.shop(), stage.urls.app, object_store, tmp_path / "vectors") as documents:
        yield documents


async def killed(stage: Stage, documents: Documents, asset: UUID, point: Point, nth: int = 1) -> None:
    """What is open about *asset* is begun, and its worker killed."""
    async with stage.dying("embed-chunk", point, nth=nth, folder=documents.folder):
        await stage.courier.send(KnowledgeUploaded(tenant=documents.shop.tenant.id, asset=asset))
    assert len(stage.courier.undelivered(KnowledgeUploaded)) == 1


async def finished(stage: Stage, documents: Documents) -> Left:
    """What is there when another worker has done what the broker delivers again at once, and what the tick finds."""
    async with stage.worker(documents.folder):
        await stage.redeliver()
        await stage.settle(documents.shop)
    return await documents.left()


@pytest.mark.parametrize(("point", "nth"), list(INDEXED))
async def test_new_document(stage: Stage, documents: Documents, point: Point, nth: int) -> None:
    """Another worker goes on where the dead one's rows end, and no passage is there twice."""
    asset = await documents.upload(document(PASSAGES, "انبار"))
    await killed(stage, documents, asset, point, nth)

    left = await finished(stage, documents)

    assert left == WHOLE
    INDEXED[point, nth].saw(left)


@pytest.mark.parametrize("point", list(REPLACED))
async def test_new_version(stage: Stage, documents: Documents, point: Point) -> None:
    """One version answers, and of the other nothing is left."""
    asset = await documents.upload(document(5, "قدیمی"))
    await stage.courier.send(KnowledgeUploaded(tenant=documents.shop.tenant.id, asset=asset))
    await finished(stage, documents)
    await documents.replace(asset, document(PASSAGES, "تازه"))
    await killed(stage, documents, asset, point)

    left = await finished(stage, documents)

    assert left == WHOLE
    text = "SELECT count(*) FROM chunks WHERE asset_id = %s AND text LIKE '%%تازه%%'"
    assert await documents.shop.rows(text, asset) == [(PASSAGES,)]
    REPLACED[point].saw(left)


async def test_deleted(stage: Stage, documents: Documents) -> None:
    """What was being removed when its worker died is removed, rows and all."""
    asset = await documents.upload(document(5, "انبار"))
    await documents.delete(asset)
    await killed(stage, documents, asset, "embed-chunk.removed")

    left = await finished(stage, documents)

    assert left == Left(0, 0, 0, 0, 0)
    DELETED.saw(left)
