"""PDF to sections: a page is a place.

Headings aren't known: what looks like one is a paragraph. A page that is a scanned picture has no text and is left out;
a file of such pages is refused, since nothing here reads pictures.
"""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shared.knowledge.documents import PDF_PAGES, Document, DocumentRejected, Section
from shared.knowledge.pdf.content import Glyph, PageContent
from shared.knowledge.pdf.fonts import UNKNOWN, PdfFonts
from shared.knowledge.pdf.lines import Line, lines_of, plain_letters
from shared.knowledge.pdf.paragraphs import pages_of
from shared.knowledge.titles import sensible_title
from shared.text.persian import language_of

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

STREAM_BYTES = 16 * 1024 * 1024
"""Of what one page draws with, or one font, unpacked: a hundred times the usual."""
TREE_ENTRIES = 20 * PDF_PAGES
"""Of the page tree. A small file can claim any number of pages."""
UNKNOWN_SHARE = 0.3
"""Of a document's glyphs. Where the letters of more are not told, what remains would mislead."""
_SYMBOLS = re.compile("[\uf000-\uf0ff]")
"""Where symbol fonts keep their bullets and arrows."""
_UNSEEN = re.compile("[\x00-\x08\u200b\u202a-\u202e\u2060-\u206f\ufeff]")
"""Controls that some programs draw as letters. The marks of direction stay until lines are in order: they help."""
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def parse_pdf(data: bytes) -> Document:
    """Raises DocumentRejected: encrypted, pages, scanned, letters, damaged, too_much, empty."""
    from pypdf import PdfReader, apply_configuration
    from pypdf.errors import FileNotDecryptedError, LimitReachedError

    try:
        with apply_configuration(
            zlib_maximum_output_length=STREAM_BYTES,
            lzw_maximum_output_length=STREAM_BYTES,
            run_length_maximum_output_length=STREAM_BYTES,
            array_based_stream_maximum_output_length=STREAM_BYTES,
            page_tree_maximum_entries=TREE_ENTRIES,
            jbig2dec_binary=None,
            disable_legacy_handling=True,
        ):
            return _document(PdfReader(io.BytesIO(data)))
    except (DocumentRejected, MemoryError, RecursionError):
        raise
    except FileNotDecryptedError:
        raise DocumentRejected("encrypted") from None
    except LimitReachedError:
        raise DocumentRejected("too_much") from None
    except Exception:  # pypdf meets a broken file with whatever its parts raise
        raise DocumentRejected("damaged") from None


def place_of(number: int, language: str) -> str:
    """How a source names page *number*, in the document's language: «ص۳», "p3".

    One word, so that a question for a 3 doesn't find every third page.
    """
    return f"ص{number}".translate(_PERSIAN_DIGITS) if language in ("fa", "ar", "ur") else f"p{number}"


def _document(reader: "PdfReader") -> Document:
    if _page_count(reader) > PDF_PAGES:
        raise DocumentRejected("pages")
    read = _Read()
    pages = [read.lines(page) for page in reader.pages]
    if read.unknown > UNKNOWN_SHARE * max(1, read.glyphs):
        raise DocumentRejected("letters")
    texts = [page.text for page in pages_of(pages)]
    if not any(letter.isalnum() for text in texts for letter in text):
        raise DocumentRejected("scanned" if read.has_image else "empty")
    language = language_of("\n".join(texts))
    sections = [Section((place_of(number, language),), text) for number, text in enumerate(texts, 1) if text]
    return Document(_title(reader), sections)


def _page_count(reader: "PdfReader") -> int:
    from pypdf.errors import LimitReachedError

    try:
        return len(reader.pages)
    except LimitReachedError:
        raise DocumentRejected("pages") from None


class _Read:
    """What has been seen of a document so far, page by page."""

    def __init__(self) -> None:
        self.glyphs = 0
        self.unknown = 0
        self.has_image = False
        self._fonts = PdfFonts()

    def lines(self, page: "PageObject") -> list[Line]:
        """The page's lines. Text in no colour counts over a scanned picture, not beside text that readers see."""
        content = PageContent(self._fonts, _box(page))
        content.read(_content(page), page.get("/Resources"))
        self.has_image = self.has_image or content.has_image
        return lines_of(self._known(content.glyphs or content.hidden))

    def _known(self, glyphs: list[Glyph]) -> Iterator[Glyph]:
        for glyph in glyphs:
            text = _UNSEEN.sub("", _SYMBOLS.sub("•", glyph.text))
            self.glyphs += 1
            if UNKNOWN in text or _PRIVATE.search(text):
                self.unknown += 1
            elif text:
                yield glyph if text == glyph.text else glyph._replace(text=text)


def _box(page: "PageObject") -> tuple[float, float, float, float]:
    left, bottom, right, top = (float(edge) for edge in page.cropbox)
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def _content(page: "PageObject") -> bytes:
    """What the page draws. It is unpacked once and not kept."""
    from pypdf.generic import ArrayObject, EncodedStreamObject, StreamObject

    found: Any = page.get("/Contents")
    found = found.get_object() if found is not None else None
    pieces: list[bytes] = []
    size = 0
    for stream in found if isinstance(found, ArrayObject) else [found]:
        stream = stream.get_object() if stream is not None else None
        if not isinstance(stream, StreamObject):
            continue
        pieces.append(stream.get_data())
        size += len(pieces[-1])
        if size > STREAM_BYTES:
            raise DocumentRejected("too_much")
        if isinstance(stream, EncodedStreamObject):
            stream.decoded_self = None
    return b"\n".join(pieces)


def _title(reader: "PdfReader") -> str:
    """What the file calls itself, unless that is a file's name or a program's default."""
    try:
        told = reader.metadata.title if reader.metadata else None
    except Exception:  # see parse_pdf; a title isn't worth a document
        return ""
    return sensible_title(plain_letters(str(told or "")))
