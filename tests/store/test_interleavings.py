"""Two transactions at once, held at the points where the protocol says that one must wait for the other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from local.machine.schema import DatabaseUrls
from shared.store import conversations, handover, leases, parts, taking_in, turns
from shared.store.leases import Lease
from shared.store.parts import Claim
from shared.store.taking_in import NewMessage, Taken
from shared.store.tenancy import Db, Store
from shared.store.turns import NewTurn
from tests.store.world import NO_WAIT, Empty
from tests.tenants import Tenant, found, open_store

T = TypeVar("T")
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
LIMIT_SECONDS = 10


@dataclass(frozen=True)
class Scene:
    """A conversation with one message, and everybody's way to the database."""

    stores: dict[str, Store]
    tenant: Tenant
    conversation: UUID

    async def message(self, db: Db, key: str) -> Taken:
        new = NewMessage(sender="مریم", provider_id=key, kind="text", text="سلام")
        return await taking_in.store_message(db, self.tenant.id, self.tenant.channel, new, correlation=key)

    async def lease(self, event: str = "e") -> Lease:
        async with self.stores["xin_orchestrate"].tenant(self.tenant.id) as db:
            taken = await leases.take(db, self.conversation, event=event)
        assert taken
        return taken

    async def commit(self, db: Db, lease: Lease) -> UUID | None:
        new = NewTurn("پاسخ", ["پاسخ"], "answered", "bot", 0, (), Empty(), None, 0, 0)
        return await turns.commit(db, self.tenant.id, self.tenant.channel, lease, new, correlation="-")

    async def row(self) -> tuple[str, int, int]:
        async with self.stores["xin_console"].tenant(self.tenant.id) as db:
            statement = "SELECT status, last_in, answered FROM conversations WHERE id = %s"
            row = await (await db.execute(statement, (self.conversation,))).fetchone()
        assert row
        return row[0], row[1], row[2]

    async def waits(self, second: "asyncio.Task[T]") -> None:
        """Returns when *second* waits for a lock. Raises AssertionError when it went through instead."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                async with self.stores["xin_console"].connection() as db:
                    row = await (await db.execute(WAITING)).fetchone()
                if row and row[0]:
                    return
                assert not second.done(), "it did not wait"
                await asyncio.sleep(0.01)


@pytest.fixture
async def scene(database: DatabaseUrls) -> AsyncIterator[Scene]:
    tenant = await found(database.app)
    async with AsyncExitStack() as stack:
        roles = ("xin_ingress", "xin_orchestrate", "xin_deliver", "xin_console", "xin_tick")
        stores = {role: await stack.enter_async_context(open_store(database.app, role=role)) for role in roles}
        scene = Scene(stores, tenant, uuid4())
        async with stores["xin_ingress"].connection() as db:
            taken = await scene.message(db, "1")
        yield Scene(stores, tenant, taken.conversation)


async def in_tenant(scene: Scene, role: str, work: Callable[[Db], Awaitable[T]]) -> T:
    async with scene.stores[role].tenant(scene.tenant.id) as db:
        return await work(db)


async def test_same_message_twice_at_once(scene: Scene) -> None:
    """The second of two equal messages waits for the first, and finds itself a duplicate."""
    async with scene.stores["xin_ingress"].tenant(scene.tenant.id) as first:
        one = await scene.message(first, "2")
        second = asyncio.create_task(in_tenant(scene, "xin_ingress", lambda db: scene.message(db, "2")))
        await scene.waits(second)
    two = await second
    assert (one.duplicate, two.duplicate) == (False, True)
    assert (one.seq, one.message) == (two.seq, two.message)
    assert (await scene.row())[1] == 2


async def test_first_contact_twice_at_once(scene: Scene) -> None:
    """Two first messages of a new customer at once make one contact and one conversation."""

    async def write(key: str) -> Taken:
        async with scene.stores["xin_ingress"].connection() as db:
            new = NewMessage(sender="علی", provider_id=key, kind="text", text="سلام")
            return await taking_in.store_message(db, scene.tenant.id, scene.tenant.channel, new, correlation=key)

    taken = await asyncio.gather(*(write(f"new-{i}") for i in range(4)))
    assert len({one.conversation for one in taken}) == 1
    assert sorted(one.seq for one in taken) == [1, 2, 3, 4]


async def test_commit_waits_for_takeover(scene: Scene) -> None:
    """A turn that is ready while a person takes over is dropped whole."""
    lease = await scene.lease()
    async with scene.stores["xin_console"].tenant(scene.tenant.id) as person:
        await handover.take_over(person, scene.conversation, who=scene.tenant.person)
        committing = asyncio.create_task(in_tenant(scene, "xin_orchestrate", lambda db: scene.commit(db, lease)))
        await scene.waits(committing)
    assert await committing is None
    assert await scene.row() == ("human", 1, 0)


async def test_release_sees_what_came_meanwhile(scene: Scene) -> None:
    """A message that is being stored while the lease is let go is not lost: the holder goes on with it."""
    lease = await scene.lease()
    await in_tenant(scene, "xin_orchestrate", lambda db: scene.commit(db, lease))
    async with scene.stores["xin_ingress"].tenant(scene.tenant.id) as customer:
        newer = await scene.message(customer, "2")
        releasing = asyncio.create_task(in_tenant(scene, "xin_orchestrate", lambda db: leases.release(db, lease)))
        await scene.waits(releasing)
    following = await releasing
    assert following is not None
    assert (following.after, following.n) == (1, newer.seq)


async def test_one_lease(scene: Scene) -> None:
    """Of many who ask at once one gets the lease."""

    async def ask(event: str) -> Lease | None:
        async with scene.stores["xin_orchestrate"].tenant(scene.tenant.id) as db:
            return await leases.take(db, scene.conversation, event=event)

    taken = await asyncio.gather(*(ask(f"e{i}") for i in range(4)))
    assert sum(lease is not None for lease in taken) == 1


async def test_one_send_slot(scene: Scene) -> None:
    """Of many senders at once one claims; the others leave."""
    lease = await scene.lease()
    await in_tenant(scene, "xin_orchestrate", lambda db: scene.commit(db, lease))

    async def claim() -> object:
        async with scene.stores["xin_deliver"].tenant(scene.tenant.id) as db:
            return await parts.claim(db, scene.conversation, reconcile_seconds=NO_WAIT)

    claimed = await asyncio.gather(*(claim() for _ in range(4)))
    assert sum(isinstance(one, Claim) for one in claimed) == 1


async def test_claim_waits_for_takeover(scene: Scene) -> None:
    """A bot's part that is about to be claimed while a person takes over never leaves."""
    lease = await scene.lease()
    await in_tenant(scene, "xin_orchestrate", lambda db: scene.commit(db, lease))
    async with scene.stores["xin_console"].tenant(scene.tenant.id) as person:
        await handover.take_over(person, scene.conversation, who=scene.tenant.person)
        claiming = asyncio.create_task(
            in_tenant(scene, "xin_deliver", lambda db: parts.claim(db, scene.conversation, reconcile_seconds=NO_WAIT))
        )
        await scene.waits(claiming)
    assert await claiming is None


