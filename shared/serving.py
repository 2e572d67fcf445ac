"""uvicorn as every function is served by it: heads are bounded, streams are told before it waits for connections."""

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

STOP_SECONDS = 4
HEAD_BYTES = 64 * 1024


class Bounded(HttpToolsProtocol):
    """Ends a connection whose headers don't end: the parser would keep all of them. Bodies have limits of their own."""

    _in_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """More bytes of a request."""
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0
        if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def on_message_begin(self) -> None:
        """The next request."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its body follows."""
        self._in_head = False
        super().on_headers_complete()


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
    app: Any,
    *,
    host: str,
    port: int,
    closing: Sequence[Callable[[], None]] = (),
    trusted_proxies: str = "",
    alone: bool = False,
) -> Server:
    """For one ASGI application. *alone*: the process is its own, with its lifespan and signals.

    *trusted_proxies*: whose X-Forwarded-For is believed, comma separated.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Bounded,
        lifespan="on" if alone else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies or None,
        timeout_graceful_shutdown=STOP_SECONDS,
        backlog=2048,
    )
    return Server(config, closing=closing, own_signals=alone)
