"""A fake API and a client for the senders' tests."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.providers.fake_api import FakeApi, running


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    """Answers 200 and null until a test says otherwise."""
    async with running() as api:
        yield api


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Without the machine's proxies: the fakes are on loopback."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client
