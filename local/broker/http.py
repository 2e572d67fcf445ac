"""One delivery over HTTP, and what its answer means.

Source of the table: Knative's data plane contract as the reference broker keeps it
(https://github.com/knative/eventing, pkg/kncloudevents and pkg/broker/filter).
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace

import aiohttp
from yarl import URL

from local.broker.events import TTL, Event, Incomplete, Unreadable, read
from local.broker.moments import now

RETRIED = frozenset({404, 408, 409, 429})
REDIRECTS = 10
ERROR_DATA_CHARACTERS = 1024
# Below the 5 s after which uvicorn closes an idle connection: a POST must not be sent into a closing one.
KEEP_ALIVE_SECONDS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `code` is 0 when nothing did in time, and 500 when nobody was there: see *trouble*."""

    code: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why it was not delivered. `blame` is what a dead letter tells, if anything: where, code, what was said."""

    again: bool
    reason: str
    blame: tuple[str, int, bytes] | None = None

    def mark(self, event: Event) -> Event:
        """The dead letter of *event*."""
        letter = event.with_ttl()
        if self.blame is None:
            return letter
        where, code, said = self.blame
        return replace(
            letter,
            attributes={
                **letter.attributes,
                "knativeerrordest": where,
                "knativeerrorcode": str(code),
                "knativeerrordata": b64encode(said).decode()[:ERROR_DATA_CHARACTERS],
            },
        )


def open_session() -> aiohttp.ClientSession:
    """The client for all deliveries: no cookies, no headers of its own, one pool of connections."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type"),
        headers={"User-Agent": "xin-broker"},
    )


async def post(
    session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str], body: bytes, seconds: float
) -> Answer:
    """One attempt. It follows redirects as Go's client does; who can't be reached counts as a 500."""
    try:
        async with session.post(
            url, data=body, headers=headers, timeout=aiohttp.ClientTimeout(total=seconds), max_redirects=REDIRECTS
        ) as response:
            return Answer(response.status, response.raw_headers, await response.read())
    except TimeoutError:
        return Answer(0, trouble="no answer in time")
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        return Answer(500, body=f"dispatch error: {problem}".encode(), trouble=str(problem))


def judged(answer: Answer, url: str) -> Failure | None:
    """None for a success, whatever came with it."""
    if 200 <= answer.code < 300:
        return None
    if answer.code == 0:
        return Failure(again=True, reason=answer.trouble)
    again = answer.code >= 500 or answer.code in RETRIED
    return Failure(again, answer.trouble or f"answered {answer.code}", (url, answer.code, answer.body))


def reply_in(answer: Answer, asked: Event, broker_url: str) -> Event | Failure | None:
    """The event that a successful *answer* to *asked* carries, ready to enter the broker; None if empty."""
    try:
        reply = read(((name.lower(), value) for name, value in answer.headers), answer.body)
        if reply is None:
            return Failure(again=True, reason="answered with what is no event") if answer.body else None
        return _entering(reply, asked)
    except Unreadable as problem:
        return Failure(again=True, reason=f"answered with a broken event: {problem}")
    except Incomplete as problem:
        return Failure(again=False, reason=f"answered with an unwanted event: {problem}", blame=(broker_url, 400, b""))


def _entering(reply: Event, asked: Event) -> Event:
    """A reply lives no longer than what it answers, and continues its trace."""
    headers = {name: value for name, value in asked.headers if name in ("traceparent", "tracestate")}
    headers.update(reply.headers)
    return replace(
        reply,
        attributes={**reply.attributes, TTL: str(asked.ttl)},
        content_type=reply.content_type or (_sniffed(reply.data) if reply.data else None),
        headers=tuple(headers.items()),
    ).admitted(now())


def _sniffed(data: bytes) -> str:
    """What the reference makes of a reply that doesn't say what its data is."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain; charset=utf-8"
