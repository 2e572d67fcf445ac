"""Sentences of Persian and English text, with where they stand.

An answer is checked and streamed sentence by sentence, and a quotation is cut at sentences, so offsets are kept.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """`source[start:end] == text`; no white space at either end."""

    text: str
    start: int
    end: int


_END = re.compile(r"(?:[.!?؟…۔。！？]+[»”’\"')\]]*(?=\s|$)|[。！？]+)|\n+")
_WRITTEN = "mr mrs ms dr prof st vs etc e.g i.e no nos vol fig approx inc ltd co dept est a.m p.m u.s ق.م ه.ش ه.ق م.م"
_ABBREVIATIONS = frozenset(_WRITTEN.split())
_LAST_WORD = re.compile(r"\S+$")


def sentences(text: str) -> list[Sentence]:
    """Splits at sentence ends and line breaks; a decimal, abbreviation, initial or "1." at a line's start ends none."""
    found: list[Sentence] = []
    start = 0
    for end in _END.finditer(text):
        if text[end.start()] == "." and _inside(text[start : end.start()]):
            continue
        _add(found, text, start, end.end())
        start = end.end()
    _add(found, text, start, len(text))
    return found


def _inside(before: str) -> bool:
    """Whether a full stop after *before*, the text since the last sentence, ends nothing."""
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    last = word.group().lstrip("([«“\"'").lower()
    is_list_number = last.isdecimal() and len(last) <= 3 and not before[: word.start()].strip()
    is_initial = len(last) == 1 and last.isalpha() and last != "i"
    return is_list_number or is_initial or last in _ABBREVIATIONS


def _add(found: list[Sentence], text: str, start: int, end: int) -> None:
    raw = text[start:end]
    if stripped := raw.strip():
        begin = start + len(raw) - len(raw.lstrip())
        found.append(Sentence(stripped, begin, begin + len(stripped)))
