"""Random walks over the real statements on a real Postgres; `XIN_WALKS` asks for more of them."""

import os
from contextlib import AsyncExitStack
from random import Random
from uuid import uuid4

import pytest

from local.machine.schema import DatabaseUrls
from tests.store.world import World
from tests.tenants import found, open_store

WALKS = int(os.environ.get("XIN_WALKS", "40"))
STEPS = 70


@pytest.mark.parametrize("seed", range(4))
async def test_walks(database: DatabaseUrls, seed: int) -> None:
    """Whatever happens in whatever order, nothing is lost, doubled or said over a person, and all ends answered."""
    tenant = await found(database.app)
    random = Random(seed)
    async with AsyncExitStack() as stack:
        roles = ("xin_ingress", "xin_orchestrate", "xin_deliver", "xin_console", "xin_tick")
        stores = {role: await stack.enter_async_context(open_store(database.app, role=role)) for role in roles}
        steps = 0
        for walk in range(WALKS // 4):
            world = World(stores, tenant, random, customer=str(uuid4()))
            await world.write()
            try:
                for _ in range(random.randrange(10, STEPS)):
                    await world.step()
                await world.settle()
            except AssertionError as broken:
                trace = "\n".join(f"{i}. {name}" for i, name in enumerate(world.log, 1))
                raise AssertionError(f"{broken}\nwalk {walk} of seed {seed}:\n{trace}") from broken
            steps += len(world.log)
        print(f"\nseed {seed}: {WALKS // 4} walks, {steps:,} steps, all ended answered or with a person")
