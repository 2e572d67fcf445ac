"""How often somebody may do something, with Redis and without."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from functions.ingress_web.rates import Allowance, Rates
from shared.settings import Settings
from tests.ingress_web.shop import ORIGIN, Shop

TWO = (Allowance(2, 60),)


@pytest.fixture(params=["redis", "memory"])
async def rates(request: pytest.FixtureRequest, valkey: str) -> AsyncIterator[Rates]:
    url = valkey if request.param == "redis" else "redis://127.0.0.1:9"
    async with Rates.open(Settings(redis_url=SecretStr(url))) as rates:
        yield rates


async def test_over(rates: Rates) -> None:
    """Beyond the allowance one has to wait, and what was refused is not held against anybody."""
    key = str(uuid4())

    waits = [await rates.wait_seconds(key, str(number), TWO) for number in range(5)]

    assert waits == [0, 0, 60, 60, 60]


async def test_again(rates: Rates) -> None:
    """The same thing again counts once."""
    key = str(uuid4())
    assert [await rates.wait_seconds(key, "one", TWO) for _ in range(5)] == [0] * 5


async def test_keys(rates: Rates) -> None:
    """One key's use is none of another's."""
    assert [await rates.wait_seconds(str(uuid4()), str(number), TWO) for number in range(3)] == [0] * 3


async def test_shortest_window(rates: Rates) -> None:
    """Every allowance has to be kept; the wait is that of the one which isn't."""
    key, both = str(uuid4()), (Allowance(1, 0.5), Allowance(10, 60))
    assert [await rates.wait_seconds(key, str(number), both) for number in range(2)] == [0, 0.5]


async def test_sessions_of_an_address(client: httpx.AsyncClient, shop: Shop) -> None:
    """One address opens ten sessions a second and then waits; a neighbour doesn't, nor who comes back."""
    address = {"Origin": ORIGIN, "X-Forwarded-For": f"2001:db8::{uuid4().hex[:4]}"}
    body = {"widget_id": str(shop.tenant.channel)}

    opening = (client.post(f"{shop.url}/sessions", json=body, headers=address) for _ in range(40))
    answers = sorted(await asyncio.gather(*opening), key=lambda answer: answer.status_code)

    opened = [answer for answer in answers if answer.status_code == 200]
    assert 10 <= len(opened) < 40
    assert {answer.status_code for answer in answers} == {200, 429}
    assert answers[-1].headers["retry-after"] == "1"
    again = body | {"resume": opened[0].json()["session_token"]}
    assert (await client.post(f"{shop.url}/sessions", json=again, headers=address)).status_code == 200
    assert await shop.visit(client)
