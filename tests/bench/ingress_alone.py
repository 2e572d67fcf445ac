"""ingress-telegram by itself before the real broker; whoever takes its events answers at once."""

import asyncio
import os
from pathlib import Path
from typing import Any

from functions.ingress_telegram.main import function
from local.functions import LOOPBACK, running
from shared.serving import server
from shared.settings import Settings
from tests.bench.stage import announce

HOME = Path(os.environ.get("XIN_HOME", "."))


class OnlyIngress:
    """ASGI: the function under its path, and a `/readyz`."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        root = "/fn/ingress-telegram" if scope["path"].startswith("/fn/") else ""
        await function({**scope, "root_path": root}, receive, send)


async def acknowledge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes every event and does nothing: what the events set off is not measured here."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """In the place of the functions."""
    settings = Settings.load()
    await function.start(settings)
    subscriber = await asyncio.start_server(acknowledge, "127.0.0.1", int(os.environ["XIN_PRIVATE_PORT"]))
    async with subscriber, running({}, settings, server(OnlyIngress(), host=LOOPBACK, port=settings.port)):
        announce(HOME)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
