"""Vectors in a Qdrant server, through its own client (2.8 s to import, so at the first call)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.knowledge.index import DENSE_VECTOR, TERMS_VECTOR, Fingerprint, Found, Hit, IndexAway, Point, Question
from shared.text.terms import SparseVector

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient
    from qdrant_client import models as m

TIMEOUT_SECONDS = 10


class QdrantServer:
    """See `VectorIndex`. The location `:memory:` keeps everything in this process and forgets it: for tests."""

    def __init__(self, location: str, api_key: str | None = None) -> None:
        self._location = location
        self._api_key = api_key
        self._client: AsyncQdrantClient | None = None
        self._known: set[str] = set()
        self._making = asyncio.Lock()

    async def ensure(self, collection: Fingerprint) -> None:
        """Makes the collection and the indexes of its payload."""
        async with self._making, self._connected() as client:
            name = str(collection)
            if name not in self._known and not await client.collection_exists(name):
                await self._make(client, collection)
            self._known.add(name)

    async def _make(self, client: "AsyncQdrantClient", collection: Fingerprint) -> None:
        from qdrant_client import models as m
        from qdrant_client.http.exceptions import UnexpectedResponse

        name = str(collection)
        dense = {DENSE_VECTOR: m.VectorParams(size=collection.dimensions, distance=m.Distance.COSINE)}
        try:
            await client.create_collection(
                name,
                vectors_config=dense if collection.model else {},
                sparse_vectors_config={TERMS_VECTOR: m.SparseVectorParams(modifier=m.Modifier.IDF)},
                # Every query names a tenant: a graph per tenant instead of one over all of them.
                hnsw_config=m.HnswConfigDiff(m=0, payload_m=16),
            )
        except UnexpectedResponse as problem:
            if problem.status_code != 409:  # another instance was faster
                raise
        await client.create_payload_index(
            name, "tenant_id", m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, is_tenant=True)
        )
        for field in ("asset_id", "brand_ids"):
            await client.create_payload_index(name, field, m.PayloadSchemaType.KEYWORD)

    async def upsert(self, collection: Fingerprint, points: Sequence[Point]) -> None:
        """Returns once the server has applied it."""
        from qdrant_client import models as m

        if not points:
            return
        async with self._connected() as client:
            structs = [m.PointStruct(id=str(p.id), vector=_vectors(p), payload=p.payload()) for p in points]
            await client.upsert(str(collection), structs, wait=True)

    async def delete(
        self, collection: Fingerprint, tenant: UUID, asset: UUID | None = None, version: int | None = None
    ) -> None:
        """By filter; returns once the server has applied it."""
        from qdrant_client import models as m

        async with self._connected() as client:
            if await client.collection_exists(str(collection)):
                chosen = m.FilterSelector(filter=_filter(tenant, asset, version))
                await client.delete(str(collection), chosen, wait=True)

    async def search(self, collection: Fingerprint, tenant: UUID, question: Question) -> Found:
        """Both kinds of vector in one request."""
        from qdrant_client import models as m

        own = _filter(tenant)
        where = _filter(tenant, brands=question.brand_keys())
        requests = []
        if question.terms:
            corpus = m.SearchParams(idf=m.IdfCorpusParams(corpus=own))
            requests.append(
                m.QueryRequest(
                    query=_sparse(question.terms), using=TERMS_VECTOR, filter=where, params=corpus, limit=question.limit
                )
            )
        if question.dense is not None and collection.model:
            requests.append(
                m.QueryRequest(query=list(question.dense), using=DENSE_VECTOR, filter=where, limit=question.limit)
            )
        async with self._connected() as client:
            if not requests or not await self._is_there(client, str(collection)):
                return Found([], [])
            answers = await client.query_batch_points(str(collection), requests)
        hits = [[Hit(UUID(str(p.id)), p.score) for p in answer.points] for answer in answers]
        terms = hits.pop(0) if question.terms else []
        return Found(terms, hits.pop() if hits else [])

    async def _is_there(self, client: "AsyncQdrantClient", name: str) -> bool:
        if name not in self._known and await client.collection_exists(name):
            self._known.add(name)
        return name in self._known

    async def count(
        self, collection: Fingerprint, tenant: UUID, asset: UUID | None = None, version: int | None = None
    ) -> int:
        """Exact, not the estimate."""
        async with self._connected() as client:
            if not await client.collection_exists(str(collection)):
                return 0
            counted = await client.count(str(collection), count_filter=_filter(tenant, asset, version), exact=True)
            return counted.count

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["AsyncQdrantClient"]:
        if self._client is None:
            self._client = await asyncio.to_thread(self._connect)
        from httpx import HTTPError
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        try:
            yield self._client
        except (ResponseHandlingException, HTTPError) as problem:
            raise IndexAway(f"Qdrant is away: {problem}") from problem
        except UnexpectedResponse as problem:
            if (problem.status_code or 500) < 500 and problem.status_code != 429:
                raise
            raise IndexAway(f"Qdrant answered {problem.status_code}") from problem

    def _connect(self) -> "AsyncQdrantClient":
        from qdrant_client import AsyncQdrantClient

        if self._location == ":memory:":
            return AsyncQdrantClient(":memory:")
        return AsyncQdrantClient(
            url=self._location, api_key=self._api_key, timeout=TIMEOUT_SECONDS, check_compatibility=False
        )


def _sparse(vector: SparseVector) -> "m.SparseVector":
    from qdrant_client import models as m

    return m.SparseVector(indices=vector.indices, values=vector.values)


def _vectors(point: Point) -> dict[str, Any]:
    dense = {} if point.dense is None else {DENSE_VECTOR: list(point.dense)}
    return {TERMS_VECTOR: _sparse(point.terms), **dense}


def _filter(
    tenant: UUID, asset: UUID | None = None, version: int | None = None, brands: Sequence[str] = ()
) -> "m.Filter":
    from qdrant_client import models as m

    must: list[Any] = [m.FieldCondition(key="tenant_id", match=m.MatchValue(value=str(tenant)))]
    if asset is not None:
        must.append(m.FieldCondition(key="asset_id", match=m.MatchValue(value=str(asset))))
    if version is not None:
        must.append(m.FieldCondition(key="version", match=m.MatchValue(value=version)))
    if brands:
        must.append(m.FieldCondition(key="brand_ids", match=m.MatchAny(any=list(brands))))
    return m.Filter(must=must)
