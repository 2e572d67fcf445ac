"""Misbehaviour to order: a queue of steps per account or chat, one taken by each call that sends a message.

`POST /sim/scripts {"account": "telegram-42", "chat": "5500112233", "times": 2, "script": {"do": "too_many"}}`: the
names in `do` are those below. *chat* may be left out (whichever comes first), and so may *times* (once).

    nothing is taken      too_many · server_error · refuse · respond · cut before_headers | before
    taken, answer lost    accept_then_hang · cut after_body | midway · wrong_json · dribble · oversized
                          and, with `accept`, server_error · respond
    taken, only odd       slow · statuses (WhatsApp) · echo (Instagram)
    at once               revoke_token · restore_token · rotate_token · block · unblock
    the model server      hang · hang_midway · no_citation · invent_url · very_long, and the first three lines

Whatever takes a message may be `silent`: neither WhatsApp's status nor Instagram's echo tells of it. What called, and
which step it met, is in `GET /sim/calls`; what was taken in `GET /sim/sent`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from local.simulator.calls import note_step
from local.simulator.connection import Cut, Hang, Piecemeal

MEBIBYTE = 1 << 20


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class _Taking(_Step):
    """A step that takes the message, or may."""

    silent: bool = False
    """No status and no echo tells of it."""


class AcceptThenHang(_Taking):
    """The provider takes the message; its answer never comes."""

    do: Literal["accept_then_hang"] = "accept_then_hang"


class TooMany(_Step):
    """A rate limit. Nothing is taken."""

    do: Literal["too_many"] = "too_many"
    retry_after: int | None = None


class ServerError(_Taking):
    """A 5xx in the provider's words. With *accept* the message was taken all the same (Meta's 1-1357046)."""

    do: Literal["server_error"] = "server_error"
    code: Annotated[int, Field(ge=500, le=599)] = 500
    accept: bool = False


class Refuse(_Step):
    """An error of the provider's table that the fake has no reason of its own for."""

    do: Literal["refuse"] = "refuse"
    status: Annotated[int, Field(ge=400, le=599)] = 400
    code: int
    """Meta's `error.code`; Telegram's `error_code`."""
    message: str
    subcode: int | None = None
    details: str = ""


class CutConnection(_Taking):
    """The connection breaks.

    `before_headers`: when the request's headers are in and its body is unread, so that only an account's queue can say
    it; a call that sends no message takes it, too. `before`: when the request was read and nothing taken. `after_body`:
    when the message was taken. `midway`: in the middle of the right answer.
    """

    do: Literal["cut"] = "cut"
    when: Literal["before_headers", "before", "after_body", "midway"] = "before"


class WrongJson(_Taking):
    """The message is taken; the answer is 200 with half a JSON text."""

    do: Literal["wrong_json"] = "wrong_json"


class Respond(_Taking):
    """An answer word for word: a proxy's HTML page, JSON of another shape, nothing at all, a redirect."""

    do: Literal["respond"] = "respond"
    status: Annotated[int, Field(ge=200, le=599)] = 200
    body: str = ""
    content_type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = {}
    accept: bool = False
    """The message is taken all the same."""


class Dribble(_Taking):
    """The message is taken; the right answer comes in so many *pieces* over so many *seconds*."""

    do: Literal["dribble"] = "dribble"
    seconds: Annotated[float, Field(ge=0, le=600)]
    pieces: Annotated[int, Field(ge=1, le=1_000)] = 20


class Oversized(_Taking):
    """The message is taken; the right answer stands behind so many mebibytes of white space, which JSON allows."""

    do: Literal["oversized"] = "oversized"
    mebibytes: Annotated[int, Field(ge=1, le=1_024)] = 64


class Slow(_Taking):
    """The message is taken; the right answer comes *seconds* later."""

    do: Literal["slow"] = "slow"
    seconds: Annotated[float, Field(ge=0, le=600)]


class Statuses(_Step):
    """WhatsApp: these statuses follow, in this order. `failed` carries *code* and *title*."""

    do: Literal["statuses"] = "statuses"
    names: tuple[Literal["sent", "delivered", "read", "played", "failed"], ...] = ()
    code: int = 131026
    title: str = "Message undeliverable"
    before_answer: bool = False
    """They arrive before the API's own answer does."""


class Echo(_Step):
    """Instagram: when the echo webhook comes, seen from the API's answer."""

    do: Literal["echo"] = "echo"
    when: Literal["before", "after", "never"] = "before"


class HangMidway(_Step):
    """Model: the stream stops after some words and stays open."""

    do: Literal["hang_midway"] = "hang_midway"
    after_words: Annotated[int, Field(ge=0)] = 3


class HangAtStart(_Step):
    """Model: nothing comes, not even headers."""

    do: Literal["hang"] = "hang"


class NoCitation(_Step):
    """Model: the answer without its markers."""

    do: Literal["no_citation"] = "no_citation"


class InventUrl(_Step):
    """Model: the answer with a link that stands in no passage."""

    do: Literal["invent_url"] = "invent_url"
    url: str = "https://discounts.example.net/today"


