"""What happens in a tenant, as it happens: server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import StreamingResponse

from functions.console_api.callers import Caller, SignedIn, TheConsole
from functions.console_api.console import Console
from functions.console_api.problems import Refused
from functions.console_api.roles import PREFIX
from shared.errors import NotFound
from shared.live import Entry, tenant_stream
from shared.store import users

router = APIRouter(prefix=f"{PREFIX}/events", tags=["events"])

_STREAM_ID = re.compile(r"\d{1,20}-\d{1,20}")

DESCRIPTION = """
`message.created`, `conversation.updated`, `knowledge.changed` and others; `data` is JSON. Every event has an id: come
back with `Last-Event-ID` and nothing in between is missed. `reset` says that something was: read the lists again. The
stream ends when the access token does.
"""


class EventStream(StreamingResponse):
    """text/event-stream."""

    media_type = "text/event-stream"


@router.get("", summary="Follow along", description=DESCRIPTION.strip(), response_class=EventStream)
async def stream_events(
    console: TheConsole,
    caller: SignedIn,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="The last id that was seen.")
    ] = None,
) -> EventStream:
    """503 while Redis is away."""
    from redis.exceptions import RedisError

    if caller.tenant is None:
        raise NotFound("no tenant")
    stream = tenant_stream(caller.tenant)
    try:
        start, missed = await _start(console, stream, last_event_id)
    except (RedisError, OSError):
        raise Refused(
            503, "The live stream is away. Read the lists, and try again.", headers={"Retry-After": "5"}
        ) from None
    headers = {"X-Accel-Buffering": "no"}  # nginx would hold the stream back
    return EventStream(_lines(console, caller, stream, start, missed=missed), headers=headers)


async def _start(console: Console, stream: str, last_seen: str | None) -> tuple[str, bool]:
    """The id to go on from, and whether something before it was missed."""
    if last_seen is None or not _STREAM_ID.fullmatch(last_seen):
        return await console.live.newest(stream), last_seen is not None
    oldest = await console.live.oldest(stream)
    missed = last_seen != "0-0" and (oldest is None or _order(last_seen) < _order(oldest))
    return (await console.live.newest(stream), True) if missed else (last_seen, False)


def _order(stream_id: str) -> tuple[int, int]:
    milliseconds, _, number = stream_id.partition("-")
    return int(milliseconds), int(number)


async def _lines(console: Console, caller: Caller, stream: str, start: str, *, missed: bool) -> AsyncIterator[str]:
    yield f"retry: {random.randint(1000, 5000)}\n\n"  # noqa: S311 - only so that not all come back at once
    yield _event(start, "reset" if missed else "ready", "{}")
    checked = time.monotonic()
    place = start
    while (left := caller.claims.expires_at - time.time()) > 0:
        entries = await _next(console, stream, place, wait_seconds=min(console.pace.keep_alive_seconds, left))
        if entries is None:
            return
        if time.monotonic() - checked > console.pace.session_seconds:
            if not await _still_good(console, caller):
                return
            checked = time.monotonic()
        for place, kind, data in entries:
            yield _event(place, kind, json.dumps(data, ensure_ascii=False))
        if not entries:
            yield ": still here\n\n"


async def _next(console: Console, stream: str, after: str, *, wait_seconds: float) -> list[Entry] | None:
    """What came, nothing when nothing did in time, None when the stream has to end."""
    from redis.exceptions import RedisError

    reading = asyncio.ensure_future(console.live.read(stream, after, wait_seconds=wait_seconds))
    closing = asyncio.ensure_future(console.closing.wait())
    try:
        await asyncio.wait({reading, closing}, return_when=asyncio.FIRST_COMPLETED)
        return reading.result() if reading.done() and not console.closing.is_set() else None
    except (RedisError, OSError):
        return None  # whoever follows comes back, and is told then that Redis is away
    finally:
        reading.cancel()
        closing.cancel()


async def _still_good(console: Console, caller: Caller) -> bool:
    account = await users.account_of(console.store, caller.claims.tenant, caller.account)
    return account is not None and account.session_version == caller.claims.session_version


def _event(stream_id: str, kind: str, data: str) -> str:
    return f"id: {stream_id}\nevent: {kind}\ndata: {data}\n\n"
