"""Requests that no well-behaved client sends, byte by byte."""

import socket
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

PATIENCE_SECONDS = 10


def status_of(url: str, headers: Mapping[str, str | bytes], pieces: Iterable[bytes] = ()) -> int:
    """Sends the head of a POST, then *pieces* for as long as nobody answers; the status of the answer."""
    parts = urlsplit(url)
    head = [b"POST %s HTTP/1.1" % parts.path.encode(), b"Host: %s" % parts.netloc.encode()]
    for name, value in headers.items():
        head.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()))
    with socket.create_connection((parts.hostname or "", parts.port or 80), PATIENCE_SECONDS) as wire:
        wire.sendall(b"\r\n".join(head) + b"\r\n\r\n")
        answer = b""
        for piece in pieces:
            wire.settimeout(0.0005)
            try:
                answer = wire.recv(4096)
                break
            except TimeoutError:
                wire.settimeout(PATIENCE_SECONDS)
            try:
                wire.sendall(piece)
            except OSError:  # it stopped listening: then it has answered
                break
        wire.settimeout(PATIENCE_SECONDS)
        answer = answer or wire.recv(4096)
    return int(answer.split(b" ", 2)[1])
