"""Where vectors live. An index only finds ids; what may answer is decided by a join in Postgres.

One interface, two engines: a Qdrant server, and Qdrant Edge in this process (the same engine, without a server).
A collection belongs to an embedding fingerprint and is shared by all tenants; `tenant_id` is its tenant-index key,
every request filters by it, and IDF is counted over the tenant's own passages: another's uploads turn no ranking over.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self
from uuid import UUID

from shared.errors import Retryable
from shared.settings import Settings
from shared.text.terms import SparseVector

SPARSE = "sparse-v1"
"""Counts up when the terms of a text change: old vectors don't fit new ones."""
ANY_BRAND = "*"

TERMS_VECTOR = "terms"
DENSE_VECTOR = "dense"


class IndexAway(Retryable):
    """The vector index can't be reached, or another process holds it."""


@dataclass(frozen=True)
class Fingerprint:
    """What a collection's vectors were made with. Without a model it holds sparse vectors only."""

    model: str = ""
    dimensions: int = 0
    sparse: str = SPARSE

    def __str__(self) -> str:
        """As kept in `tenants.active_index`, and good as a collection's or a folder's name."""
        if not self.model:
            return self.sparse
        return f"{self.sparse}+{re.sub(r'[^A-Za-z0-9._-]', '-', self.model)[:100]}-{self.dimensions}"

    @classmethod
    def parse(cls, name: str) -> Self:
        """The reverse of `str`. Raises ValueError for what `str` never makes."""
        sparse, plus, dense = name.partition("+")
        model, _, dimensions = dense.rpartition("-")
        if not sparse.startswith("sparse-v") or bool(plus) != bool(model):
            raise ValueError(f"{name!r} is no index of ours")
        return cls(model, int(dimensions), sparse) if plus else cls(sparse=sparse)


@dataclass(frozen=True)
class Point:
    """A passage as the index knows it: whose it is, and its vectors. *id* is the chunk's."""

    id: UUID
    tenant: UUID
    asset: UUID
    version: int
    brands: tuple[UUID, ...]
    terms: SparseVector
    dense: Sequence[float] | None = None

    def payload(self) -> dict[str, str | int | list[str]]:
        """Ids only: no text of a tenant is kept here."""
        return {
            "tenant_id": str(self.tenant),
            "asset_id": str(self.asset),
            "version": self.version,
            "brand_ids": [str(b) for b in self.brands] or [ANY_BRAND],
        }


@dataclass(frozen=True)
class Question:
    """What to look for. *brands*: those whose documents may answer; none means all of the tenant's."""

    terms: SparseVector
    dense: Sequence[float] | None = None
    brands: tuple[UUID, ...] = ()
    limit: int = 40

    def brand_keys(self) -> list[str]:
        """As in a point's payload."""
        return [*(str(b) for b in self.brands), ANY_BRAND] if self.brands else []


@dataclass(frozen=True)
class Hit:
    """A chunk's id and its score: BM25's sum, or the cosine."""

    id: UUID
    score: float


@dataclass(frozen=True)
class Found:
    """The best of each kind of vector, best first. They are fused by whoever asked, who also wants the scores."""

    terms: list[Hit]
    dense: list[Hit]


class VectorIndex(Protocol):
    """Every call raises IndexAway when the engine can't be reached."""

    async def ensure(self, collection: Fingerprint) -> None:
        """Makes the collection where it is missing."""

    async def upsert(self, collection: Fingerprint, points: Sequence[Point]) -> None:
        """Writes whole points, replacing those with the same id; visible to the next search."""

    async def delete(
        self, collection: Fingerprint, tenant: UUID, asset: UUID | None = None, version: int | None = None
    ) -> None:
        """Removes a version's points, an asset's, or all of a tenant's. A missing collection is no error."""

    async def search(self, collection: Fingerprint, tenant: UUID, question: Question) -> Found:
        """A missing collection has nothing to find."""

    async def count(
        self, collection: Fingerprint, tenant: UUID, asset: UUID | None = None, version: int | None = None
    ) -> int:
        """Points of the tenant, exact."""

    async def close(self) -> None:
        """What was written stays."""


def open_index(settings: Settings) -> VectorIndex:
    """The server that QDRANT_URL names, or the engine in this process. Nothing heavy is imported yet."""
    if settings.qdrant_url:
        from shared.knowledge.qdrant_server import QdrantServer

        return QdrantServer(settings.qdrant_url, settings.qdrant_api_key.get_secret_value() or None)
    from shared.knowledge.qdrant_edge import QdrantEdge

    return QdrantEdge(settings.vectors_path)
