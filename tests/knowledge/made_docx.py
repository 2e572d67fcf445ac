"""Word files made for tests: by python-docx, and changed where no program would."""

import io
import zipfile
from collections.abc import Callable, Mapping

from docx import Document as WordDocument
from docx.document import Document as Word

BODY = "word/document.xml"
RELATIONSHIPS = "word/_rels/document.xml.rels"


def saved(word: Word) -> bytes:
    data = io.BytesIO()
    word.save(data)
    return data.getvalue()


def plain() -> bytes:
    """A heading and a sentence."""
    word = WordDocument()
    word.add_heading("ساعت کاری", 1)
    word.add_paragraph("فروشگاه از ۹ تا ۲۱ باز است.")
    return saved(word)


def changed(data: bytes, parts: Mapping[str, bytes | Callable[[bytes], bytes]]) -> bytes:
    """*data* with these parts: new ones, or what becomes of those that are there."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, part in parts.items():
            new.writestr(name, part if isinstance(part, bytes) else part(old.read(name)))
    return out.getvalue()


def with_body(inside: bytes, behind: bytes = b"") -> bytes:
    """A plain file whose body begins with *inside* and ends with *behind*."""

    def put(body: bytes) -> bytes:
        return body.replace(b"<w:body>", b"<w:body>" + inside).replace(b"</w:body>", behind + b"</w:body>")

    return changed(plain(), {BODY: put})
