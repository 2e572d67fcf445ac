"""One conversation on the real database, and everybody who acts on it, one transaction a step.

The steps are those of the model that the protocol was checked with: a customer, an operator, two holders of the lease,
two senders, a provider, crashes, time passing and the tick. What only a ghost can know (what the provider really got,
what a person really covered) is kept here; the rows must agree with it after every step.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
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
    seen: int = 0
    beat_age: int = 0
    log: list[str] = field(default_factory=list)

    # What may happen now

    def steps(self, *, calm: bool = False) -> list[Step]:
        """Every step that may be taken. Calm: nobody new writes, nothing crashes, all who act go on."""
        found: list[Step] = []
        if not calm:
            found += [("the customer writes", self.write), ("the provider repeats a message", self.repeat)]
            found += [
                ("the operator looks", self.look),
                ("takeover", self.take_over),
                ("the operator writes", self.reply),
            ]
            found += [("release", self.release), ("resolve", self.resolve)]
            found += [("the lease ages 11 s", lambda: self.age_lease(11)), ("a part falls due", self.fall_due)]
            found += [("a status arrives", self.status)]
        found += [("the lease ages 21 s", lambda: self.age_lease(21)), ("the slot lapses", self.age_slot)]
        found += [("all parts fall due", self.fall_due)]
        for i, holder in enumerate(self.holders):
            if holder is None:
                found.append((f"holder {i} is asked", lambda i=i: self.ask(i)))  # type: ignore[misc]
                continue
            found.append((f"holder {i} commits", lambda i=i: self.commit(i)))  # type: ignore[misc]
            found.append((f"holder {i} beats", lambda i=i: self.beat(i)))  # type: ignore[misc]
            if not calm:
                found.append((f"holder {i} crashes", lambda i=i: self.crash(self.holders, i)))  # type: ignore[misc]
        for i, sender in enumerate(self.senders):
            if sender is None:
                found.append((f"sender {i} claims", lambda i=i: self.claim(i)))  # type: ignore[misc]
            elif not sender.outcome:
                found.append((f"sender {i} calls", lambda i=i: self.call(i, calm=calm)))  # type: ignore[misc]
            else:
                found.append((f"sender {i} records", lambda i=i: self.record(i)))  # type: ignore[misc]
            if sender is not None and not calm:
                found.append((f"sender {i} crashes", lambda i=i: self.crash(self.senders, i)))  # type: ignore[misc]
        return found

    async def step(self, *, calm: bool = False) -> None:
        """Takes one step at random and holds the rows against the invariants."""
        name, act = self.random.choice(self.steps(calm=calm))
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
        self.word = spoken.seq

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

    # Holders

    async def ask(self, i: int) -> None:
        event = self.random.choice([*self.events[-3:], f"tick-{uuid4()}"])
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

    async def commit(self, i: int) -> None:
        """S4 alone, or S4 and S5 in one transaction, as orchestrate does it."""
        holder = self.holders[i]
        assert holder
        together = self.random.random() < 0.5
        async with self.stores["xin_orchestrate"].tenant(self.tenant.id) as db:
            if not holder.committed:
                texts = ["پاسخ"] * self.random.choice([1, 1, 2])
                new = NewTurn("پاسخ", texts, "answered", "bot", 0, (), Empty(), None, 0, 0)
                turn = await turns.commit(db, self.tenant.id, self.tenant.channel, holder.lease, new, correlation="-")
                if turn is None:
                    self.holders[i] = None
                    return
                holder.committed = True
                if not together:
                    return
            following = await leases.release(db, holder.lease)
        self.holders[i] = Holder(following, holder.event) if following else None
        if following:
            self.beat_age = 0

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

    async def call(self, i: int, *, calm: bool) -> None:
        sender = self.senders[i]
        assert sender
        if not sender.live:
            self.senders[i] = None  # the claim is too old: it does not call
            return
        sender.outcome = self.random.choice(
            ["ok", "lost", "none"] if calm else ["ok", "ok", "lost", "none", "later", "fail"]
        )
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

    async def status(self) -> None:
        got = [part for part, ghost in self.ghosts.items() if ghost.got]
        if got:
            async with self.stores["xin_deliver"].tenant(self.tenant.id) as db:
                await parts.advance(db, self.random.choice(got), self.random.choice(["failed", "delivered"]))

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
            if any(p["state"] != "cancelled" for p in all_parts if p["turn_id"] == turn["id"]):
                assert not covered & fresh, "two turns that may leave cover one message"
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
            assert row["status"] == "human" or seq <= self.word or answered, f"message {seq} is covered by nobody"

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
