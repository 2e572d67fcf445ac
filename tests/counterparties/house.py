"""All nine functions in this process, chained by a broker on loopback that keeps every event that travels."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.functions import PRIVATE, PUBLIC, load
from shared.hosting import Function
from shared.settings import Settings
from tests.console_api.serving import serving

WAIT_SECONDS = 15


@dataclass(frozen=True)
class Travelled:
    """One event as it came to the broker, and what its takers answered: 0 where nobody takes it."""

    headers: dict[str, str]
    body: bytes
    answers: tuple[int, ...] = ()

    @property
    def type(self) -> str:
        return self.headers["ce-type"]

    @property
    def source(self) -> str:
        return self.headers["ce-source"]


@dataclass
class Broker:
    """ASGI: answers 202, keeps the event, and hands it to every function that has a handler for its type."""

    functions: Mapping[str, Function[Any]] = field(default_factory=dict)
    travelled: list[Travelled] = field(default_factory=list)
    _handing: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes one event."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        task = asyncio.create_task(self._hand_on(dict(request.headers), await request.body()))
        self._handing.add(task)
        task.add_done_callback(self._handing.discard)
        await Response(status_code=202)(scope, receive, send)

    async def _hand_on(self, headers: dict[str, str], body: bytes) -> None:
        takers = [one for one in self.functions.values() if headers["ce-type"] in one._handlers]
        answers = [await post_to(taker, "/", headers, body) for taker in takers]
        self.travelled.append(Travelled(headers, body, tuple(answer.status_code for answer in answers)))


@dataclass(frozen=True)
class House:
    """The functions by name, as transports for httpx, and the broker between them."""

    settings: Settings
    functions: Mapping[str, Function[Any]]
    broker: Broker

    @asynccontextmanager
    async def door(self, function: str) -> AsyncIterator[str]:
        """The address of a function, for those who want one."""
        async with serving(self.functions[function]) as (url, _):
            yield url

    def client(self, function: str) -> httpx.AsyncClient:
        """Somebody in front of a public function."""
        transport = httpx.ASGITransport(self.functions[function])
        return httpx.AsyncClient(transport=transport, base_url=f"http://{function}", timeout=20)

    async def tick(self) -> None:
        """The clock's event, as Knative's PingSource sends it. https://knative.dev/docs/eventing/sources/ping-source/"""
        headers = {
            "ce-specversion": "1.0",
            "ce-id": "tick",
            "ce-source": "/apis/v1/namespaces/xin/pingsources/tick",
            "ce-type": "dev.knative.sources.ping",
            "content-type": "application/json",
        }
        answer = await post_to(self.functions["automation-tick"], "/", headers, b"{}")
        assert answer.status_code == 204, answer.text

    def of(self, kind: str, source: str = "") -> list[Travelled]:
        """What has travelled of a type, from a source that begins so."""
        return [one for one in self.broker.travelled if one.type == kind and one.source.startswith(source)]


async def post_to(function: Function[Any], path: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
    """As the broker posts to the function's own address."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(function), base_url="http://function") as client:
        return await client.post(path, headers=dict(headers), content=body)


async def until(look: Callable[[], Any], what: str) -> Any:
    """What *look* gives, once that is true."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while not (found := look()):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {WAIT_SECONDS} s: {what}") from None
    return found


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """*settings* without a sink, which is made here."""
    broker = Broker()
    async with AsyncExitStack() as stack:
        sink, _ = await stack.enter_async_context(serving(broker))
        settings = settings.model_copy(update={"sink": sink})
        functions = {name: _another(function) for name, function in load((*PUBLIC, *PRIVATE)).items()}
        for function in functions.values():
            await function.start(settings)
            stack.push_async_callback(function.stop)
        broker.functions = functions
        yield House(settings, functions, broker)
        for function in functions.values():
            function.closes()


def _another(function: Function[Any]) -> Function[Any]:
    """The same function, not yet started: other tests of this process may have started the one in its main.py."""
    fresh: Function[Any] = copy.copy(function)
    fresh._app = fresh._site = None
    fresh._stack = AsyncExitStack()
    fresh._starting = asyncio.Lock()
    return fresh
