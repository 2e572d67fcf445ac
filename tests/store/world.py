"""One conversation on the real database, and everybody who acts on it, one transaction a step.

The steps are those of the model that the protocol was checked with: a customer, an operator, two holders of the lease,
two senders, a provider, crashes, time passing and the tick. What only a ghost can know (what the provider really got,
what a person really covered) is kept here; the rows must agree with it after every step.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel

from shared.store import handover, leases, parts, taking_in, turns
from shared.store.leases import Lease
from shared.store.parts import Claim
from shared.store.taking_in import NewMessage
from shared.store.tenancy import Db, Store
from shared.store.turns import NewTurn
from tests.tenants import Tenant

GOES = {
    "queued": {"sending", "cancelled"},
    "sending": {"queued", "unknown", "accepted", "failed", "delivered"},
    "unknown": {"sending", "accepted", "failed", "delivered"},
    "accepted": {"failed", "delivered"},
    "failed": {"delivered"},
    "delivered": set(),
    "cancelled": set(),
}
NO_WAIT = {"telegram": 0.0}
Step = tuple[str, Callable[[], Awaitable[None]]]


class Empty(BaseModel):
    """A turn's trace, where nobody reads it."""


@dataclass
class Holder:
    """A handler of orchestrate in the middle of a turn."""

    lease: Lease
    event: str
    committed: bool = False


@dataclass
class Sender:
    """A handler of deliver between claim and outcome. `live`: its claim is young enough to begin the call."""

    claim: Claim
    live: bool = True
    outcome: str = ""


@dataclass
class Ghost:
    """What really happened to a part: calls that were made, copies that the provider got."""

    calls: int = 0
    got: int = 0
    told: set[str] = field(default_factory=set)


