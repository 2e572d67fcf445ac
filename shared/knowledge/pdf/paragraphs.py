"""From the lines of a document's pages to their text: which line goes on in the next, and what is only the paper's."""

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.knowledge.pdf.lines import Line, Reading, reading_of
from shared.text.sentences import sentences

PARAGRAPH_GAP = 1.3
"""Of the usual distance between two lines: more parts two paragraphs."""
MARGIN_GAP = 1.8
"""Of its letters' size: at least so far a running head stands from the text. A table's head stands nearer."""
MARGIN_SHARE = 0.12
"""Of the text's height: where running heads and feet are looked for."""
MARGIN_CHARACTERS = 200
FULL_WIDTH = 0.6
"""Of the usual width. A shorter line ends because it is over."""
CARRIED_CHARACTERS = 600
_USUAL_LEADING = 1.5
_TABLE_GAP = 4.0
_NUMBER = re.compile(r"(?<!\d)\d{1,4}(?!\d)")
_LIST_ITEM = re.compile(r"[-–—•▪●○◦‣·*]\s|[(\[]?(?:\d{1,3}|[a-zA-Zالفبپتج])[.)\]\-]\s")
_SENTENCE_END = re.compile(r"[.!?؟…:؛۔][»”\"')\]]*$")


@dataclass
class Page:
    """A page's text. *is_open*: its last sentence seems to go on on the next page, in letters of *last_size*."""

    text: str
    first_size: float = 0.0
    last_size: float = 0.0
    is_open: bool = False


def pages_of(pages: Sequence[Sequence[Line]]) -> list[Page]:
    """The pages' text, in order. A sentence that goes over a border stands whole on the page where it begins."""
    margins = _margins(pages)
    made: list[Page] = []
    told: set[str] = set()
    for lines, reading in zip(pages, reading_of(pages), strict=True):
        page = _page([line for line in lines if id(line) not in margins], reading)
        once = [line for line in lines if margins.get(id(line), "") not in told | {""}]
        told |= {margins[id(line)] for line in once}
        if once:  # what every page repeats may be the shop's telephone number: it is kept once
            page.text = f"{_page(once, reading).text}\n\n{page.text}".strip()
        made.append(page)
    for page, following in pairwise(made):
        _carry(page, following)
    return made


def _carry(page: Page, following: Page) -> None:
    paragraph, *others = following.text.split("\n", 1)
    if not page.is_open or not paragraph or not _alike(page.last_size, following.first_size):
        return
    rest = sentences(paragraph)[0]
    if len(rest.text) > CARRIED_CHARACTERS or _LIST_ITEM.match(paragraph):
        return
    page.text = f"{page.text} {rest.text}"
    following.text = "\n".join([paragraph[rest.end :].strip(), *others]).strip("\n")


def _page(lines: Sequence[Line], reading: Reading) -> Page:
    if not lines:
        return Page("")
    blocks = list(_blocks(lines))
    full = [is_full for block in blocks for is_full in _full(block, _usual_width(lines), reading.rtl)]
    begins = {id(block[0]) for block in blocks}
    told = lines[0].text(reading)
    for before, line, was_full in zip(lines, lines[1:], full, strict=False):
        joint = _joint(before, line, was_full, id(line) in begins)
        text = line.text(reading, starts=joint != " ")
        if joint == " " and _LIST_ITEM.match(text):
            joint = "\n"
        told = f"{told}{joint}{text}" if joint != " " else _joined(told, text)
    return Page(told, lines[0].size, lines[-1].size, full[-1] and not _SENTENCE_END.search(told))


def _joined(told: str, text: str) -> str:
    """Two lines as one; a word that was parted between them is whole again."""
    if not told.endswith(("-", "\u2010", "\u00ad", "–")) or not told[-2:-1].isalnum():
        return f"{told} {text}"
    return (told[:-1] if told[-1] != "–" and text[:1].islower() else told) + text


