"""What a file is and what it says: detection, letters, and the way from each kind of file to sections.

Runs inside the limited process of `reading`; nothing else should call it on an upload.
"""

import codecs
import re
import unicodedata
import zipfile
import zlib
from pathlib import Path

from shared.knowledge.documents import FILE_BYTES, Document, DocumentRejected, Section
from shared.text.persian import clean

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"BM\x00", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"\x00\x00\x01\x00", "image"),
    (b"\x1f\x8b", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\x00", "archive"),
    (b"{\\rtf", "office"),
    (b"ID3", "media"),
    (b"OggS", "media"),
    (b"fLaC", "media"),
    (b"\x1aE\xdf\xa3", "media"),
    (b"\x7fELF", "binary"),
    (b"MZ\x90", "binary"),
    (b"SQLite format 3\x00", "binary"),
)
_PDF = b"%PDF-"
_PDF_WITHIN = 1024
"""Readers find a PDF's mark behind this much of anything else (PDF 32000-1, implementation note 13)."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKDOWN = {".md", ".markdown", ".mdown", ".mkd"}
_HTML = {".html", ".htm", ".xhtml"}
_TEXT = {".txt", ".text", ".log", ".csv", ".tsv", ".rst", ".adoc", ".srt", ""}
_OFFICE = {".doc", ".docm", ".dotx", ".odt", ".ods", ".odp", ".pages", ".ppt", ".pptx", ".rtf", ".xls", ".xlsx"}
_STARTS_LIKE_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL
)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)


def read(path: Path, name: str) -> Document:
    """Raises DocumentRejected."""
    if path.stat().st_size > FILE_BYTES:
        raise DocumentRejected("too_large")
    data = path.read_bytes()
    if not data.strip(b"\x00 \t\r\n"):
        raise DocumentRejected("empty")
    ending = Path(name.strip().lower()).suffix
    document = _parsed(data, ending, _kind_of(data, path, ending))
    if not any(c.isalnum() for s in document.sections for c in s.text):
        raise DocumentRejected("empty")
    return document


def _parsed(data: bytes, ending: str, kind: str) -> Document:
    """What the bytes are decides; an ending that says something else is an error to be told, none is none."""
    if kind != "text":
        if ending not in (f".{kind}", ""):
            raise DocumentRejected(f"{kind}_name")
        return _parse_packed(data, kind)
    if ending in (".pdf", ".docx"):
        raise DocumentRejected("other_name")
    if ending in _OFFICE:
        raise DocumentRejected("office")
    if ending not in _MARKDOWN | _HTML | _TEXT:
        raise DocumentRejected("kind")
    return _parse(clean(decode(data, is_html=ending in _HTML)), ending)


def _parse_packed(data: bytes, kind: str) -> Document:
    """Only such a file pays for loading what reads it."""
    if kind == "pdf":
        from shared.knowledge.pdf.pages import parse_pdf

        document = parse_pdf(data)
    else:
        from shared.knowledge.docx_sections import parse_docx

        document = parse_docx(data)
    sections = [Section(tuple(clean(p) for p in s.place), clean(s.text)) for s in document.sections]
    return Document(clean(document.title), sections)


def _parse(text: str, kind: str) -> Document:
    if kind in _HTML:
        from shared.knowledge.html_sections import parse_html

        return parse_html(text)
    if _STARTS_LIKE_HTML.match(text[:4096]):
        raise DocumentRejected("html_name")
    if kind in _MARKDOWN:
        from shared.knowledge.markdown_sections import parse_markdown

        return parse_markdown(_FRONT_MATTER.sub("", text))
    return Document("", [Section((), text.strip())])


def _kind_of(data: bytes, path: Path, ending: str) -> str:
    """`pdf`, `docx`, or `text` for all that may be text. Raises DocumentRejected for what is known to be neither."""
    start = data[:_PDF_WITHIN]
    if start.lstrip(b"\xef\xbb\xbf\x00 \t\r\n").startswith(_PDF) or (ending == ".pdf" and _PDF in start):
        return "pdf"
    for magic, code in _MAGIC:
        if data.startswith(magic):
            raise DocumentRejected(code)
    if data.startswith(_OLE):
        protected = "EncryptedPackage".encode("utf-16-le") in data
        raise DocumentRejected("encrypted" if protected else "office")
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        if (kind := _what_zip(path)) != "docx":
            raise DocumentRejected(kind)
        return kind
    if data[:4] == b"RIFF":
        raise DocumentRejected("image" if data[8:12] == b"WEBP" else "media")
    if data[4:8] == b"ftyp":
        raise DocumentRejected("media")
    return "text"


_CONTENT_TYPES = "[Content_Types].xml"
_CONTENT_TYPES_BYTES = 1024 * 1024
_MAIN_PARTS = (
    (b"wordprocessingml.document.main+xml", "docx"),
    (b"ms-word.document.macroEnabled.main+xml", "macros"),
)


def _what_zip(path: Path) -> str:
    """`docx`, or why it is refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.flag_bits & 1 for entry in entries):
                return "encrypted"
            names = {entry.filename: entry for entry in entries}
            if _CONTENT_TYPES not in names:
                return "office" if "mimetype" in names else "archive"
            if names[_CONTENT_TYPES].file_size > _CONTENT_TYPES_BYTES:
                return "too_much"
            types = archive.read(_CONTENT_TYPES)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, EOFError):
        return "damaged"
    return next((kind for mark, kind in _MAIN_PARTS if mark in types), "office")


