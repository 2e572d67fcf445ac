"""A provider's API as seen from a socket: it keeps what it was told, and answers, hangs or hangs up as a test wants."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer; `body` is sent as JSON unless it is bytes."""

    status: int = 200
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    def __bytes__(self) -> bytes:
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        lines = [
            f"HTTP/1.1 {self.status} X",
            f"Content-Length: {len(content)}",
            *(f"{n}: {v}" for n, v in self.headers),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@dataclass
class Request:
    """What came in."""

    path: str
    headers: dict[str, str]
    body: Any


CUT = "hang up after reading the request"
CUT_EARLY = "hang up once the headers are in"
HALF = "hang up in the middle of the answer"
SILENT = "read the request and say nothing"


@dataclass
class FakeApi:
    """`script` is taken from the front; the last one stays."""

    url: str = ""
    script: list[Reply | str] = field(default_factory=lambda: [Reply()])
    requests: list[Request] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(_header(line) for line in head[1:] if line)
                action = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if action == CUT_EARLY:
                    writer.transport.abort()
                    return
                content = await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests.append(Request(head[0].split(" ")[1], headers, json.loads(content or b"null")))
                if action == SILENT:
                    await reader.read()
                    return
                if action == CUT:
                    return
                if action == HALF:
                    writer.write(bytes(Reply(body={"ok": True}))[:-3])
                    return
                assert isinstance(action, Reply)
                writer.write(bytes(action))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name.lower(), value


@asynccontextmanager
async def running() -> AsyncIterator[FakeApi]:
    """On a free loopback port."""
    api = FakeApi()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    api.url = f"http://{host}:{port}"
    try:
        yield api
    finally:
        server.close()
