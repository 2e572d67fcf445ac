"""house   deliver and what it needs around it, in this process, with simulated providers that can misbehave"""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import PostgresServer
from tests.faults.house import House, furnished


@pytest.fixture(scope="session")
async def house(postgres: PostgresServer, valkey: str) -> AsyncIterator[House]:
    async with furnished(postgres, valkey) as house:
        yield house
