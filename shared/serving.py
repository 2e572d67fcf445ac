"""uvicorn as every function is served by it: streams are told before the server waits for its connections."""

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import uvicorn

STOP_SECONDS = 4


class Server(uvicorn.Server):
    """A server that says that it closes. *own_signals*: it minds SIGTERM itself, as the only one in its process."""

    def __init__(self, config: uvicorn.Config, *, closing: Sequence[Callable[[], None]], own_signals: bool) -> None:
        super().__init__(config)
        self._closing = closing
        self._own_signals = own_signals

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends what would go on for ever, then waits for the rest."""
        for tell in self._closing:
            tell()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals alone where somebody else minds them."""
        if not self._own_signals:
            yield
            return
        with super().capture_signals():
            yield


def server(
    app: Any, *, host: str, port: int, closing: Sequence[Callable[[], None]] = (), alone: bool = False
) -> Server:
    """For one ASGI application. *alone*: the process is its own, with its lifespan and signals."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="on" if alone else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        backlog=2048,
    )
    return Server(config, closing=closing, own_signals=alone)
