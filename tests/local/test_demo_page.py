"""What `/demo` is told besides the phones: the states of the demo tenant's channels, and whose conversation it is."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from local.demo.page import DemoPage, chosen_urls
from local.demo.seed import Demo, seed
from local.machine.state import Home
from local.simulator.accounts import Accounts
from local.simulator.app import Simulator, create_simulator
from shared.settings import Settings
from shared.store.tenancy import Store
from tests.conftest import PostgresServer
from tests.tenants import open_store

KEYS = SecretStr("k1:" + base64.b64encode(bytes(32)).decode())
SETTINGS = Settings(public_url="http://127.0.0.1:8080", secret_keys=KEYS)
CHAT = "4915112345678"


@dataclass
class Shop:
    """A demo tenant of its own, its simulator, and the page's questions over HTTP."""

    demo: Demo
    simulator: Simulator
    url: str
    """The database's, as a function."""
    store: Store
    client: httpx.AsyncClient

    @property
    def account(self) -> str:
        return f"whatsapp-{self.demo.channel('whatsapp')['phone_number_id']}"

    async def change(self, kind: str, assignment: str) -> None:
        """What an owner does to a channel in the console."""
        async with self.store.tenant(self.demo.tenant) as db:
            await db.execute(f"UPDATE channels SET {assignment} WHERE id = %s", (self.demo.id(kind),))

    async def states(self) -> dict[str, str]:
        return dict((await self.client.get("/demo/config.json")).json()["channels"])

    async def conversation(self, *, kind: str = "whatsapp", chat: str = CHAT) -> str | None:
        query = {"kind": kind, "account": self.account, "chat": chat}
        found: str | None = (await self.client.get("/demo/conversation.json", params=query)).json()["id"]
        return found


@pytest.fixture
async def shop(tmp_path: Path, postgres: PostgresServer) -> AsyncIterator[Shop]:
    demo = Demo(Home.open(tmp_path / "home"), SETTINGS.public_url)
    simulator = create_simulator(Accounts(accounts=demo.accounts()))
    async with open_store(postgres.app, role="xin_console", connections=2) as store:
        await seed(demo, store, SETTINGS)

        async def reader() -> Store:
            return store

        page = DemoPage(demo, simulator.ledger, reader, chosen_urls(SETTINGS.model_copy(update={"bale_api_url": "x"})))
        routes = [Route("/demo/config.json", page.config), Route("/demo/conversation.json", page.conversation)]
        transport = httpx.ASGITransport(Starlette(routes=routes))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            yield Shop(demo, simulator, postgres.app, store, client)


async def test_states(shop: Shop) -> None:
    """The page knows which channels it can play: not one with a real token, nor one that is gone or switched off."""
    assert await shop.states() == {
        "telegram": "simulated",
        "bale": "elsewhere",
        "whatsapp": "simulated",
        "instagram": "simulated",
        "web": "simulated",
    }

    await shop.change("telegram", """settings = '{"simulated": false}'""")
    await shop.change("bale", """settings = '{"simulated": false}'""")
    await shop.change("whatsapp", "enabled = false")
    await shop.change("web", "enabled = false")

    assert await shop.states() == {
        "telegram": "real",
        "bale": "real",
        "whatsapp": "gone",
        "instagram": "simulated",
        "web": "gone",
    }


async def test_not_open(shop: Shop) -> None:
    """Until the seeded documents answer, the page is told so."""
    assert (await shop.client.get("/demo/config.json")).json()["open"] is False
    shop.demo.home.write("seed.json", {})
    assert (await shop.client.get("/demo/config.json")).json()["open"] is True


async def test_config_keeps_secrets(shop: Shop) -> None:
    """The page learns what stands in every shop's page, and nothing else of a channel."""
    told = (await shop.client.get("/demo/config.json")).text
    for kind in ("telegram", "bale", "whatsapp", "instagram"):
        assert not any(value in told for value in shop.demo.channel(kind).values())


async def test_conversation(shop: Shop) -> None:
    """The conversation is found by the number that the phone shows, and by the id that the provider gives for it."""
    customer = shop.simulator.ledger.open_phone(shop.account, CHAT)
    assert await shop.conversation() is None
    customer.user_id = "DE.99"
    tenant, channel = shop.demo.tenant, shop.demo.id("whatsapp")
    async with open_store(shop.url, role="xin_ingress", connections=1) as store, store.tenant(tenant) as db:
        contact = "INSERT INTO contacts (tenant_id, channel_id, external_id) VALUES (%s, %s, 'DE.99') RETURNING id"
        who = await (await db.execute(contact, (tenant, channel))).fetchone()
        assert who
        opened = "INSERT INTO conversations (tenant_id, channel_id, contact_id) VALUES (%s, %s, %s) RETURNING id"
        made = await (await db.execute(opened, (tenant, channel, who[0]))).fetchone()
    assert made

    assert await shop.conversation() == str(made[0])
    assert await shop.conversation(kind="telegram") is None
    assert await shop.conversation(chat="DE.99") is None, "nobody has a phone of that name"
    await shop.change("whatsapp", """settings = '{"simulated": false}'""")
    assert await shop.conversation() is None, "with a real token its customers are real"


async def test_database_is_away(tmp_path: Path) -> None:
    """The page is told to ask again."""
    demo = Demo(Home.open(tmp_path / "home"), SETTINGS.public_url)
    async with open_store("postgresql://127.0.0.1:9/xin", role="xin_ingress", connections=1) as store:

        async def away() -> Store:
            return store

        page = DemoPage(demo, create_simulator(Accounts()).ledger, away)
        transport = httpx.ASGITransport(Starlette(routes=[Route("/demo/config.json", page.config)]))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            assert (await client.get("/demo/config.json")).status_code == 503
