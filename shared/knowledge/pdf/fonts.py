"""What a PDF's fonts draw: a code of a string on the page → letters, and how far the pen moves."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypdf.generic import DictionaryObject

UNKNOWN = "\ufffd"
"""A glyph whose font doesn't say which letter it is."""
_CID_WIDTH = 1000
"""PDF 32000-1, 9.7.4.3: the width of a glyph that a composite font's /W leaves out, where /DW does so too."""


@dataclass
class PdfFont:
    """Codes of one byte, or two for a composite font. A width is in ems."""

    letters: dict[str, str] = field(default_factory=dict)
    widths: dict[str, float] = field(default_factory=dict)
    encoding: dict[int, str] | str = ""
    """A simple font's letters by code; or the name of a character set that a composite font's strings are in."""
    is_composite: bool = False
    default_width: float = 0.5
    _known: dict[int | str, tuple[str, float]] = field(default_factory=dict)

    def glyphs(self, data: bytes) -> list[tuple[str, float, bool]]:
        """Letters, width, and whether it is the one-byte space, that word spacing widens."""
        known = self._known
        if len(data) == 1 and (found := known.get(data[0])) and not self.is_composite:
            return [(*found, data == b" ")]  # as browsers draw
        if not self.is_composite:
            return [(*(known.get(code) or self._simple(code)), code == 32) for code in data]
        if isinstance(self.encoding, str) and self.encoding:
            return [(*self._in_charset(c), False) for c in data.decode(self.encoding, "replace")]
        codes = (data[i] << 8 | data[i + 1] for i in range(0, len(data) - 1, 2))
        return [(*(known.get(code) or self._composite(code)), False) for code in codes]

    def _simple(self, code: int) -> tuple[str, float]:
        key = chr(code)
        text = self.letters.get(key)
        if text is None:
            text = self.encoding.get(code, "") if isinstance(self.encoding, dict) else ""
            if len(text) > 1 and text.startswith("/"):  # the name of a glyph that is no letter's
                text = UNKNOWN
        return self._keep(code, text, key)

    def _composite(self, code: int) -> tuple[str, float]:
        return self._keep(code, self.letters.get(chr(code), UNKNOWN), chr(code))

    def _in_charset(self, letter: str) -> tuple[str, float]:
        return self._known.get(letter) or self._keep(letter, self.letters.get(letter, letter), letter)

    def _keep(self, code: int | str, text: str, key: str) -> tuple[str, float]:
        kept = self._known[code] = text, self.widths.get(key, self.default_width)
        return kept


_UNREADABLE = PdfFont(encoding=dict.fromkeys(range(256), UNKNOWN))


class PdfFonts:
    """The fonts of one document, each read once."""

    def __init__(self) -> None:
        self._read: dict[Any, PdfFont] = {}

    def of(self, reference: Any) -> PdfFont:
        """The font behind an entry of /Font. One that can't be read draws nothing but UNKNOWN."""
        key = (getattr(reference, "idnum", None), getattr(reference, "generation", None))
        if key != (None, None) and key in self._read:
            return self._read[key]
        font = _font(reference.get_object())
        if key != (None, None):
            self._read[key] = font
        return font


def _font(resource: Any) -> PdfFont:
    from pypdf.errors import LimitReachedError
    from pypdf.generic import DictionaryObject

    if not isinstance(resource, DictionaryObject):
        return _UNREADABLE
    try:
        return _composite_font(resource) if resource.get("/Subtype") == "/Type0" else _simple_font(resource)
    except (LimitReachedError, MemoryError, RecursionError):
        raise
    except Exception:  # pypdf meets a broken font with whatever its parts raise
        return _UNREADABLE


def _simple_font(resource: "DictionaryObject") -> PdfFont:
    from pypdf.generic._font import Font

    font = Font.from_font_resource(resource)
    if not font.interpretable:
        return _UNREADABLE
    ems = 0.001
    if font.sub_type == "Type3":
        matrix = resource.get("/FontMatrix", [ems])
        ems = abs(float(matrix[0])) or ems
    widths = {key: float(width) * ems for key, width in font.character_widths.items()}
    encoding = font.encoding if isinstance(font.encoding, dict) else {}
    return PdfFont(_clean(font.character_map), widths, encoding, default_width=widths.get("default", 0.5))


def _composite_font(resource: "DictionaryObject") -> PdfFont:
    from pypdf.generic._font import Font

    font = Font.from_font_resource(resource)
    widths = {key: float(width) / 1000 for key, width in font.character_widths.items()}
    descendants: Any = resource["/DescendantFonts"]
    default = float(descendants[0].get_object().get("/DW", _CID_WIDTH)) / 1000
    named = resource.get("/Encoding")
    is_charset = isinstance(named, str) and not named.startswith("/Identity") and isinstance(font.encoding, str)
    charset = font.encoding if is_charset else ""
    return PdfFont(_clean(font.character_map), widths, charset, is_composite=True, default_width=default)


def _clean(letters: dict[Any, Any]) -> dict[str, str]:
    """Some writers map a glyph that has no letter to NUL."""
    return {str(key): str(text).replace("\x00", "") for key, text in letters.items()}
