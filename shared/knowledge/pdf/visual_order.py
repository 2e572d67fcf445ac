"""From what stands on a line, left to right, to what is read: Unicode's bidirectional algorithm, backwards.

https://www.unicode.org/reports/tr9/. A layout can't be undone without doubt: in a Persian line «iPhone 15» looks like
a 15 that is followed by an iPhone. There, what Persian shops write more often is taken.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_MIRRORED = dict(zip("()[]{}<>«»‹›", ")(][}{><»«›‹", strict=True))
_CLOSED_BY = {"(": ")", "[": "]", "{": "}", "«": "»"}
_IN_NUMBERS = frozenset(".,:/٫٬،")
"""One of these between two digits belongs to the number, which runs left to right in any line."""
_JOINS_AT_START = frozenset("-+")
"""These part a number in two after Persian letters, but not at the start of a paragraph."""
_GOES_ON = frozenset(",;-–/")
"""Behind Latin letters at a line's end they are Latin: the next line goes on with more."""
_UNIT = re.compile(r"(?:[KMGT]?[Bb]|[kmcµ]?[gmlL]|[kKMG]?Hz|[kM]?[WVA]|mAh|Wh|[kKMG]?bps|MB/s|px|inch|in|oz|lb|fps|x)")
"""What stands behind its number: «۱۶ GB»."""


Span = tuple[int, int]


@lru_cache(maxsize=4096)
def side_of(text: str) -> str:
    """`R` for letters of Arabic or Hebrew script, `L` for other letters, `D` for digits, `N` for all else."""
    for letter in text:
        match unicodedata.bidirectional(letter):
            case "R" | "AL":
                return "R"
            case "EN" | "AN" if letter.isdecimal():
                return "D"
            case "L":
                return "L"
    return "N"


def logical(pieces: Sequence[str], *, rtl: bool, starts: bool = True, mirrored: bool = True) -> str:
    """*pieces*, as they stand from left to right, in the order of reading. A piece is in that order itself.

    *rtl* is the direction of the line, *starts* whether it begins a paragraph, *mirrored* whether brackets are given
    as they look rather than as they are meant.
    """
    sides = [side_of(piece) for piece in pieces]
    if rtl and "R" not in sides and "L" not in sides:
        return _bare_numbers("".join(pieces)) or _run(pieces, rtl, mirrored, starts)
    told: list[str] = []
    at = 0
    for start, end in _latin(pieces, sides) if rtl else _between(sides, "R", "L"):
        told.append(_run(pieces[at:start], rtl, mirrored, False))
        told.append(_run(pieces[start:end], not rtl, mirrored, False))
        at = end
    told.append(_run(pieces[at:], rtl, mirrored, starts))
    return "".join(reversed(told) if rtl else told)


def _bare_numbers(text: str) -> str:
    """*text* where it is a phone number that somebody wrote from left to right: its + or 0 stands at the left."""
    groups = text.split()
    if len(groups) > 1 and groups[0][0] in "+0۰" and groups[-1][0] not in "0۰" and not groups[-1].endswith("+"):
        return text
    return ""


def unmatched(text: str) -> int:
    """How many brackets close what was not opened: what a wrong guess at *mirrored* shows by."""
    depth = dict.fromkeys(_CLOSED_BY.values(), 0)
    faults = 0
    for letter in text:
        if closing := _CLOSED_BY.get(letter):
            depth[closing] += 1
        elif letter in depth:
            faults += depth[letter] == 0
            depth[letter] -= depth[letter] > 0
    return faults


def _run(pieces: Sequence[str], rtl: bool, mirrored: bool, starts: bool) -> str:
    """Pieces of one direction. A number among them runs left to right in either."""
    if not rtl:
        return "".join(pieces)
    numbers = dict(_numbers(pieces, [side_of(piece) for piece in pieces], starts))
    told: list[str] = []
    at = 0
    while at < len(pieces):
        end = numbers.get(at, at + 1)
        piece = "".join(pieces[at:end])
        told.append(_MIRRORED.get(piece, piece) if mirrored else piece)
        at = end
    return "".join(reversed(told))


def _between(sides: Sequence[str], side: str, other: str) -> list[Span]:
    """From one letter of *side* to the last one before a letter of the *other*."""
    spans: list[Span] = []
    start = end = -1
    for at, found in enumerate(sides):
        if found == other and start >= 0:
            spans.append((start, end))
            start = -1
        elif found == side:
            start, end = (at if start < 0 else start), at + 1
    return [*spans, (start, end)] if start >= 0 else spans


def _numbers(pieces: Sequence[str], sides: Sequence[str], starts: bool) -> list[Span]:
    """Digits with what joins them. At the start of a paragraph, which is at the right, a dash joins as well."""
    spans: list[Span] = []
    at = 0
    while at < len(pieces):
        if sides[at] != "D":
            at += 1
            continue
        end = at + 1
        while end < len(pieces):
            if sides[end] == "D":
                end += 1
            elif end + 1 < len(pieces) and sides[end + 1] == "D" and pieces[end] in _IN_NUMBERS:
                end += 2
            else:
                break
        spans.append((at, end))
        at = end
    while starts and len(spans) > 1 and spans[-1][1] == len(pieces):
        (first, end), (start, last) = spans[-2:]
        if end + 1 != start or pieces[end] not in _JOINS_AT_START:
            break
        spans[-2:] = [(first, last)]
    return spans


def _latin(pieces: Sequence[str], sides: Sequence[str]) -> list[Span]:
    """Runs of other letters in a line from right to left, with the numbers and brackets that belong to them."""
    numbers = _numbers(pieces, sides, starts=False)
    before = {end: start for start, end in numbers}
    behind = dict(numbers)
    spans: list[Span] = []
    for start, end in _between(sides, "L", "R"):
        start = before.get(start, start)
        if start > 0 and pieces[start - 1] == " ":
            start = before.get(start - 1, start)
        end = behind.get(end, end)
        end = _with_numbers(pieces, start, end, behind)
        if start == 0 and end < len(pieces) and pieces[end] in _GOES_ON:
            end += 1
        spans.append((start, _with_bracket(pieces, start, end)))
    return spans


def _with_numbers(pieces: Sequence[str], start: int, end: int, behind: dict[int, int]) -> int:
    """X-15, iPhone 15, Vallejo (1852–1853): what follows on the right belongs to the words, but not «۱۶» to its GB."""
    is_unit = _UNIT.fullmatch("".join(pieces[start:end]).rsplit(" ", 1)[-1])
    while True:
        if end + 1 in behind and not (is_unit and pieces[end] == " "):
            end = behind[end + 1]
        elif end + 2 in behind and (pieces[end], pieces[end + 1]) == (" ", "("):
            end = behind[end + 2]
        else:
            return end


def _with_bracket(pieces: Sequence[str], start: int, end: int) -> int:
    """A bracket that opened inside closes inside."""
    inside = "".join(pieces[start:end])
    if end < len(pieces):
        for opening, closing in _CLOSED_BY.items():
            if pieces[end] == closing and inside.count(opening) > inside.count(closing):
                return end + 1
    return end