async def test_resolve_sees_a_newer_message(scene: Scene) -> None:
    """Closing what the operator saw fails when a message is being stored that they have not seen."""
    async with scene.stores["xin_ingress"].tenant(scene.tenant.id) as customer:
        await scene.message(customer, "2")
        closing = asyncio.create_task(
            in_tenant(scene, "xin_console", lambda db: handover.resolve(db, scene.conversation, seen=1))
        )
        await scene.waits(closing)
    with pytest.raises(handover.Changed):
        await closing
    assert (await scene.row())[0] == "bot"


async def test_outcome_of_a_lapsed_claim(scene: Scene) -> None:
    """A sender whose slot was over may still bring the good news, and nothing else."""
    lease = await scene.lease()
    await in_tenant(scene, "xin_orchestrate", lambda db: scene.commit(db, lease))

    async def claim(db: Db) -> Claim | parts.Wait | None:
        return await parts.claim(db, scene.conversation, reconcile_seconds=NO_WAIT)

    slow = await in_tenant(scene, "xin_deliver", claim)
    assert isinstance(slow, Claim)
    async with scene.stores["xin_deliver"].tenant(scene.tenant.id) as db:
        await db.execute("UPDATE conversations SET send_until = clock_timestamp() - interval '1 s'")
    again = await in_tenant(scene, "xin_deliver", claim)
    assert isinstance(again, Claim)
    assert (again.part, again.claim, again.ambiguous) == (slow.part, slow.claim + 1, 1)

    await in_tenant(scene, "xin_deliver", lambda db: parts.record_failed(db, slow, reason="late"))
    await in_tenant(scene, "xin_deliver", lambda db: parts.record_accepted(db, slow, "first"))
    await in_tenant(scene, "xin_deliver", lambda db: parts.record_accepted(db, again, "second"))

    async with scene.stores["xin_deliver"].tenant(scene.tenant.id) as db:
        columns = "state, maybe_twice, provider_id, provider_id_again"
        row = await (await db.execute(f"SELECT {columns} FROM outbound_parts")).fetchone()
    assert row == ("accepted", True, "first", "second")


async def test_history_holds_words_said_outside(scene: Scene) -> None:
    """The bot that goes on after a person in the provider's app knows what that person said."""
    async with scene.stores["xin_deliver"].tenant(scene.tenant.id) as db:
        await handover.speak_outside(
            db, scene.tenant.id, scene.conversation, key="e1", text="فردا می‌رسد", at=None, resume_minutes=0
        )
    async with scene.stores["xin_ingress"].connection() as db:
        await scene.message(db, "2")
    await in_tenant(scene, "xin_console", lambda db: handover.release(db, scene.conversation))
    lease = await scene.lease()

    found = await in_tenant(scene, "xin_orchestrate", lambda db: conversations.read_open(db, lease))

    assert [(said.role, said.text) for said in found.before] == [("customer", "سلام"), ("operator", "فردا می‌رسد")]
    assert [said.text for said in found.waiting] == ["سلام"]
