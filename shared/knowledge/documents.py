"""Reading an uploaded file into sections, in a process of its own with limits: whatever it does, only its reading ends.

What runs in there is `reading`. It gets no environment, so it knows no secret.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import Permanent, Retryable

FILE_MB = 20
FILE_BYTES = FILE_MB * 1024 * 1024
"""The one limit: an upload is refused by it, and a file that came another way isn't read."""
OUTPUT_BYTES = 32 * 1024 * 1024
WALL_SECONDS = 16
PDF_PAGES = 500

KINDS = "PDF, Word (.docx), Markdown, plain text or HTML"

REASONS = {
    "empty": "The file has no text in it.",
    "binary": f"The file is not text. Upload {KINDS}.",
    "scanned": "The PDF has no text: its pages are scanned pictures. Upload the text itself.",
    "letters": "The PDF does not tell which letters its fonts draw. Upload the text as Word (.docx) or Markdown.",
    "pages": f"The PDF has more than {PDF_PAGES} pages. Split it.",
    "office": "Of office files only Word's .docx is read. Save it as .docx or PDF.",
    "macros": "Word files with macros are not read. Save it as .docx.",
    "encrypted": "The file is protected by a password. Upload it without one.",
    "archive": "The file is an archive. Upload the files in it one by one.",
    "image": "The file is a picture. Upload its text.",
    "media": "The file is sound or video. Upload its text.",
    "kind": f"Files of this kind are not read. Upload {KINDS}.",
    "pdf_name": "The file is a PDF but its name says otherwise. Rename it to end in .pdf.",
    "docx_name": "The file is a Word document but its name says otherwise. Rename it to end in .docx.",
    "html_name": "The file is HTML but its name says otherwise. Rename it to end in .html.",
    "other_name": "The file is not what its name's ending says. Export it again, or give it its right ending.",
    "charset": "The letters can't be told: save the file as UTF-8.",
    "damaged": "The file is damaged: part of it can't be read.",
    "too_large": f"The file is larger than {FILE_MB} MB. Split it.",
    "too_much": "The file is too large or too complicated to be read. Split it.",
    "lost": "The uploaded file is no longer in the object store. Upload it again.",
    "too_slow": "Reading the file took too long. Split it.",
}
"""Why a document can't be read: a code for the console's own words, and a sentence for an operator."""


class DocumentRejected(Permanent):
    """The file can't become knowledge. `code` is a key of REASONS; the message is `code: sentence`."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{code}: {REASONS[code]}")
        self.code = code


class ReaderLost(Retryable):
    """The reading process could not be started, or was killed from outside."""


@dataclass(frozen=True)
class Section:
    """Text in one place: under one heading, or on one page.

    *place* is the path of headings, outermost first, empty before the first; or a page's name, «ص۳» or "p3".
    """

    place: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Document:
    """A file as read. *title* is what it calls itself, or empty."""

    title: str
    sections: list[Section]


async def read_document(path: Path, name: str, *, wall_seconds: float = WALL_SECONDS) -> Document:
    """Reads *path*, which is absolute, in a limited process. *name* is the upload's: its ending says what it should be.

    Raises DocumentRejected, and ReaderLost when it was not the file's fault.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.knowledge.reading", str(path), name),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        env={"PYTHONUTF8": "1"},
    )
    try:
        async with asyncio.timeout(wall_seconds):
            output = await _read_limited(process)
            status = await process.wait()
    except TimeoutError:
        raise DocumentRejected("too_slow") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _parsed(output, status)


async def _read_limited(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    output = bytearray()
    while piece := await process.stdout.read(256 * 1024):
        output += piece
        if len(output) > OUTPUT_BYTES:
            raise DocumentRejected("too_much")
    return bytes(output)


STATUS_MEMORY = 3
"""How the reading process says that it got no more memory."""
_SIGXCPU = -24
_SIGSEGV = -11
_SIGABRT = -6


def _parsed(output: bytes, status: int) -> Document:
    if status == STATUS_MEMORY or status in (_SIGSEGV, _SIGABRT):
        raise DocumentRejected("too_much")  # a library that gets no more memory ends in one of these ways
    if status == _SIGXCPU:
        raise DocumentRejected("too_slow")
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()] if status == 0 else []
    if lines and (code := lines[0].get("rejected")):
        raise DocumentRejected(code)
    if not lines or lines[-1] != {"end": True}:
        raise ReaderLost(f"the reading process ended with {status}")
    return Document(lines[0]["title"], [Section(tuple(s["place"]), s["text"]) for s in lines[1:-1]])
