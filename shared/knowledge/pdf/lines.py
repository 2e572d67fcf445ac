"""From letters on a page to lines of text: which stand on one line, where a word and where a column ends."""

import bisect
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.knowledge.pdf.content import Glyph, is_mark
from shared.knowledge.pdf.visual_order import logical, side_of, unmatched
from shared.text.persian import ZWNJ
from shared.text.terms import PERSIAN_STOP_WORDS

SAME_LINE = 0.5
"""Of the letters' size: a raised letter stands on its line, the next line doesn't."""
WORD_GAP = 0.18
CELL_GAP = 2.0
"""No space between two words is so wide, justified or not: a column ends here."""
CELL_GAP_UNSPACED = 0.5
"""The same where the page draws its spaces, and didn't here."""
CELL_SEPARATOR = " | "
_JOINERS = (ZWNJ, "\u200d")
_OVERSTRUCK = 0.08
"""A letter drawn again so near is the same one, made bold."""

_PRESENTATION = re.compile("[\ufb00-\ufb06\ufb50-\ufdff\ufe70-\ufefc]")
"""Letters in the forms that they are drawn in, joined: Latin ligatures, and Arabic script."""
_SMALL_WORDS = frozenset(word for word in PERSIAN_STOP_WORDS if word[::-1] not in PERSIAN_STOP_WORDS)
_LEAST_BACKWARDS = 3
"""Small words that only make sense from left to right, before a document is taken to be drawn so."""


@dataclass(frozen=True)
class Reading:
    """How a page is read: which way it runs, and two things that the programs which draw differ in.

    *mirrored*: brackets are given as they look, not as they are meant. *backwards*: letters that run right to left were
    drawn from left to right, as programs do that know nothing of them.
    """

    rtl: bool
    mirrored: bool = True
    backwards: bool = False


@dataclass(frozen=True)
class Line:
    """What stands on one line. Lengths are in points; see `Glyph` for what they are measured along.

    *cells* are its columns from left to right, each in pieces from left to right. *words* is where its first and its
    last word end and begin: (right end of the leftmost, left end of the rightmost).
    """

    angle: int
    height: float
    left: float
    right: float
    size: float
    cells: tuple[tuple[str, ...], ...]
    words: tuple[float, float]

    def letters(self) -> tuple[int, int]:
        """How many letters run right to left, and how many left to right."""
        sides = [side_of(piece) for cell in self.cells for piece in cell]
        return sides.count("R"), sides.count("L")

    def text(self, reading: Reading, *, starts: bool = True) -> str:
        """As it is read; *starts* tells whether it begins a paragraph."""
        if reading.backwards:
            return CELL_SEPARATOR.join(plain_letters("".join(cell)) for cell in self.cells)
        told = [_told(cell, reading, starts) for cell in self.cells]
        return CELL_SEPARATOR.join(t for t in (reversed(told) if reading.rtl else told) if t)


def lines_of(glyphs: Iterable[Glyph]) -> list[Line]:
    """In the order of drawing, which is the order of reading in what people make PDFs with."""
    glyphs = list(glyphs)
    draws_spaces = any(glyph.text == " " for glyph in glyphs)
    return [line for group in _grouped(glyphs) if (line := _line(group, draws_spaces)) is not None]


def reading_of(pages: Sequence[Sequence[Line]]) -> list[Reading]:
    """Of each page. One program drew all of them, so all tell about it."""
    backwards = _is_backwards(line for lines in pages for line in lines)
    ways = [[Reading(_runs_rtl(lines) and not backwards, way, backwards) for lines in pages] for way in (False, True)]
    meant, looks = (sum(map(_bracket_faults, pages, way)) for way in ways)
    return ways[looks < meant]


def _runs_rtl(lines: Sequence[Line]) -> bool:
    counted = [line.letters() for line in lines]
    return sum(right for right, _ in counted) > sum(left for _, left in counted)


def _is_backwards(lines: Iterable[Line]) -> bool:
    """By Persian's small words: «از» and «است» show which way they were drawn."""
    drawn = Counter(word for line in lines for cell in line.cells for word in "".join(cell).split())
    right = sum(count for word, count in drawn.items() if word[::-1] in _SMALL_WORDS)
    wrong = sum(count for word, count in drawn.items() if word in _SMALL_WORDS)
    return wrong >= _LEAST_BACKWARDS and wrong > 2 * right


def _bracket_faults(lines: Iterable[Line], reading: Reading) -> int:
    """How often a bracket closes what is not open."""
    bracketed = [one for one in lines if any(piece in "()[]«»" for cell in one.cells for piece in cell)]
    return sum(unmatched(one.text(reading)) for one in bracketed)


def _grouped(glyphs: Iterable[Glyph]) -> Iterator[list[Glyph]]:
    group: list[Glyph] = []
    angle, height, size = 0, 0.0, 0.0
    for glyph in glyphs:
        near = SAME_LINE * max(size, glyph.size)
        if group and (glyph.angle != angle or abs(glyph.line - height) > near):
            yield group
            group, size = [], 0.0
        if glyph.size > size:  # the largest letters tell where the line is
            angle, height, size = glyph.angle, glyph.line, glyph.size
        group.append(glyph)
    if group:
        yield group


