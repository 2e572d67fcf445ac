"""The shell around a function: what an event or a request is answered with, whatever the function does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx
import pytest

from events import Context, ReplyComposed, to_http
from local.machine.schema import DatabaseUrls
from shared.errors import NotFound, Permanent, Retryable, Unreadable
from shared.hosting import Function
from shared.settings import Settings
from shared.store.tenancy import Store
from tests.tenants import open_store


@dataclass
class App:
    """A function that does what the test says."""

    store: Store
    seen: list[UUID]
    problem: Exception | None = None


@pytest.fixture
async def app(database: DatabaseUrls) -> AsyncIterator[App]:
    async with open_store(database.app, role="xin_deliver") as store:
        yield App(store, [])


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    @asynccontextmanager
    async def opens(_: Settings) -> AsyncIterator[App]:
        yield app

    function = Function("test", opens=opens)

    @function.on(ReplyComposed)
    async def note(app: App, event: ReplyComposed, context: Context) -> None:
        app.seen.append(event.conversation)
        if app.problem:
            raise app.problem

    await function.start(Settings())
    transport = httpx.ASGITransport(function, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
        yield client
    await function.stop()


def request() -> tuple[dict[str, str], bytes]:
    return to_http(ReplyComposed(tenant=uuid4(), conversation=uuid4()), Context.start("/xin/test"))


async def post(client: httpx.AsyncClient, headers: dict[str, str], body: bytes) -> httpx.Response:
    return await client.post("/", headers=headers, content=body)


async def letters(app: App) -> list[str]:
    async with app.store.platform() as db:
        return [row[0] for row in await (await db.execute("SELECT reason FROM dead_letters")).fetchall()]


async def test_done(client: httpx.AsyncClient, app: App) -> None:
    """A handled event is a 2xx with an empty body: a broker takes any other body for a failure."""
    answer = await post(client, *request())

    assert answer.status_code == 204
    assert answer.content == b""
    assert len(app.seen) == 1


@pytest.mark.parametrize(
    ("problem", "status", "kept"),
    [
        (Retryable("later"), 503, 0),
        (TimeoutError(), 503, 0),
        (ConnectionRefusedError(), 503, 0),
        (ValueError("a bug"), 500, 0),
        (Permanent("never"), 204, 1),
        (Unreadable("gibberish"), 204, 1),
        (NotFound("no such row"), 204, 1),
    ],
)
async def test_problems(client: httpx.AsyncClient, app: App, problem: Exception, status: int, kept: int) -> None:
    """What can work later is a 503, a bug a 500, and what never will is kept by ourselves and acknowledged."""
    app.problem = problem

    answer = await post(client, *request())

    assert answer.status_code == status
    assert len(answer.content) <= 768
    assert len(await letters(app)) == kept


async def test_retry_after(client: httpx.AsyncClient, app: App) -> None:
    """Where the wait is known it is said."""
    app.problem = Retryable("later", retry_after_seconds=7)
    answer = await post(client, *request())
    assert answer.headers["retry-after"] == "7"


async def test_kept_once(client: httpx.AsyncClient, app: App) -> None:
    """The same event refused twice is one dead letter."""
    app.problem = Permanent("never")
    headers, body = request()
    for _ in range(2):
        await post(client, headers, body)
    assert await letters(app) == ["never"]


async def test_bad_data(client: httpx.AsyncClient, app: App) -> None:
    """One of ours with bad data is kept and acknowledged, and reaches no handler."""
    headers, _ = request()
    answer = await post(client, headers, b'{"conversation": 7}')
    assert answer.status_code == 204
    assert len(await letters(app)) == 1
    assert app.seen == []


async def test_unknown_type(client: httpx.AsyncClient, app: App) -> None:
    """An event that this function doesn't take is kept and acknowledged."""
    headers, body = request()
    answer = await post(client, {**headers, "ce-type": "ir.xinbot.reply.composed.v9"}, body)
    assert answer.status_code == 204
    assert len(await letters(app)) == 1


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"content-type": "application/json"}, 400),
        ("POST", {"content-type": "application/cloudevents-batch+json"}, 415),
        ("POST", {"content-type": "application/cloudevents+json"}, 400),
        ("GET", {}, 405),
        ("PUT", {}, 405),
        ("DELETE", {}, 405),
    ],
)
async def test_not_events(
    client: httpx.AsyncClient, app: App, method: str, headers: dict[str, str], status: int
) -> None:
    """What is no event is refused by its kind and not kept."""
    answer = await client.request(method, "/", headers=headers, content=b"{}" if method == "POST" else None)
    assert answer.status_code == status
    assert await letters(app) == []


async def test_too_large(client: httpx.AsyncClient, app: App) -> None:
    """An event over a megabyte is refused before it is read."""
    headers, _ = request()
    answer = await post(client, headers, b" " * (1024 * 1024 + 1))
    assert answer.status_code == 413


async def test_own_paths(client: httpx.AsyncClient) -> None:
    """Every function tells whether it lives, whether it is ready, and what it counted."""
    await post(client, *request())
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).json() == {"postgres": "ok"}
    assert 'xin_events_total{function="test"' in (await client.get("/metrics")).text


async def test_not_ready(client: httpx.AsyncClient, app: App, database: DatabaseUrls) -> None:
    """Without its database a function is alive and not ready, and says which part is missing."""
    async with open_store(database.app.replace("127.0.0.1:", "127.0.0.1:1"), role="xin_deliver") as away:
        app.store = away
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["postgres"] != "ok"
