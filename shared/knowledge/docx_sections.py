"""Word's .docx to sections, through HTML: a heading is a place, as on a web page.

Only the parts that hold text are unpacked, and only from the file itself: a picture, an embedded file or an address
in it is not touched. Headers, footers and comments are not read.
"""

import io
import re
import zipfile
from typing import Any
from xml.etree import ElementTree

from shared.knowledge.documents import Document, DocumentRejected
from shared.knowledge.html_sections import parse_html
from shared.knowledge.titles import sensible_title

XML_BYTES = 32 * 1024 * 1024
"""Unpacked, of all parts with text: a few thousand pages, more than there is time for."""
_TEXT_PARTS = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels"
    r"|word/(?:_rels/)?(?:document|styles|numbering|footnotes|endnotes)\d*\.xml(?:\.rels)?"
)
_CORE = "docProps/core.xml"
_DTD = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_WORD = (
    "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}",
    "{http://purl.oclc.org/ooxml/wordprocessingml/main}",
)
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Heading 7'] => h6:fresh
p[style-name='heading 7'] => h6:fresh
"""


def parse_docx(data: bytes) -> Document:
    """Raises DocumentRejected: too_much, damaged."""
    import mammoth

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = _parts(archive)
            title = _title(parts.pop(_CORE, b""))
        html = mammoth.convert_to_html(
            _packed(parts), style_map=_STYLES, convert_image=_no_image, include_embedded_style_map=False
        ).value
    except (DocumentRejected, MemoryError, RecursionError):
        raise
    except Exception:  # mammoth meets a broken file with whatever its parts raise
        raise DocumentRejected("damaged") from None
    document = parse_html(html)
    return Document(title or document.title, document.sections)


def _parts(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """The parts with text in them. Sizes are as the archive claims them; zipfile reads no more than that."""
    wanted = [part for part in archive.infolist() if _TEXT_PARTS.fullmatch(part.filename) or part.filename == _CORE]
    if sum(part.file_size for part in wanted) > XML_BYTES:
        raise DocumentRejected("too_much")
    parts = {part.filename: archive.read(part) for part in wanted}
    if any(_DTD.search(xml.replace(b"\x00", b"")) for xml in parts.values()):
        raise DocumentRejected("damaged")  # Office writes no entities of its own: they are there to explode
    return {name: _shown(xml) for name, xml in parts.items()}


def _packed(parts: dict[str, bytes]) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, xml in parts.items():
            archive.writestr(name, xml)
    packed.seek(0)
    return packed


def _shown(xml: bytes) -> bytes:
    """*xml* without what Word hides: what no reader sees is no knowledge."""
    if b"vanish" not in xml:
        return xml
    root = ElementTree.fromstring(xml)  # noqa: S314 - it has no entities, see _parts
    for parent in root.iter():
        for run in [child for child in parent if _is_hidden(child)]:
            parent.remove(run)
    return ElementTree.tostring(root)


def _is_hidden(element: ElementTree.Element) -> bool:
    for word in _WORD:
        if element.tag == f"{word}r" and (mark := element.find(f"{word}rPr/{word}vanish")) is not None:
            return mark.get(f"{word}val", "true") not in ("0", "false", "off")
    return False


def _title(core: bytes) -> str:
    if not core:
        return ""
    return sensible_title(ElementTree.fromstring(core).findtext(_TITLE) or "")  # noqa: S314 - see _shown


def _no_image(_: Any) -> list[Any]:
    return []