def _line(group: list[Glyph], draws_spaces: bool) -> Line | None:
    drawn = _with_marks(group)
    if all(glyph.text.isspace() for glyph in drawn):
        return None
    size = statistics.median(glyph.size for glyph in drawn)
    cells: list[list[str]] = [[]]
    words: list[tuple[float, float]] = []
    is_spaced = False
    for glyph in _once(drawn):
        if glyph.text.isspace() or (is_spaced and glyph.text in _JOINERS):
            is_spaced = True
            continue
        gap = (glyph.left - words[-1][1]) / size if words else 0.0
        if gap > (CELL_GAP_UNSPACED if draws_spaces and not is_spaced else CELL_GAP):
            cells.append([])
        elif words and (is_spaced or gap > WORD_GAP) and glyph.text not in _JOINERS:
            cells[-1].append(" ")
        elif words:
            words[-1] = words[-1][0], max(words[-1][1], glyph.right)
        if not words or cells[-1][-1:] in ([], [" "]):
            words.append((glyph.left, max(glyph.right, words[-1][1] if words else glyph.right)))
        cells[-1].append(glyph.text)
        is_spaced = False
    return Line(
        angle=drawn[0].angle,
        height=max(group, key=lambda glyph: glyph.size).line,
        left=words[0][0],
        right=words[-1][1],
        size=size,
        cells=tuple(tuple(cell) for cell in cells),
        words=(words[0][1], words[-1][0]),
    )


def _once(drawn: Iterable[Glyph]) -> Iterator[Glyph]:
    """Without what is drawn again a little beside itself to look bold."""
    text, at = "", 0.0
    for glyph in drawn:
        centre = _centre(glyph) / 2
        if glyph.text != text or centre - at >= _OVERSTRUCK * glyph.size or glyph.text.isspace():
            yield glyph
        text, at = glyph.text, centre


def _with_marks(group: list[Glyph]) -> list[Glyph]:
    """From left to right, each vowel mark with its letter."""
    marks = [glyph for glyph in group if is_mark(glyph.text)]
    drawn = [_without_width(glyph) for glyph in group if glyph.text and not is_mark(glyph.text)]
    drawn.sort(key=_centre)
    if not marks or not drawn:
        return drawn
    letters = [i for i, glyph in enumerate(drawn) if not glyph.text.isspace() and glyph.text not in _JOINERS] or [0]
    centres = [_centre(drawn[i]) for i in letters]
    for mark in marks:
        at = bisect.bisect_left(centres, _centre(mark))
        near = min(range(max(0, at - 1), min(len(centres), at + 1)), key=lambda i: abs(centres[i] - _centre(mark)))
        letter = drawn[letters[near]]
        drawn[letters[near]] = letter._replace(text=letter.text + mark.text)
    return drawn


def _centre(glyph: Glyph) -> float:
    return glyph.left + glyph.right


def _without_width(glyph: Glyph) -> Glyph:
    """Browsers draw a half-space as a space that takes no room."""
    return glyph._replace(right=glyph.left) if glyph.text in _JOINERS else glyph


def _told(cell: Sequence[str], reading: Reading, starts: bool) -> str:
    right, left = (sum(side_of(piece) == side for piece in cell) for side in "RL")
    if not reading.rtl:
        rtl = right > left
    elif right or not left:
        rtl = right * 10 >= left
    else:  # Latin by itself: its own full stop stands at its right, a Persian paragraph's at its left
        rtl = cell[0] in ".!?؟…:" and cell[-1] not in ".!?؟…:"
    return plain_letters(logical(cell, rtl=rtl, starts=starts, mirrored=reading.mirrored))


def plain_letters(text: str) -> str:
    """*text* with letters for their presentation forms; the half-space that these show by not joining is put back."""
    if not _PRESENTATION.search(text):
        return text
    told: list[str] = []
    for letter, following in zip(text, [*text[1:], ""], strict=True):
        if not _PRESENTATION.match(letter):
            told.append(letter)
            continue
        told.append(unicodedata.normalize("NFKC", letter))
        if told[-1] in _joining() and _form(letter) in _ENDS and _form(following) in _BEGINS:
            told.append(ZWNJ)
    return "".join(told)


_ENDS = frozenset({"<final>", "<isolated>"})
_BEGINS = frozenset({"<initial>", "<isolated>"})


def _form(letter: str) -> str:
    return unicodedata.decomposition(letter).split(" ", 1)[0] if letter else ""


@lru_cache(1)
def _joining() -> frozenset[str]:
    """Letters that join the one behind them: those that have an initial form."""
    forms = [chr(code) for code in range(0xFB50, 0xFEFD)]
    return frozenset(unicodedata.normalize("NFKC", form) for form in forms if _form(form) == "<initial>")
