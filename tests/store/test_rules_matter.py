"""Each rule of the protocol taken away, one at a time: the walks must then break. So they can."""

from contextlib import AsyncExitStack
from random import Random
from types import ModuleType
from uuid import uuid4

import pytest

from local.machine.schema import DatabaseUrls
from shared.store import handover, leases, parts, turns
from tests.store.world import World
from tests.tenants import found, open_store

WALKS = 60
STEPS = 60

RULES = [
    ("the commit is not fenced", turns, "ADVANCE", " AND epoch = %(epoch)s AND answered = %(after)s", ""),
    ("a lease is taken from a live holder", leases, "TAKE", "interval '20 s'", "interval '-1 s'"),
    ("a takeover leaves the epoch alone", handover, "TAKE_OVER", "epoch = epoch + 1", "epoch = epoch"),
    ("release forgets what a person covered", handover, "RELEASE", "greatest(human_through, least(answered,", "least(0, least(answered,"),
    ("release reopens nothing", handover, "RELEASE", "least(answered,", "greatest(answered,"),
    ("a claim looks at no status", parts, "HEAD", "(%(status)s IN ('bot', 'waiting') AND p.seq > %(human_through)s)", "%(status)s <> ''"),
    ("a third try", parts, "HEAD", "p.ambiguous < 2", "p.ambiguous < 3"),
    ("outcomes are not fenced by the claim", parts, "FAIL", "AND state = 'sending' AND claim = %(claim)s", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "module", "constant", "old", "new"), RULES, ids=[rule[0] for rule in RULES])
async def test_rule(
    database: DatabaseUrls,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: ModuleType,
    constant: str,
    old: str,
    new: str,
) -> None:
    """Without the rule some walk loses, doubles or says something that it must not."""
    statement = getattr(module, constant)
    assert old in statement
    monkeypatch.setattr(module, constant, statement.replace(old, new))
    tenant = await found(database.app)
    random = Random(7)
    async with AsyncExitStack() as stack:
        roles = ("xin_ingress", "xin_orchestrate", "xin_deliver", "xin_console")
        stores = {role: await stack.enter_async_context(open_store(database.app, role=role)) for role in roles}
        with pytest.raises(Exception):  # noqa: B017 - an invariant of ours, or a constraint of the database
            for _ in range(WALKS):
                world = World(stores, tenant, random, customer=str(uuid4()))
                await world.write()
                for _ in range(random.randrange(10, STEPS)):
                    await world.step()
                await world.settle()
