"""The real stores that tests run on, each started once a session, under a temporary folder, on free ports.

postgres      a server, and the migrated database `xin` on it (URLs for its owner and for the functions)
database      a fresh copy of the migrated database for one test
valkey        URL of a Valkey; keys stay between tests, so let a test's keys carry its own ids
object_store  an S3 endpoint with its keys and a bucket
provider      Telegram and Bale outside of the product
product       the whole product on stores of its own, as `make up` runs it
"""

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from local.machine import objects, schema
from local.machine.leftovers import Ledger
from local.machine.objects import ObjectStore
from local.machine.postgres import Postgres
from local.machine.process import Part, Supervised
from local.machine.schema import DatabaseUrls
from local.machine.state import Home
from local.machine.valkey import Valkey
from tests.pipeline.provider import Provider
from tests.product import Product


@dataclass(frozen=True)
class PostgresServer:
    """A running server. *owner* may do anything in the database `xin`, *app* only what a function may."""

    owner: str
    app: str
    server: Postgres

    async def copy(self, name: str) -> DatabaseUrls:
        """Makes the database *name*, migrated and empty."""
        async with self.server.superuser() as connection:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE pristine OWNER {schema.OWNER}")
        return DatabaseUrls(*(url.rpartition("/")[0] + f"/{name}" for url in (self.owner, self.app)))

    async def drop(self, name: str) -> None:
        """Removes the database *name* and whoever is still connected to it."""
        async with self.server.superuser() as connection:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class S3:
    """Where to reach the object store, as boto3 wants it."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str

    @property
    def settings(self) -> dict[str, Any]:
        """What a function's Settings are told of it."""
        return {
            "objects_url": self.endpoint,
            "objects_bucket": self.bucket,
            "aws_access_key_id": SecretStr(self.access_key),
            "aws_secret_access_key": SecretStr(self.secret_key),
        }


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """State of the session's servers; its path has a space on purpose."""
    return Home.open(tmp_path_factory.mktemp("xin home") / "state")


async def _run(part: Part, home: Home) -> Supervised:
    ledger = Ledger(home.directory("ledgers", part.name))
    supervised = Supervised(part, home=home.path, ledger=ledger, say=print)
    await supervised.start()
    return supervised


@pytest.fixture(scope="session")
async def postgres(home: Home) -> AsyncIterator[PostgresServer]:
    server = Postgres(home.directory("postgres"), home.port("postgres"), durable=False)
    await server.prepare()
    running = await _run(server.part(), home)
    passwords = {role: home.secret(role) for role in (schema.OWNER, schema.APP)}
    pristine = await schema.provision(server, database="pristine", passwords=passwords)
    await schema.migrate(pristine.owner)
    await schema.admit_functions(pristine.owner, schema.APP)
    urls = await PostgresServer(pristine.owner, pristine.app, server).copy("xin")
    yield PostgresServer(urls.owner, urls.app, server)
    await running.stop()


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[DatabaseUrls]:
    name = f"test_{uuid.uuid4().hex}"
    yield await postgres.copy(name)
    await postgres.drop(name)


@pytest.fixture(scope="session")
async def valkey(home: Home) -> AsyncIterator[str]:
    server = Valkey.for_cache(home.directory("valkey"), home.port("valkey"), home.secret("valkey"))
    running = await _run(server.part(), home)
    yield server.url
    await running.stop()


@pytest.fixture(scope="session")
async def object_store(home: Home) -> AsyncIterator[S3]:
    server = ObjectStore(home.directory("objects"), home.port("objects"), "xin", home.secret("s3"))
    running = await _run(server.part(), home)
    yield S3(server.endpoint, server.access_key, server.secret_key, objects.BUCKET)
    await running.stop()


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """Telegram and Bale of the product, outside of it."""
    provider = Provider().start()
    yield provider
    provider.stop()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Product]:
    """The whole product, running; for tests that leave it running."""
    product = Product(tmp_path_factory.mktemp("xin product") / "state", environment=provider.environment)
    product.start()
    provider.admit(product.up, product.simulator)
    yield product
    product.stop()
