"""Nothing in the place of the functions: the stores run, and nobody holds the vectors."""

import asyncio
import os
from pathlib import Path
from typing import Any

from local.functions import LOOPBACK, running
from shared.serving import server
from shared.settings import Settings
from tests.bench.stage import announce

HOME = Path(os.environ.get("XIN_HOME", "."))


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """ASGI: nobody asks for anything but whether it is up."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def main() -> None:
    """In the place of the functions."""
    settings = Settings.load()
    async with running({}, settings, server(nothing, host=LOOPBACK, port=settings.port)):
        announce(HOME)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
