"""Whether an HTTP server on this machine answers, without the weight of a client library."""

import asyncio


async def http_status(port: int, path: str, within_seconds: float = 5.0) -> int:
    """The status of one GET to 127.0.0.1, 0 where HTTP isn't spoken. Raises OSError when nobody answers."""
    async with asyncio.timeout(within_seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            line = (await reader.readline()).split()
        finally:
            writer.close()
    return int(line[1]) if len(line) > 1 and line[1].isdigit() else 0