@dataclass
class World:
    """The actors and their steps. Each acts in the database role of its own function."""

    stores: dict[str, Store]
    tenant: Tenant
    random: Random
    conversation: UUID = field(default_factory=uuid4)
    customer: str = ""
    holders: list[Holder | None] = field(default_factory=lambda: [None, None])
    senders: list[Sender | None] = field(default_factory=lambda: [None, None])
    ghosts: dict[UUID, Ghost] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    texts: int = 0
    states: dict[UUID, str] = field(default_factory=dict)
    word: int = 0
    covered: int = 0
    seen: int = 0
    beat_age: int = 0
    log: list[str] = field(default_factory=list)

    # What may happen now

    def steps(self, *, calm: bool = False) -> list[Step]:
        """Every step that may be taken. Calm: nobody new writes, nothing crashes, all who act go on."""
        found: list[Step] = [
            ("the lease ages 21 s", partial(self.age_lease, 21)),
            ("the slot lapses", self.age_slot),
            ("parts fall due", self.fall_due),
        ]
        if not calm:
            found += [
                ("the customer writes", self.write),
                ("the provider repeats a message", self.repeat),
                ("the operator looks", self.look),
                ("takeover", self.take_over),
                ("the operator writes", self.reply),
                ("release", self.release),
                ("resolve", self.resolve),
                ("the lease ages 11 s", partial(self.age_lease, 11)),
                ("a status: delivered", partial(self.status, "delivered")),
                ("a status: failed", partial(self.status, "failed")),
            ]
        for i, holder in enumerate(self.holders):
            found += self._steps_of_holder(i, holder, calm)
        for i, sender in enumerate(self.senders):
            found += self._steps_of_sender(i, sender, calm)
        return found

    def _steps_of_holder(self, i: int, holder: Holder | None, calm: bool) -> list[Step]:
        name = f"holder {i}"
        if holder is None:
            events = {"the tick": f"tick-{uuid4()}", "the newest event": self.events[-1], "the first": self.events[0]}
            return [(f"{name} is asked by {who}", partial(self.ask, i, event)) for who, event in events.items()]
        crash: list[Step] = [] if calm else [(f"{name} crashes", partial(self.crash, self.holders, i))]
        return [
            (f"{name} commits", partial(self.commit, i, together=False)),
            (f"{name} commits and lets go", partial(self.commit, i, together=True)),
            (f"{name} beats", partial(self.beat, i)),
            *crash,
        ]

    def _steps_of_sender(self, i: int, sender: Sender | None, calm: bool) -> list[Step]:
        name = f"sender {i}"
        if sender is None:
            return [(f"{name} claims", partial(self.claim, i))]
        if sender.outcome:
            acts: list[Step] = [(f"{name} records", partial(self.record, i))]
        else:
            outcomes = ("ok", "lost", "none") if calm else ("ok", "lost", "none", "later", "fail")
            acts = [(f"{name} calls: {outcome}", partial(self.call, i, outcome)) for outcome in outcomes]
        return acts if calm else [*acts, (f"{name} crashes", partial(self.crash, self.senders, i))]

    async def step(self, *, calm: bool = False) -> None:
        """Takes one step at random and holds the rows against the invariants."""
        await self._take(*self.random.choice(self.steps(calm=calm)))

    async def play(self, *names: str) -> None:
        """Takes the named steps, in order. Raises KeyError for one that can't be taken now."""
        for name in names:
            await self._take(name, dict(self.steps())[name])

    async def _take(self, name: str, act: Callable[[], Awaitable[None]]) -> None:
        self.log.append(name)
        await act()
        await self.check()

    # The customer and the operator

    async def write(self) -> None:
        self.texts += 1
        key = f"{self.customer}:{self.texts}"
        await self._store(key)
        self.events.append(key)

    async def repeat(self) -> None:
        if self.events:
            await self._store(self.random.choice(self.events))

    async def _store(self, key: str) -> None:
        async with self.stores["xin_ingress"].connection() as db:
            message = NewMessage(sender=self.customer, provider_id=key, kind="text", text="سلام")
            taken = await taking_in.store_message(db, self.tenant.id, self.tenant.channel, message, correlation=key)
        self.conversation = taken.conversation

    async def look(self) -> None:
        self.seen = (await self.row())["last_in"]

    async def take_over(self) -> None:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            flying = sum(1 for s in self.senders if s and s.live and not s.outcome and s.claim.role == "bot")
            assert flying <= 1, "two bot sends in flight at the takeover"
            await handover.take_over(db, self.conversation, who=self.tenant.person)

    async def reply(self) -> None:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            spoken = await handover.reply(
                db,
                self.tenant.id,
                self.conversation,
                who=self.tenant.person,
                text="بله",
                texts=["بله"],
                correlation="-",
            )
        self.word = self.covered = spoken.seq

    async def release(self) -> None:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            try:
                await handover.release(db, self.conversation)
            except handover.Changed:
                return

    async def resolve(self) -> None:
        before = await self.row()
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            try:
                await handover.resolve(db, self.conversation, seen=self.seen)
            except handover.Changed:
                return
        self.word = before["seq"]
        self.covered = max(self.covered, self.seen)

    # Holders

    async def ask(self, i: int, event: str) -> None:
        async with self.stores["xin_orchestrate"].tenant(self.tenant.id) as db:
            held_by = (await self._row(db))["lease_event"]
            lease = await leases.take(db, self.conversation, event=event)
        if lease is not None:
            patience = 10 if held_by == event else 20
            assert held_by is None or self.beat_age > patience, "a live, beating holder is preempted"
            self.holders[i] = Holder(lease, event)
            self.beat_age = 0

    async def beat(self, i: int) -> None:
        holder = self.holders[i]
        assert holder
        async with self.stores["xin_orchestrate"].tenant(self.tenant.id) as db:
            if not await leases.beat(db, holder.lease, event=holder.event):
                self.holders[i] = None
            else:
                self.beat_age = 0

    async def commit(self, i: int, *, together: bool) -> None:
        """S4 alone, or S4 and S5 in one transaction, as orchestrate does it."""
        holder = self.holders[i]
        assert holder
        async with self.stores["xin_orchestrate"].tenant(self.tenant.id) as db:
            if not holder.committed:
                before = await self._row(db)
                texts = ["پاسخ"] * self.random.choice([1, 1, 2])
                new = NewTurn("پاسخ", texts, "answered", "bot", 0, (), Empty(), None, 0, 0)
                turn = await turns.commit(db, self.tenant.id, self.tenant.channel, holder.lease, new, correlation="-")
                if turn is None:
                    self.holders[i] = None
                    return
                holder.committed = True
                assert before["status"] in ("bot", "waiting"), "a turn is committed under a person"
                assert self.word <= holder.lease.after or self.word < await self._first_in(db, holder.lease), (
                    "the bot answers what is older than the operator's last word"
                )
                if not together:
                    return
            following = await leases.release(db, holder.lease)
        self.holders[i] = Holder(following, holder.event) if following else None
        if following:
            self.beat_age = 0

    async def _first_in(self, db: Db, lease: Lease) -> int:
        cursor = await db.execute(
            "SELECT min(seq) FROM messages WHERE conversation_id = %s AND role = 'customer' AND seq > %s AND seq <= %s",
            (self.conversation, lease.after, lease.n),
        )
        row = await cursor.fetchone()
        assert row
        return int(row[0])

    # Senders

    async def claim(self, i: int) -> None:
        async with self.stores["xin_deliver"].tenant(self.tenant.id) as db:
            before = await self._row(db)
            claimed = await parts.claim(db, self.conversation, reconcile_seconds=NO_WAIT)
        if isinstance(claimed, Claim):
            if claimed.role == "bot":
                assert before["status"] in ("bot", "waiting"), (
                    "a bot part is claimed while a person owns the conversation"
                )
                assert claimed.seq > self.word, "a bot part older than the operator's last word is claimed"
            self.senders[i] = Sender(claimed)

    async def call(self, i: int, outcome: str) -> None:
        sender = self.senders[i]
        assert sender
        if not sender.live:
            self.senders[i] = None  # the claim is too old: it does not call
            return
        sender.outcome = outcome
        ghost = self.ghosts.setdefault(sender.claim.part, Ghost())
        ghost.calls += sender.outcome in ("ok", "lost", "none")
        first = sender.outcome in ("ok", "lost") and not ghost.got
        ghost.got += sender.outcome in ("ok", "lost")
        assert ghost.calls <= 2, "sent a third time"
        if first:
            key = (sender.claim.seq, sender.claim.ordinal)
            order = {row["id"]: (row["seq"], row["ordinal"]) for row in await self.part_rows()}
            assert not any(g.got and order[p] > key for p, g in self.ghosts.items()), (
                "a part leaves after its successor"
            )

    async def record(self, i: int) -> None:
        sender = self.senders[i]
        assert sender
        async with self.stores["xin_deliver"].tenant(self.tenant.id) as db:
            match sender.outcome:
                case "ok":
                    await parts.record_accepted(db, sender.claim, str(uuid4()))
                case "lost" | "none":
                    await parts.record_unknown(db, sender.claim, seconds=60, reason="no answer")
                case "later":
                    await parts.record_later(db, sender.claim, seconds=60, reason="too many")
                case "fail":
                    await parts.record_failed(db, sender.claim, reason="blocked")
        self.senders[i] = None

    async def status(self, told: parts.State) -> None:
        got = [part for part, ghost in self.ghosts.items() if ghost.got]
        if got:
            async with self.stores["xin_deliver"].tenant(self.tenant.id) as db:
                await parts.advance(db, self.random.choice(got), told)

    # Time and crashes

    async def crash(self, actors: list[Any], i: int) -> None:
        actors[i] = None

    async def age_lease(self, seconds: int) -> None:
        """A live holder beats every 5 s; so an old lease is one whose holder is slow or gone."""
        self.beat_age += seconds
        await self._alter(
            "UPDATE conversations SET lease_beat = lease_beat - make_interval(secs => %s) WHERE id = %s", seconds
        )

    async def age_slot(self) -> None:
        await self._alter(
            "UPDATE conversations SET send_until = send_until - make_interval(secs => %s) WHERE id = %s", 31
        )
        for sender in self.senders:
            if sender:
                sender.live = False

    async def fall_due(self) -> None:
        await self._alter(
            "UPDATE outbound_parts SET next_attempt_at = next_attempt_at - make_interval(secs => %s)"
            " WHERE conversation_id = %s",
            61,
        )

    async def _alter(self, statement: str, seconds: int) -> None:
        async with self.stores["xin_deliver"].tenant(self.tenant.id) as db:
            await db.execute(statement, (seconds, self.conversation))

    # What must hold

    async def row(self) -> dict[str, Any]:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            return await self._row(db)

    async def _row(self, db: Db) -> dict[str, Any]:
        cursor = await db.execute("SELECT * FROM conversations WHERE id = %s", (self.conversation,))
        values = await cursor.fetchone()
        assert values
        assert cursor.description
        return dict(zip((column.name for column in cursor.description), values, strict=True))

    async def part_rows(self) -> list[dict[str, Any]]:
        return await self._list("SELECT * FROM outbound_parts WHERE conversation_id = %s ORDER BY seq, ordinal")

    async def _list(self, statement: str) -> list[dict[str, Any]]:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            cursor = await db.execute(statement, (self.conversation,))
            assert cursor.description
            names = [column.name for column in cursor.description]
            return [dict(zip(names, values, strict=True)) for values in await cursor.fetchall()]

    async def check(self) -> None:
        """The invariants that hold at every moment."""
        row = await self.row()
        messages = await self._list("SELECT seq, role FROM messages WHERE conversation_id = %s ORDER BY seq")
        all_parts = await self.part_rows()
        all_turns = await self._list("SELECT id, after, n, epoch, seq FROM turns WHERE conversation_id = %s")
        assert [m["seq"] for m in messages] == list(range(1, row["seq"] + 1)), "numbers have no gap and no double"
        customers = [m["seq"] for m in messages if m["role"] == "customer"]
        assert row["last_in"] == max(customers), "last_in is the newest customer message"
        assert len(customers) == len(self.events), "a repeated message is stored once"
        for part in all_parts:
            ghost = self.ghosts.get(part["id"], Ghost())
            old = self.states.get(part["id"], "queued")
            assert part["state"] == old or self._may_go(old, part["state"]), f"a part goes {old} -> {part['state']}"
            assert ghost.calls < 2 or part["maybe_twice"], "sent twice without the mark"
            self.states[part["id"]] = part["state"]
        self._check_turns(all_turns, all_parts, customers)

    @staticmethod
    def _may_go(old: str, new: str) -> bool:
        """One transaction may take two steps: a lapse and the claim that follows it."""
        return new in GOES[old] or any(new in GOES[between] for between in GOES[old])

    def _check_turns(
        self, all_turns: list[dict[str, Any]], all_parts: list[dict[str, Any]], customers: list[int]
    ) -> None:
        covered: set[int] = set()
        for turn in all_turns:
            fresh = {seq for seq in customers if turn["after"] < seq <= turn["n"]}
            assert fresh, "a turn answers nothing"
            its_parts = [p for p in all_parts if p["turn_id"] == turn["id"]]
            if any(p["state"] != "cancelled" or self.ghosts.get(p["id"], Ghost()).got for p in its_parts):
                assert not covered & fresh, "one message has two answers that left or may leave"
                covered |= fresh

    async def settle(self) -> None:
        """No more writing, no more crashes: what moves goes on until nothing moves, and all is answered."""
        for _ in range(400):
            await self.step(calm=True)
            if await self._at_rest():
                break
        row = await self.row()
        rows = await self.part_rows()
        all_turns = await self._list("SELECT id, after, n FROM turns WHERE conversation_id = %s")
        assert await self._at_rest(), f"still moving: {row}"
        for message in await self._list("SELECT seq FROM messages WHERE role = 'customer' AND conversation_id = %s"):
            seq = message["seq"]
            answered = any(
                t["after"] < seq <= t["n"] and any(p["turn_id"] == t["id"] and p["state"] != "cancelled" for p in rows)
                for t in all_turns
            )
            assert row["status"] == "human" or seq <= self.covered or answered, f"message {seq} is covered by nobody"

    async def _at_rest(self) -> bool:
        row = await self.row()
        speaks = row["status"] in ("bot", "waiting")
        waiting = any(
            p["state"] in ("queued", "sending") or (p["state"] == "unknown" and p["ambiguous"] < 2)
            for p in await self.part_rows()
            if p["author"] != "bot" or p["state"] == "sending" or (speaks and p["seq"] > row["human_through"])
        )
        busy = any(self.holders) or any(self.senders)
        return not waiting and not busy and not (speaks and row["last_in"] > row["answered"])
