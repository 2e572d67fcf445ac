"""What happens in a tenant, as it happens: server-sent events."""

import json
import re
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header

from functions.console_api.callers import Caller, SignedIn, TheConsole
from functions.console_api.console import Console
from functions.console_api.roles import PREFIX
from shared.errors import NotFound
from shared.event_streams import EventStream, event, order, retry, unless
from shared.live import Entry, tenant_stream
from shared.problems import Refused
from shared.store import users

router = APIRouter(prefix=f"{PREFIX}/events", tags=["events"])

_STREAM_ID = re.compile(r"\d{1,20}-\d{1,20}")

DESCRIPTION = """
`message.created`, `conversation.updated`, `knowledge.changed` and others; `data` is JSON. Every event has an id: come
back with `Last-Event-ID` and nothing in between is missed. `reset` says that something was: read the lists again. The
stream ends when the access token does.
"""


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
    return EventStream(_lines(console, caller, stream, start, missed=missed))


async def _start(console: Console, stream: str, last_seen: str | None) -> tuple[str, bool]:
    """The id to go on from, and whether something before it was missed."""
    if last_seen is None or not _STREAM_ID.fullmatch(last_seen):
        return await console.live.newest(stream), last_seen is not None
    oldest = await console.live.oldest(stream)
    missed = last_seen != "0-0" and (oldest is None or order(last_seen) < order(oldest))
    return (await console.live.newest(stream), True) if missed else (last_seen, False)


async def _lines(console: Console, caller: Caller, stream: str, start: str, *, missed: bool) -> AsyncIterator[str]:
    yield retry()
    yield event("reset" if missed else "ready", "{}", start)
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
            yield event(kind, json.dumps(data, ensure_ascii=False), place)
        if not entries:
            yield ": still here\n\n"


async def _next(console: Console, stream: str, after: str, *, wait_seconds: float) -> list[Entry] | None:
    """What came, nothing when nothing did in time, None when the stream has to end."""
    from redis.exceptions import RedisError

    try:
        return await unless(console.closing, console.live.read(stream, after, wait_seconds=wait_seconds))
    except (RedisError, OSError):
        return None  # whoever follows comes back, and is told then that Redis is away


async def _still_good(console: Console, caller: Caller) -> bool:
    account = await users.account_of(console.store, caller.claims.tenant, caller.account)
    return account is not None and account.session_version == caller.claims.session_version