_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_DECLARABLE = {"utf-8", "windows-1256", "cp1256", "iso-8859-1", "windows-1252", "iso-8859-6", "us-ascii"}


def decode(data: bytes, *, is_html: bool = False) -> str:
    """*data* as text: by its BOM, as UTF-8 or UTF-16, as an HTML page declares, as windows-1256; else rejected."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _strict(data, encoding, "damaged")
    if b"\x00" in data:
        return _utf16(data)
    try:
        return _textual(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    declared = _DECLARED.search(data[:4096]) if is_html else None
    if declared and (encoding := declared.group(1).decode().lower()) in _DECLARABLE - {"utf-8"}:
        return _strict(data, encoding, "charset")
    if _nearly_utf8(data):
        raise DocumentRejected("damaged")
    return _windows_1256(data)


def _strict(data: bytes, encoding: str, otherwise: str) -> str:
    try:
        return _textual(data.decode(encoding))
    except UnicodeDecodeError:
        raise DocumentRejected(otherwise) from None


def _textual(text: str) -> str:
    controls = sum(c < " " and c not in "\t\n\r\f" for c in text)
    if controls > len(text) // 100 + 2:
        raise DocumentRejected("binary")
    return text


def _utf16(data: bytes) -> str:
    """Text of any script has spaces and line breaks, and in UTF-16 they show on which side the zero byte is."""
    little, big = data[::2].count(b" ") + data[::2].count(b"\n"), data[1::2].count(b" ") + data[1::2].count(b"\n")
    try:
        text = data.decode("utf-16-le" if little >= big else "utf-16-be")
    except UnicodeDecodeError:
        raise DocumentRejected("binary") from None
    readable = sum(unicodedata.category(c)[0] in "LMNPZS" or c in "\t\n\r" for c in text)
    scripts = {unicodedata.name(c, "?").split(" ", 1)[0] for c in text[:5000] if c.isalpha()}
    if readable < len(text) * 0.98 or len(scripts) > 6:
        raise DocumentRejected("binary")
    return text


def _nearly_utf8(data: bytes) -> bool:
    """UTF-8 with some bytes lost, rather than another encoding."""
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    beyond_ascii = sum(c > "\x7f" for c in text) - wrong
    return beyond_ascii > 4 * wrong


def _windows_1256(data: bytes) -> str:
    """What Persian was typed in before Unicode. Any bytes decode, so the result must look like it."""
    text = _textual(data.decode("cp1256"))
    beyond_ascii = [c for c in text if c > "\x7f"]
    arabic = sum("\u0600" <= c <= "\u06ff" or c in "\u200c\u200d\xa0«»" for c in beyond_ascii)
    typographic = sum(c in "‘’“”–—…\xa0•€£©®°" for c in beyond_ascii)
    if max(arabic + typographic, typographic) < len(beyond_ascii) * 0.95:
        raise DocumentRejected("charset")
    return text
