"""From an uploaded file to an answering document, in slices that end in time and can be killed anywhere.

Read and cut → sparse vectors, and the document answers → dense vectors in the background. In between nothing is kept
but what Postgres says: the next slice, in whichever process, goes on from there. A passage's id follows from its
document, version and place, so doing a step twice changes nothing.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID, uuid5

from shared import failpoints
from shared.errors import NotFound
from shared.knowledge.chunking import indexed_text, passages
from shared.knowledge.documents import DocumentRejected, Section, read_document
from shared.knowledge.embedding import BATCH, Embedder, EmbeddingsAway
from shared.knowledge.index import Fingerprint, Point, VectorIndex
from shared.knowledge.objects import Objects, knowledge_key, knowledge_prefix
from shared.store import ingestion_jobs as jobs
from shared.store import knowledge
from shared.store.ingestion_jobs import Chunk, IndexMoved, Job, LeaseLost, Leftover
from shared.store.tenancy import Store
from shared.text.terms import passage_vector

WORK_SECONDS = 20
SPARSE_BATCH = 64
READERS = 2
"""Files read at once in one process: each may take a core and some hundred megabytes."""
PASSAGES = 20_000
"""More than that is no document for a shop's assistant; it is rejected rather than indexed for an hour."""
ATTEMPTS = 5
"""Slices in a row that died before they got anywhere."""
PAUSE_SECONDS = 60
"""After the embedding model could not be reached; the tick asks again."""


def title_of(name: str) -> str:
    """What a document is called until it says so itself: its file's name without the ending."""
    return " ".join(Path(name).stem.replace("_", " ").replace("-", " ").split()) or name