class VeryLong(_Step):
    """Model: an answer of about so many words."""

    do: Literal["very_long"] = "very_long"
    words: Annotated[int, Field(gt=0, le=200_000)] = 4_000


class RevokeToken(_Step):
    """At once: the account's token is void until restored."""

    do: Literal["revoke_token"] = "revoke_token"


class RestoreToken(_Step):
    """At once: the token works again."""

    do: Literal["restore_token"] = "restore_token"


class RotateToken(_Step):
    """At once: *token* is the account's, and the former one is void for good."""

    do: Literal["rotate_token"] = "rotate_token"
    token: SecretStr


class Block(_Step):
    """At once: the customer of this chat blocks the business."""

    do: Literal["block"] = "block"


class Unblock(_Step):
    """At once: and lets it back in."""

    do: Literal["unblock"] = "unblock"


Queued = (
    AcceptThenHang
    | TooMany
    | ServerError
    | Refuse
    | CutConnection
    | WrongJson
    | Respond
    | Dribble
    | Oversized
    | Slow
    | Statuses
    | Echo
    | HangAtStart
    | HangMidway
    | NoCitation
    | InventUrl
    | VeryLong
)
Immediate = RevokeToken | RestoreToken | RotateToken | Block | Unblock
Step = Annotated[Queued | Immediate, Field(discriminator="do")]


class Dialect(Protocol):
    """How one provider words the failures that scripts ask for."""

    def too_many(self, retry_after: int | None) -> Response: ...

    def server_error(self, code: int) -> Response: ...

    def refused(self, step: Refuse) -> Response: ...


class Scripts:
    """The queues. A chat's own steps come before its account's."""

    def __init__(self) -> None:
        self._queues: dict[tuple[str, str | None], deque[Queued]] = {}

    def add(self, account: str, step: Queued, *, chat: str | None = None, times: int = 1) -> None:
        self._queues.setdefault((account, chat), deque()).extend([step] * times)

    def take(self, account: str, chat: str) -> Queued | None:
        """The step for a call that is being made now, or None: behave."""
        if not self._queues:
            return None
        for key in ((account, chat), (account, None)):
            if self._queues.get(key):
                return self._pop(key)
        return None

    def take_for(self, request: Request, account: str, chat: str) -> Queued | None:
        """The same for *request*, which sends a message to *chat*; written down beside the call."""
        step = self.take(account, chat)
        note_step(request.scope, account=account, chat=chat, step=step.do if step else "")
        return step

    def take_unread(self, account: str) -> CutConnection | None:
        """The account's next step, if it is one that doesn't wait for the body."""
        queue = self._queues.get((account, None))
        if queue and isinstance(step := queue[0], CutConnection) and step.when == "before_headers":
            self._pop((account, None))
            return step
        return None

    def clear(self) -> None:
        self._queues.clear()

    def _pop(self, key: tuple[str, str | None]) -> Queued:
        queue = self._queues[key]
        step = queue.popleft()
        if not queue:
            del self._queues[key]
        return step


def statuses_of(step: Queued | None) -> Statuses | None:
    """WhatsApp: the statuses that *step* orders; none of them where it is silent; None: the usual ones."""
    if isinstance(step, _Taking) and step.silent:
        return Statuses()
    return step if isinstance(step, Statuses) else None


def echo_of(step: Queued | None) -> Literal["before", "after", "never"]:
    """Instagram: when the echo comes under *step*."""
    if isinstance(step, _Taking) and step.silent:
        return "never"
    return step.when if isinstance(step, Echo) else "after"


async def act(step: Queued | None, answer: Callable[[], Response], dialect: Dialect) -> Response:
    """Answers a call as *step* says; *answer* checks and takes the message and words the honest reply."""
    match step:
        case TooMany():
            return dialect.too_many(step.retry_after)
        case ServerError():
            if step.accept:
                answer()
            return dialect.server_error(step.code)
        case Refuse():
            return dialect.refused(step)
        case Respond():
            if step.accept:
                answer()
            return Response(step.body, step.status, step.headers, media_type=step.content_type)
        case CutConnection(when="before" | "before_headers"):
            return Cut()
        case AcceptThenHang():
            answer()
            return Hang()
        case WrongJson():
            answer()
            return Response(b'{"ok":true,"result":{"mess', media_type="application/json")
        case _:
            return await _taken(step, answer())


async def _taken(step: Queued | None, honest: Response) -> Response:
    """The message was taken: what becomes of the *honest* answer."""
    content = bytes(honest.body)
    match step:
        case CutConnection(when="midway"):
            return Piecemeal(honest, [content[: len(content) // 2]], end="cut")
        case CutConnection():
            return Cut()
        case Dribble():
            size = max(1, -(-len(content) // step.pieces))
            pieces = [content[at : at + size] for at in range(0, len(content), size)]
            return Piecemeal(honest, pieces, pause=step.seconds / len(pieces))
        case Oversized():
            honest.headers["content-length"] = str(step.mebibytes * MEBIBYTE + len(content))
            return Piecemeal(honest, [*[b" " * MEBIBYTE] * step.mebibytes, content])
        case Slow():
            await asyncio.sleep(step.seconds)
    return honest
