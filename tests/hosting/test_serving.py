"""The server under every function: what it refuses before a function sees it, and how it ends."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from shared.serving import HEAD_BYTES, server


async def hello(scope: dict, receive: object, send) -> None:  # type: ignore[no-untyped-def, type-arg]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = server(hello, host="127.0.0.1", port=port)
    task = asyncio.create_task(one.serve())
    async with asyncio.timeout(10):
        while not one.started:
            await asyncio.sleep(0.01)
    yield port
    one.should_exit = True
    await task


async def ask(port: int, head: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    try:
        async with asyncio.timeout(10):
            return await reader.readline()
    finally:
        writer.close()


async def test_headers(port: int) -> None:
    """A request with ordinary headers is served."""
    assert b"200" in await ask(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


async def test_endless_headers(port: int) -> None:
    """Headers that don't end are refused instead of kept."""
    assert b"431" in await ask(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (HEAD_BYTES * 3))


async def test_long_body(port: int) -> None:
    """A long body is none of its business."""
    body = b"a" * (HEAD_BYTES * 3)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert b"200" in await ask(port, head + body)
