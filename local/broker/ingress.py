"""The broker's door: `POST /{namespace}/{broker}`. A 202 means: on disk, for every Trigger it is for.

Codes and their order follow the reference broker's (https://github.com/knative/eventing, pkg/broker/ingress); bodies of
errors are empty. 503 is ours: Valkey didn't confirm, so come again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any

from local.broker.events import Event, Incomplete, Unreadable, read
from local.broker.filters import Test
from local.broker.journal import Away, Command, Journal, Told
from local.broker.lane import Lane
from local.broker.moments import now

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

READ_SECONDS = 10.0

_ALLOW = (b"allow", b"POST, OPTIONS")
_EMPTY = (b"content-length", b"0")
_OPTIONS = [_ALLOW, (b"webhook-allowed-origin", b"*"), (b"webhook-allowed-rate", b"*"), _EMPTY]


class Ingress:
    """Which brokers there are, and where each event goes."""

    def __init__(self, journal: Journal, *, on_accepted: Callable[[], None]) -> None:
        self._journal = journal
        self._on_accepted = on_accepted
        self._routes: dict[str, list[tuple[Test, Lane]]] = {}

    def open(self, path: str) -> None:
        """Makes *path* a broker's."""
        self._routes[path] = []

    def route(self, path: str, test: Test, lane: Lane) -> None:
        """What is posted to *path* and passes *test* goes to *lane*, too."""
        self._routes[path].append((test, lane))

    def take(self, path: str, event: Event) -> tuple[tuple[Command, ...], Told]:
        """The commands that put an admitted *event* into the lanes it is for, and who must be told their replies."""
        seen = event.matchable
        lanes = [lane for test, lane in self._routes[path] if test(seen)]

        def told(replies: Sequence[bytes]) -> None:
            for lane, reply in zip(lanes, replies, strict=False):
                lane.arrived(reply, event)
            self._on_accepted()

        return tuple(lane.keep(event) for lane in lanes), told

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one HTTP request."""
        if _is_probe(scope["headers"]):
            await answer(send, 200)
        elif scope["method"] == "OPTIONS":
            await answer(send, 200, _OPTIONS)
        elif scope["method"] != "POST":
            await answer(send, 405)
        elif (body := await _body(receive)) is not None:
            await answer(send, await self._post(_target(scope), scope["headers"], body))

    async def _post(self, target: str, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> int:
        if target == "/":
            return 404
        if target.removesuffix("/").count("/") != 2:
            return 400
        try:
            if (event := read(headers, body)) is None:
                return 400
            if (path := target.removesuffix("/")) not in self._routes:
                return 404
            commands, told = self.take(path, event.admitted(now()))
        except (Unreadable, Incomplete):
            return 400
        try:
            await self._journal.commit(*commands, told=told)
        except Away:
            return 503
        return 202


async def answer(
    send: Send, code: int, headers: Sequence[tuple[bytes, bytes]] = (_ALLOW, _EMPTY), body: bytes = b""
) -> None:
    """Sends a whole response."""
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when the client went away or dawdled."""
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(READ_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                chunks.append(message.get("body", b""))
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TimeoutError:
        return None


def _target(scope: Message) -> str:
    """The request's target as it was written: the reference takes even a query for a part of the broker's name."""
    query = scope["query_string"].decode("latin-1")
    path: str = scope["raw_path"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _is_probe(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"user-agent" and value.startswith(b"kube-probe/") for name, value in headers)
