"""One conversation on the real database, and everybody who acts on it, one transaction a step.

The steps are those of the model that the protocol was checked with: a customer, two operators, a person in the
provider's app, two holders of the lease, two senders, a provider with its statuses, echoes and limits, crashes, time
passing and the tick. What only a ghost can know (what the provider really got,
what a person really covered) is kept here; the rows must agree with it after every step.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel

from shared.store import handover, joining, leases, parts, taking_in, turns
from shared.store.leases import Lease
from shared.store.parts import Claim
from shared.store.taking_in import NewMessage
from shared.store.tenancy import Db
from shared.store.turns import NewTurn
from tests.store.provider_side import Ghost, ProviderSide

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
    copy: str = ""
    """The provider's id of what it got."""


@dataclass
class World(ProviderSide):
    """The actors and their steps. Each acts in the database role of its own function."""

    holders: list[Holder | None] = field(default_factory=lambda: [None, None])
    senders: list[Sender | None] = field(default_factory=lambda: [None, None])
    events: list[str] = field(default_factory=list)
    texts: int = 0
    states: dict[UUID, str] = field(default_factory=dict)
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
            ("what was told is joined", self.join),
            ("an hour passes, and the tick", self.resume),
        ]
        if not calm:
            found += [
                ("the customer writes", self.write),
                ("the provider repeats a message", self.repeat),
                ("the operator looks", self.look),
                ("takeover", partial(self.take_over, self.tenant.person)),
                ("the colleague takes over", partial(self.take_over, self.tenant.colleague)),
                ("the operator writes", partial(self.reply, self.tenant.person)),
                ("the colleague writes", partial(self.reply, self.tenant.colleague)),
                ("a person writes outside", self.write_outside),
                ("release", self.release),
                ("resolve", self.resolve),
                ("the lease ages 11 s", partial(self.age_lease, 11)),
                ("a status: delivered", partial(self.status, "delivered")),
                ("a status: failed", partial(self.status, "failed")),
                ("an echo comes", self.echo),
                ("the channel is told to wait", self.block_channel),
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
            (f"{name} looks again", partial(self.look_again, i)),
            *crash,
        ]

    def _steps_of_sender(self, i: int, sender: Sender | None, calm: bool) -> list[Step]:
        name = f"sender {i}"
        if sender is None:
            return [(f"{name} claims", partial(self.claim, i))]
        if sender.outcome:
            acts: list[Step] = [(f"{name} records", partial(self.record, i))]
        else:
            outcomes = (
                ("ok", "lost", "none") if calm else ("ok", "lost", "none", "later", "later, this customer", "fail")
            )
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

    async def take_over(self, who: UUID) -> None:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            flying = sum(1 for s in self.senders if s and s.live and not s.outcome and s.claim.role == "bot")
            assert flying <= 1, "two bot sends in flight at the takeover"
            owner = await self._owner(db)
            try:
                taken = await handover.take_over(db, self.conversation, who=who)
            except handover.OwnedByAnother:
                assert owner not in (None, who), "refused to its owner"
                return
            assert owner in (None, who), "taken from a person who holds it"
            if taken.before == "waiting":  # as console-api tells the customer that was promised a person
                await handover.notify(
                    db, self.tenant.id, self.conversation, text="آمدم", texts=["آمدم"], correlation="-"
                )

    async def reply(self, who: UUID) -> None:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            owner = await self._owner(db)
            try:
                spoken = await handover.reply(
                    db, self.tenant.id, self.conversation, who=who, text="بله", texts=["بله"], correlation="-"
                )
            except handover.OwnedByAnother:
                assert owner not in (None, who), "refused to its owner"
                return
            assert owner in (None, who), "two people speak at once"
        self.word = self.covered = spoken.seq

    async def _owner(self, db: Db) -> UUID | None:
        row = await self.row_in(db)
        return row["owner_id"] if row["status"] == "human" else None

    async def release(self) -> None:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            try:
                await handover.release(db, self.conversation)
            except handover.Changed:
                return

    async def resume(self) -> None:
        """What a person said outside an hour ago holds the bot no longer."""
        hour = "UPDATE conversations SET resume_at = resume_at - make_interval(secs => %s) WHERE id = %s"
        await self.alter(hour, 3601)
        async with self.stores["xin_tick"].tenant(self.tenant.id) as db:
            before = await self.row_in(db)
            resumed = await handover.resume(db, self.conversation)
        due = before["resume_at"] is not None
        assert (resumed is not None) == due, "the bot goes on under a person, or never does"
        assert not due or (before["status"], before["owner_id"]) == ("human", None), "an operator's hold is timed"

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
            held_by = (await self.row_in(db))["lease_event"]
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

    async def look_again(self, i: int) -> None:
        """S6 in the middle of a turn, as a policy does that waits for quiet."""
        holder = self.holders[i]
        assert holder
        if holder.committed:
            return
        async with self.stores["xin_orchestrate"].tenant(self.tenant.id) as db:
            following = await leases.go_on(db, holder.lease)
        self.holders[i] = Holder(following, holder.event) if following else None
        if following:
            self.beat_age = 0

    async def commit(self, i: int, *, together: bool) -> None:
        """S4 alone, or S4 and S5 in one transaction, as orchestrate does it."""
        holder = self.holders[i]
        assert holder
        async with self.stores["xin_orchestrate"].tenant(self.tenant.id) as db:
            if not holder.committed:
                before = await self.row_in(db)
                texts = ["پاسخ"] * self.random.choice([1, 1, 2])
                status = self.random.choice(["bot", "bot", "waiting"])
                new = NewTurn("پاسخ", texts, "answered", status, 0, (), Empty(), None, 0, 0)
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
            before = await self.row_in(db)
            claimed = await parts.claim(db, self.conversation, reconcile_seconds=NO_WAIT)
            waits = await self.must_wait(db)
        if isinstance(claimed, Claim):
            assert not waits, "a part leaves while its channel or its customer must be left in peace"
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
        if sender.outcome in ("ok", "lost"):
            sender.copy = str(uuid4())
            ghost.copies.append(sender.copy)
            self.echoes.append(sender.copy)
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
                    await parts.record_accepted(db, sender.claim, sender.copy)
                    await joining.join(db, self.tenant.channel, provider_id=sender.copy)
                case "lost" | "none":
                    await parts.record_unknown(db, sender.claim, seconds=60, reason="no answer")
                case "later" | "later, this customer":
                    await parts.record_later(db, sender.claim, seconds=60, reason="too many")
                    if sender.outcome != "later":
                        await parts.block_pair(db, self.conversation, seconds=60)
                case "fail":
                    await parts.record_failed(db, sender.claim, reason="blocked")
        self.senders[i] = None

    # Time and crashes

    async def crash(self, actors: list[Any], i: int) -> None:
        actors[i] = None

    async def age_lease(self, seconds: int) -> None:
        """A live holder beats every 5 s; so an old lease is one whose holder is slow or gone."""
        self.beat_age += seconds
        await self.alter(
            "UPDATE conversations SET lease_beat = lease_beat - make_interval(secs => %s) WHERE id = %s", seconds
        )

    async def age_slot(self) -> None:
        await self.alter(
            "UPDATE conversations SET send_until = send_until - make_interval(secs => %s) WHERE id = %s", 31
        )
        for sender in self.senders:
            if sender:
                sender.live = False

    async def fall_due(self) -> None:
        await self.alter(
            "UPDATE outbound_parts SET next_attempt_at = next_attempt_at - make_interval(secs => %s)"
            " WHERE conversation_id = %s",
            61,
        )
        minute = "blocked_until = blocked_until - make_interval(secs => %s)"
        await self.alter(f"UPDATE conversations SET {minute} WHERE id = %s", 61)
        await self.alter(
            f"UPDATE channels SET {minute} WHERE id = (SELECT channel_id FROM conversations WHERE id = %s)", 61
        )

    # What must hold

    async def check(self) -> None:
        """The invariants that hold at every moment."""
        row = await self.row()
        messages = await self.select("SELECT seq, role FROM messages WHERE conversation_id = %s ORDER BY seq")
        all_parts = await self.part_rows()
        all_turns = await self.select("SELECT id, after, n, epoch, seq FROM turns WHERE conversation_id = %s")
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
        for _ in range(2000):
            await self.step(calm=True)
            if await self._at_rest():
                break
        row = await self.row()
        rows = await self.part_rows()
        all_turns = await self.select("SELECT id, after, n FROM turns WHERE conversation_id = %s")
        assert await self._at_rest(), f"still moving: {row}"
        for message in await self.select("SELECT seq FROM messages WHERE role = 'customer' AND conversation_id = %s"):
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
        untold = await self.select(
            "SELECT 1 AS n FROM provider_events WHERE joined_at IS NULL AND kind = 'echo' AND %s::uuid IS NOT NULL"
        )
        return not waiting and not busy and not untold and not (speaks and row["last_in"] > row["answered"])
