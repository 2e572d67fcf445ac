"""Failed sign-ins, counted per address and e-mail, and per address. Who knows the password is never counted.

The window begins with the first failure. Redis keeps it for every instance, this process while Redis is away.
"""

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from shared import telemetry
from shared.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

WINDOW_SECONDS = 60
PER_ACCOUNT = 10
"""Failures in a window from one address for one e-mail."""
PER_ADDRESS = 60
REMEMBERED = 10_000


@dataclass
class Failures:
    """How many, and until when they count (by the monotonic clock)."""

    count: int
    until: float


@dataclass
class FailedSignIns:
    """Ask `wait_seconds` before a password is checked, and `count` when it was wrong."""

    redis: "Redis"
    remembered: dict[str, Failures] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Does not wait for Redis to be there. Raises MissingSetting without REDIS_URL."""
        settings.require("redis_url")
        from redis.asyncio import Redis

        redis = Redis.from_url(
            settings.redis_url.get_secret_value(), socket_connect_timeout=0.5, socket_timeout=0.5, protocol=2
        )
        try:
            yield cls(redis)
        finally:
            await redis.aclose()

    async def wait_seconds(self, address: str, email: str) -> int:
        """How long to wait before the next try; 0: not at all."""
        from redis.exceptions import RedisError

        waits = [0]
        for key, most in _keys(address, email):
            known = self.remembered.get(key)
            if known and known.count >= most:
                waits.append(max(0, round(known.until - time.monotonic() + 0.5)))
            try:
                if int(await self.redis.get(key) or 0) >= most:
                    waits.append(max(1, await self.redis.ttl(key)))
            except (RedisError, OSError):
                continue
        return max(waits)

    async def count(self, address: str, email: str) -> None:
        """One more failure."""
        from redis.exceptions import RedisError

        keys = [key for key, _ in _keys(address, email)]
        for key in keys:
            self._remember(key)
        try:
            async with self.redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.incr(key)
                    pipe.expire(key, WINDOW_SECONDS, nx=True)
                await pipe.execute()
        except (RedisError, OSError) as problem:
            telemetry.logger("console-api").warning("counted here alone", extra={"reason": type(problem).__name__})

    def _remember(self, key: str) -> None:
        now = time.monotonic()
        known = self.remembered.get(key)
        if known and known.until > now:
            known.count += 1
            return
        if len(self.remembered) >= REMEMBERED:
            self.remembered = {k: failures for k, failures in self.remembered.items() if failures.until > now}
        self.remembered[key] = Failures(1, now + WINDOW_SECONDS)


def _keys(address: str, email: str) -> list[tuple[str, int]]:
    """Keys with how many failures each allows. Hashed: an address and an e-mail are nobody else's business."""
    account = f"{address}|{email.strip().lower()}"
    return [(f"sign-in/{_hashed(account)}", PER_ACCOUNT), (f"sign-in/{_hashed(address)}", PER_ADDRESS)]


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
