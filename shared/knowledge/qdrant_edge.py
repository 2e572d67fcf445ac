"""Vectors in this process, by Qdrant Edge: one folder (a shard) a collection.

A shard has one owner. Functions that share a process share it (`_open_shards`); a second process is refused at once,
it would need a Qdrant server. The engine is blocking, so calls go to a thread; it takes them from several at a time.
"""

import asyncio
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from shared.knowledge.index import DENSE_VECTOR, TERMS_VECTOR, Fingerprint, Found, Hit, IndexAway, Point, Question
from shared.text.terms import SparseVector

if TYPE_CHECKING:
    import qdrant_edge as q

T = TypeVar("T")


class HeldElsewhere(IndexAway):
    """Another process has the folder open. One machine needs one process for all functions, or a Qdrant server."""


@dataclass
class _Shard:
    engine: "q.EdgeShard"
    users: int = 0
    writing: threading.Lock = field(default_factory=threading.Lock)


_open_shards: dict[Path, _Shard] = {}
_registry = threading.Lock()


class QdrantEdge:
    """See `VectorIndex`. *folder* holds a folder for every collection."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._held: dict[str, _Shard] = {}

    async def ensure(self, collection: Fingerprint) -> None:
        """Opens or makes the shard. Raises HeldElsewhere."""
        await asyncio.to_thread(self._shard, collection, True)

    async def upsert(self, collection: Fingerprint, points: Sequence[Point]) -> None:
        """Written ahead to the log: survives a kill once it returned."""
        import qdrant_edge as q

        def write(shard: _Shard) -> None:
            edge = [q.Point(p.id, _vectors(p), p.payload()) for p in points]
            with shard.writing:
                shard.engine.update(q.UpdateOperation.upsert_points(edge))

        if points:
            await self._with(collection, write, None, make=True)

    async def delete(
        self, collection: Fingerprint, tenant: UUID, asset: UUID | None = None, version: int | None = None
    ) -> None:
        """By filter."""
        import qdrant_edge as q

        def remove(shard: _Shard) -> None:
            with shard.writing:
                shard.engine.update(q.UpdateOperation.delete_points_by_filter(_filter(tenant, asset, version)))

        await self._with(collection, remove, None)

    async def search(self, collection: Fingerprint, tenant: UUID, question: Question) -> Found:
        """Both kinds of vector, in one batch."""

        def ask(shard: _Shard) -> Found:
            requests = _requests(collection, tenant, question)
            if not requests:
                return Found([], [])
            import qdrant_edge as q

            answers = shard.engine.query_batch(q.QueryBatchRequest(requests))
            hits = [[Hit(UUID(str(p.id)), p.score) for p in answer] for answer in answers]
            terms = hits.pop(0) if question.terms else []
            return Found(terms, hits.pop() if hits else [])

        return await self._with(collection, ask, Found([], []))

    async def count(
        self, collection: Fingerprint, tenant: UUID, asset: UUID | None = None, version: int | None = None
    ) -> int:
        """Exact."""
        import qdrant_edge as q

        def ask(shard: _Shard) -> int:
            return shard.engine.count(q.CountRequest(exact=True, filter=_filter(tenant, asset, version)))

        return await self._with(collection, ask, 0)

    async def close(self) -> None:
        """Closes the shards that nobody else in this process uses."""
        await asyncio.to_thread(self._release)

    async def _with(self, collection: Fingerprint, call: Callable[[_Shard], T], missing: T, *, make: bool = False) -> T:
        def run() -> T:
            shard = self._shard(collection, make)
            return missing if shard is None else call(shard)

        return await asyncio.to_thread(run)

    def _shard(self, collection: Fingerprint, make: bool) -> _Shard | None:
        name = str(collection)
        if name in self._held:
            return self._held[name]
        path = self._folder / name
        with _registry:
            if name not in self._held:
                shard = _open_shards.get(path) or _open(path, collection, make)
                if shard is None:
                    return None
                shard.users += 1
                _open_shards[path] = self._held[name] = shard
            return self._held[name]

    def _release(self) -> None:
        with _registry:
            for name, shard in self._held.items():
                shard.users -= 1
                if not shard.users:
                    _open_shards.pop(self._folder / name)
                    shard.engine.close()
            self._held.clear()


_COMPLETE = "complete"
"""A file that says the shard was made whole; a kill in the middle of making one leaves a folder without it."""


def _open(path: Path, collection: Fingerprint, make: bool) -> _Shard | None:
    import qdrant_edge as q

    if (path / _COMPLETE).exists():
        try:
            return _Shard(q.EdgeShard.load(str(path)))
        except Exception as problem:  # the engine knows no kinds of error
            if "WouldBlock" in str(problem):
                raise HeldElsewhere(f"{path} is open in another process") from problem
            raise IndexAway(f"{path} can't be opened: {problem}") from problem
    if not make:
        return None
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    engine = q.EdgeShard.create(str(path), _config(collection))
    tenant = q.KeywordIndexParams(is_tenant=True)
    engine.update(q.UpdateOperation.create_field_index("tenant_id", tenant))
    for name in ("asset_id", "brand_ids"):
        engine.update(q.UpdateOperation.create_field_index(name, q.PayloadSchemaType.Keyword))
    engine.flush()
    (path / _COMPLETE).touch()
    return _Shard(engine)


def _config(collection: Fingerprint) -> "q.EdgeConfig":
    import qdrant_edge as q

    dense = {DENSE_VECTOR: q.EdgeVectorParams(collection.dimensions, q.Distance.Cosine)} if collection.model else None
    return q.EdgeConfig(dense, {TERMS_VECTOR: q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)})


def _requests(collection: Fingerprint, tenant: UUID, question: Question) -> list["q.QueryRequest"]:
    import qdrant_edge as q

    where = _filter(tenant, brands=question.brand_keys())
    requests = []
    if question.terms:
        corpus = q.SearchParams(idf=q.IdfParams(corpus=_filter(tenant)))
        nearest = q.Query.Nearest(_sparse(question.terms), using=TERMS_VECTOR)
        requests.append(q.QueryRequest(limit=question.limit, query=nearest, filter=where, params=corpus))
    if question.dense is not None and collection.model:
        nearest = q.Query.Nearest(list(question.dense), using=DENSE_VECTOR)
        requests.append(q.QueryRequest(limit=question.limit, query=nearest, filter=where))
    return requests


def _sparse(vector: SparseVector) -> "q.SparseVector":
    import qdrant_edge as q

    return q.SparseVector(vector.indices, vector.values)


def _vectors(point: Point) -> dict[str, Any]:
    dense = {} if point.dense is None else {DENSE_VECTOR: list(point.dense)}
    return {TERMS_VECTOR: _sparse(point.terms), **dense}


def _filter(
    tenant: UUID, asset: UUID | None = None, version: int | None = None, brands: Sequence[str] = ()
) -> "q.Filter":
    import qdrant_edge as q

    must: list[Any] = [q.FieldCondition("tenant_id", match=q.MatchValue(str(tenant)))]
    if asset is not None:
        must.append(q.FieldCondition("asset_id", match=q.MatchValue(str(asset))))
    if version is not None:
        must.append(q.FieldCondition("version", match=q.MatchValue(version)))
    if brands:
        must.append(q.FieldCondition("brand_ids", match=q.MatchAny(list(brands))))
    return q.Filter(must=must)
