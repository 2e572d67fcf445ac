"""What is worth seeing as it happens: a capped Redis stream per tenant (console-api tails it) and per conversation
(ingress-web tails it). A convenience: rows are the truth, and whoever missed something reads them.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self
from uuid import UUID

from shared import telemetry
from shared.settings import Settings

EVERY_STREAM = "tenants/*"
ADDING_SECONDS = 2
CLOSE_SECONDS = 1
UNSAID = 10_000
GATHER_SECONDS = 0.01
"""What is said within such a moment goes out together."""
TENANT_ENTRIES = 10_000
CONVERSATION_ENTRIES = 500
CONVERSATION_SECONDS = 86_400

Entry = tuple[str, str, dict[str, Any]]
"""A stream id, a kind such as "message.created", and its data."""


def tenant_stream(tenant: UUID) -> str:
    """The key of what a tenant's console shows."""
    return f"tenants/{tenant}/live"


def conversation_stream(tenant: UUID, conversation: UUID) -> str:
    """The key of what a visitor's widget shows."""
    return f"tenants/{tenant}/conversations/{conversation}"


class Live:
    """Writes and tails the streams. Who adds to one also publishes its name: one subscription wakes all who wait."""

    def __init__(self, redis: Any, function: str) -> None:
        self._redis = redis
        self._log = telemetry.logger(function)
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._waker: asyncio.Task[None] | None = None
        self._unsaid: list[_Entry] = []
        self._teller: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, function: str) -> AsyncIterator[Self]:
        """Does not wait for Redis to be there. Raises MissingSetting without REDIS_URL."""
        settings.require("redis_url")
        from redis.asyncio import BlockingConnectionPool, Redis

        pool = BlockingConnectionPool.from_url(
            settings.redis_url.get_secret_value(),
            max_connections=32,
            timeout=2,
            socket_connect_timeout=2,
            socket_timeout=None,
            decode_responses=True,
        )
        redis = Redis(connection_pool=pool)
        live = cls(redis, function)
        try:
            yield live
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await live.said()
            for task in filter(None, (live._waker, live._teller)):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await redis.aclose()
            await pool.disconnect()

    def tell(self, tenant: UUID, kind: str, data: dict[str, Any]) -> None:
        """To the tenant's screens, in a moment. Redis being away is logged and forgotten."""
        self._soon(_Entry(tenant_stream(tenant), kind, data, TENANT_ENTRIES))

    def stream(self, tenant: UUID, conversation: UUID, kind: str, data: dict[str, Any]) -> None:
        """To the conversation's widget, where what is lost is no message: a sentence of an answer, a sign of typing."""
        name = conversation_stream(tenant, conversation)
        self._soon(_Entry(name, kind, data, CONVERSATION_ENTRIES, CONVERSATION_SECONDS))

    async def said(self) -> None:
        """Returns when all that was told so far has gone out, or was given up."""
        if self._teller is not None:
            await asyncio.wait([self._teller])

    async def deliver(self, tenant: UUID, conversation: UUID, kind: str, data: dict[str, Any]) -> None:
        """To the conversation's widget, a message, behind all that was streamed before. Raises RedisError, OSError."""
        name = conversation_stream(tenant, conversation)
        said, self._unsaid = [*self._unsaid, _Entry(name, kind, data, CONVERSATION_ENTRIES, CONVERSATION_SECONDS)], []
        await self._add(said)

    async def newest(self, stream: str) -> str:
        """The id to tail *stream* from, so that nothing said after this call is missed."""
        last = await self._redis.xrevrange(stream, count=1)
        return str(last[0][0]) if last else "0-0"

    async def oldest(self, stream: str) -> str | None:
        """The id of the oldest entry that is still there; None when the stream is empty."""
        first = await self._redis.xrange(stream, count=1)
        return str(first[0][0]) if first else None

    async def read(self, stream: str, after: str, *, wait_seconds: float) -> list[Entry]:
        """What came after the id *after*, at most 100 entries; empty when nothing did for so long.

        Raises redis' errors and OSError.
        """
        self._waker = self._waker or asyncio.create_task(self._wake())
        added = asyncio.Event()
        self._waiting[stream].add(added)
        try:
            found = await self._after(stream, after)
            if not found:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_seconds):
                        await added.wait()
                found = await self._after(stream, after)
            return found
        finally:
            self._waiting[stream].discard(added)
            if not self._waiting[stream]:
                del self._waiting[stream]

    async def _after(self, stream: str, after: str) -> list[Entry]:
        entries = await self._redis.xrange(stream, min=f"({after}", count=100)
        return [(entry, fields["kind"], json.loads(fields["data"])) for entry, fields in entries]

    def _wake_all(self) -> None:
        for added in chain.from_iterable(self._waiting.values()):
            added.set()

    async def _wake(self) -> None:
        from redis.exceptions import RedisError

        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as names:
                    await names.psubscribe(EVERY_STREAM)
                    self._wake_all()  # what was said before this moment has no name to wake by
                    async for message in names.listen():
                        for added in self._waiting.get(message["channel"], ()):
                            added.set()
            except (RedisError, OSError) as problem:
                self._log.warning("nothing heard live", extra={"reason": type(problem).__name__})
                self._wake_all()
                await asyncio.sleep(1)

    async def ping(self) -> None:
        """Raises redis' errors."""
        await self._redis.ping()

    def _soon(self, entry: "_Entry") -> None:
        """Many functions have something to show at once: one round trip takes all of it."""
        if len(self._unsaid) < UNSAID:
            self._unsaid.append(entry)
        if self._teller is None or self._teller.done():
            self._teller = asyncio.create_task(self._say_all())

    async def _say_all(self) -> None:
        from redis.exceptions import RedisError

        while self._unsaid:
            await asyncio.sleep(GATHER_SECONDS)
            said, self._unsaid = self._unsaid, []
            try:
                async with asyncio.timeout(ADDING_SECONDS):
                    await self._add(said)
            except (RedisError, OSError, TimeoutError) as problem:
                self._log.warning("nothing shown live", extra={"reason": type(problem).__name__, "entries": len(said)})

    async def _add(self, entries: "list[_Entry]") -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for entry in entries:
                fields = {"kind": entry.kind, "data": json.dumps(entry.data, ensure_ascii=False, default=str)}
                pipe.xadd(entry.stream, fields, maxlen=entry.keep, approximate=True)
                if entry.seconds:
                    pipe.expire(entry.stream, entry.seconds)
                pipe.publish(entry.stream, "")
            await pipe.execute()


@dataclass(frozen=True)
class _Entry:
    """What is added to a stream that keeps about `keep` entries, and vanishes after `seconds` unless they are 0."""

    stream: str
    kind: str
    data: dict[str, Any]
    keep: int
    seconds: int = 0
