"""Where counterparties that we did not write meet us.

simulator …  the simulated providers, as tests/simulator runs them
emulator     a Bot API server of somebody else's
house        our functions in this process, with the emulator for Telegram and Bale
shop         a tenant of the house, with its people signed in
"""

import base64
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from local.machine.schema import DatabaseUrls
from shared.settings import Settings
from shared.store import users
from tests.conftest import S3, PostgresServer
from tests.console_api.shops import ADMIN_EMAIL, PASSWORD, Shop, open_shop, sign_in
from tests.counterparties.emulator import Emulator, emulating
from tests.counterparties.house import House, open_house
from tests.simulator.conftest import clock, simulator, simulator_door, url, webhook, webhook_door, webhook_url

__all__ = ["clock", "simulator", "simulator_door", "url", "webhook", "webhook_door", "webhook_url"]

NOBODY = "http://127.0.0.1:1"
KEY = SecretStr("k1:" + base64.b64encode(bytes(range(32))).decode())


@pytest.fixture(scope="session")
async def emulator() -> AsyncIterator[Emulator]:
    async with emulating() as emulator:
        yield emulator


@pytest.fixture(scope="session")
async def urls(postgres: PostgresServer) -> DatabaseUrls:
    return await postgres.copy("counterparties")


@pytest.fixture(scope="session")
def owner_url(urls: DatabaseUrls) -> str:
    """The house's database as its owner sees it."""
    return urls.owner


@pytest.fixture(scope="session")
async def house(
    valkey: str,
    object_store: S3,
    emulator: Emulator,
    urls: DatabaseUrls,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[House]:
    settings = Settings(
        database_url=SecretStr(urls.app),
        redis_url=SecretStr(valkey),
        **object_store.settings,
        vectors_path=tmp_path_factory.mktemp("vectors"),
        secret_keys=KEY,
        token_keys=KEY,
        telegram_api_url=emulator.url,
        bale_api_url=emulator.url,
        graph_api_url=NOBODY,
        instagram_api_url=NOBODY,
    )
    async with open_house(settings) as house:
        yield house


@pytest.fixture(scope="session")
async def shop(house: House) -> Shop:
    console = await house.functions["console-api"].start()
    await users.ensure_admin(console.store, ADMIN_EMAIL, await console.passwords.hash(PASSWORD))
    site = httpx.ASGITransport(house.functions["console-api"])
    return await open_shop(site, await sign_in(site, ADMIN_EMAIL))
