"""Handing events to the broker. Who publishes has committed its rows: a lost event costs seconds, never a message."""

import asyncio
from types import TracebackType
from typing import Self

import httpx

from events import Context, Event, to_http
from shared import telemetry
from shared.errors import Retryable
from shared.settings import Settings

ATTEMPTS = 3
PAUSE_SECONDS = 0.2


class Publisher:
    """Posts events to the broker named by K_SINK. One per function; share it."""

    def __init__(self, sink: str, *, function: str, client: httpx.AsyncClient | None = None) -> None:
        self._sink = sink
        self._function = function
        self._client = client or httpx.AsyncClient(
            timeout=httpx.Timeout(10, connect=2), limits=httpx.Limits(max_keepalive_connections=32)
        )

    @classmethod
    def of(cls, settings: Settings, function: str) -> Self:
        """Raises MissingSetting without K_SINK."""
        settings.require("sink")
        return cls(settings.sink, function=function)

    async def publish(self, event: Event, context: Context) -> None:
        """Returns when the broker has the event. Raises Retryable when it would not take it, three times asked."""
        headers, body = to_http(event, context)
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
            try:
                answer = await self._client.post(self._sink, headers=headers, content=body)
            except httpx.TransportError as problem:
                reason = type(problem).__name__
                continue
            if answer.is_success:
                telemetry.PUBLISHED.labels(self._function, "accepted").inc()
                return
            reason = f"status {answer.status_code}"
            if answer.status_code < 500 and answer.status_code != 429:
                break
        telemetry.PUBLISHED.labels(self._function, "refused").inc()
        raise Retryable(f"the broker did not take {event.type}: {reason}")

    async def nudge(self, event: Event, context: Context) -> bool:
        """Like publish, but a broker that is away is only logged: the tick finds what stayed open."""
        try:
            await self.publish(event, context)
        except Retryable as problem:
            telemetry.logger(self._function).warning(str(problem))
            return False
        return True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()
