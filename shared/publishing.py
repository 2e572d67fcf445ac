"""Handing events to the broker. Who publishes has committed its rows: a lost event costs seconds, never a message.

aiohttp, and not httpx as elsewhere: every message passes here twice, and its client costs a tenth (measured, see
docs/decisions).
"""

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Self

from events import Context, Event, to_http
from shared import telemetry
from shared.errors import Retryable
from shared.settings import Settings

if TYPE_CHECKING:
    from aiohttp import ClientSession

ATTEMPTS = 3
PAUSE_SECONDS = 0.2
INSISTING_ATTEMPTS = 6
"""Of a nudge that the caller doesn't wait for: some 12 s, so that a broker that starts again is found at once."""
INSISTING = 10_000
AT_ONCE = 64
CLOSE_SECONDS = 1
CONNECT_SECONDS = 2
ANSWER_SECONDS = 10
CONNECTIONS = 64


class Publisher:
    """Posts events to the broker named by K_SINK. One per function; share it."""

    def __init__(self, sink: str, *, function: str) -> None:
        self._sink = sink
        self._function = function
        self._opened: ClientSession | None = None
        self._insisting: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(AT_ONCE)

    @classmethod
    def of(cls, settings: Settings, function: str) -> Self:
        """Raises MissingSetting without K_SINK."""
        settings.require("sink")
        return cls(settings.sink, function=function)

    async def publish(self, event: Event, context: Context) -> None:
        """Returns when the broker has the event. Raises Retryable when it would not take it, three times asked."""
        await self._insist(event, context, attempts=ATTEMPTS)

    def soon(self, event: Event, context: Context) -> None:
        """Publishes without keeping the caller waiting, and asks a broker that is away again; the tick is the net."""
        if len(self._insisting) < INSISTING:
            task = asyncio.create_task(self._quietly(event, context))
            self._insisting.add(task)
            task.add_done_callback(self._insisting.discard)

    async def _quietly(self, event: Event, context: Context) -> None:
        try:
            async with self._turn:
                await self._insist(event, context, attempts=INSISTING_ATTEMPTS)
        except Retryable as problem:
            telemetry.logger(self._function).warning(str(problem))

    async def _insist(self, event: Event, context: Context, *, attempts: int) -> None:
        headers, body = to_http(event, context)
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
            status, reason = await self._post(headers, body)
            if 200 <= status < 300:
                telemetry.PUBLISHED.labels(self._function, "accepted").inc()
                return
            if status and status < 500 and status != 429:
                break
        telemetry.PUBLISHED.labels(self._function, "refused").inc()
        raise Retryable(f"the broker did not take {event.type}: {reason}")

    async def _post(self, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """The broker's status, or 0 and why there is none."""
        import aiohttp

        if self._opened is None:
            timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=CONNECT_SECONDS)
            connector = aiohttp.TCPConnector(limit=CONNECTIONS)
            self._opened = aiohttp.ClientSession(timeout=timeout, connector=connector, auto_decompress=False)
        try:
            async with self._opened.post(self._sink, headers=headers, data=body) as answer:
                return answer.status, f"status {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as problem:
            return 0, type(problem).__name__

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if waiting := list(self._insisting):
            await asyncio.wait(waiting, timeout=CLOSE_SECONDS)
        for task in waiting:
            task.cancel()
        if self._opened is not None:
            await self._opened.close()
