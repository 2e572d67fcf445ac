"""How well search finds: the project's own chunking, terms, index and fusion over questions with known passages.

`make bench` runs `rows`: each set of `$XIN_DATA/retrieval`, with the model that `make up` runs. By itself,

    python -m tests.bench.recall [--language fa] [--questions N] [--embeddings URL]

says more: each half alone, and how well the confidence tells questions that the documents answer from those that they
don't, as the area under the ROC curve: `given` are the set's own unanswerable questions, `removed` are questions whose
document was taken out. Each passage of a set is a document; a question counts as found at k when a passage of its
document is among the first k documents. Without an endpoint only the words are measured.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from local.machine.embeddings import MODEL, Embeddings
from local.machine.leftovers import Ledger
from local.machine.process import Supervised
from local.machine.state import Home
from shared.knowledge.chunking import indexed_text, passages
from shared.knowledge.documents import Section
from shared.knowledge.embedding import BATCH, EndpointEmbedder
from shared.knowledge.index import Fingerprint, Found, Hit, Point, Question
from shared.knowledge.qdrant_edge import QdrantEdge
from shared.knowledge.search import CANDIDATES, Answerable, answerable, fused
from shared.store.knowledge import StoredPassage
from shared.text.terms import passage_vector, query_vector
from tests.bench.report import row

BASELINES = {"fa": 0.990, "en": 0.955}
"""The best R@5 that the data's README reports for anything tried on it."""
TENANT = uuid4()
Answers = Sequence[tuple["Asked", Found]]


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


async def rows() -> None:
    """A `recall_at_5` for each language, of words and meaning together."""
    data = os.environ.get("XIN_DATA")
    if not data:
        print("recall_at_5 is not measured: XIN_DATA does not say where the questions are.", file=sys.stderr)
        return
    async with _model() as url:
        for language, baseline in BASELINES.items():
            async with _filled(Path(data, "retrieval", language), url) as collection:
                found = await _ask_all(collection, _questions(collection))
                places = [collection.place(f, q.document) for q, f in found if q.answerable]
                row("recall_at_5", _share(places, 5), "share", baseline, digits=4, language=language)


@asynccontextmanager
async def _model() -> AsyncIterator[str]:
    """The model of `make up`, on both cores and not yielding to anybody: there is nobody."""
    with tempfile.TemporaryDirectory(prefix="xin-bench-") as folder:
        home = Home.open(Path(folder))
        server = Embeddings(home.directory("embeddings"), home.port("embeddings"))
        environment = {"OMP_NUM_THREADS": str(os.cpu_count() or 1), "OMP_WAIT_POLICY": "passive"}
        part = replace(server.part(), niceness=0, environment=environment)
        running = Supervised(part, home=home.path, ledger=Ledger(home.path), say=lambda line: None)
        await running.start()
        try:
            yield server.url
        finally:
            await running.stop()
            home.close()


@asynccontextmanager
async def _filled(folder: Path, url: str) -> AsyncIterator[Collection]:
    with tempfile.TemporaryDirectory() as state:
        embedder = EndpointEmbedder(url, MODEL, query_seconds=20) if url else None
        collection = Collection(folder, QdrantEdge(Path(state)), embedder)
        await collection.fill()
        yield collection
        await collection.index.close()
        if embedder:
            await embedder.close()


def _questions(collection: Collection) -> list[Asked]:
    lines = _lines(collection.folder / "questions.jsonl")
    return [Asked(q["question"], _asset(q["passage_id"]), q["answerable"]) for q in lines]


async def _ask_all(collection: Collection, asked: Sequence[Asked]) -> Answers:
    return [(q, await collection.find(q.text)) for q in asked]


def _share(places: Sequence[int], k: int) -> float:
    return sum(place < k for place in places) / len(places)


async def measure(language: str, folder: Path, url: str, questions: int | None) -> None:
    """Prints all that is measured."""
    async with _filled(folder, url) as collection:
        asked = _questions(collection)[:questions]
        started = time.monotonic()
        found = await _ask_all(collection, asked)
        row("search_ms", (time.monotonic() - started) * 1000 / len(found), "ms", language=language)
        _report_recall(language, collection, found)
        _report_confidence(language, collection, found)


def _report_recall(language: str, collection: Collection, found: Answers) -> None:
    for half in ("words", "meaning", "both") if collection.embedder else ("words",):
        places = [collection.place(_half(f, half), q.document) for q, f in found if q.answerable]
        for k in (1, 5, 10):
            baseline = BASELINES[language] if k == 5 else None
            row(f"recall_at_{k}", _share(places, k), "share", baseline, digits=4, language=language, by=half)


def _half(found: Found, half: str) -> Found:
    return Found([] if half == "meaning" else found.terms, [] if half == "words" else found.dense)


def _report_confidence(language: str, collection: Collection, found: Answers) -> None:
    def say(what: str, value: float, of: str) -> None:
        row(f"confidence_{what}", value, "share", digits=4, language=language, of=of)

    whole = [(q, collection.answer(q.text, f).confidence) for q, f in found]
    yes = [confidence for q, confidence in whole if q.answerable]
    no = [confidence for q, confidence in whole if not q.answerable]
    if no:
        say("auroc", _auroc(yes, no), "given")
    removed = [collection.answer(q.text, f, without=q.document).confidence for q, f in found if q.answerable]
    say("auroc", _auroc(yes, removed), "removed")
    say("over_half", sum(c > 0.5 for c in yes) / len(yes), "answerable")
    say("over_half", sum(c > 0.5 for c in removed) / len(removed), "removed")


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
