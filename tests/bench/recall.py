"""How well search finds: the project's own chunking, terms, index and fusion over questions with known passages.

    python -m tests.bench.recall [--language fa] [--questions N] [--embeddings URL]

reads `$XIN_DATA/retrieval/<language>/`, each passage as a document of its own, and prints a JSON object a line in the
form of `make bench`. With an embeddings endpoint the dense half is measured too. A question counts as found at k when a
passage of its document is among the first k documents. Then, how well the confidence tells questions that the documents
answer from those that they don't, as the area under the ROC curve: `given` are the set's own unanswerable questions,
`removed` are questions whose document was taken out.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from shared.knowledge.chunking import indexed_text, passages
from shared.knowledge.documents import Section
from shared.knowledge.embedding import BATCH, EndpointEmbedder
from shared.knowledge.index import Fingerprint, Found, Hit, Point, Question
from shared.knowledge.qdrant_edge import QdrantEdge
from shared.knowledge.search import CANDIDATES, Answerable, answerable, fused
from shared.store.knowledge import StoredPassage
from shared.text.terms import passage_vector, query_vector

BASELINES = {"fa": 0.990, "en": 0.955}
"""The best R@5 that the data's README reports for anything tried on it."""
TENANT = uuid4()


@dataclass(frozen=True)
class Asked:
    """A question of the set."""

    text: str
    document: UUID
    answerable: bool


class Collection:
    """One language's documents, indexed as an upload would be."""

    def __init__(self, folder: Path, index: QdrantEdge, embedder: EndpointEmbedder | None) -> None:
        self.folder = folder
        self.index = index
        self.embedder = embedder
        self.stored: dict[UUID, StoredPassage] = {}
        self.fingerprint = Fingerprint()

    async def fill(self) -> None:
        """Every passage of the set, in the pieces that chunking makes of it."""
        if self.embedder:
            self.fingerprint = await self.embedder.fingerprint()
        await self.index.ensure(self.fingerprint)
        for given in _lines(self.folder / "passages.jsonl"):
            asset = _asset(given["id"])
            for ordinal, piece in enumerate(passages([Section((), given["text"])])):
                chunk = uuid5(asset, str(ordinal))
                self.stored[chunk] = StoredPassage(chunk, asset, given["title"], piece.place, piece.text)
        chunks = list(self.stored.values())
        for start in range(0, len(chunks), BATCH):
            await self.index.upsert(self.fingerprint, await self._points(chunks[start : start + BATCH]))

    async def _points(self, chunks: Sequence[StoredPassage]) -> list[Point]:
        texts = [indexed_text(c.title, c.place, c.text) for c in chunks]
        dense = await self.embedder.passages(texts) if self.embedder else None
        return [
            Point(c.chunk, TENANT, c.asset, 1, (), passage_vector(text), dense[i] if dense else None)
            for i, (c, text) in enumerate(zip(chunks, texts, strict=True))
        ]

    async def find(self, question: str) -> Found:
        """Both halves."""
        dense = await self.embedder.query(question) if self.embedder else None
        asked = Question(query_vector(question), dense, limit=CANDIDATES)
        return await self.index.search(self.fingerprint, TENANT, asked)

    def place(self, found: Found, document: UUID) -> int:
        """Of *document* among the documents found, from 0; far down when it isn't there."""
        order = list(dict.fromkeys(self.stored[s.id].asset for s in fused(found, CANDIDATES)))
        return order.index(document) if document in order else 1000

    def answer(self, question: str, found: Found, *, without: UUID | None = None) -> Answerable:
        """As Searcher does, as if the document *without* had never been uploaded."""
        kept = Found(self._kept(found.terms, without), self._kept(found.dense, without))
        scored = fused(kept, CANDIDATES)
        if not scored:
            return Answerable((), "", 0.0)
        return answerable(question, scored, self.stored, str(self.fingerprint), 1)

    def _kept(self, hits: Sequence[Hit], without: UUID | None) -> list[Hit]:
        return [hit for hit in hits if self.stored[hit.id].asset != without]


