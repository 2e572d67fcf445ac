"""A document answers once its words are indexed, goes on while a new version is made, and is gone when deleted."""

import asyncio
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from shared.errors import NotFound
from shared.knowledge.index import Fingerprint, Point
from shared.knowledge.ingestion import Ingestion, title_of
from shared.knowledge.objects import knowledge_key
from shared.knowledge.qdrant_edge import QdrantEdge
from shared.store import knowledge
from shared.store.ingestion_jobs import SUPERSEDED
from shared.text.terms import passage_vector
from tests.knowledge.conftest import Library
from tests.tenants import found

HOURS = "# راهنما\n\n## ساعت کاری\n\nشنبه تا چهارشنبه از ۹ تا ۲۱.\n\n## ارسال\n\nهزینه ارسال به تبریز رایگان است.\n"
NEW_HOURS = HOURS.replace("۹ تا ۲۱", "۸ تا ۱۶")
LONG = "\n\n".join(f"## بخش {i}\n\nمتن شماره {i} درباره کالای {i}." for i in range(200))
SPARSE = Fingerprint()


class StuckIndex(QdrantEdge):
    """The engine, whose *stuck_at*-th write waits until it is let go: a worker that stands still."""

    def __init__(self, folder: Path, stuck_at: int) -> None:
        super().__init__(folder)
        self._stuck_at = stuck_at
        self.writes = 0
        self.stuck, self.go = asyncio.Event(), asyncio.Event()

    async def upsert(self, collection: Fingerprint, points: Sequence[Point]) -> None:
        self.writes += 1
        if self.writes == self._stuck_at:
            self.stuck.set()
            await self.go.wait()
        await super().upsert(collection, points)


async def expire_leases(library: Library) -> None:
    """Time passes."""
    await library.rows("UPDATE ingestion_jobs SET lease_until = now() - interval '1 s' RETURNING 1")


async def test_ready(library: Library) -> None:
    """
    An uploaded document answers, takes its title from its first heading, and says that it is ready.
    """
    asset = await library.add(HOURS, name="rahnama_1.md")

    kept = await library.get(asset)

    assert (kept.status, kept.dense, kept.title, kept.position, kept.total) == ("ready", "off", "راهنما", 2, 2)
    assert (await library.texts("ساعت كاري شما چیست؟"))[0] == "شنبه تا چهارشنبه از ۹ تا ۲۱."


async def test_same_bytes(library: Library) -> None:
    """
    The same bytes are one document, whatever the file is called, until it is deleted.
    """
    first = await library.upload(HOURS)

    assert await library.upload(HOURS, name="دیگر.md") == first

    await library.delete(first)
    assert await library.upload(HOURS) != first


async def test_same_bytes_at_once(library: Library) -> None:
    """
    A file that is sent several times at once becomes one document.
    """
    assert len(set(await asyncio.gather(*(library.upload(HOURS) for _ in range(4))))) == 1


async def test_failed_bytes_may_come_again(library: Library) -> None:
    """
    A file that could not be read is no document to point to: sending it again tries again.
    """
    broken = b"%PDF-1.7"
    first = await library.upload(broken)
    await library.ingest(first)

    assert await library.upload(broken) != first


async def test_refused(library: Library) -> None:
    """
    A file that can't be read ends as failed, with the reason, and its bytes are not kept.
    """
    asset = await library.upload(b"%PDF-1.7 ...", name="راهنما.md")

    await library.ingest(asset)

    kept = await library.get(asset)
    assert kept.status == "failed"
    assert kept.reason is not None
    assert kept.reason.startswith("pdf_name: The file is a PDF but its name says otherwise")
    with pytest.raises(NotFound):
        await library.objects.get_file(knowledge_key(library.tenant.id, asset, 1), Path("/dev/null"))


async def test_new_version(library: Library) -> None:
    """
    The old version answers until the new one does; then nothing of the old one is left anywhere.
    """
    asset = await library.add(HOURS)
    await library.replace(asset, NEW_HOURS)
    before = await library.texts("ساعت کاری")

    await library.ingest(asset)

    assert before[0].endswith("۲۱.")
    assert (await library.texts("ساعت کاری"))[0].endswith("۱۶.")
    assert await library.index.count(SPARSE, library.tenant.id, asset, 1) == 0
    assert await library.rows("SELECT version FROM chunks GROUP BY version") == [(2,)]
    assert await library.rows("SELECT version FROM ingestion_jobs") == [(2,)]
    assert await library.rows("SELECT 1 FROM deletions") == []
    with pytest.raises(NotFound):
        await library.objects.get_file(knowledge_key(library.tenant.id, asset, 1), Path("/dev/null"))


