"""What a file is and what it says: detection, letters, and the way from Markdown, HTML and plain text to sections.

Runs inside the limited process of `reading`; nothing else should call it on an upload.
"""

import codecs
import re
import unicodedata
import zipfile
from pathlib import Path

from shared.knowledge.documents import FILE_BYTES, Document, DocumentRejected, Section
from shared.text.persian import clean

_MAGIC = (
    (b"%PDF-", "pdf"),
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
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKDOWN = {".md", ".markdown", ".mdown", ".mkd"}
_HTML = {".html", ".htm", ".xhtml"}
_TEXT = {".txt", ".text", ".log", ".csv", ".tsv", ".rst", ".adoc", ".srt", ""}
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
    _refuse_foreign(data, path)
    kind = Path(name.strip().lower()).suffix
    if kind not in _MARKDOWN | _HTML | _TEXT:
        raise DocumentRejected("kind")
    text = clean(decode(data, is_html=kind in _HTML))
    document = _parse(text, kind)
    if not any(c.isalnum() for s in document.sections for c in s.text):
        raise DocumentRejected("empty")
    return document


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


def _refuse_foreign(data: bytes, path: Path) -> None:
    """Content that is known not to be text, whatever its name says."""
    if data.startswith(b"%PDF-") and b"/Encrypt" in data:
        raise DocumentRejected("encrypted")
    for magic, code in _MAGIC:
        if data.startswith(magic):
            raise DocumentRejected(code)
    if data.startswith(_OLE):
        protected = "EncryptedPackage".encode("utf-16-le") in data
        raise DocumentRejected("encrypted" if protected else "office")
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        raise DocumentRejected(_what_zip(path))
    if data[:4] == b"RIFF":
        raise DocumentRejected("image" if data[8:12] == b"WEBP" else "media")
    if data[4:8] == b"ftyp":
        raise DocumentRejected("media")


def _what_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return "damaged"
    if any(entry.flag_bits & 1 for entry in entries):
        return "encrypted"
    names = {entry.filename for entry in entries}
    return "office" if names & {"[Content_Types].xml", "mimetype"} else "archive"


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
