"""One visitor's stream: first what they missed, then what happens, without a gap and, as far as can be known, once.

Where a widget had got to is the id of a stream entry, or only the seq of a message. The entry is exact: an answer may
leave after a customer's newer message, so a seq alone doesn't tell what was seen. So a visitor is handed an entry's id
as soon as that says it all, at the latest by the keep-alive. deliver puts a message into the stream before it records
that it left, so both are looked at, the stream first. While Redis is away, rows are read every other second.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence

from redis.exceptions import RedisError

from functions.ingress_web.kept import NOTHING, Kept, Said, said_in
from functions.ingress_web.web import NAME, Web
from shared import event_streams, telemetry
from shared.live import Entry, conversation_stream
from shared.store import web_sessions
from shared.store.tenancy import DatabaseAway
from shared.store.web_sessions import Session, Shown

ANSWER_SECONDS = 3
"""How long Redis may take to answer."""
POLL_SECONDS = (1, 2)
REPLAYED = 500
"""Whoever missed more reads the history."""
PASSED_ON = frozenset({"message.created", "message.delta", "message.retracted", "typing"})

Place = int | str
"""The seq of a message, or the id of a stream entry; any other text is a place that was lost."""


class Following:
    """From a place on.

    `_seen` holds the ids of the messages above `_floor` that the visitor has. Those in `_ahead` came from rows before
    their entry came up: until it does, the stream's place would bring them again, so it isn't told. Those in
    `_suspected` stand in rows though no entry has come: if none comes until the next keep-alive, there is none.
    """

    def __init__(self, web: Web, session: Session, place: Place) -> None:
        self._web = web
        self._session = session
        self._stream = conversation_stream(session.tenant, session.conversation)
        self._start: Place | None = place  # None once it has begun
        self._at = NOTHING
        self._floor = 0
        self._seen: set[str] = set()
        self._ahead: set[str] = set()
        self._suspected: set[str] = set()
        self._epoch = 0
        self._end = time.monotonic() + random.uniform(*web.pace.life)  # noqa: S311 - no secret
        self._pinged = 0.0

    async def lines(self) -> AsyncIterator[str]:
        """The body of the answer. It ends with the process, after ten minutes, or when the database is away."""
        yield event_streams.retry()
        try:
            while not self._over():
                try:
                    async for line in self._tail():
                        yield line
                except (RedisError, OSError) as problem:
                    telemetry.logger(NAME).warning("stream away", extra={"reason": type(problem).__name__})
                    async for line in self._poll():
                        yield line
        except DatabaseAway:
            return

    def _over(self) -> bool:
        return self._web.closing.is_set() or time.monotonic() > self._end

    def _is_quiet(self) -> bool:
        return time.monotonic() - self._pinged >= self._web.pace.keep_alive

    # While Redis is there

    async def _tail(self) -> AsyncIterator[str]:
        for line in await self._begin(await self._read_kept()):
            yield line
        yield self._ping()
        while (entries := await self._next()) is not None:
            for entry in entries:
                if line := self._pass_on(entry):
                    yield line
            if self._is_quiet():
                for line in await self._heal():
                    yield line
                yield self._ping()

    async def _read_kept(self) -> Kept:
        entries: list[Entry] = []
        async with asyncio.timeout(ANSWER_SECONDS):
            after = NOTHING
            while found := await self._web.live.read(self._stream, after, wait_seconds=0):
                entries += found
                after = found[-1][0]
        return Kept(entries)

    async def _begin(self, kept: Kept) -> list[str]:
        """What the visitor missed before the stream's place `_at`; from there on it is tailed."""
        start, self._start, self._at = self._start, None, kept.newest
        self._suspected.clear()
        match start:
            case None:
                rows, _ = await self._rows(self._floor)
                return self._catch_up(rows, kept, self._floor, behind=[])
            case int(after):
                behind = kept.behind(after)
                rows, _ = await self._look(after)
                self._seen -= {one.id for _, one in behind}
                return self._catch_up(rows, kept, after, behind) if len(rows) <= REPLAYED else await self._begin_anew()
            case str(entry) if kept.has(entry):
                self._at = entry
                had = kept.created(through=entry)
                rows, _ = await self._look(max((one.seq for one in had), default=None))
                self._seen -= {one.id for one in kept.created()}
                self._seen |= {one.id for one in had}
                self._suspected = {str(row.id) for row in rows} - {one.id for one in kept.created()}
                return []
        return await self._begin_anew()

    def _catch_up(self, rows: Sequence[Shown], kept: Kept, after: int, behind: Sequence[tuple[str, Said]]) -> list[str]:
        """Rows and stream together, each message under its seq.

        Where one came late, *behind* the message *after* and with a lower seq, all that are behind come in the stream's
        order under its ids: only so is none lost and none doubled when the line breaks in between.
        """
        in_order = {one.id for _, one in behind} if any(one.seq <= after for _, one in behind) else set()
        newer = [*map(said, rows), *(one for one in kept.created() if one.seq > after)]
        by_seq = self._new(one for one in newer if one.id not in in_order)
        self._ahead = {one.id for one in by_seq} - {one.id for one in kept.created()}
        lines = [_line(one, str(one.seq)) for one in by_seq]
        return lines + [_line(one, place) for place, one in behind if one.id in in_order and self._new([one])]

    async def _begin_anew(self) -> list[str]:
        """The place is lost: the widget reads the history, and hears from here on what is newer."""
        rows, _ = await self._look(None)
        self._seen = {str(row.id) for row in rows}
        # An empty id makes a client forget its place: it comes back with the seq of what it has.
        return [event_streams.event("reset", "{}", "" if self._at == NOTHING else self._at)]

    async def _next(self) -> list[Entry] | None:
        """What came; nothing when nothing did in time; None when the stream has to end."""
        return None if self._over() else await event_streams.unless(self._web.closing, self._read())

    async def _read(self) -> list[Entry]:
        seconds = self._web.pace.wait
        async with asyncio.timeout(seconds + ANSWER_SECONDS):
            return await self._web.live.read(self._stream, self._at, wait_seconds=seconds)

    def _pass_on(self, entry: Entry) -> str:
        """Empty for a message that the visitor has, and for what is none of a visitor's business."""
        self._at, kind, data = entry
        if kind not in PASSED_ON:
            return ""
        if kind == "message.created":
            message = said_in(data)
            if message.id in self._ahead:
                self._ahead.discard(message.id)
                return self._ping()
            if not self._new([message]):
                return ""
        return event_streams.event(kind, json.dumps(data, ensure_ascii=False), self._place())

    async def _heal(self) -> list[str]:
        """Messages that stand in rows and never came: whoever wrote the stream could not."""
        try:
            rows, _ = await self._rows(self._floor)
        except DatabaseAway:
            return []
        self._ahead.clear()
        missing = [one for one in map(said, rows) if one.id not in self._seen]
        certain = self._new(one for one in missing if one.id in self._suspected)
        self._suspected = {one.id for one in missing} - self._seen
        return [_line(one, None) for one in certain]

    # While Redis is away

    async def _poll(self) -> AsyncIterator[str]:
        """Ends when Redis is back, or the stream is over."""
        self._at = NOTHING
        if isinstance(self._start, str):  # what came since that entry can't be told
            for line in await self._begin_anew():
                yield line
        elif self._start is not None:
            await self._look(self._start)
        self._start = None
        while not self._over():
            rows, settled = await self._rows(self._floor)
            for one in self._new(map(said, rows)):
                yield _line(one, str(min(one.seq, settled)))  # not beyond what may still leave
            if self._is_quiet():
                yield self._ping()
            try:
                async with asyncio.timeout(random.uniform(*POLL_SECONDS)):  # noqa: S311
                    await self._web.closing.wait()
            except TimeoutError:
                if await self._redis_is_back():
                    return

    async def _redis_is_back(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._web.live.ping()
        except (RedisError, OSError):
            return False
        return True

    # Rows

    async def _look(self, after: int | None) -> tuple[Sequence[Shown], int]:
        """Takes up the rows for a visitor who has all up to *after* (None: all that is settled) of what has left."""
        rows, settled = await self._rows(after)
        after = settled if after is None else after
        self._floor = min(after, settled)
        self._seen |= {str(row.id) for row in rows if row.seq <= after}
        return rows, settled

    async def _rows(self, after: int | None) -> tuple[Sequence[Shown], int]:
        """What stands above *after*, or above the lowest message that is still on its way out. Raises DatabaseAway."""
        async with self._web.store.tenant(self._session.tenant) as db:
            standing = await web_sessions.standing(db, self._session.conversation)
            assert standing is not None, "a session's conversation lives as long as the session"
            self._epoch = standing.epoch
            floor = standing.settled if after is None else min(after, standing.settled)
            rows = await web_sessions.shown(db, self._session.conversation, after=floor, limit=REPLAYED + 1)
        return rows, standing.settled

    def _new(self, found: Iterable[Said]) -> list[Said]:
        """Those that the visitor doesn't have yet, each once, by seq. From now on they have them."""
        new = {one.id: one for one in found if one.id not in self._seen}
        self._seen |= new.keys()
        return sorted(new.values(), key=lambda one: one.seq)

    def _ping(self) -> str:
        self._pinged = time.monotonic()
        return event_streams.event("ping", json.dumps({"epoch": self._epoch}), self._place())

    def _place(self) -> str | None:
        return None if self._at == NOTHING or self._ahead else self._at


def said(row: Shown) -> Said:
    """A stored message, as the stream tells it."""
    return Said(str(row.id), row.seq, row.model_dump_json())


def _line(one: Said, event_id: str | None) -> str:
    return event_streams.event("message.created", one.data, event_id)