async def test_failed_version(library: Library) -> None:
    """
    A new version that can't be read leaves the old one answering.
    """
    asset = await library.add(HOURS)
    await library.replace(asset, b"\x89PNG\r\n\x1a\n", name="راهنما.md")

    await library.ingest(asset)

    kept = await library.get(asset)
    assert (kept.status, kept.version, kept.active_version) == ("failed", 2, 1)
    assert (await library.texts("ساعت کاری"))[0].endswith("۲۱.")


async def test_versions_out_of_order(library: Library) -> None:
    """
    A slow worker on an older version never takes the answer back from a newer one.
    """
    asset = await library.add(HOURS)
    await library.replace(asset, NEW_HOURS)
    stuck = StuckIndex(library.index._folder, 1)
    slow = asyncio.create_task(Ingestion(library.worker, library.objects, stuck, None).run(library.tenant.id, asset))
    await stuck.stuck.wait()
    await library.replace(asset, NEW_HOURS.replace("۱۶", "۱۸"))

    await library.ingest(asset)  # the third version: the second is held
    stuck.go.set()
    await slow
    await library.ingest(asset)

    kept = await library.get(asset)
    assert (kept.status, kept.active_version) == ("ready", 3)
    assert (await library.texts("ساعت کاری"))[0].endswith("۱۸.")
    assert await library.rows("SELECT DISTINCT version FROM chunks") == [(3,)]
    assert await library.rows("SELECT version FROM ingestion_jobs") == [(3,)]
    assert await library.index.count(SPARSE, library.tenant.id, asset, 2) == 0
    await stuck.close()
    assert SUPERSEDED.startswith("superseded: ")


async def test_deleted(library: Library) -> None:
    """
    A deleted document answers no more at once; soon nothing of it is left: file, passages, vectors, rows.
    """
    asset = await library.add(HOURS)

    await library.delete(asset)
    at_once = await library.texts("ساعت کاری")
    await library.ingest(asset)

    assert at_once == []
    assert await library.index.count(SPARSE, library.tenant.id) == 0
    for table in ("knowledge_assets", "ingestion_jobs", "chunks", "deletions"):
        assert await library.rows(f"SELECT 1 FROM {table}") == []
    with pytest.raises(NotFound):
        await library.objects.get_file(knowledge_key(library.tenant.id, asset, 1), Path("/dev/null"))
    with pytest.raises(NotFound):
        await library.delete(asset)


async def test_deleted_while_indexed(library: Library) -> None:
    """
    A document that is deleted while it is being indexed does not come back, and leaves no vector: the worker stops.
    """
    asset = await library.upload(LONG)
    stuck = StuckIndex(library.index._folder, 2)
    run = asyncio.create_task(Ingestion(library.worker, library.objects, stuck, None).run(library.tenant.id, asset))
    await stuck.stuck.wait()

    await library.delete(asset)
    await library.ingest(asset)  # the worker is still at it: nothing is removed under its hands
    stuck.go.set()
    assert not await run

    assert stuck.writes == 2
    assert await library.texts("متن") == []
    assert await library.index.count(SPARSE, library.tenant.id) == 0
    assert await library.rows("SELECT 1 FROM deletions") == []
    await stuck.close()


async def test_late_vectors_revive_nothing(library: Library) -> None:
    """
    Vectors written after a deletion find nothing: only Postgres says what may answer.
    """
    asset = await library.add(HOURS)
    [(chunk,)] = await library.rows("SELECT id FROM chunks WHERE ordinal = 0")
    await library.delete(asset)
    await library.ingest(asset)
    assert isinstance(chunk, UUID)

    late = Point(chunk, library.tenant.id, asset, 1, (), passage_vector("ساعت کاری"))
    await library.index.upsert(SPARSE, [late])

    assert await library.texts("ساعت کاری") == []


@pytest.mark.parametrize("stuck_at", [1, 3, 4])
async def test_killed_anywhere(library: Library, stuck_at: int) -> None:
    """
    Where a worker dies, the next one goes on; when the first turns out to be only slow, it changes nothing.
    """
    asset = await library.upload(LONG)
    stuck = StuckIndex(library.index._folder, stuck_at)
    first = asyncio.create_task(Ingestion(library.worker, library.objects, stuck, None).run(library.tenant.id, asset))
    await stuck.stuck.wait()
    assert not await library.ingestion().run(library.tenant.id, asset)  # it is held
    await expire_leases(library)

    await library.ingest(asset)
    done = await library.get(asset)
    stuck.go.set()
    await first

    assert (done.status, done.total, done.position) == ("ready", 200, 200)
    assert await library.get(asset) == done
    assert await library.index.count(SPARSE, library.tenant.id, asset) == 200
    await stuck.close()


