"""One HTTP call to a provider: a clear answer, or a clear word on whether the request had left the house."""

import asyncio
import logging
import math
import re
from dataclasses import dataclass
from typing import Any

import httpx

from shared.errors import Unreadable
from shared.providers.bodies import Json, read_object
from shared.providers.outgoing import Ambiguous, Later, NotSent


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a call may take, in seconds."""

    whole: float = 15.0
    first_byte: float = 5.0
    """From the start to the first byte on the wire: what comes later counts as not sent."""


LIMITS = Limits()
MOST_WAIT_SECONDS = 86_400.0
ANSWER_BYTES = 1024 * 1024
"""No provider's answer to a send has a thousandth of it."""

_NEVER_WRITTEN = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.WriteError,
    httpx.WriteTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_AWAY = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)


class _WithoutTokens(logging.Filter):
    """httpx logs each request's URL, and Telegram's carries the bot's token."""

    _token = re.compile(r"/bot[^/\s]+")

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._token.sub("/bot***", record.getMessage()), None
        return True


logging.getLogger("httpx").addFilter(_WithoutTokens())


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Json | None
    """None: not a JSON object."""
    retry_after: float | None
    """Seconds, from the header."""


class _Progress:
    """How far a request got. httpx hides a failed write behind the failed read that follows, its trace doesn't."""

    def __init__(self, timer: asyncio.Timeout, seconds: float) -> None:
        self.written: bool | None = None  # None: the transport told nothing
        self._timer = timer
        self._until = asyncio.get_running_loop().time() + seconds

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        if getattr(info.get("request"), "method", b"") == b"CONNECT":  # to a proxy: nothing for the provider yet
            return
        step = event.partition(".")[2]
        if step == "send_request_headers.started":
            self.written = False
            self._timer.reschedule(self._until)
        elif step == "send_request_body.started":
            self.written = True
        elif step == "send_request_body.failed" and not isinstance(info["exception"], asyncio.CancelledError):
            self.written = False


async def post(
    client: httpx.AsyncClient, url: str, *, body: Json, token: str | None = None, limits: Limits = LIMITS
) -> Answer:
    """Posts JSON, with *token* as Bearer.

    Raises Later where the request was not written whole, Ambiguous where it was and no whole answer came. Neither keeps
    httpx's exception, whose request has the URL and the headers.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else None
    problem: NotSent
    try:
        async with asyncio.timeout(limits.first_byte) as timer:
            progress = _Progress(timer, limits.whole)
            async with client.stream(
                "POST",
                url,
                json=body,
                headers=headers,
                follow_redirects=False,
                timeout=httpx.Timeout(limits.whole, pool=limits.first_byte * 0.8),  # told apart from a silent host
                extensions={"trace": progress},
            ) as response:
                read = await _read(response)
        return Answer(response.status_code, _object(read), _seconds(response.headers.get("retry-after")))
    except TimeoutError:
        problem = _judge("TimeoutError", bool(progress.written), away=progress.written is None)
    except httpx.RequestError as error:
        written = not isinstance(error, _NEVER_WRITTEN) if progress.written is None else progress.written
        problem = _judge(type(error).__name__, written, away=isinstance(error, _AWAY))
    raise problem  # out here, so that no context hangs on to the request


def _judge(name: str, written: bool, *, away: bool) -> NotSent:
    if written:
        return Ambiguous(f"the provider took the request and gave no answer ({name})")
    return Later(f"the provider could not be reached ({name})", scope="channel" if away else "part")


async def _read(response: httpx.Response) -> bytes:
    """The body; of one without end only its beginning, which is no JSON object then."""
    read = bytearray()
    async for piece in response.aiter_bytes():
        read += piece
        if len(read) > ANSWER_BYTES:
            return b""
    return bytes(read)


def _object(read: bytes) -> Json | None:
    try:
        return read_object(read)
    except Unreadable:
        return None


def _seconds(header: str | None) -> float | None:
    try:
        return wait_seconds(float(header)) if header else None
    except ValueError:  # an HTTP date: no provider of ours sends one
        return None


def wait_seconds(value: Any) -> float | None:
    """A provider's wish to wait, if it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return min(seconds, MOST_WAIT_SECONDS) if math.isfinite(seconds) and seconds >= 0 else None


def scrubbed(sentence: str, secret: str) -> str:
    """Meta repeats a malformed token in its message."""
    return sentence.replace(secret, "***") if secret else sentence
