"""Finding passages for a question, and how sure one may be that they answer it.

The two kinds of vector see different things: words are right where the question quotes the passage, meaning where it
doesn't. Their scores are added, BM25's sum as it is and the cosine as its distance from the other candidates: a
question whose rare words all match outweighs the meaning, a paraphrase leaves it to the meaning. Fusing ranks (RRF)
with any one weight was worse on one of our two sets.
"""

import math
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, Self
from uuid import UUID

from shared.knowledge.chunking import indexed_text
from shared.knowledge.embedding import Embedder, EmbeddingsAway, open_embedder
from shared.knowledge.index import Fingerprint, Found, Question, VectorIndex, open_index
from shared.settings import Settings
from shared.store import knowledge
from shared.store.knowledge import StoredPassage
from shared.store.tenancy import Store
from shared.text.terms import SparseVector, content_words, merged, query_vector

CANDIDATES = 40
"""Of each kind of vector. More brought nothing, and blurs what "distance from the other candidates" means."""
MEANING_WEIGHT = 4.0
HISTORY_WEIGHT = 0.6
HISTORY_WEIGHT_MOST = 0.5
"""What was said before counts HISTORY_WEIGHT ÷ the question's own words: «جمعه‌ها چطور؟» needs it, a whole question
doesn't. Questions that leave their topic to the two before them went from R@5 .934 to .974, whole ones after two of
another topic from .988 to .986."""
HISTORY_TURNS = 2
HISTORY_CHARACTERS = 600