async def test_slices(library: Library) -> None:
    """
    A slice ends in time and says that there is more; the next goes on where it ended.
    """
    asset = await library.upload(LONG)
    ticks = count()
    ingestion = Ingestion(
        library.worker, library.objects, library.index, None, work_seconds=3, clock=lambda: float(next(ticks))
    )

    positions = []
    while await ingestion.run(library.tenant.id, asset):
        positions.append((await library.get(asset)).position)

    assert positions == sorted(set(positions) | {positions[0]})
    assert 0 < positions[0] < 200
    assert (await library.get(asset)).status == "ready"


async def test_gives_up(library: Library) -> None:
    """
    A file on which every worker died is refused in the end, instead of killing the next one for ever.
    """
    asset = await library.upload(HOURS)
    await library.rows("UPDATE ingestion_jobs SET attempts = 5 RETURNING 1")

    await library.ingest(asset)

    assert (await library.get(asset)).status == "failed"


async def test_words_before_meaning(library: Library) -> None:
    """
    While the model is away a document is ready and answers by its words; its meaning follows when the model is back.
    """
    library.with_model()
    library.model.away = True
    asset = await library.add(HOURS)
    early = await library.get(asset)
    assert (await library.texts("ساعت کاری"))[0].endswith("۲۱.")

    library.model.away = False
    await expire_leases(library)
    await library.ingest(asset)
    late = await library.get(asset)

    assert (early.status, early.dense) == ("ready", "pending")
    assert (late.status, late.dense) == ("ready", "ready")
    assert (await library.texts("کرایه پست"))[0].startswith("هزینه ارسال")


async def test_another_model(library: Library) -> None:
    """
    After the model was changed, the old index answers until the new one has every document, then it is emptied.
    """
    library.with_model("small")
    first = await library.add(HOURS)
    second = await library.add(LONG, name="کالا.md")
    old, new = Fingerprint("small", 64), Fingerprint("large", 64)

    library.with_model("large")
    await library.ingest(first)
    assert await library.rows("SELECT active_index FROM tenants") == [(str(old),)]
    assert (await library.texts("ساعت کاری"))[0].endswith("۲۱.")
    await library.ingest(second)

    assert await library.rows("SELECT active_index FROM tenants") == [(str(new),)]
    assert (await library.texts("کرایه پست"))[0].startswith("هزینه ارسال")
    assert await library.index.count(old, library.tenant.id) == 0
    assert await library.index.count(new, library.tenant.id) == 202


async def test_model_added_and_removed(library: Library) -> None:
    """
    A model that comes later gives the old documents their vectors; one that is switched off leaves the words.
    """
    asset = await library.add(HOURS)
    library.with_model()
    await library.ingest(asset)
    assert (await library.get(asset)).dense == "ready"
    assert (await library.texts("کرایه پست"))[0].startswith("هزینه ارسال")

    library.embedder = None
    other = await library.add("# گارانتی\n\nگارانتی هجده ماه است.", name="گ.md")

    assert (await library.get(other)).dense == "off"
    assert await library.texts("گارانتی") == ["گارانتی هجده ماه است."]


async def test_edited(library: Library) -> None:
    """
    A document limited to another brand answers for that brand, as soon as it is indexed again.
    """
    brand, other = uuid4(), uuid4()
    asset = await library.add(HOURS, brands=(brand,))
    assert await library.texts("ساعت کاری", brands=[other]) == []

    async with library.console.tenant(library.tenant.id) as db:
        await knowledge.edit(db, asset, title="تازه", brands=[other])
    assert await library.texts("ساعت کاری", brands=[brand]) == []
    await library.ingest(asset)

    assert (await library.texts("ساعت کاری", brands=[other]))[0].endswith("۲۱.")
    assert (await library.get(asset)).title == "تازه"


async def test_lists(library: Library) -> None:
    """
    Documents are listed newest first, page by page, without the deleted ones.
    """
    made = [await library.upload(f"متن {i}", name=f"{i}.txt") for i in range(3)]
    await library.delete(made[1])

    async with library.console.tenant(library.tenant.id) as db:
        [newest] = await knowledge.list_recent(db, limit=1)
        rest = await knowledge.list_recent(db, limit=5, before=(newest.created_at, newest.id))

    assert [newest.id, *(a.id for a in rest)] == [made[2], made[0]]


async def test_another_tenant(library: Library) -> None:
    """
    Another tenant finds nothing of ours, and an event that names our document in its name does nothing.
    """
    asset = await library.upload(HOURS)
    stranger = (await found(library.url)).id

    assert not await library.ingestion().run(stranger, asset)
    assert (await library.get(asset)).status == "pending"
    await library.ingest(asset)

    assert (await library.searcher().search(stranger, "ساعت کاری")).passages == ()


@pytest.mark.parametrize(
    ("name", "title"), [("opening_hours-2.md", "opening hours 2"), ("راهنما.txt", "راهنما"), (".md", ".md")]
)
def test_title(name: str, title: str) -> None:
    """A document is called by its file's name until it says better."""
    assert title_of(name) == title
