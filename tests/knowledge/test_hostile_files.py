"""Files that were made to do harm: locked, recursive, exploding, cut off. Each ends in time, with the right reason.

What reads is a process that is killed where it must be; the function, and the next file, never notice.
"""

import json
import os
import random
import re
import time
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from docx import Document as WordDocument
from pypdf import PdfWriter

from shared.knowledge.documents import REASONS, DocumentRejected, read_document
from shared.knowledge.docx_sections import XML_BYTES, parse_docx
from shared.knowledge.pdf.pages import STREAM_BYTES, parse_pdf
from tests.knowledge.made_docx import BODY, changed, plain, saved, with_body
from tests.knowledge.made_pdfs import Drawn, Objects, drawn, one_page

HELLO = b"BT /F 12 Tf 50 700 Td (opening hours) Tj ET "
FONT = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
PAGE = "<< /Type /Page /MediaBox [0 0 595 842] /Contents 1 0 R /Resources << >> >>"
OUTCOMES = {"damaged", "too_much", "too_slow", "pages", "empty", "scanned", "letters", "encrypted"}


async def outcome(tmp_path: Path, content: bytes, name: str, **limits: float) -> str:
    """The code of what an operator is told, or the text."""
    path = tmp_path / "upload"
    path.write_bytes(content)
    try:
        document = await read_document(path, name, **limits)
    except DocumentRejected as refused:
        return refused.code
    return "\n".join(section.text for section in document.sections)


def locked(user: str, owner: str) -> bytes:
    writer = PdfWriter(clone_from=BytesIO(drawn([Drawn(60, 700, "opening hours")])))
    writer.encrypt(user, owner, algorithm="AES-256")
    data = BytesIO()
    writer.write(data)
    return data.getvalue()


async def test_password(tmp_path: Path) -> None:
    """A PDF that needs a password to be opened says so; one that only forbids printing is read."""
    assert await outcome(tmp_path, locked("secret", "secret"), "a.pdf") == "encrypted"
    assert await outcome(tmp_path, locked("", "secret"), "a.pdf") == "opening hours"


def tree(*nodes: str) -> bytes:
    """A file whose page tree begins at the last node; the first object is an empty content."""
    objects = Objects()
    objects.stream(b"")
    for node in nodes:
        objects.add(node)
    return objects.file(objects.add(f"<< /Type /Catalog /Pages {len(objects.bodies)} 0 R >>"))


def spreading_tree() -> bytes:
    """Nine levels of nodes, each with the same child ten times: a milliard of pages."""
    levels = [f"<< /Type /Pages /Count 1 /Kids [{f'{n} 0 R ' * 10}] >>" for n in range(2, 11)]
    return tree(PAGE, *levels)


def many_pages() -> bytes:
    count = 30_000
    return tree(
        *[PAGE] * count, f"<< /Type /Pages /Count 3 /Kids [{' '.join(f'{n + 2} 0 R' for n in range(count))}] >>"
    )


def spreading_forms() -> bytes:
    """Eight levels of forms, each drawing the next one ten times."""
    objects = Objects()
    form = objects.stream(HELLO, f"/Type /XObject /Subtype /Form /Resources << {FONT} >>")
    for _ in range(8):
        below = f"/Resources << /XObject << /X {form} 0 R >> >>"
        form = objects.stream(b"/X Do " * 10, f"/Type /XObject /Subtype /Form {below}")
    return one_page(b"/X Do", resources=f"/XObject << /X {form} 0 R >>", objects=objects)


def packed_twice() -> bytes:
    """A quarter of a gigabyte, packed into a quarter of a megabyte, packed into one kilobyte."""
    once = zlib.compressobj(9)
    pieces = [once.compress(bytes(1 << 20)) for _ in range(256)]
    twice = zlib.compress(b"".join([*pieces, once.flush()]), 9)
    objects = Objects()
    entries = f"<< /Filter [/FlateDecode /FlateDecode] /Length {len(twice)} >>"
    objects.add(entries.encode() + b"\nstream\n" + twice + b"\nendstream")
    objects.add(PAGE)
    objects.add("<< /Type /Pages /Count 1 /Kids [2 0 R] >>")
    return objects.file(objects.add("<< /Type /Catalog /Pages 3 0 R >>"))


def content_again_and_again() -> bytes:
    """One page whose content is the same ten megabytes five thousand times."""
    objects = Objects()
    objects.stream(b" " * 10_000_000, packed=True)
    objects.add(PAGE.replace("1 0 R", f"[{'1 0 R ' * 5000}]"))
    objects.add("<< /Type /Pages /Count 1 /Kids [2 0 R] >>")
    return objects.file(objects.add("<< /Type /Catalog /Pages 3 0 R >>"))


