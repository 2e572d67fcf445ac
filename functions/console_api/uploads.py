"""A file on its way through: a multipart form read as it comes, never whole in memory and never on disk.

https://www.rfc-editor.org/rfc/rfc7578
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from shared.problems import Refused

FIELD = "file"
FIELD_BYTES = 10_000
PARTS = 20
NAME_CHARACTERS = 200


@dataclass(frozen=True)
class _Begins:
    """A part: a file where it has a *filename*."""

    name: str
    filename: str | None
    media_type: str


@dataclass(frozen=True)
class _Ends:
    """The part is complete."""


_Event = _Begins | bytes | _Ends


class UploadForm:
    """Await `open`, then read `chunks` to the end: then `fields` holds what stood before the file and behind it."""

    def __init__(self, request: Request) -> None:
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise Refused(415, f"Send the document as multipart/form-data, in the field `{FIELD}`.")
        self._events = _events(request, boundary)
        self.fields: dict[str, list[str]] = {}
        self.name = ""
        self.media_type = ""

    async def open(self) -> None:
        """Reads up to the file; its `name` and `media_type` are known then. Raises Refused when there is none."""
        begins = await self._read_fields()
        if begins is None:
            raise Refused(422, f"There is no file in the form: send the document in the field `{FIELD}`.")
        self.name = _plain_name(begins.filename or "")
        self.media_type = begins.media_type[:100]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file's bytes. Raises Refused for a form that is broken or holds a second file."""
        async for event in self._events:
            if isinstance(event, _Ends):
                break
            assert isinstance(event, bytes)
            yield event
        if await self._read_fields() is not None:
            raise Refused(422, "There are several files in the form: send one document at a time.")

    async def _read_fields(self) -> _Begins | None:
        """Keeps fields until a file begins; None at the end of the form."""
        name, value = "", bytearray()
        async for event in self._events:
            match event:
                case _Begins(filename=None):
                    name, value = event.name, bytearray()
                case _Begins():
                    return event
                case _Ends():
                    self.fields.setdefault(name, []).append(_text(bytes(value)))
                case bytes():
                    value += event
                    if len(value) > FIELD_BYTES:
                        raise Refused(413, f"The field `{name[:50]}` is too long.")
        return None


async def _events(request: Request, boundary: bytes) -> AsyncIterator[_Event]:
    waiting: list[_Event] = []
    try:
        parser, is_whole = _parser(boundary, waiting)
        async for piece in request.stream():
            parser.write(piece)
            for event in waiting:
                yield event
            waiting.clear()
    except FormParserError:
        raise Refused(422, "The form can't be read: send it as multipart/form-data.") from None
    if not is_whole:
        raise Refused(422, "The form ended too early. Send it again.")


def _parser(boundary: bytes, events: list[_Event]) -> tuple[MultipartParser, list[bool]]:
    """A parser that adds to *events*, and a list that is no longer empty when the form was complete."""
    header, value = bytearray(), bytearray()
    headers: dict[str, bytes] = {}
    is_whole: list[bool] = []
    parts = 0

    def part_begins() -> None:
        nonlocal parts
        parts += 1
        if parts > PARTS:
            raise Refused(422, f"The form may have {PARTS} fields.")
        headers.clear()

    def header_ends() -> None:
        headers[header.decode("latin-1").lower()] = bytes(value)
        header.clear()
        value.clear()

    def headers_end() -> None:
        _, options = parse_options_header(headers.get("content-disposition", b""))
        filename = options.get(b"filename")
        events.append(
            _Begins(
                name=_text(options.get(b"name", b"")),
                filename=None if filename is None else _text(filename),
                media_type=headers.get("content-type", b"application/octet-stream").decode("latin-1"),
            )
        )

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": part_begins,
            "on_header_field": lambda data, start, end: header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: value.extend(data[start:end]),
            "on_header_end": header_ends,
            "on_headers_finished": headers_end,
            "on_part_data": lambda data, start, end: events.append(bytes(data[start:end])),
            "on_part_end": lambda: events.append(_Ends()),
            "on_end": lambda: is_whole.append(True),
        },
    )
    return parser, is_whole


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace").replace("\0", "")


def _plain_name(filename: str) -> str:
    """Without the folders that some browsers send, and without what no reader sees."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in name if c.isprintable() or c == "\u200c").strip()[-NAME_CHARACTERS:] or "document"
