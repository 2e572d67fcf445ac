"""What a PDF's page draws: its operators, followed to where each letter stands.

https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/PDF32000_2008.pdf, 8.3, 8.4, 9.3, 9.4 and 14.6. Where
letters stand decides their order (`visual_order`), since programs draw Persian from either end.
"""

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.knowledge.documents import DocumentRejected
from shared.knowledge.pdf.fonts import PdfFont, PdfFonts
from shared.knowledge.pdf.tokens import Name, Operand, operations

if TYPE_CHECKING:
    from pypdf.generic import DictionaryObject

FORMS = 2_000
"""Forms drawn on one page; a form may draw others, and so a small file very many."""
FORM_DEPTH = 12
STATES = 1_000
"""Kept at once, and as many marks open: a content that goes deeper is no page."""
LEAST_SIZE = 1.0
"""Smaller letters than this many points are not there to be read."""
_INVISIBLE = 3
"""The mode of text that is only there to be searched, over a scanned picture."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@lru_cache(maxsize=4096)
def is_mark(text: str) -> bool:
    """Whether it is only vowel marks, which belong to a letter."""
    return bool(text) and all(unicodedata.category(letter) == "Mn" for letter in text)


class Glyph(NamedTuple):
    """Letters drawn as one, in points, seen along the direction of their writing.

    *left* and *right* are measured along it, *line* across it (upwards), *angle* in degrees is how it is turned.
    """

    angle: int
    line: float
    left: float
    right: float
    size: float
    text: str


@dataclass
class _State:
    """What q keeps and Q brings back."""

    matrix: Matrix = _IDENTITY
    font: PdfFont = field(default_factory=PdfFont)
    size: float = 0.0
    letter_space: float = 0.0
    word_space: float = 0.0
    stretch: float = 1.0
    leading: float = 0.0
    rise: float = 0.0
    mode: float = 0.0
    clip: Box = (0.0, 0.0, 0.0, 0.0)


@dataclass
class _Marked:
    """A stretch of the content that says what its glyphs mean; *text* is None where it doesn't."""

    text: str | None
    glyphs: list[Glyph]
    start: int


