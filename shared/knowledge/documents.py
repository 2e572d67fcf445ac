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

FILE_BYTES = 20 * 1024 * 1024
OUTPUT_BYTES = 32 * 1024 * 1024
WALL_SECONDS = 12

REASONS = {
    "empty": "The file has no text in it.",
    "binary": "The file is not text. Upload Markdown, plain text or HTML.",
    "pdf": "PDF is not read yet. Save the text as Markdown, plain text or HTML.",
    "office": "Word, Excel and other office files are not read yet. Save the text as Markdown, plain text or HTML.",
    "encrypted": "The file is protected by a password. Upload it without one.",
    "archive": "The file is an archive. Upload the files in it one by one.",
    "image": "The file is a picture. Upload its text.",
    "media": "The file is sound or video. Upload its text.",
    "kind": "Files of this kind are not read. Upload Markdown, plain text or HTML.",
    "html_name": "The file is HTML but its name says otherwise. Rename it to end in .html.",
    "charset": "The letters can't be told: save the file as UTF-8.",
    "damaged": "The file is damaged: part of it is not readable text.",
    "too_large": f"The file is larger than {FILE_BYTES // 1024 // 1024} MB. Split it.",
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
    """Text under one heading. *place* is the path of headings, outermost first; empty before the first."""

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
