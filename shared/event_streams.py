"""Server-sent events, as every stream of ours sends them.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from starlette.responses import StreamingResponse

RETRY_MILLISECONDS = (1000, 4000)

T = TypeVar("T")


class EventStream(StreamingResponse):
    """text/event-stream, line by line."""

    media_type = "text/event-stream"

    def __init__(self, lines: AsyncIterator[str], status_code: int = 200) -> None:
        """FastAPI reads *status_code* from this signature, for its description."""
        super().__init__(lines, status_code, headers={"X-Accel-Buffering": "no"})  # nginx would hold the stream back


def retry() -> str:
    """How soon a client comes back: at random, so that not all come back at once."""
    return f"retry: {random.randint(*RETRY_MILLISECONDS)}\n\n"  # noqa: S311


def event(kind: str, data: str, place: str | None = None) -> str:
    """*place*: where a client that comes back goes on from; None leaves it as it was, "" makes it forget."""
    line = "" if place is None else f"id: {place}\n"
    return f"{line}event: {kind}\ndata: {data}\n\n"


def order(place: str) -> tuple[int, int]:
    """Redis' stream ids compare as two numbers."""
    milliseconds, _, number = place.partition("-")
    return int(milliseconds), int(number)


async def unless(closing: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What *work* comes to; None when *closing* is set before."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(closing.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return None if stopping.done() else working.result()
    finally:
        working.cancel()
        stopping.cancel()
