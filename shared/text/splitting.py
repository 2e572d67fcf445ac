"""Cuts a long answer into pieces that a channel takes, where a reader would pause.

Only answers over a channel's limit come here: one reply is one message whenever it can be.
"""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal

from shared.text.sentences import sentences

if TYPE_CHECKING:
    import regex

Unit = Literal["utf16", "chars", "bytes"]

_ZWNJ = "\u200c"
_INSIDE, _WORD, _SENTENCE, _PARAGRAPH = range(4)


def split(text: str, limit: int, unit: Unit) -> list[str]:
    """Pieces of at most *limit* UTF-16 units, code points or UTF-8 bytes; nothing is lost but white space at the cuts.

    A cut stands after a paragraph, else a sentence or line, else a word, no further back than half the limit where that
    can be; a word over the limit is cut between graphemes, not after a ZWNJ. A text within the limit comes back as it
    is, an empty one as no piece. A single grapheme over the limit is the one thing cut inside. *limit* is at least 4.
    """
    if limit < 4:
        raise ValueError("a character may take 4 units")
    if _size(text, unit) <= limit:
        return [text] if text else []
    return list(_pieces(text[_after_gap(text, 0) :].rstrip(), limit, unit))


def _pieces(text: str, limit: int, unit: Unit) -> Iterator[str]:
    ends = {sentence.end for sentence in sentences(text)}
    start = 0
    while start < len(text):
        if _size(text[start : start + limit + 1], unit) <= limit:  # so much fits only where it is the rest
            yield text[start:]
            return
        end = _cut(text, start, limit, unit, ends)
        yield text[start:end]
        start = _after_gap(text, end)


def _cut(text: str, start: int, limit: int, unit: Unit, ends: set[int]) -> int:
    """Where the piece beginning at *start* ends: the best border in the window's second half, else its last one."""
    borders = _borders(text, start, limit, unit)
    if not borders:  # one grapheme fills the window
        return start + _fitting(text[start : start + limit], limit, unit)
    ranked = [(_rank(text, place, ends), place) for place, size in borders if size * 2 >= limit]
    best = max(ranked, default=(_INSIDE, 0))
    if best[0] > _INSIDE:
        return best[1]
    words = [place for place, _ in borders if _rank(text, place, ends) > _INSIDE]
    joined = [place for place, _ in borders if text[place - 1] != _ZWNJ]
    return (words or joined or [place for place, _ in borders])[-1]


def _borders(text: str, start: int, limit: int, unit: Unit) -> list[tuple[int, int]]:
    """Ends of graphemes that fit, each with the size of the text up to it."""
    import regex  # whoever only reads webhooks imports us through a provider and is installed without it

    found: list[tuple[int, int]] = []
    size = 0
    for grapheme in regex.finditer(r"\X", text, pos=start):
        size += _size(grapheme.group(), unit)
        if size > limit:
            break
        found.append((grapheme.end(), size))
    return found


def _rank(text: str, place: int, ends: set[int]) -> int:
    """How good a border the end of a grapheme is: none inside white space or right after a ZWNJ."""
    gap = text[place : _after_gap(text, place)]
    if not gap or text[place - 1].isspace() or text[place - 1] == _ZWNJ:
        return _INSIDE
    if gap.count("\n") > 1:
        return _PARAGRAPH
    return _SENTENCE if place in ends or "\n" in gap or text[place - 1] in "؛;" else _WORD


def _after_gap(text: str, place: int) -> int:
    """Past the white space at *place*; a space that a mark or an emoji's skin tone hangs on is a letter."""
    return int(_gap().match(text, place).end())


@cache
def _gap() -> "regex.Pattern[str]":
    import regex

    return regex.compile(r"(?:[\s\x1c-\x1f](?![\p{GCB=Extend}\p{GCB=SpacingMark}\u200d]))*")


def _size(text: str, unit: Unit) -> int:
    match unit:
        case "chars":
            return len(text)
        case "bytes":
            return len(text.encode(errors="surrogatepass"))
        case "utf16":
            return len(text) + sum(character > "\uffff" for character in text)


def _fitting(text: str, limit: int, unit: Unit) -> int:
    """How many code points of *text* fit."""
    count = len(text)
    while _size(text[:count], unit) > limit:
        count -= 1
    return count