def endless_font(described: str) -> bytes:
    """A font that claims a width or a letter for thousands of millions of codes."""
    objects = Objects()
    objects.stream(b"begincodespacerange <00000000> <FFFFFFFF> endcodespacerange\nbeginbfrange\n"
                   b"<00000000> <FFFFFFFF> <0041>\nendbfrange")  # fmt: skip
    font = f"/Type /Font /Subtype /Type0 /Encoding /Identity-H {described}"
    return one_page(HELLO, resources=f"/Font << /F << {font} >> >>", objects=objects)


def stream_in_itself() -> bytes:
    """An object stream that is said to stand in itself, in a table that goes back to itself."""
    inner = zlib.compress(b"5 0 << /Type /Catalog /Pages 6 0 R >>")
    out = b"%PDF-1.7\n4 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Extends 4 0 R /Filter /FlateDecode "
    out += f"/Length {len(inner)} >>\nstream\n".encode() + inner + b"\nendstream\nendobj\n"
    at = len(out)
    entries = [(0, 0, 0)] * 4 + [(2, 4, 0), (2, 4, 0), (2, 4, 1), (1, at, 0)]
    table = b"".join(bytes([kind]) + place.to_bytes(4, "big") + bytes([index]) for kind, place, index in entries)
    described = f"<< /Type /XRef /Size 8 /W [1 4 1] /Root 5 0 R /Prev {at} /Length {len(table)} >>"
    return (
        out
        + f"7 0 obj\n{described}\nstream\n".encode()
        + table
        + f"\nendstream\nendobj\nstartxref\n{at}\n%%EOF".encode()
    )


def table_loop() -> bytes:
    """A cross-reference table whose previous one is itself: it can be read all the same."""
    data = one_page(HELLO, resources=FONT)
    start = data.rindex(b"startxref")
    return data.replace(b"/Size", b"/Prev " + data[start:].split()[1] + b" /Size")


PDFS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a tree in itself": (
        lambda: tree("<< /Type /Pages /Kids [3 0 R] >>", "<< /Type /Pages /Kids [2 0 R] >>"),
        "damaged",
    ),
    "a tree that spreads": (spreading_tree, "pages"),
    "twelve thousand pages": (many_pages, "pages"),
    "a form in itself": (
        lambda: one_page(
            HELLO + b"/X Do", resources=f"{FONT} /XObject << /X 1 0 R >>", objects=_with_form(b"/X Do " * 9)
        ),
        "opening hours",
    ),
    "forms that spread": (spreading_forms, "too_much"),
    "packed": (lambda: one_page(b" " * (STREAM_BYTES * 4), packed=True), "too_much"),
    "packed twice": (packed_twice, "too_much"),
    "the same again and again": (content_again_and_again, "too_much"),
    "letters without end": (lambda: endless_font("/DescendantFonts [<< >>] /ToUnicode 1 0 R"), "too_much"),
    "widths without end": (lambda: endless_font("/DescendantFonts [<< /W [0 2000000000 1] >>]"), "too_much"),
    "an array in an array": (lambda: tree("[" * 200_000 + "]" * 200_000, "<< /Type /Pages /Kids 2 0 R >>"), "too_much"),
    "an object that is itself": (lambda: tree("2 0 R", "<< /Type /Pages /Kids [2 0 R] >>"), "damaged"),
    "a stream in itself": (stream_in_itself, "damaged"),
    "a table before itself": (table_loop, "opening hours"),
    "cut off": (lambda: one_page(HELLO, resources=FONT)[:200], "damaged"),
}


def _with_form(content: bytes) -> Objects:
    objects = Objects()
    objects.stream(content, "/Type /XObject /Subtype /Form /Resources << /XObject << /X 1 0 R >> >>")
    return objects


@pytest.mark.parametrize("name", PDFS)
async def test_pdf(tmp_path: Path, name: str) -> None:
    """A PDF that is recursive, explodes or lies ends with its reason, within its time."""
    make, told = PDFS[name]

    began = time.monotonic()
    assert await outcome(tmp_path, make(), "a.pdf") == told

    assert time.monotonic() - began < 16


@pytest.mark.parametrize("piece", [b"q ", b"[", b"(a\\", b"<0", b"<<", b"BI ID ", b"/S << /ActualText (x) >> BDC "])
async def test_deep_content(tmp_path: Path, piece: bytes) -> None:
    """A page that opens fifty thousand things and closes none is read, or refused; time goes up with its length."""
    found = await outcome(tmp_path, one_page(HELLO + piece * 50_000, resources=FONT, packed=True), "a.pdf")

    assert found == "opening hours"


async def test_killed_in_time(tmp_path: Path) -> None:
    """A page with more to draw than there is time for ends its reader, with the reason."""
    endless = one_page(b"BT /F 12 Tf 0 5 TD " + b"(ab) ' " * 1_500_000, resources=FONT, packed=True)

    assert await outcome(tmp_path, endless, "a.pdf", wall_seconds=1.5) == "too_slow"


