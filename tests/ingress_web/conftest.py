"""ingress-web on a real server and real stores, its pieces started once for all tests of this folder.

settings  what the functions are started with
broker    what was published
url       where ingress-web listens, as a proxy's path and all
client    a browser without a page
house     how the other functions reach the same rows
shop      a tenant with a widget
visitor   somebody who opened it
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from functions.deliver.outbox import Outbox
from functions.ingress_web.main import function
from functions.ingress_web.web import Pace, Web
from shared.hosting import Function
from shared.settings import Settings
from tests.conftest import PostgresServer
from tests.ingress_web.shop import Broker, House, Shop, Visitor
from tests.tenants import open_store

KEYS = SecretStr("k1:" + "A" * 43 + "=")
ROOT_PATH = "/fn/ingress-web"
QUICK = Pace(keep_alive=0.5, wait=0.25)
ROLES = ("xin_ingress", "xin_orchestrate", "xin_deliver", "xin_console")


@asynccontextmanager
async def serving(app: Any, root_path: str = "") -> AsyncIterator[str]:
    """Its URL on a free loopback port."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)

    task = asyncio.create_task(server._serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}{root_path}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def running(settings: Settings, pace: Pace = QUICK) -> AsyncIterator[tuple[str, Function[Web]]]:
    """ingress-web under the path that one machine gives it; a Function of its own, so that tests may stop it."""
    own: Function[Web] = Function(function.name, opens=partial(Web.open, pace=pace))
    assert function._serves
    assert function._when_closing
    own.serves(function._serves)
    own.when_closing(function._when_closing)
    await own.start(settings)

    async def door(scope: Any, receive: Any, send: Any) -> None:
        await own({**scope, "root_path": ROOT_PATH}, receive, send)

    async with serving(door, ROOT_PATH) as url:
        try:
            yield url, own
        finally:
            await own.stop()


@pytest.fixture(scope="session")
def broker() -> Broker:
    return Broker()


@pytest.fixture(scope="session")
async def settings(postgres: PostgresServer, valkey: str, broker: Broker) -> AsyncIterator[Settings]:
    async with serving(broker) as sink:
        yield Settings(
            database_url=SecretStr(postgres.app), redis_url=SecretStr(valkey), sink=sink, secret_keys=KEYS,
            public_url="https://chat.example",
        )  # fmt: skip


@pytest.fixture(scope="session")
async def outbox(settings: Settings) -> AsyncIterator[Outbox]:
    async with Outbox.open(settings) as outbox:
        yield outbox


@pytest.fixture(scope="session")
async def url(settings: Settings) -> AsyncIterator[str]:
    async with running(settings) as (url, _):
        yield url


@pytest.fixture(scope="session")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=200, keepalive_expiry=2)  # before the server tires of waiting
    async with httpx.AsyncClient(timeout=20, limits=limits, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
async def house(postgres: PostgresServer, outbox: Outbox) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        stores = {
            role: await stack.enter_async_context(open_store(postgres.app, role=role, connections=2)) for role in ROLES
        }
        yield House(postgres.app, stores, outbox)


@pytest.fixture
async def shop(url: str, house: House) -> Shop:
    return await Shop.open(url, house)


@pytest.fixture
async def visitor(client: httpx.AsyncClient, shop: Shop) -> Visitor:
    return await shop.visit(client)