class Ingestion:
    """Works on one tenant's one document at a time; share it."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        index: VectorIndex,
        embedder: Embedder | None,
        *,
        work_seconds: float = WORK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.objects = objects
        self.index = index
        self.embedder = embedder
        self.reading = asyncio.Semaphore(READERS)
        self._work_seconds = work_seconds
        self.clock = clock

    async def run(self, tenant: UUID, asset: UUID) -> bool:
        """One slice of what *asset* has open; whether there is more to do now.

        Raises Retryable (IndexAway, ObjectsAway, DatabaseAway, ReaderLost): what was done is kept.
        """
        deadline = self.clock() + self._work_seconds
        await self._remove_leftovers(tenant, asset)
        await self._fill_new_index(tenant)
        while self.clock() < deadline:
            async with self.store.tenant(tenant) as db:
                job = await jobs.claim(db, asset)
            if job is None:
                break
            await failpoints.reached("embed-chunk.claimed")
            await _Slice(self, tenant, job, deadline).work()
            await self._remove_leftovers(tenant, asset)
        async with self.store.tenant(tenant) as db:
            return await jobs.is_open(db, asset)

    async def indexes(self, tenant: UUID) -> tuple[Fingerprint, Fingerprint]:
        """The index that answers, and the one that should: they differ after the model was changed.

        A model that can't be asked for its vectors' length must not keep a document from answering by its words.
        """
        async with self.store.tenant(tenant) as db:
            name = await knowledge.active_index(db)
        active = Fingerprint.parse(name) if name else None
        wanted = Fingerprint() if active is None or active.sparse != Fingerprint().sparse else active
        if self.embedder is not None:
            try:
                wanted = await self.embedder.fingerprint()
            except EmbeddingsAway:
                wanted = active or wanted
        return active or wanted, wanted

    async def _fill_new_index(self, tenant: UUID) -> None:
        """Where another index should answer, has it filled with every document, by their dense passes."""
        active, wanted = await self.indexes(tenant)
        if self.embedder is not None:
            async with self.store.tenant(tenant) as db:
                await jobs.fill_off(db)
        if str(active) == str(wanted):
            return
        async with self.store.tenant(tenant) as db:
            answering = await jobs.indexed(db)
        missing = [
            job.id for job in answering if await self.index.count(wanted, tenant, job.asset, job.version) < job.total
        ]
        async with self.store.tenant(tenant) as db:
            await jobs.fill(db, missing)
        await self.flip(tenant, active, wanted)

    async def flip(self, tenant: UUID, active: Fingerprint, wanted: Fingerprint) -> None:
        """Lets *wanted* answer once every document is in it, and empties the one that did."""
        async with self.store.tenant(tenant) as db:
            flipped = await jobs.flip(db, str(wanted))
        if flipped and str(active) != str(wanted):
            await self.index.delete(active, tenant)

    async def _remove_leftovers(self, tenant: UUID, asset: UUID) -> None:
        """Vectors and files first, rows last: killed between, it is done again."""
        async with self.store.tenant(tenant) as db:
            found = await jobs.leftovers(db, asset)
        for leftover in found:
            if leftover.kept:
                async with self.store.tenant(tenant) as db:
                    await jobs.removed(db, leftover)
            elif not leftover.busy:  # its worker sees at its next step that it is not wanted
                await self._remove(tenant, leftover)

    async def _remove(self, tenant: UUID, leftover: Leftover) -> None:
        active, wanted = await self.indexes(tenant)
        for collection in {str(f): f for f in (active, wanted)}.values():
            await self.index.delete(collection, tenant, leftover.asset, leftover.version)
        if leftover.version is None:
            await self.objects.delete_prefix(knowledge_prefix(tenant, leftover.asset))
        else:  # of an upload that nobody kept there is no row that names the key
            await self.objects.delete(leftover.key or knowledge_key(tenant, leftover.asset, leftover.version))
        await failpoints.reached("embed-chunk.removed")
        async with self.store.tenant(tenant) as db:
            await jobs.removed(db, leftover)


class _Slice:
    """A claimed job, worked on until the deadline. The lease is let go at the end, whatever happens."""

    def __init__(self, ingestion: Ingestion, tenant: UUID, job: Job, deadline: float) -> None:
        self._all = ingestion
        self._tenant = tenant
        self._job = job
        self._deadline = deadline

    async def work(self) -> None:
        """Raises Retryable."""
        pause = 0.0
        try:
            if self._job.status == "indexing":
                await self._read()
                await self._index_words()
            if self._job.status == "ready" and self._job.dense == "pending":
                await self._index_meaning()
        except LeaseLost:
            return
        except EmbeddingsAway:
            pause = PAUSE_SECONDS
        except DocumentRejected as rejected:
            await self._fail(str(rejected))
        finally:
            async with self._all.store.tenant(self._tenant) as db:
                await jobs.let_go(db, self._job, pause_seconds=pause)

    def _in_time(self) -> bool:
        return self._all.clock() < self._deadline

    async def _fail(self, reason: str) -> None:
        try:
            async with self._all.store.tenant(self._tenant) as db:
                await jobs.fail(db, self._job, reason)
        except LeaseLost:
            return

    async def _read(self) -> None:
        """Raises DocumentRejected, LeaseLost."""
        if self._job.attempts > ATTEMPTS:
            raise DocumentRejected("too_much")
        if self._job.total is not None:
            return
        with tempfile.TemporaryDirectory(prefix="xin-") as folder:
            path = Path(folder, "upload")
            try:
                await self._all.objects.get_file(self._job.key, path)
            except NotFound:
                raise DocumentRejected("lost") from None
            async with self._all.reading:
                document = await read_document(path, self._job.name)
        chunks = await asyncio.to_thread(self._cut, document.sections)
        named = self._job.title == title_of(self._job.name)
        title = document.title if named and document.title else self._job.title
        async with self._all.store.tenant(self._tenant) as db:
            self._job = await jobs.keep_chunks(db, self._job, chunks, title=title)
        await failpoints.reached("embed-chunk.read")

    def _cut(self, sections: Sequence[Section]) -> list[Chunk]:
        chunks = []
        for ordinal, passage in enumerate(passages(sections)):
            if ordinal >= PASSAGES:
                raise DocumentRejected("too_much")
            chunk = uuid5(self._job.asset, f"{self._job.version}:{ordinal}")
            chunks.append(Chunk(chunk, ordinal, passage.place, passage.text))
        return chunks

    async def _index_words(self) -> None:
        """Until every passage has its sparse vector; then the version answers. Raises LeaseLost, IndexAway."""
        active, _ = await self._all.indexes(self._tenant)
        await self._all.index.ensure(active)
        assert self._job.total is not None
        while self._job.position < self._job.total:
            if not self._in_time():
                return
            chunks = await self._chunks(self._job.position, SPARSE_BATCH)
            points = await asyncio.to_thread(self._points, chunks, None)
            await self._all.index.upsert(active, points)
            await failpoints.reached("embed-chunk.indexed")
            await self._progress(position=self._job.position + len(chunks))
        active_again, wanted = await self._all.indexes(self._tenant)
        dense = "off" if self._all.embedder is None and str(active_again) == str(wanted) else "pending"
        try:
            async with self._all.store.tenant(self._tenant) as db:
                self._job = await jobs.activate(db, self._job, index=str(active), dense=dense)
        except IndexMoved:
            await self._progress(position=0)
        await failpoints.reached("embed-chunk.activated")

    async def _index_meaning(self) -> None:
        """Whole points into the index that should answer. Raises LeaseLost, IndexAway, EmbeddingsAway."""
        active, wanted = await self._all.indexes(self._tenant)
        embedder = self._all.embedder
        if embedder is None and str(active) == str(wanted):  # the model was switched off since
            await self._meaning_done(active, wanted)
            return
        if embedder is not None and wanted.model != embedder.model:
            raise EmbeddingsAway("the model can't be asked now")
        await self._all.index.ensure(wanted)
        assert self._job.total is not None
        while self._job.dense_position < self._job.total:
            if not self._in_time():
                return
            chunks = await self._chunks(self._job.dense_position, BATCH if embedder else SPARSE_BATCH)
            dense = await embedder.passages([self._text(chunk) for chunk in chunks]) if embedder else None
            points = await asyncio.to_thread(self._points, chunks, dense)
            await self._all.index.upsert(wanted, points)
            await self._progress(dense_position=self._job.dense_position + len(chunks))
        await self._meaning_done(active, wanted)

    async def _meaning_done(self, active: Fingerprint, wanted: Fingerprint) -> None:
        held = await self._all.index.count(wanted, self._tenant, self._job.asset, self._job.version)
        if held < (self._job.total or 0):  # the model was changed half-way: the first half is in another index
            await self._progress(dense_position=0)
            return
        async with self._all.store.tenant(self._tenant) as db:
            await jobs.dense_done(db, self._job, dense="off" if self._all.embedder is None else "ready")
        if str(active) != str(wanted):
            await self._all.flip(self._tenant, active, wanted)

    async def _chunks(self, start: int, limit: int) -> list[Chunk]:
        async with self._all.store.tenant(self._tenant) as db:
            chunks = await jobs.chunks_from(db, self._job, start, limit=limit)
        if not chunks:
            raise LeaseLost  # removed meanwhile
        return chunks

    async def _progress(self, *, position: int | None = None, dense_position: int | None = None) -> None:
        async with self._all.store.tenant(self._tenant) as db:
            self._job = await jobs.progress(db, self._job, position=position, dense_position=dense_position)

    def _text(self, chunk: Chunk) -> str:
        return indexed_text(self._job.title, chunk.place, chunk.text)

    def _points(self, chunks: Sequence[Chunk], dense: Sequence[Sequence[float]] | None) -> list[Point]:
        job = self._job
        return [
            Point(
                id=chunk.id,
                tenant=self._tenant,
                asset=job.asset,
                version=job.version,
                brands=tuple(job.brands),
                terms=passage_vector(self._text(chunk)),
                dense=dense[i] if dense else None,
            )
            for i, chunk in enumerate(chunks)
        ]