BOMB = b'<!DOCTYPE l [<!ENTITY a "lol">' + b"".join(
    b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
) + b"]>"  # fmt: skip
FILE = b'<!DOCTYPE l [<!ENTITY j SYSTEM "file:///etc/passwd">]>'


def with_entities(declared: bytes, encoding: str = "utf-8") -> bytes:
    """A plain file that also says &j;."""

    def put(body: bytes) -> bytes:
        _, _, root = body.partition(b"<w:document")
        xml = f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + declared + b"<w:document" + root
        return xml.replace(b"<w:body>", b"<w:body><w:p><w:r><w:t>&j;</w:t></w:r></w:p>").decode().encode(encoding)

    return changed(plain(), {BODY: put})


def exploding() -> bytes:
    return with_body(b" " * (XML_BYTES + 1))


def lying() -> bytes:
    """Explodes as well, but claims a tenth of a megabyte."""
    data = bytearray(exploding())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(BODY.encode()))
    data[entry + 24 : entry + 28] = (100_000).to_bytes(4, "little")
    return bytes(data)


def of_itself() -> bytes:
    """Archives in an archive, six deep, ten each."""
    data = b"x" * 100_000
    for _ in range(6):
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for n in range(10):
                archive.writestr(f"word/media/{n}.zip", data)
        data = packed.getvalue()
    return changed(plain(), {"word/embeddings/all.zip": data})


DOCXS: dict[str, tuple[Callable[[], bytes], str]] = {
    "exploding": (exploding, "too_much"),
    "exploding and lying": (lying, "damaged"),
    "archives in archives": (of_itself, "فروشگاه از ۹ تا ۲۱ باز است."),
    "a milliard laughs": (lambda: with_entities(BOMB), "damaged"),
    "a milliard laughs in UTF-16": (lambda: with_entities(BOMB, "utf-16"), "damaged"),
    "another file": (lambda: with_entities(FILE), "damaged"),
    "nested": (lambda: with_body(b"<w:smartTag>" * 50_000, b"</w:smartTag>" * 50_000), "too_much"),
    "tables in tables": (
        lambda: with_body(b"<w:tbl><w:tr><w:tc>" * 400, b"</w:tc></w:tr></w:tbl>" * 400),
        "too_much",
    ),
    "cut off": (lambda: plain()[:-3000], "damaged"),
    "without a text": (lambda: plain().replace(BODY.encode(), b"word/documint.xml"), "damaged"),
}


@pytest.mark.parametrize("name", DOCXS)
async def test_docx(tmp_path: Path, name: str) -> None:
    """A Word file that explodes, nests or reaches out ends with its reason, within its time."""
    make, told = DOCXS[name]

    began = time.monotonic()
    assert await outcome(tmp_path, make(), "a.docx") == told

    assert time.monotonic() - began < 16


def read_or_refused(parse: Callable[[bytes], object], data: bytes) -> str:
    """The code of the refusal; what the reading process ends with `too_much` by; or "read"."""
    try:
        parse(data)
    except DocumentRejected as refused:
        return refused.code
    except (MemoryError, RecursionError):
        return "too_much"
    return "read"


@pytest.mark.parametrize("kind", ["pdf", "docx"])
def test_broken_anywhere(kind: str) -> None:
    """A file with bytes lost, changed or doubled anywhere is read or refused, and nothing else happens."""
    good, parse = (drawn([Drawn(60, 700, "ساعت کاری")]), parse_pdf) if kind == "pdf" else (plain(), parse_docx)
    chance = random.Random(7)
    outcomes: set[str] = set()
    for _ in range(100):
        data = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randint(1, 60)]
                case 2:
                    data[at:at] = data[at : at + chance.randint(1, 60)]
        outcomes.add(read_or_refused(parse, bytes(data)))

    assert "damaged" in outcomes
    assert outcomes <= OUTCOMES | {"read"}


def test_sentences() -> None:
    """Every reason is a sentence that a person can act on."""
    assert all(re.fullmatch(r"[A-Z].{18,}\.", sentence) for sentence in REASONS.values())


@pytest.mark.skipif("XIN_DATA" not in os.environ, reason="needs others' hostile strings")
async def test_naughty_strings(tmp_path: Path) -> None:
    """Strings that break parsers are only text, in a PDF and in a Word file."""
    strings = json.loads(Path(os.environ["XIN_DATA"], "hostile/naughty.json").read_text())
    printable = [s for s in strings if s.strip() and all(c >= " " and not "\ud800" <= c <= "\uffff" for c in s)]
    word = WordDocument()
    for string in printable:
        word.add_paragraph(string)
    pages = [
        [Drawn(20, 800 - 15 * i, s) for i, s in enumerate(printable[n : n + 50])] for n in range(0, len(printable), 50)
    ]

    in_word, in_pdf = await outcome(tmp_path, saved(word), "a.docx"), await outcome(tmp_path, drawn(*pages), "a.pdf")

    for told in (in_word, in_pdf):
        assert "undefined" in told
        assert "<script>alert" in told
