"""The house around deliver, in this process: ingress, deliver, the console's API and the tick on a real database.

Real servers on loopback stand between them and the simulated providers; a few lines stand in for the broker.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from psycopg import AsyncConnection
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from events import Context, Event, ReplyComposed, StatusReceived, to_http
from functions.automation_tick.main import function as automation_tick
from functions.automation_tick.rounds import Rounds
from functions.console_api.main import function as console_api
from functions.deliver.main import function as deliver
from functions.ingress_instagram.main import function as ingress_instagram
from functions.ingress_telegram.main import function as ingress_telegram
from functions.ingress_whatsapp.main import function as ingress_whatsapp
from local.simulator import Accounts, Simulator, create_simulator
from shared.hosting import Function
from shared.settings import Settings
from shared.store import users
from shared.store.tenancy import Store
from tests.conftest import PostgresServer
from tests.console_api.shops import ADMIN_EMAIL, PASSWORD, sign_in
from tests.simulator.serving import Door, serving
from tests.tenants import open_store

DATABASE = "faults"
TICK_SECONDS = 0.5
KEY = SecretStr("k1:" + base64.b64encode(bytes(range(32))).decode())
CONSUMED = (ReplyComposed.type, StatusReceived.type)


@dataclass
class House:
    """Everything that runs. *owner*: the shop's owner, signed in to the console's API."""

    settings: Settings
    simulator: Simulator
    hand_of_clock: AsyncConnection
    orchestrate: Store
    owner: httpx.AsyncClient
    tenant: str
    brand: str
    numbers: Callable[[], int]
    broker: "Broker"

    async def publish(self, event: Event) -> None:
        """To the broker, as a function would."""
        headers, body = to_http(event, Context.start("/xin/tests"))
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(self.settings.sink, headers=headers, content=body)
        assert answer.status_code == 202

    async def hand(self, event: Event) -> None:
        """To deliver, and back when it is done with it."""
        headers, body = to_http(event, Context.start("/xin/tests"))
        await self.broker.hand(headers, body)

    async def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What *statement* finds, seen by the superuser: the clock's hand, and a look at what no API shows."""
        cursor = await self.hand_of_clock.execute(statement, values)
        return await cursor.fetchall() if cursor.description else []


class Broker:
    """ASGI: takes every event at once and hands deliver its own, again where it asks for that."""

    def __init__(self, subscriber: ASGIApp) -> None:
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(subscriber), base_url="http://deliver")
        self._handed: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body, headers = await request.body(), dict(request.headers)
        if headers["ce-type"] in CONSUMED:
            task = asyncio.create_task(self.hand(headers, body))
            self._handed.add(task)
            task.add_done_callback(self._handed.discard)
        await Response(status_code=202)(scope, receive, send)

    async def hand(self, headers: dict[str, str], body: bytes) -> None:
        """Until deliver has taken it, four times at most."""
        for pause in (0.2, 1, 5, 0):
            answer = await self._client.post("/", headers=headers, content=body, timeout=60)
            if answer.is_success:
                return
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """What was handed over may end."""
        for task in self._handed:
            task.cancel()
        await asyncio.gather(*self._handed, return_exceptions=True)
        await self._client.aclose()


@dataclass
class Street:
    """ASGI: `/fn/<function>/…` and `/broker`, all that has an address of its own."""

    rooms: dict[str, ASGIApp] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for path, room in self.rooms.items():
            if scope["type"] == "http" and scope["path"].startswith(path):
                await room({**scope, "root_path": path}, receive, send)


def another(function: Function[Any]) -> Function[Any]:
    """The same function once more: other tests of this process may have started theirs on other stores."""
    own: Function[Any] = Function(function.name, opens=function._opens)
    own._handlers, own._foreign, own._paths = function._handlers, function._foreign, function._paths
    own._serves, own._when_closing = function._serves, function._when_closing
    return own


@asynccontextmanager
async def furnished(postgres: PostgresServer, valkey: str) -> AsyncIterator[House]:
    """A house with one shop, on a database of its own."""
    urls = await postgres.copy(DATABASE)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(postgres.drop, DATABASE)
        street, door = Street(), Door()
        url = await stack.enter_async_context(serving(street))
        simulator = create_simulator(Accounts(any_webhook_url=True))
        door.app = simulator.app
        provider = await stack.enter_async_context(serving(door, before_stop=simulator.closing.set))
        stack.push_async_callback(simulator.close)
        settings = _settings(urls.app, valkey, url, provider)
        ingress = [another(one) for one in (ingress_telegram, ingress_whatsapp, ingress_instagram)]
        console, sender = another(console_api), another(deliver)
        for one in (*ingress, console, sender):
            stack.push_async_callback(one.stop)
        rounds = await stack.enter_async_context(another(automation_tick)._opens(settings))
        broker = Broker(sender)
        stack.push_async_callback(broker.close)
        street.rooms = {f"/fn/{one.name}": one for one in ingress} | {"/broker": broker}
        for one in (*ingress, sender):
            await one.start(settings)
        app = await console.start(settings)
        await users.ensure_admin(app.store, ADMIN_EMAIL, await app.passwords.hash(PASSWORD))
        orchestrate = await stack.enter_async_context(open_store(urls.app, role="xin_orchestrate"))
        tenant, owner = await _shop(httpx.ASGITransport(console))
        brand = (await owner.get("/brands")).json()["items"][0]["id"]
        await stack.enter_async_context(_running(_tick(rounds)))
        superuser = await stack.enter_async_context(postgres.server.superuser(DATABASE))
        numbers = iter(range(10**6, 10**7))
        yield House(settings, simulator, superuser, orchestrate, owner, tenant, brand, numbers.__next__, broker)


def _settings(database: str, valkey: str, url: str, provider: str) -> Settings:
    return Settings(
        database_url=SecretStr(database),
        redis_url=SecretStr(valkey),
        sink=f"{url}/broker",
        public_url=url,
        objects_url=provider,  # nobody uploads anything
        secret_keys=KEY,
        token_keys=KEY,
        telegram_api_url=f"{provider}/telegram",
        bale_api_url=f"{provider}/bale",
        graph_api_url=f"{provider}/graph",
        instagram_api_url=f"{provider}/instagram",
    )


async def _shop(site: httpx.ASGITransport) -> tuple[str, httpx.AsyncClient]:
    admin = await sign_in(site, ADMIN_EMAIL)
    email = "owner-of-faults@example.com"
    body = {"name": "فروشگاه سپید", "owner": {"email": email, "password": PASSWORD}}
    made = await admin.post("/tenants", json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"], await sign_in(site, email)


async def _tick(rounds: Rounds) -> None:
    """The clock's, only faster: what is due is found by its rows, whichever event was lost."""
    while True:
        await rounds.nudge_open_work()
        await asyncio.sleep(TICK_SECONDS)


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