async def measure(language: str, folder: Path, url: str, questions: int | None) -> None:
    """Prints what was found."""
    with tempfile.TemporaryDirectory() as state:
        embedder = EndpointEmbedder(url, "multilingual-e5-small", query_seconds=20) if url else None
        collection = Collection(folder, QdrantEdge(Path(state)), embedder)
        await collection.fill()
        asked = [
            Asked(q["question"], _asset(q["passage_id"]), q["answerable"]) for q in _lines(folder / "questions.jsonl")
        ]
        started = time.monotonic()
        found = [(q, await collection.find(q.text)) for q in asked[:questions]]
        milliseconds = (time.monotonic() - started) * 1000 / len(found)
        _report_recall(language, collection, found)
        _report_confidence(language, collection, found)
        _say(f"search_ms_{language}", milliseconds, None)
        await collection.index.close()
        if embedder:
            await embedder.close()


def _report_recall(language: str, collection: Collection, found: Sequence[tuple[Asked, Found]]) -> None:
    for half in ("words", "meaning", "hybrid") if collection.embedder else ("words",):
        places = [collection.place(_half(f, half), q.document) for q, f in found if q.answerable]
        for k in (1, 5, 10):
            share = sum(place < k for place in places) / len(places)
            is_ours = k == 5 and half == ("hybrid" if collection.embedder else "words")
            name = f"recall_at_5_{language}" if is_ours else f"recall_at_{k}_{language}_{half}"
            _say(name, share, BASELINES[language] if k == 5 else None)


def _half(found: Found, half: str) -> Found:
    return Found([] if half == "meaning" else found.terms, [] if half == "words" else found.dense)


def _report_confidence(language: str, collection: Collection, found: Sequence[tuple[Asked, Found]]) -> None:
    whole = [(q, collection.answer(q.text, f).confidence) for q, f in found]
    yes = [confidence for q, confidence in whole if q.answerable]
    no = [confidence for q, confidence in whole if not q.answerable]
    if no:
        _say(f"confidence_auroc_{language}_given", _auroc(yes, no), None)
    removed = [collection.answer(q.text, f, without=q.document).confidence for q, f in found if q.answerable]
    _say(f"confidence_auroc_{language}_removed", _auroc(yes, removed), None)
    _say(f"confidence_over_half_{language}_answerable", sum(c > 0.5 for c in yes) / len(yes), None)
    _say(f"confidence_over_half_{language}_removed", sum(c > 0.5 for c in removed) / len(removed), None)


def _auroc(yes: Sequence[float], no: Sequence[float]) -> float:
    """The chance that one of *yes* is above one of *no*; ties count half."""
    ordered = sorted([(c, 1) for c in yes] + [(c, 0) for c in no])
    won, below, i = 0.0, 0, 0
    while i < len(ordered):
        j = i
        while j < len(ordered) and ordered[j][0] == ordered[i][0]:
            j += 1
        positives = sum(kind for _, kind in ordered[i:j])
        won += positives * (below + (j - i - positives) / 2)
        below += j - i - positives
        i = j
    return won / (len(yes) * len(no))


def _asset(name: str) -> UUID:
    return uuid5(TENANT, name)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _say(name: str, value: float, baseline: float | None) -> None:
    unit = "ms" if "_ms_" in name else "share"
    ratio = round(value / baseline, 3) if baseline else None
    print(json.dumps({"bench": name, "value": round(value, 4), "unit": unit, "baseline": baseline, "ratio": ratio}))


def main() -> None:
    """Reads the arguments."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--language", choices=sorted(BASELINES), action="append")
    arguments.add_argument("--questions", type=int, default=None, help="the first so many")
    arguments.add_argument("--embeddings", default="", help="an OpenAI-compatible base URL, up to and with /v1")
    given = arguments.parse_args()
    data = Path(os.environ["XIN_DATA"], "retrieval")
    for language in given.language or sorted(BASELINES):
        asyncio.run(measure(language, data / language, given.embeddings, given.questions))


if __name__ == "__main__":
    main()
