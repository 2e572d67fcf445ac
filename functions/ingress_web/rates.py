"""How often somebody may do something: counted in Redis for all instances, in this one's memory while Redis is away.

What is counted has a name, and the same name counts once: who sends a message again isn't punished for it.
"""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from shared import telemetry
from shared.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

ANSWER_SECONDS = 0.5
AWAY_SECONDS = 2
"""How long a Redis that didn't answer isn't asked again."""
REMEMBERED = 10_000
"""Keys kept in memory: the oldest are forgotten first."""


@dataclass(frozen=True)
class Allowance:
    """At most *count* different things in *seconds*."""

    count: int
    seconds: float


@dataclass
class Rates:
    """Sliding windows. Each key holds the things done and when."""

    redis: "Redis"
    away_until: float = 0
    remembered: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Does not wait for Redis to be there. Raises MissingSetting without REDIS_URL."""
        settings.require("redis_url")
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        redis = Redis.from_url(
            settings.redis_url.get_secret_value(),
            socket_connect_timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            yield cls(redis)
        finally:
            await redis.aclose()

    async def wait_seconds(self, key: str, thing: str, allowances: tuple[Allowance, ...]) -> float:
        """0: *thing* may be done, and counts from now on. Else how long to wait; then it does not count."""
        from redis.exceptions import RedisError

        if time.monotonic() >= self.away_until:
            try:
                return await self._in_redis(f"rates/{key}", thing, allowances)
            except (RedisError, OSError) as problem:
                self.away_until = time.monotonic() + AWAY_SECONDS
                reason = {"reason": type(problem).__name__}
                telemetry.logger("ingress-web").warning("counted in this instance alone", extra=reason)
        return self._in_memory(key, thing, allowances)

    async def _in_redis(self, key: str, thing: str, allowances: tuple[Allowance, ...]) -> float:
        now = time.time()
        longest = max(allowance.seconds for allowance in allowances)
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.zremrangebyscore(key, "-inf", now - longest)
            pipe.zadd(key, {thing: now}, nx=True)
            for allowance in allowances:
                pipe.zcount(key, f"({now - allowance.seconds}", "+inf")
            pipe.expire(key, int(longest) + 1)
            _, added, *counts, _ = await pipe.execute()
        wait = _wait(counts, allowances) if added else 0
        if wait:
            await self.redis.zrem(key, thing)
        return wait

    def _in_memory(self, key: str, thing: str, allowances: tuple[Allowance, ...]) -> float:
        now = time.time()
        longest = max(allowance.seconds for allowance in allowances)
        done = {name: at for name, at in self.remembered.pop(key, {}).items() if at > now - longest}
        self.remembered[key] = done  # popped and put back: the least used keys come first
        if len(self.remembered) > REMEMBERED:
            self.remembered.pop(next(iter(self.remembered)))
        if thing in done:
            return 0
        wait = _wait([_younger(done, now - each.seconds) + 1 for each in allowances], allowances)
        if not wait:
            done[thing] = now
        return wait


def _younger(done: Mapping[str, float], than: float) -> int:
    return sum(1 for at in done.values() if at > than)


def _wait(counts: list[int], allowances: tuple[Allowance, ...]) -> float:
    over = (each.seconds for count, each in zip(counts, allowances, strict=True) if count > each.count)
    return max(over, default=0)
