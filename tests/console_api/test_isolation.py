"""No tenant reads or changes another's things, by whatever route; and the suite that says so can fail."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from functions.console_api.console import Console
from functions.console_api.site import make_site
from shared.settings import Settings
from shared.store import users
from shared.store.tenancy import Store
from tests.conftest import PostgresServer
from tests.console_api.isolation import attack, furnish, snapshot
from tests.console_api.shops import ADMIN_EMAIL, PASSWORD, Shop, open_shop, sign_in
from tests.tenants import open_store


@asynccontextmanager
async def two_shops(settings: Settings) -> AsyncIterator[tuple[Shop, Shop]]:
    """A furnished shop and its rival, on an instance of their own."""
    url = settings.database_url.get_secret_value()
    async with AsyncExitStack() as stack:
        console = await stack.enter_async_context(Console.open(settings))
        stores: list[Store] = [
            await stack.enter_async_context(open_store(url, role=role)) for role in ("xin_ingress", "xin_orchestrate")
        ]
        await users.ensure_admin(console.store, ADMIN_EMAIL, await console.passwords.hash(PASSWORD))
        site = httpx.ASGITransport(make_site(console))
        admin = await sign_in(site, ADMIN_EMAIL)
        victim, rival = await open_shop(site, admin), await open_shop(site, admin, "رقیب")
        await furnish(victim, stores[0], stores[1], console.store)
        yield victim, rival


async def test_every_route(settings: Settings) -> None:
    """Every route and id of the first tenant with the second one's token: not found, or empty; nothing changes."""
    async with two_shops(settings) as (victim, rival):
        before = await snapshot(victim)

        assert await attack(rival.owner, victim.ids) == []
        assert await snapshot(victim) == before


async def test_own_things_are_found(settings: Settings) -> None:
    """The attack is a real one: with their own token the same calls find everything."""
    async with two_shops(settings) as (victim, _):
        found = await attack(victim.owner, victim.ids)

        assert len(found) > 40


@pytest.mark.parametrize("table", ["channels", "knowledge_assets", "turns", "users"])
async def test_the_suite_can_fail(settings: Settings, postgres: PostgresServer, table: str) -> None:
    """Without one table's policy, as after a careless migration, the same attack gets through and is reported."""
    name = f"without_{table}"
    urls = await postgres.copy(name)
    scratch = settings.model_copy(update={"database_url": SecretStr(urls.app)})
    async with postgres.server.superuser(name) as db:
        await db.execute(f"DROP POLICY tenant ON {table}")
        await db.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        await db.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    async with two_shops(scratch) as (victim, rival):
        assert any(table.split("_")[0] in line for line in await attack(rival.owner, victim.ids))
    await postgres.drop(name)
