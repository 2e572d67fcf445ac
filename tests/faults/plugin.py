"""What the tests of a run share. A plug-in, so that one stage serves several files: they name it in `pytest_plugins`.

stage   every function may be started here as a process of its own, armed or not
hall    all functions in this process, to be held at points
"""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import S3, PostgresServer
from tests.faults.hall import Hall
from tests.faults.stage import Stage


@pytest.fixture(scope="session")
async def stage(
    postgres: PostgresServer, valkey: str, object_store: S3, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    async with Stage.open(postgres, valkey, object_store, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture(scope="session")
async def hall(
    postgres: PostgresServer, valkey: str, object_store: S3, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hall]:
    async with Hall.open(postgres, valkey, object_store, tmp_path_factory.mktemp("hall")) as hall:
        yield hall
