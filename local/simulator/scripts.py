"""Misbehaviour to order: a queue of steps per account or chat, one taken by each call that sends a message."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from local.simulator.connection import Cut, Hang


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class AcceptThenHang(_Step):
    """The provider takes the message; its answer never comes."""

    do: Literal["accept_then_hang"] = "accept_then_hang"


class TooMany(_Step):
    """A rate limit. Nothing is taken."""

    do: Literal["too_many"] = "too_many"
    retry_after: int | None = None


class ServerError(_Step):
    """A 5xx. With *accept* the message was taken all the same (Meta's 1-1357046)."""

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


class CutConnection(_Step):
    """The connection breaks: before the message was taken, or after."""

    do: Literal["cut"] = "cut"
    when: Literal["before", "after_body"] = "before"


class WrongJson(_Step):
    """The message is taken; the answer is 200 with half a JSON text."""

    do: Literal["wrong_json"] = "wrong_json"


class Slow(_Step):
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
    | Slow
    | Statuses
    | Echo
    | HangAtStart
    | HangMidway
    | NoCitation
    | InventUrl
    | VeryLong
)
Immediate = RevokeToken | RestoreToken | Block | Unblock
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
            if queue := self._queues.get(key):
                step = queue.popleft()
                if not queue:
                    del self._queues[key]
                return step
        return None

    def clear(self) -> None:
        self._queues.clear()


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
        case CutConnection(when="before"):
            return Cut()
        case CutConnection():
            answer()
            return Cut()
        case AcceptThenHang():
            answer()
            return Hang()
        case WrongJson():
            answer()
            return Response(b'{"ok":true,"result":{"mess', media_type="application/json")
        case Slow():
            response = answer()
            await asyncio.sleep(step.seconds)
            return response
        case _:
            return answer()
