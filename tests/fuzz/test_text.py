"""Text as people and machines write it: cleaned, searched and cut without loss, in bounded time."""

import random
import re

import regex

from shared.text.persian import ascii_digits, clean, language_of, search_copy
from shared.text.sentences import sentences
from shared.text.splitting import Unit, split
from shared.text.terms import content_words, passage_vector, query_vector
from tests.fuzz import budget, hostile

ZWNJ = "\u200c"
UNITS: tuple[Unit, ...] = ("utf16", "chars", "bytes")
SPACE = re.compile(r"[\s\x1c-\x1f]+")


def _prose(chance: random.Random) -> str:
    """Mostly letters, now and then something hostile."""
    kind = chance.random()
    if kind < 0.4:
        return hostile.letters(chance, chance.choice((10, 80, 400)))
    if kind < 0.8:
        return "".join(chance.choice((hostile.text(chance), hostile.letters(chance, 20))) for _ in range(4))
    return hostile.letters(chance, 12) * chance.choice((1, 20, 60))


def test_persian() -> None:
    """A cleaned text can be stored and is clean; equal searches stay equal; every text has a language."""
    budget.run("text.persian", _prose, _is_clean)


def _is_clean(text: str) -> None:
    cleaned = clean(text)
    assert b"\0" not in cleaned.encode()
    assert clean(cleaned) == cleaned
    copied = search_copy(text)
    copied.encode()
    assert ZWNJ not in copied
    assert len(ascii_digits(text)) == len(text)
    assert re.fullmatch(r"[a-z]{2}|und", language_of(text))


def test_splitting() -> None:
    """Pieces fit, come back together, end at no half-space and inside no grapheme that would fit."""
    budget.run("text.splitting", _to_split, _is_split)


def _to_split(chance: random.Random) -> tuple[str, int, Unit]:
    return clean(_prose(chance)), chance.choice((4, 5, 10, 24, 60, 160, 1000)), chance.choice(UNITS)


def _is_split(case: tuple[str, int, Unit]) -> None:
    text, limit, unit = case
    pieces = split(text, limit, unit)
    assert all(_size(piece, unit) <= limit for piece in pieces)
    assert SPACE.sub("", "".join(pieces)) == SPACE.sub("", text)
    graphemes = regex.findall(r"\X", text)
    if len(pieces) < 2 or any(_size(grapheme, unit) > limit for grapheme in graphemes):
        return
    borders, place = {0}, 0
    for grapheme in graphemes:
        place += len(grapheme)
        borders.add(place)
    place = 0
    for piece in pieces:
        start = text.index(piece, place)
        assert not text[place:start].strip()
        place = start + len(piece)
        assert {start, place} <= borders, "a grapheme was cut"
        if piece.endswith(ZWNJ) and place < len(text):
            assert _nothing_but_half_spaces(piece), "cut after a half-space"


def _nothing_but_half_spaces(piece: str) -> bool:
    """Whether no border of the piece stands before one: then it could not be cut elsewhere."""
    return all(grapheme.endswith(ZWNJ) for grapheme in regex.findall(r"\X", piece))


def _size(text: str, unit: Unit) -> int:
    counted = {"utf16": "utf-16-le", "bytes": "utf-8"}
    encoded = len(text.encode(counted[unit], "surrogatepass")) if unit in counted else len(text)
    return encoded // 2 if unit == "utf16" else encoded


def test_terms() -> None:
    """Words and sentences of any text: sentences lie where they say, vectors are ordered and finite."""
    budget.run("text.terms", _prose, _has_terms)


def _has_terms(text: str) -> None:
    found = sentences(text)
    assert all(text[one.start : one.end] == one.text for one in found)
    assert [one.start for one in found] == sorted(one.start for one in found)
    assert all(content_words(one.text) is not None for one in found[:3])
    for vector in (passage_vector(text), query_vector(text)):
        assert vector.indices == sorted(set(vector.indices))
        assert all(0 <= index < 2**32 for index in vector.indices)
        assert all(0 < value < 10 for value in vector.values)
