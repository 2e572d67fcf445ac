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


class Acknowledge(asyncio.Protocol):
    """Takes every event and does nothing: what the events set off is not measured here."""

    def connection_made(self, transport: Any) -> None:
        """One of the broker's connections."""
        self._transport, self._got = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answers every request that is whole."""
        self._got += data
        while (end := self._got.find(b"\r\n\r\n") + 4) > 3:
            length = int(self._got[:end].lower().split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self._got) < end + length:
                return
            self._got = self._got[end + length :]
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def main() -> None:
    """In the place of the functions."""
    settings = Settings.load()
    await function.start(settings)
    loop, port = asyncio.get_running_loop(), int(os.environ["XIN_PRIVATE_PORT"])
    subscriber = await loop.create_server(Acknowledge, LOOPBACK, port)
    async with subscriber, running({}, settings, server(OnlyIngress(), host=LOOPBACK, port=settings.port)):
        announce(HOME)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
