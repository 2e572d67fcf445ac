"""What the broker keeps, in Valkey: written so that many changes share one trip and one fsync.

Every change goes through here: what waits while a batch is under way becomes the next batch, and a batch is one MULTI.
With `appendfsync always`, what a finished `commit` wrote is on disk.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

Command = tuple[bytes | str | int, ...]
Fields = dict[bytes, bytes]
Told = Callable[[Sequence[Any]], None]

BATCH = 256
PAUSE_SECONDS = (0.05, 2.0)

_log = logging.getLogger("xin-broker")


class Away(Exception):
    """Valkey didn't answer. A change is not there, or (the connection broke in between) it may be."""


@dataclass(frozen=True, slots=True)
class _Change:
    commands: tuple[Command, ...]
    told: Told | None
    done: asyncio.Future[None]


class Journal:
    """One writer; `run` must be running. Readers see what is on disk."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._waiting: list[_Change] = []
        self._wake = asyncio.Event()
        self.troubles = 0
        """Grows with every batch whose fate is unknown: what was read from Valkey before may have a gap."""

    async def commit(self, *commands: Command, told: Told | None = None) -> None:
        """Applies all of *commands* or none, and returns when they are on disk. Raises Away.

        *told* is called with the replies, in the order in which changes were applied, whoever still waits for this one.
        """
        change = _Change(commands, told, asyncio.get_running_loop().create_future())
        self._waiting.append(change)
        self._wake.set()
        await change.done

    async def settle(self, *commands: Command, told: Told | None = None) -> None:
        """Like commit, but doesn't give up while Valkey is away. May apply *commands* twice."""
        pause, longest = PAUSE_SECONDS
        while True:
            try:
                return await self.commit(*commands, told=told)
            except Away:
                await asyncio.sleep(pause)
                pause = min(pause * 2, longest)

    async def entries(self, key: str, first: str, last: str = "+", count: int = 1) -> list[tuple[bytes, Fields]]:
        """Up to *count* entries of a stream, oldest first. Raises Away."""
        try:
            return cast(list[tuple[bytes, Fields]], await self._client.xrange(key, first, last, count=count))
        except (RedisError, OSError) as problem:
            raise Away(str(problem)) from None

    async def newest(self, key: str) -> str | None:
        """The id of a stream's last entry. Raises Away."""
        try:
            found = cast(list[tuple[bytes, Fields]], await self._client.xrevrange(key, count=1))
        except (RedisError, OSError) as problem:
            raise Away(str(problem)) from None
        return found[0][0].decode() if found else None

    async def length(self, key: str) -> int:
        """How many entries a stream has. Raises Away."""
        try:
            return int(await self._client.xlen(key))
        except (RedisError, OSError) as problem:
            raise Away(str(problem)) from None

    async def mapping(self, key: str) -> Fields:
        """A whole hash. Raises Away."""
        try:
            return cast(Fields, await self._client.hgetall(key))
        except (RedisError, OSError) as problem:
            raise Away(str(problem)) from None

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            await self._wake.wait()
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            if not self._waiting:
                self._wake.clear()
            try:
                replies = await self._write([command for change in batch for command in change.commands])
            except (RedisError, OSError) as problem:
                self.troubles += 1
                _log.warning("valkey did not keep %d changes: %s", len(batch), problem)
                _fail(batch, problem)
                continue
            at = 0
            for change in batch:
                if change.told:
                    change.told(replies[at : at + len(change.commands)])
                if not change.done.done():
                    change.done.set_result(None)
                at += len(change.commands)

    async def _write(self, commands: list[Command]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=True)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute()


def _fail(batch: list[_Change], problem: Exception) -> None:
    for change in batch:
        if not change.done.done():
            change.done.set_exception(Away(str(problem)))
