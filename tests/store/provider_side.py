"""The provider's side of a walk: what it really got, and what it tells of that, late, doubled or before its answer."""

from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID, uuid4

from shared.store import channels, joining, parts, taking_in
from shared.store.joining import SaidOutside
from shared.store.taking_in import NewEvent
from shared.store.tenancy import Db, Store
from tests.tenants import Tenant


@dataclass
class Ghost:
    """What really happened to a part: calls that were made, copies that the provider got."""

    calls: int = 0
    copies: list[str] = field(default_factory=list)
    """The provider's ids."""

    @property
    def got(self) -> int:
        return len(self.copies)


@dataclass
class ProviderSide:
    """One conversation's rows, and the provider's steps."""

    stores: dict[str, Store]
    tenant: Tenant
    random: Random
    conversation: UUID = field(default_factory=uuid4)
    customer: str = ""
    ghosts: dict[UUID, Ghost] = field(default_factory=dict)
    echoes: list[str] = field(default_factory=list)
    """Copies whose echo the provider still owes."""
    outside: set[str] = field(default_factory=set)
    """What a person wrote in the provider's app."""
    told: int = 0
    word: int = 0
    """The seq of a person's last word."""
    covered: int = 0
    """Up to here a person has taken care of what the customer wrote."""

    async def status(self, told: parts.State) -> None:
        """Of any copy, at any time, naming our part or not; again and again."""
        got = [(part, copy) for part, ghost in self.ghosts.items() for copy in ghost.copies]
        if got:
            part, copy = self.random.choice(got)
            named = part if self.random.random() < 0.5 else None
            await self._tell("status", copy, {"state": told}, part=named)

    async def echo(self) -> None:
        if self.echoes:
            copy = self.echoes.pop(self.random.randrange(len(self.echoes)))
            part = next(part for part, ghost in self.ghosts.items() if copy in ghost.copies)
            text = next(row["text"] for row in await self.part_rows() if row["id"] == part)
            await self._tell("echo", copy, {"recipient": self.customer, "text": text})

    async def write_outside(self) -> None:
        copy = str(uuid4())
        self.outside.add(copy)
        await self._tell("echo", copy, {"recipient": self.customer, "text": f"خودم پاسخ می‌دهم {len(self.outside)}"})

    async def _tell(self, kind: str, copy: str, payload: dict[str, Any], *, part: UUID | None = None) -> None:
        self.told += 1
        event = NewEvent(f"{kind}:{copy}:{self.told}", kind, copy, part, payload)
        async with self.stores["xin_ingress"].tenant(self.tenant.id) as db:
            await taking_in.store_events(db, self.tenant.id, self.tenant.channel, [event])

    async def join(self) -> None:
        """As deliver does when it is told, and the tick when it was not."""
        store = self.stores["xin_deliver"]
        async with store.tenant(self.tenant.id) as db:
            await joining.join(db, self.tenant.channel)
            open_echoes = await joining.open_echoes(db, self.tenant.channel)
        for echo in open_echoes:
            async with store.tenant(self.tenant.id) as db:
                before = await self.row_in(db)
                joined = await joining.join_echo(db, echo, resume_minutes=60)
                after = await self.row_in(db)
            if isinstance(joined, SaidOutside):
                assert echo.provider_id in self.outside, "the echo of our own words counts as a person"
                self.word = self.covered = joined.spoken.seq
                assert after["status"] == "human", "a person spoke and the bot still may"
                assert before["status"] != "human" or after["owner_id"] == before["owner_id"], "taken from its owner"
            elif joined is not None:
                assert echo.provider_id not in self.outside, "a person's words count as ours"

    async def block_channel(self) -> None:
        async with self.stores["xin_deliver"].tenant(self.tenant.id) as db:
            await channels.block(db, self.tenant.channel, seconds=60, reason="too many")

    async def must_wait(self, db: Db) -> bool:
        """Whether the provider wants this channel or this customer left in peace."""
        blocked = (
            "SELECT greatest(h.blocked_until, c.blocked_until) > clock_timestamp()"
            " FROM conversations c JOIN channels h ON h.id = c.channel_id WHERE c.id = %s"
        )
        row = await (await db.execute(blocked, (self.conversation,))).fetchone()
        return bool(row and row[0])

    # Rows

    async def row(self) -> dict[str, Any]:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            return await self.row_in(db)

    async def row_in(self, db: Db) -> dict[str, Any]:
        cursor = await db.execute("SELECT * FROM conversations WHERE id = %s", (self.conversation,))
        values = await cursor.fetchone()
        assert values
        assert cursor.description
        return dict(zip((column.name for column in cursor.description), values, strict=True))

    async def part_rows(self) -> list[dict[str, Any]]:
        return await self.select("SELECT * FROM outbound_parts WHERE conversation_id = %s ORDER BY seq, ordinal")

    async def select(self, statement: str) -> list[dict[str, Any]]:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            cursor = await db.execute(statement, (self.conversation,))
            assert cursor.description
            names = [column.name for column in cursor.description]
            return [dict(zip(names, values, strict=True)) for values in await cursor.fetchall()]

    async def alter(self, statement: str, seconds: int) -> None:
        async with self.stores["xin_deliver"].tenant(self.tenant.id) as db:
            await db.execute(statement, (seconds, self.conversation))
