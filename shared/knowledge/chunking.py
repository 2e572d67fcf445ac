"""Cutting a document's sections into passages: small enough to quote and embed, whole enough to answer.

A passage never crosses a heading. It is made of whole paragraphs where they fit, else of whole sentences.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.knowledge.documents import Section
from shared.text.sentences import sentences

PASSAGE_CHARACTERS = 900
"""About 250 tokens of Persian: well inside what small embedding models read."""
TAIL_CHARACTERS = 200
"""A rest shorter than this is no passage of its own: the one before it takes it in."""
PLACE_SEPARATOR = " › "


@dataclass(frozen=True)
class Passage:
    """A piece of a document. *place* is the path of headings it stands under."""

    place: str
    text: str


def passages(sections: Iterable[Section], *, limit: int = PASSAGE_CHARACTERS) -> Iterator[Passage]:
    """In reading order. *limit* is in characters; a passage exceeds it by at most a short tail."""
    for section in sections:
        place = PLACE_SEPARATOR.join(section.place)
        for text in _pieces(section.text, limit):
            yield Passage(place, text)


def indexed_text(title: str, place: str, text: str) -> str:
    """What search sees of a passage: its document's title and its headings count like its words."""
    heading = place if place.startswith(title) else f"{title}\n{place}"
    return f"{heading}\n{text}".strip()


def _pieces(text: str, limit: int) -> list[str]:
    paragraphs = [p for raw in re.split(r"\n\s*\n", text) if (p := raw.strip())]
    blocks = [piece for p in paragraphs for piece in ([p] if len(p) <= limit else _of_sentences(p, limit))]
    return _with_tail(_packed(blocks, "\n\n", limit), "\n\n")


def _of_sentences(paragraph: str, limit: int) -> list[str]:
    parts = [
        piece
        for s in sentences(paragraph)
        for piece in ([s.text] if len(s.text) <= limit else _of_words(s.text, limit))
    ]
    joint = "\n" if "\n" in paragraph else " "
    return _packed(parts, joint, limit)


def _of_words(sentence: str, limit: int) -> list[str]:
    words = [piece for w in sentence.split() for piece in (w[i : i + limit] for i in range(0, len(w), limit))]
    return _packed(words, " ", limit)


def _packed(parts: Sequence[str], joint: str, limit: int) -> list[str]:
    """Neighbours joined as long as they fit."""
    packed: list[str] = []
    size = 0
    group: list[str] = []
    for part in parts:
        if group and size + len(joint) + len(part) > limit:
            packed.append(joint.join(group))
            group, size = [], 0
        size += len(part) + (len(joint) if group else 0)
        group.append(part)
    return [*packed, joint.join(group)] if group else packed


def _with_tail(pieces: list[str], joint: str) -> list[str]:
    if len(pieces) > 1 and len(pieces[-1]) < TAIL_CHARACTERS:
        return [*pieces[:-2], joint.join(pieces[-2:])]
    return pieces