def _joint(before: Line, line: Line, was_full: bool, begins_block: bool) -> str:
    """What comes between two lines."""
    if not begins_block:
        return " " if was_full and len(line.cells) == 1 else "\n"
    drop = before.height - line.height
    if was_full and drop < 0 and _alike(before.size, line.size) and before.angle == line.angle:
        return " "  # at the top of the next column
    is_table = len(before.cells) > 1 and len(line.cells) > 1 and 0 < drop < _TABLE_GAP * line.size
    return "\n" if is_table else "\n\n"


def _blocks(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Lines below one another at the usual distance, of one size."""
    furthest = PARAGRAPH_GAP * _leading(lines)
    block: list[Line] = []
    for line in lines:
        before = block[-1] if block else line
        is_near = before.angle == line.angle and _alike(before.size, line.size)
        if block and not (is_near and 0 < before.height - line.height <= furthest * line.size):
            yield block
            block = []
        block.append(line)
    yield block


def _full(block: Sequence[Line], usual: float, rtl: bool) -> Iterator[bool]:
    """Of each line, whether the next word didn't fit on it, as far as its neighbours tell."""
    edge = min(line.left for line in block) if rtl else max(line.right for line in block)
    for line, following in zip(block, [*block[1:], None], strict=True):
        room = line.left - edge if rtl else edge - line.right
        word = _first_word(following, rtl) if following else 2 * line.size
        is_long = line.right - line.left >= FULL_WIDTH * usual and len(line.cells) == 1
        yield is_long and len(block) > 1 and room < word + 0.3 * line.size


def _first_word(line: Line, rtl: bool) -> float:
    return line.right - line.words[1] if rtl else line.words[0] - line.left


def _usual_width(lines: Sequence[Line]) -> float:
    widths = sorted(line.right - line.left for line in lines)
    return widths[len(widths) * 3 // 4]


def _leading(lines: Sequence[Line]) -> float:
    """The usual distance between two lines, by their letters' size."""
    drops = [
        drop
        for before, line in pairwise(lines)
        if _alike(before.size, line.size) and 0.8 < (drop := (before.height - line.height) / line.size) < 4
    ]
    return statistics.median_low(drops) if drops else _USUAL_LEADING


def _alike(size: float, other: float) -> bool:
    return max(size, other) <= 1.15 * min(size, other)


def _margins(pages: Sequence[Sequence[Line]]) -> dict[int, str]:
    """Running heads and feet: the id of each such line, and what it says but for the page's number.

    They stand in one place of half the pages, at the paper's edge, apart from the text, in letters no larger.
    """
    heights = [line.height for lines in pages for line in lines]
    if len(pages) < 2 or not heights:
        return {}
    usual = statistics.median(line.size for lines in pages for line in lines)
    edge = MARGIN_SHARE * (max(heights) - min(heights))
    top, foot = max(heights) - edge, min(heights) + edge
    said = {
        id(line): list(_said(line, number))
        for number, lines in enumerate(pages)
        for line in lines
        if not foot < line.height < top and line.size <= 1.05 * usual and _is_apart(line, lines)
    }
    seen = Counter(way for ways in said.values() for way in ways)
    often = {line: max(ways, key=lambda way: seen[way]) for line, ways in said.items()}
    return {line: way for line, way in often.items() if seen[way] >= max(2, len(pages) / 2)}


def _said(line: Line, page: int) -> Iterator[str]:
    """What it says and where; and once for each of its numbers, as it would be if that one counted the pages."""
    text = "|".join(map("".join, line.cells))
    yield f"{round(line.height)} {text}"
    for number in _NUMBER.finditer(text if len(text) <= MARGIN_CHARACTERS else ""):
        yield f"{round(line.height)} {text[: number.start()]}#{int(number[0]) - page}{text[number.end() :]}"


def _is_apart(line: Line, lines: Sequence[Line]) -> bool:
    """Whether there is room between it and every other line but those at its own height."""
    gaps = (abs(line.height - other.height) for other in lines)
    return all(gap < 0.5 * line.size or gap >= MARGIN_GAP * line.size for gap in gaps)