class PageContent:
    """Reads one page. What lies outside *box*, its paper, or is clipped away, nobody sees: it is left out.

    `glyphs` is in the order of drawing; `hidden` is text that was drawn in no colour.
    """

    def __init__(self, fonts: PdfFonts, box: Box) -> None:
        self.glyphs: list[Glyph] = []
        self.hidden: list[Glyph] = []
        self.has_image = False
        self._fonts = fonts
        self._path: list[Box] | None = []  # its rectangles; None where it has other shapes
        self._clips = False
        self._forms = 0
        self._open_forms: list[int] = []
        self._resources: Any = {}
        self._state = _State(clip=box)
        self._kept: list[_State] = []
        self._marked: list[_Marked] = []
        self._text = self._text_line = _IDENTITY
        self._turn: tuple[float, float, float, int, float] | None = None
        self._named_fonts: dict[str, PdfFont] = {}
        self._operators: dict[bytes, Callable[[list[Operand]], None]] = {
            b"q": self._keep,
            b"Q": self._restore,
            b"cm": self._transform,
            b"re": self._add_rectangle,
            b"m": self._add_shape,
            b"W": self._clip,
            b"W*": self._clip,
            **dict.fromkeys([b"n", b"f", b"F", b"f*", b"S", b"s", b"B", b"B*", b"b", b"b*"], self._end_path),
            b"BT": self._begin_text,
            b"Tf": self._set_font,
            b"Tm": self._set_text_matrix,
            b"Td": self._move,
            b"TD": self._move_leading,
            b"T*": self._next_line,
            b"Tj": self._show,
            b"TJ": self._show_all,
            b"'": self._show_next,
            b'"': self._show_spaced,
            b"Tc": lambda operands: self._set("letter_space", operands),
            b"Tw": lambda operands: self._set("word_space", operands),
            b"TL": lambda operands: self._set("leading", operands),
            b"Ts": lambda operands: self._set("rise", operands),
            b"Tr": lambda operands: self._set("mode", operands),
            b"Tz": self._stretch,
            b"Do": self._draw,
            b"BI": self._see_image,
            b"BMC": lambda _: self._mark(None),
            b"BDC": self._mark_with,
            b"EMC": self._end_mark,
        }

    def read(self, data: bytes, resources: Any) -> None:
        """*data* is the page's decoded content. Raises DocumentRejected where it draws without end."""
        outside = self._resources, self._named_fonts
        self._resources, self._named_fonts = resources.get_object() if resources is not None else None, {}
        for name, operands in operations(data):
            if operator := self._operators.get(name):
                operator(operands)
        self._resources, self._named_fonts = outside

    def _set(self, name: str, operands: list[Operand]) -> None:
        if operands and isinstance(operands[-1], float):
            setattr(self._state, name, operands[-1])

    def _stretch(self, operands: list[Operand]) -> None:
        if operands and isinstance(operands[-1], float):
            self._state.stretch = operands[-1] / 100

    def _keep(self, _: list[Operand]) -> None:
        if len(self._kept) < STATES:
            self._kept.append(replace(self._state))

    def _restore(self, _: list[Operand]) -> None:
        if self._kept:
            self._state = self._kept.pop()
            self._turn = None

    def _transform(self, operands: list[Operand]) -> None:
        if matrix := _matrix(operands):
            self._state.matrix = _times(matrix, self._state.matrix)
            self._turn = None

    def _add_rectangle(self, operands: list[Operand]) -> None:
        if self._path is not None and (numbers := _numbers(operands, 4)):
            x, y, width, height = numbers
            a, b, c, d, e, f = self._state.matrix
            corners = [(x, y), (x + width, y), (x, y + height), (x + width, y + height)]
            across = [a * u + c * v + e for u, v in corners]
            up = [b * u + d * v + f for u, v in corners]
            self._path.append((min(across), min(up), max(across), max(up)))

    def _add_shape(self, _: list[Operand]) -> None:
        self._path = None

    def _clip(self, _: list[Operand]) -> None:
        self._clips = True

    def _end_path(self, _: list[Operand]) -> None:
        """A clip by one rectangle is kept to; one of other shapes may hide letters that are read all the same."""
        if self._clips and self._path and len(self._path) == 1:
            left, bottom, right, top = self._state.clip
            box = self._path[0]
            self._state.clip = max(left, box[0]), max(bottom, box[1]), min(right, box[2]), min(top, box[3])
        self._path, self._clips = [], False

    def _begin_text(self, _: list[Operand]) -> None:
        self._text = self._text_line = _IDENTITY
        self._turn = None

    def _set_font(self, operands: list[Operand]) -> None:
        if len(operands) >= 2 and isinstance(operands[0], Name) and isinstance(operands[1], float):
            name = operands[0]
            self._state.size = operands[1]
            if name not in self._named_fonts:
                fonts = _resource(self._resources, "/Font")
                self._named_fonts[name] = self._fonts.of(fonts.raw_get(name)) if name in fonts else PdfFont()
            self._state.font = self._named_fonts[name]

    def _set_text_matrix(self, operands: list[Operand]) -> None:
        if matrix := _matrix(operands):
            self._text = self._text_line = matrix
            self._turn = None

    def _move(self, operands: list[Operand]) -> None:
        if len(operands) < 2 or not isinstance(operands[0], float) or not isinstance(operands[1], float):
            return
        a, b, c, d, e, f = self._text_line
        x, y = operands[0], operands[1]
        self._text = self._text_line = (a, b, c, d, x * a + y * c + e, x * b + y * d + f)

    def _move_leading(self, operands: list[Operand]) -> None:
        if len(operands) >= 2 and isinstance(operands[1], float):
            self._state.leading = -operands[1]
            self._move(operands)

    def _next_line(self, _: list[Operand]) -> None:
        self._move([0.0, -self._state.leading])

    def _show_next(self, operands: list[Operand]) -> None:
        self._next_line([])
        self._show(operands)

    def _show_spaced(self, operands: list[Operand]) -> None:
        if len(operands) >= 3:
            self._set("word_space", operands[:1])
            self._set("letter_space", operands[1:2])
            self._show_next(operands[2:])

    def _show_all(self, operands: list[Operand]) -> None:
        if not operands or not isinstance(operands[0], list):
            return
        for item in operands[0]:
            if isinstance(item, bytes):
                self._show([item])
            elif isinstance(item, float):
                self._advance(-item / 1000 * self._state.size * self._state.stretch)

    def _advance(self, distance: float) -> None:
        a, b, c, d, e, f = self._text
        self._text = (a, b, c, d, e + distance * a, f + distance * b)

    def _turned(self) -> tuple[float, float, float, int, float]:
        """How text lies on the page: cosine and sine of its direction, how long a unit is along it, degrees, across."""
        a, b, c, d, _, _ = _times(self._text, self._state.matrix)
        along = math.hypot(a, b) or 1e-9
        return a / along, b / along, along, round(math.degrees(math.atan2(b, a))) % 360, math.hypot(c, d)

    def _show(self, operands: list[Operand]) -> None:
        if not operands or not isinstance(operands[0], bytes):
            return
        state = self._state
        self._turn = turn = self._turn or self._turned()
        cos, sin, along, angle, across = turn
        if state.size * state.stretch < 0:  # drawn the other way round
            cos, sin, along, angle = -cos, -sin, -along, (angle + 180) % 360
        size = abs(state.size) * across
        _, _, tc, td, te, tf = self._text
        ma, mb, mc, md, me, mf = state.matrix
        te, tf = te + state.rise * tc, tf + state.rise * td
        x, y = te * ma + tf * mc + me, te * mb + tf * md + mf
        clip, beside, above = state.clip, 0.5 * size, 0.1 * size
        outside = not (clip[0] - beside < x < clip[2] + beside and clip[1] - above < y < clip[3] + above)
        here, line = x * cos + y * sin, y * cos - x * sin
        glyphs = self.hidden if state.mode == _INVISIBLE else self.glyphs
        pen = 0.0
        for text, width, is_space in state.font.glyphs(operands[0]):
            wide = width * state.size * state.stretch
            if size >= LEAST_SIZE and not outside:
                left = here + pen * along
                glyphs.append(Glyph(angle, line, left, left + wide * along, size, text))
            pen += wide + (state.letter_space + (state.word_space if is_space else 0.0)) * state.stretch
        self._advance(pen)

    def _mark(self, text: str | None) -> None:
        if len(self._marked) < STATES:
            self._marked.append(_Marked(text, self.glyphs, len(self.glyphs)))

    def _mark_with(self, operands: list[Operand]) -> None:
        properties = operands[-1] if operands else None
        if isinstance(properties, Name):
            named = _resource(_resource(self._resources, "/Properties"), properties)
            text = named.get("/ActualText")
            self._mark(str(text) if isinstance(text, str) else None)
        elif isinstance(properties, list):
            pairs = pairwise(properties)
            texts = [v for k, v in pairs if isinstance(k, Name) and k == "/ActualText" and isinstance(v, bytes)]
            self._mark(_text_string(texts[0]) if texts else None)
        else:
            self._mark(None)

    def _end_mark(self, _: list[Operand]) -> None:
        """Glyphs that say what they mean are one, with that text."""
        if not self._marked:
            return
        marked = self._marked.pop()
        if marked.text is None or not (inside := marked.glyphs[marked.start :]):
            return
        letter = next((glyph for glyph in inside if glyph.text and not is_mark(glyph.text)), inside[0])
        left, right = min(glyph.left for glyph in inside), max(glyph.right for glyph in inside)
        marked.glyphs[marked.start :] = [letter._replace(left=left, right=right, text=marked.text)]

    def _see_image(self, _: list[Operand]) -> None:
        self.has_image = True

    def _draw(self, operands: list[Operand]) -> None:
        """A form draws what stands in it; a picture is only remembered."""
        from pypdf.generic import StreamObject

        if not operands or not isinstance(operands[-1], Name):
            return
        form = _resource(self._resources, "/XObject").get(operands[-1])
        form = form.get_object() if form is not None else None
        if not isinstance(form, StreamObject):
            return
        if form.get("/Subtype") == "/Image":
            self.has_image = True
        if form.get("/Subtype") != "/Form" or id(form) in self._open_forms or len(self._open_forms) >= FORM_DEPTH:
            return
        self._forms += 1
        if self._forms > FORMS:
            raise DocumentRejected("too_much")
        self._open_forms.append(id(form))
        kept, outside, text = self._state, self._kept, (self._text, self._text_line)
        self._state, self._kept = replace(kept), []
        self._transform([float(n) for n in form.get("/Matrix", _IDENTITY)])
        self.read(form.get_data(), _resource(form, "/Resources") or self._resources)
        self._state, self._kept = kept, outside
        self._text, self._text_line = text
        self._turn = None
        self._open_forms.pop()


