"""What called: one record a request to a provider's API, from its arrival on, whether or not anything was taken."""

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.simulator.connection import Cut

CALLS = 50_000
_CALL = "simulator.call"
_BOT = re.compile(r"/(?P<kind>telegram|bale)/bot(?P<id>[^:/]*)[^/]*/(?P<method>[^/]+)")
_NODE = re.compile(r"/(?P<api>graph|instagram)/[^/]+/(?P<id>[^/]+)/(?P<method>[^/]+)")
_KINDS = {"graph": "whatsapp", "instagram": "instagram"}


@dataclass(slots=True)
class Call:
    """One request. `seq` grows by one; it is filled in while the request is answered, and never holds a token."""

    seq: int
    at: float
    """When its headers were in, by the simulator's clock."""
    kind: str
    account: str
    method: str
    sends: bool = False
    """Whether it was read as the sending of a message (or the editing of one)."""
    chat: str = ""
    step: str = ""
    """The `do` of the script's step that it met."""
    status: int | None = None
    """None: no answer yet, or never."""
    answered_at: float | None = None
    """When the answer began."""
    answer_bytes: int = 0
    """How much of the answer's body the caller let us write."""


class Unread(Protocol):
    """Scripts, as far as a request is concerned whose body isn't read yet."""

    def take_unread(self, account: str) -> object | None: ...


class Calls:
    """ASGI around the fakes: writes every provider call down, and cuts off those that aren't to be read."""

    def __init__(self, app: ASGIApp, scripts: Unread, now: Callable[[], float] = time.time) -> None:
        self._app = app
        self._scripts = scripts
        self._now = now
        self._calls: deque[Call] = deque(maxlen=CALLS)
        self._seq = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = self._arrived(scope)
        if call is None:
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status, call.answered_at = message["status"], self._now()
            await send(message)
            call.answer_bytes += len(message.get("body", b""))

        answer: ASGIApp = self._app
        if self._scripts.take_unread(call.account):
            call.step = "cut"
            answer = Cut()
        await answer(scope, receive, told)

    def listed(
        self, since: int = 0, *, kind: str | None = None, account: str | None = None, limit: int | None = None
    ) -> list[Call]:
        """What called after the one numbered *since*, oldest first."""
        start = max(0, since - self._calls[0].seq + 1) if self._calls else 0
        fitting = (
            call
            for call in islice(self._calls, start, None)
            if (kind is None or call.kind == kind) and (account is None or call.account == account)
        )
        return list(islice(fitting, limit))

    def _arrived(self, scope: Scope) -> Call | None:
        if scope["type"] != "http":
            return None
        found = _BOT.fullmatch(scope["path"]) or _NODE.fullmatch(scope["path"])
        if found is None:
            return None
        parts = found.groupdict()
        kind = parts.get("kind") or _KINDS[parts["api"]]
        self._seq += 1
        call = Call(self._seq, self._now(), kind, f"{kind}-{parts['id']}", parts["method"])
        self._calls.append(call)
        scope[_CALL] = call
        return call


def note_step(scope: Scope, *, account: str, chat: str, step: str) -> None:
    """Fills in what only the reading of a call's body told."""
    call = scope.get(_CALL)
    if isinstance(call, Call):
        call.account, call.chat, call.step, call.sends = account, chat, step, True
