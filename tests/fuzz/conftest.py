"""Doors to fuzz, on one database of their own, and the count of cases at the end of the run.

fuzz_urls       the database
fuzz_settings   what the functions are started with; their events go to a broker that takes everything
inside          the database as the console sees it, a tenant at a time
hooks           by kind of channel: one channel each, to post webhooks to
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from importlib import import_module
from itertools import chain

import pytest
from pydantic import SecretStr
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.machine.schema import DatabaseUrls
from shared.settings import Settings
from shared.store.tenancy import Store
from tests.conftest import S3, PostgresServer
from tests.console_api.serving import serving
from tests.fuzz import budget
from tests.fuzz.doors import DOORS, KEYS, Hook, opened
from tests.tenants import open_store


async def _takes_everything(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(status_code=202)(scope, receive, send)


@pytest.fixture(scope="session")
async def fuzz_urls(postgres: PostgresServer) -> DatabaseUrls:
    return await postgres.copy("fuzz")


@pytest.fixture(scope="session")
async def fuzz_settings(
    fuzz_urls: DatabaseUrls, valkey: str, object_store: S3, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Settings]:
    async with serving(_takes_everything) as (sink, _):
        yield Settings(
            database_url=SecretStr(fuzz_urls.app),
            redis_url=SecretStr(valkey),
            sink=sink,
            **object_store.settings,
            vectors_path=tmp_path_factory.mktemp("fuzz vectors"),
            public_url="https://chat.example",
            secret_keys=KEYS,
            token_keys=KEYS,
            log_level="ERROR",
        )


@pytest.fixture(scope="session")
async def hooks(fuzz_settings: Settings, fuzz_urls: DatabaseUrls) -> AsyncIterator[Mapping[str, Hook]]:
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(
                opened(import_module(f"functions.{name}.main").function, fuzz_settings)
            )
            for name in sorted(set(DOORS.values()))
        }
        yield {kind: await Hook.connect(kind, clients[name], fuzz_urls) for kind, name in DOORS.items()}


@pytest.fixture(scope="session")
async def inside(fuzz_urls: DatabaseUrls) -> AsyncIterator[Store]:
    async with open_store(fuzz_urls.app, role="xin_console") as store:
        yield store


@pytest.fixture(autouse=True)
def _counted(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """What each test has run goes along with its report, also from another process."""
    before = dict(budget.ran)
    yield
    record_property(
        "cases", {name: count - before.get(name, 0) for name, count in budget.ran.items() if count != before.get(name)}
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line a parser."""
    counted: Counter[str] = Counter()
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if getattr(report, "when", "") == "teardown":
            counted.update(dict(report.user_properties).get("cases", {}))
    if counted:
        terminalreporter.section(f"{counted.total():,} fuzzed cases")
        for name, count in sorted(counted.items()):
            terminalreporter.line(f"{count:>8,}  {name}")