def _matrix(operands: list[Operand]) -> Matrix | None:
    if not (numbers := _numbers(operands, 6)):
        return None
    a, b, c, d, e, f = numbers
    return a, b, c, d, e, f


def _numbers(operands: list[Operand], count: int) -> list[float]:
    """The first *count* operands where all of them are numbers, else none."""
    numbers = [n for n in operands[:count] if isinstance(n, float) and math.isfinite(n)]
    return numbers if len(numbers) == count else []


def _times(m: Matrix, n: Matrix) -> Matrix:
    a, b, c, d, e, f = m
    g, h, i, j, k, o = n
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + o


def _resource(dictionary: Any, name: str) -> "DictionaryObject":
    """The dictionary under *name*, empty where there is none."""
    from pypdf.generic import DictionaryObject

    found = dictionary.get(name) if isinstance(dictionary, DictionaryObject) else None
    found = found.get_object() if found is not None else None
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _text_string(value: bytes) -> str:
    """PDF 32000-1, 7.9.2.2: UTF-16 or UTF-8 with a mark, else nearly Latin-1."""
    if value.startswith(b"\xfe\xff"):
        return value[2:].decode("utf-16-be", "replace")
    if value.startswith(b"\xef\xbb\xbf"):
        return value[3:].decode("utf-8", "replace")
    return value.decode("latin-1")
