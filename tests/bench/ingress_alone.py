"""ingress-telegram by itself before the real broker; whoever takes its events answers at once."""

import asyncio
import os
from pathlib import Path
from typing import Any

from functions.ingress_telegram.main import function
from local.functions import running, server
from shared.settings import Settings

HOME = Path(os.environ.get("XIN_HOME", "."))


class OnlyIngress:
    """ASGI: the function under its path, and a `/readyz`."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        root = "/fn/ingress-telegram" if scope["path"].startswith("/fn/") else ""
        await function({**scope, "root_path": root}, receive, send)


async def acknowledge(scope: Any, receive: Any, send: Any) -> None:
    """ASGI: takes every event and does nothing."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def main() -> None:
    """In the place of the functions."""
    settings = Settings.load()
    await function.start(settings)
    private = int(os.environ["XIN_PRIVATE_PORT"])
    async with running(server(OnlyIngress(), settings.port), server(acknowledge, private)):
        (HOME / "seed.json").write_text((HOME / "bench-seed.json").read_text())
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
