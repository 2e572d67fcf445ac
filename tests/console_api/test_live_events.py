"""The live stream, on a real server: what happens, from where one left off, until one may no longer look."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from pydantic import SecretStr

from functions.console_api.console import Console, StreamPace
from functions.console_api.main import function
from functions.console_api.site import make_site
from shared.live import tenant_stream
from shared.security.tokens import Claims
from shared.settings import Settings
from shared.store import users
from tests.console_api.serving import serving
from tests.console_api.shops import Shop, open_shop

WAIT_SECONDS = 10


@pytest.fixture
async def brisk(settings: Settings) -> AsyncIterator[str]:
    """An instance that looks after its streams all the time."""
    async with Console.open(settings) as console:
        console.pace = StreamPace(keep_alive_seconds=0.05, session_seconds=0)
        async with serving(make_site(console)) as (url, _):
            yield url


@pytest.fixture(scope="module")
async def url(console: Console) -> AsyncIterator[str]:
    async with serving(function) as (url, _):
        yield url


@dataclass
class Reader:
    """Reads a stream; `ended` once the server closed it."""

    lines: AsyncIterator[str]
    retry: int = 0
    comments: list[str] = field(default_factory=list)

    async def next(self) -> tuple[str, str, object] | None:
        """Id, kind and data of the next event; None at the end."""
        event: dict[str, str] = {}
        async with asyncio.timeout(WAIT_SECONDS):
            async for line in self.lines:
                name, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.comments.append(line)
                elif name == "retry":
                    self.retry = int(value)
                elif line:
                    event[name] = value
                elif event:
                    return event["id"], event["event"], json.loads(event["data"])
        return None


@asynccontextmanager
async def following(url: str, headers: dict[str, str], last: str | None = None) -> AsyncIterator[Reader]:
    """A stream that is being followed."""
    if last:
        headers = {**headers, "Last-Event-ID": last}
    async with (
        httpx.AsyncClient(timeout=WAIT_SECONDS) as client,
        client.stream("GET", f"{url}/api/v1/events", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Reader(answer.aiter_lines())


def token(shop: Shop) -> dict[str, str]:
    return {"Authorization": shop.viewer.headers["Authorization"]}


async def test_follow(url: str, console: Console, shop: Shop, other_shop: Shop) -> None:
    """What happens in the tenant comes as it happens, with ids; nothing of another tenant's does."""
    async with following(url, token(shop)) as reader:
        first = await reader.next()
        assert first is not None
        assert first[1] == "ready"
        assert 1000 <= reader.retry <= 5000
        console.live.tell(other_shop.tenant, "message.created", {"text": "مال دیگری"})
        console.live.tell(shop.tenant, "message.created", {"text": "سلام"})

        event = await reader.next()

    assert event is not None
    assert event[1:] == ("message.created", {"text": "سلام"})


async def test_resume(url: str, console: Console, shop: Shop) -> None:
    """Whoever comes back with the last id gets all that happened since, once."""
    async with following(url, token(shop)) as reader:
        ready = await reader.next()
    assert ready is not None
    for number in range(3):
        console.live.tell(shop.tenant, "x", {"n": number})

    async with following(url, token(shop), last=ready[0]) as reader:
        assert (await reader.next() or ("", ""))[1] == "ready"
        found = [await reader.next() for _ in range(3)]

    assert [event and event[2] for event in found] == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize("last", ["5-0", "nonsense", "99999999999999999999999999999-0"])
async def test_gap(url: str, console: Console, shop: Shop, last: str) -> None:
    """An id older than what is kept, or none of ours, gets `reset`: read the lists again. Then it goes on from now."""
    console.live.tell(shop.tenant, "x", {"n": "before"})
    await console.live.said()

    async with following(url, token(shop), last=last) as reader:
        assert (await reader.next() or ("", ""))[1] == "reset"
        console.live.tell(shop.tenant, "x", {"n": "after"})
        event = await reader.next()

    assert event is not None
    assert event[2] == {"n": "after"}


async def test_emptied(url: str, console: Console, site: httpx.ASGITransport, admin: httpx.AsyncClient) -> None:
    """When Redis has lost the stream, whoever held an id of it is told so."""
    shop = await open_shop(site, admin)
    assert await console.live.oldest(tenant_stream(shop.tenant)) is None

    async with following(url, token(shop), last="1732440000000-0") as reader:
        assert (await reader.next() or ("", ""))[1] == "reset"


async def test_removed_while_following(
    brisk: str, console: Console, site: httpx.ASGITransport, admin: httpx.AsyncClient
) -> None:
    """A stream shows a removed operator nothing more, and ends."""
    shop = await open_shop(site, admin)
    async with following(brisk, token(shop)) as reader:
        await reader.next()
        viewer = next(u["id"] for u in (await shop.owner.get("/users")).json()["items"] if u["role"] == "viewer")
        await shop.owner.delete(f"/users/{viewer}")
        console.live.tell(shop.tenant, "message.created", {"text": "محرمانه"})

        assert await reader.next() is None


async def test_ends_with_the_token(url: str, console: Console, shop: Shop) -> None:
    """The stream lives no longer than the token that opened it."""
    me = (await shop.viewer.get("/me")).json()
    (account,) = await users.accounts_of(console.store, me["email"])
    claims = Claims(account.id, account.tenant, account.role, account.session_version)
    ends_soon = console.tokens.issue(claims, "access", now=time.time() - 898)

    async with following(url, {"Authorization": f"Bearer {ends_soon}"}) as reader:
        await reader.next()
        assert await reader.next() is None


async def test_keep_alive(brisk: str, shop: Shop) -> None:
    """While nothing happens a comment keeps the line open."""
    async with following(brisk, token(shop)) as reader:
        await reader.next()
        async with asyncio.timeout(WAIT_SECONDS):
            async for line in reader.lines:
                if line.startswith(":"):
                    return
    pytest.fail("no keep-alive came")


async def test_shutdown(settings: Settings, shop: Shop) -> None:
    """When the function is told to close, streams end by themselves at once."""
    async with Console.open(settings) as console, serving(make_site(console)) as (url, server):
        async with following(url, token(shop)) as reader:
            await reader.next()
            console.closing.set()
            assert await reader.next() is None
        server.should_exit = True


async def test_redis_away(settings: Settings, shop: Shop) -> None:
    """While Redis is away the stream says so before it begins, and the lists still answer."""
    away = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9")})
    async with Console.open(away) as console:
        transport = httpx.ASGITransport(make_site(console))
        base_url = "http://console/api/v1"
        async with httpx.AsyncClient(transport=transport, base_url=base_url, headers=token(shop)) as client:
            answer = await client.get("/events")
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
            assert (await client.get("/conversations")).status_code == 200
