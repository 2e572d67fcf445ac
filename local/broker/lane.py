"""A queue that delivers: one stream in Valkey, kept until each entry is delivered or handed on.

A Trigger has two, to its subscriber and to its dead-letter sink, each with places of its own: a slow one holds up
nobody else. There is one broker process and every entry passes through it, so an entry goes from the ingress to its
delivery in memory; the stream is read at the start, and when more waits than fits into the window. (A consumer group
would write once more to disk for each delivery, to note for other consumers what this only one knows.)

In Valkey: `<key>` is the stream; `<key>:tries` maps the entries that failed before to `failures:due`, due in
milliseconds since the epoch, so that a crash neither forgets a wait nor shortens it.
"""

import asyncio
import heapq
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from local.broker.events import Event, unpacked
from local.broker.http import Failure
from local.broker.journal import Away, Command, Fields, Journal, Told
from local.broker.manifests import Delivery

WINDOW_EVENTS = 512
WINDOW_BYTES = 8 * 1024 * 1024
PAGE = 64
PAUSE_SECONDS = 0.5

EntryId = tuple[int, int]
T = TypeVar("T")

_log = logging.getLogger("xin-broker")


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in the queue, and how often its delivery failed."""

    id: EntryId
    event: Event
    tries: int


@dataclass(frozen=True, slots=True)
class Sent:
    """It was taken; *then* is written together with forgetting it."""

    then: tuple[Command, ...] = ()
    told: Told | None = None
    """Called with the replies to *then* and what follows it."""


class Lane:
    """See above. `attempt` tries once; `give_up` says what is written when no further attempt is due."""

    def __init__(
        self,
        key: str,
        delivery: Delivery,
        journal: Journal,
        *,
        places: int,
        attempt: Callable[[Event], Awaitable[Sent | Failure]],
        give_up: Callable[[Event, Failure], Sent],
        on_retry: Callable[[], None] = lambda: None,
    ) -> None:
        self.key = key
        self._delivery = delivery
        self._journal = journal
        self._attempt = attempt
        self._give_up = give_up
        self._on_retry = on_retry
        self._places = asyncio.Semaphore(places)
        self._fresh: deque[Entry] = deque()
        self._fresh_bytes = 0
        self._later: list[tuple[float, EntryId, int]] = []
        self._remembered: set[EntryId] = set()
        self._cursor: EntryId = (0, 0)
        self._newest: EntryId = (0, 0)
        self._all_read = False
        self._troubles = 0
        self._wake = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    # Coming in

    def keep(self, event: Event, tries: int = 0) -> Command:
        """The command that adds *event*; its reply must be told to `arrived`."""
        envelope, data = event.packed()
        return ("XADD", self.key, "*", "e", envelope, "d", data, "n", tries)

    def arrived(self, reply: bytes, event: Event, tries: int = 0) -> None:
        """Says that the entry of *event* is on disk."""
        entry = Entry(_id(reply), event, tries)
        if entry.id <= self._cursor:  # a page brought it before its own writer was told
            return
        self._newest = max(self._newest, entry.id)
        if self._all_read and self._troubles == self._journal.troubles and self._has_room():
            self._cursor = entry.id
            self._push(entry)
        else:
            self._all_read = False
        self._wake.set()

    # Going out

    async def run(self) -> None:
        """Delivers until cancelled. What is then under way goes on: see `finish`."""
        await self._persistently(self._remember)
        while True:
            await self._places.acquire()
            try:
                entry = await self._next()
            except BaseException:
                self._places.release()
                raise
            task = asyncio.create_task(self._handle(entry))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def finish(self, seconds: float) -> None:
        """Waits for what is under way, then leaves it on disk, to be delivered after the next start."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _handle(self, entry: Entry) -> None:
        try:
            outcome = await self._attempted(entry.event)
            if isinstance(outcome, Failure):
                if outcome.again and entry.tries < self._delivery.retry:
                    await self._postpone(entry, outcome)
                    return
                outcome = self._give_up(entry.event, outcome)
            forget: tuple[Command, ...] = (("XDEL", self.key, _text(entry.id)),)
            if entry.tries:
                forget += (("HDEL", f"{self.key}:tries", _text(entry.id)),)
            await self._journal.settle(*outcome.then, *forget, told=outcome.told)
        finally:
            self._places.release()

    async def _attempted(self, event: Event) -> Sent | Failure:
        try:
            return await self._attempt(event)
        except Exception:  # a bug of ours costs an event its tries, not the lane its life
            _log.exception("%s: delivery of %s broke", self.key, event.attributes["id"])
            return Failure(again=True, reason="the broker itself failed")

    async def _postpone(self, entry: Entry, failure: Failure) -> None:
        wait = backoff(self._delivery, entry.tries)
        due = time.time_ns() // 1_000_000 + int(wait * 1000)
        again = Entry(entry.id, entry.event, entry.tries + 1)
        _log.info("%s: %s, attempt %d in %.1f s", self.key, failure.reason, again.tries + 1, wait)
        self._on_retry()
        started = time.monotonic()
        await self._journal.settle(("HSET", f"{self.key}:tries", _text(entry.id), f"{again.tries}:{due}"))
        self._later_on(again, max(0.0, wait - (time.monotonic() - started)))

    def _later_on(self, entry: Entry, seconds: float) -> None:
        heapq.heappush(self._later, (asyncio.get_running_loop().time() + seconds, entry.id, entry.tries))
        self._wake.set()

    # What is next

    async def _next(self) -> Entry:
        while True:
            self._wake.clear()
            if self._later and self._later[0][0] <= asyncio.get_running_loop().time():
                if entry := await self._persistently(self._fetch):
                    return entry
            elif self._fresh:
                entry = self._fresh.popleft()
                self._fresh_bytes -= len(entry.event.data)
                return entry
            elif not self._all_read:
                await self._persistently(self._read_page)
            else:
                await self._sleep()

    async def _sleep(self) -> None:
        """Until something comes in or a wait is over."""
        timer = None
        if self._later:
            timer = asyncio.get_running_loop().call_at(self._later[0][0], self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer:
                timer.cancel()

    async def _persistently(self, read: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await read()
            except Away as problem:
                _log.warning("%s: can't read: %s", self.key, problem)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _remember(self) -> None:
        now = time.time_ns() // 1_000_000
        longest = backoff(self._delivery, self._delivery.retry)
        for entry_id, state in (await self._journal.mapping(f"{self.key}:tries")).items():
            tries, _, due = state.partition(b":")
            wait = min(max(0.0, (int(due) - now) / 1000), longest)  # a clock that was set back must not delay for ever
            self._remembered.add(_id(entry_id))
            heapq.heappush(self._later, (asyncio.get_running_loop().time() + wait, _id(entry_id), int(tries)))

    async def _fetch(self) -> Entry | None:
        """The entry whose wait ended first; None when it is gone."""
        due = heapq.heappop(self._later)
        _, entry_id, tries = due
        try:
            found = await self._journal.entries(self.key, _text(entry_id), _text(entry_id))
        except BaseException:
            heapq.heappush(self._later, due)
            raise
        return _entry(*found[0], tries=tries) if found else None

    async def _read_page(self) -> None:
        troubles = self._journal.troubles
        page = await self._journal.entries(self.key, f"({_text(self._cursor)}", count=PAGE)
        for raw_id, fields in page:
            self._cursor = _id(raw_id)
            if self._cursor in self._remembered:
                self._remembered.discard(self._cursor)
            else:
                self._push(_entry(raw_id, fields))
        if len(page) < PAGE and self._newest <= self._cursor:
            self._all_read, self._troubles = True, troubles

    def _has_room(self) -> bool:
        return len(self._fresh) < WINDOW_EVENTS and self._fresh_bytes < WINDOW_BYTES

    def _push(self, entry: Entry) -> None:
        self._fresh.append(entry)
        self._fresh_bytes += len(entry.event.data)


def backoff(delivery: Delivery, failures: int) -> float:
    """Seconds from a failed attempt to the next, *failures* having failed before it.

    As the reference does it: exponential is delay · 2ⁿ from n = 0; linear is delay · n, its first retry immediate.
    """
    delay = delivery.backoff_delay.total_seconds()
    return delay * (2.0 ** min(failures, 30) if delivery.backoff_policy == "exponential" else failures)


def _entry(raw_id: bytes, fields: Fields, tries: int | None = None) -> Entry:
    event = unpacked(fields[b"e"], fields[b"d"])
    return Entry(_id(raw_id), event, int(fields[b"n"]) if tries is None else tries)


def _id(raw: bytes) -> EntryId:
    milliseconds, _, serial = raw.partition(b"-")
    return int(milliseconds), int(serial)


def _text(entry_id: EntryId) -> str:
    return f"{entry_id[0]}-{entry_id[1]}"
