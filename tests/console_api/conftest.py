"""console-api on real stores, with a broker on loopback.

site      the function, as a transport for httpx
console   what it keeps open
admin     the platform's administrator, signed in
shop      a tenant with its people; the same for all tests of the session
ingress   the way to the same database as an ingress function takes it
deliver   the same, as deliver does
owner_url the database as its owner sees it
"""

import base64
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from functions.console_api.console import Console
from functions.console_api.main import function
from local.machine.schema import DatabaseUrls
from shared.settings import Settings
from shared.store import users
from shared.store.tenancy import Store
from tests.conftest import S3, PostgresServer
from tests.console_api.broker import Broker
from tests.console_api.serving import serving
from tests.console_api.shops import ADMIN_EMAIL, PASSWORD, Shop, open_shop, sign_in
from tests.tenants import open_store

KEY = SecretStr("k1:" + base64.b64encode(bytes(range(32))).decode())


@pytest.fixture(scope="session")
def broker() -> Broker:
    return Broker()


@pytest.fixture(scope="session")
async def urls(postgres: PostgresServer) -> DatabaseUrls:
    return await postgres.copy("console")


@pytest.fixture(scope="session")
def owner_url(urls: DatabaseUrls) -> str:
    return urls.owner


@pytest.fixture(scope="session")
async def settings(
    urls: DatabaseUrls,
    valkey: str,
    object_store: S3,
    broker: Broker,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Settings]:
    async with serving(broker) as (sink, _):
        yield Settings(
            database_url=SecretStr(urls.app),
            redis_url=SecretStr(valkey),
            sink=sink,
            **object_store.settings,
            vectors_path=tmp_path_factory.mktemp("vectors"),
            public_url="https://xinbot.example",
            secret_keys=KEY,
            token_keys=KEY,
        )


@pytest.fixture(scope="session")
async def console(settings: Settings) -> AsyncIterator[Console]:
    app = await function.start(settings)
    await users.ensure_admin(app.store, ADMIN_EMAIL, await app.passwords.hash(PASSWORD))
    yield app
    await function.stop()


@pytest.fixture(scope="session")
def site(console: Console) -> httpx.ASGITransport:
    return httpx.ASGITransport(function)


@pytest.fixture(scope="session")
async def anonymous(site: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=site, base_url="http://console/api/v1") as client:
        yield client


@pytest.fixture(scope="session")
async def admin(site: httpx.ASGITransport) -> httpx.AsyncClient:
    return await sign_in(site, ADMIN_EMAIL)


@pytest.fixture(scope="session")
async def shop(site: httpx.ASGITransport, admin: httpx.AsyncClient) -> Shop:
    return await open_shop(site, admin)


@pytest.fixture(scope="session")
async def other_shop(site: httpx.ASGITransport, admin: httpx.AsyncClient) -> Shop:
    return await open_shop(site, admin, "فروشگاه رقیب")


@pytest.fixture(scope="session")
async def ingress(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.database_url.get_secret_value(), role="xin_ingress") as store:
        yield store


@pytest.fixture(scope="session")
async def deliver(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.database_url.get_secret_value(), role="xin_deliver") as store:
        yield store


@pytest.fixture(scope="session")
def settings_environment(settings: Settings) -> dict[str, str]:
    """The settings as a process of its own takes them."""
    return {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "K_SINK": settings.sink,
        "XIN_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "XIN_TOKEN_KEYS": settings.token_keys.get_secret_value(),
        "XIN_VECTORS_PATH": str(settings.vectors_path),
        "AWS_ENDPOINT_URL_S3": settings.objects_url,
        "PYTHONPATH": ".",
    }