class Said(Protocol):
    """An earlier message."""

    @property
    def role(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class Passage:
    """One that may answer. `score` orders a search's passages; `coverage`: the share of the question's words in it."""

    chunk_id: UUID
    asset_id: UUID
    title: str
    place: str
    text: str
    score: float
    coverage: float
    terms_rank: int | None
    dense_rank: int | None


@dataclass(frozen=True)
class Answerable:
    """What a search brings back, best first. `confidence` is 0 to 1; `index_version` names the index that was asked."""

    passages: tuple[Passage, ...]
    index_version: str
    confidence: float


@dataclass(frozen=True)
class Scored:
    id: UUID
    score: float
    terms: float
    z: float
    terms_rank: int | None
    dense_rank: int | None


class Searcher:
    """Searches for any tenant; share it. Only Postgres decides what may answer."""

    def __init__(self, store: Store, index: VectorIndex, embedder: Embedder | None) -> None:
        self._store = store
        self._index = index
        self._embedder = embedder

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, store: Store) -> AsyncIterator[Self]:
        """Raises MissingSetting."""
        async with AsyncExitStack() as stack:
            index = open_index(settings)
            stack.push_async_callback(index.close)
            embedder = open_embedder(settings)
            if embedder is not None:
                stack.push_async_callback(embedder.close)
            yield cls(store, index, embedder)

    def of(self, tenant: UUID, *brands: UUID) -> "TenantSearch":
        """The search of one tenant, limited to what *brands* may answer from; none means all of it."""
        return TenantSearch(self, tenant, brands)

    async def search(
        self, tenant: UUID, query: str, *, limit: int = 5, brands: Sequence[UUID] = (), history: Sequence[Said] = ()
    ) -> Answerable:
        """At most *limit* passages. A model that is away or slow leaves the words. Raises IndexAway, DatabaseAway."""
        earlier, weight = _earlier(history), _history_weight(query)
        dense: dict[str, Sequence[float] | None] = {}
        name: str | None = None
        while True:
            async with self._store.tenant(tenant) as db:
                active = await knowledge.active_index(db)
            if active is None or active == name:
                return Answerable((), active or "", 0.0)
            name, collection = active, Fingerprint.parse(active)
            if collection.model not in dense:
                dense[collection.model] = await self._meaning(collection, query, earlier, weight)
            question = Question(
                _words(query, earlier, weight),
                dense[collection.model],
                tuple(brands),
                max(CANDIDATES, limit + limit // 2),
            )
            found = await self._index.search(collection, tenant, question)
            scored = fused(found, question.limit)
            async with self._store.tenant(tenant) as db:
                stored = await knowledge.passages(db, [s.id for s in scored], brands=brands)
            if stored:  # else the index may have been changed for another between the two looks
                return answerable(query, [s for s in scored if s.id in stored], stored, name, limit)

    async def _meaning(
        self, collection: Fingerprint, query: str, earlier: str, weight: float
    ) -> Sequence[float] | None:
        if self._embedder is None or self._embedder.model != collection.model:
            return None
        try:
            own = await self._embedder.query(query)
            if not earlier:
                return own
            inside = await self._embedder.query(f"{earlier}\n{query}")
        except EmbeddingsAway:
            return None
        share = min(1.0, 2 * weight)
        return [a + share * b for a, b in zip(own, inside, strict=True)]


@dataclass(frozen=True)
class TenantSearch:
    """A search with the tenant and brands filled in, as answering takes it."""

    searcher: Searcher
    tenant: UUID
    brands: tuple[UUID, ...]

    async def __call__(self, question: str, history: Sequence[Said], limit: int) -> Answerable:
        """See `Searcher.search`."""
        return await self.searcher.search(self.tenant, question, limit=limit, brands=self.brands, history=history)


def _earlier(history: Sequence[Said]) -> str:
    """The last turns before the question: what «آن» and "there" refer to stands in them, in the bot's as well."""
    turns = [said.text for said in history if said.role != "system" and said.text.strip()][-HISTORY_TURNS:]
    return "\n".join(turn[-HISTORY_CHARACTERS:] for turn in turns)


def _history_weight(query: str) -> float:
    return min(HISTORY_WEIGHT_MOST, HISTORY_WEIGHT / max(1, len(set(content_words(query)))))


def _words(query: str, earlier: str, weight: float) -> SparseVector:
    own = query_vector(query)
    return merged(own, query_vector(earlier), weight) if earlier else own


def fused(found: Found, limit: int) -> list[Scored]:
    """Every candidate of either kind, best first. A missing score counts as the worst that could have been missed."""
    terms = {hit.id: (rank, hit.score) for rank, hit in enumerate(found.terms)}
    dense = {hit.id: (rank, hit.score) for rank, hit in enumerate(found.dense)}
    least_terms = found.terms[-1].score if len(found.terms) >= limit else 0.0
    cosines = [hit.score for hit in found.dense]
    mean, spread = (statistics.fmean(cosines), statistics.pstdev(cosines) or 1.0) if cosines else (0.0, 1.0)
    scored = []
    for chunk in terms | dense:
        words = terms[chunk][1] if chunk in terms else least_terms
        z = ((dense[chunk][1] if chunk in dense else cosines[-1]) - mean) / spread if cosines else 0.0
        ranks = (terms[chunk][0] if chunk in terms else None, dense[chunk][0] if chunk in dense else None)
        scored.append(Scored(chunk, words + MEANING_WEIGHT * z, words, z, *ranks))
    return sorted(scored, key=lambda s: (-s.score, str(s.id)))


def answerable(
    query: str, scored: Sequence[Scored], stored: dict[UUID, StoredPassage], name: str, limit: int
) -> Answerable:
    asked = set(content_words(query))
    found = tuple(_passage(s, stored[s.id], asked) for s in scored[:limit])
    return Answerable(found, name, _confidence(found[0].coverage, scored))


@lru_cache(maxsize=1024)
def _words_of(passage: str) -> frozenset[str]:
    """Kept, as a few passages answer most questions."""
    return frozenset(content_words(passage))


def _passage(scored: Scored, stored: StoredPassage, asked: set[str]) -> Passage:
    said = _words_of(indexed_text(stored.title, stored.place, stored.text))
    return Passage(
        chunk_id=stored.chunk,
        asset_id=stored.asset,
        title=stored.title,
        place=stored.place,
        text=stored.text,
        score=round(scored.score, 4),
        coverage=len(asked & said) / len(asked) if asked else 0.0,
        terms_rank=scored.terms_rank,
        dense_rank=scored.dense_rank,
    )


def _confidence(coverage: float, scored: Sequence[Scored]) -> float:
    """How likely the best passage answers: a logistic regression, fitted on PQuAD and the CDC's questions.

    A score alone says little, it grows with the question's length. How much of the question the passage covers, and how
    far it is ahead of the next, say more. tests/bench/recall.py measures how well it tells.
    """
    words = sorted((s.terms for s in scored), reverse=True)
    lead = math.log1p(words[0] - (words[1] if len(words) > 1 else 0.0))
    if any(s.dense_rank is not None for s in scored):
        ahead = math.log1p(scored[0].score - scored[1].score) if len(scored) > 1 else 0.0
        sum_ = -5.77 + 4.11 * coverage + 0.46 * lead + 0.53 * max(s.z for s in scored) + 0.16 * ahead
    else:
        sum_ = -5.31 + 4.19 * coverage + 0.67 * lead + 0.32 * math.log1p(words[0])
    return round(1 / (1 + math.exp(-sum_)), 3)
