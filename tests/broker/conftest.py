"""A broker to be tested: the one that the environment names, or our own."""

import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from tests.broker.processes import OurBroker, Valkey, free_port
from tests.broker.subscriber import Subscriber


@dataclass(frozen=True)
class Broker:
    """The broker under test, seen from a producer."""

    url: str
    client: httpx.AsyncClient

    @property
    def path(self) -> str:
        """`/namespace/name`."""
        return urlsplit(self.url).path.rstrip("/")

    async def post(self, headers: dict[str, str], body: bytes = b"{}", path: str | None = None) -> httpx.Response:
        """Posts as it stands; header values go out as UTF-8."""
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        url = self.url if path is None else self.url.removesuffix(self.path) + path
        return await self.client.post(url, headers=raw, content=body)

    async def send(self, event_type: str, body: bytes = b"{}", **attributes: str) -> str:
        """Posts an event in binary mode, expects a 202, and returns its id. Other headers: `_x_request_id`."""
        event = binary(event_type)
        content_type = attributes.pop("datacontenttype", "application/json")
        for name, value in attributes.items():
            event[name[1:].replace("_", "-") if name.startswith("_") else f"ce-{name}"] = value
        answer = await self.post({**event, "content-type": content_type}, body)
        assert answer.status_code == 202
        return event["ce-id"]


def binary(event_type: str = "nobody") -> dict[str, str]:
    """The headers of a fresh event."""
    return {"ce-specversion": "1.0", "ce-id": str(uuid.uuid4()), "ce-source": "/فروشگاه", "ce-type": event_type}


@pytest.fixture(scope="session")
async def subscriber() -> AsyncIterator[Subscriber]:
    url = os.environ.get("XIN_TEST_SUBSCRIBER_URL") or f"http://127.0.0.1:{free_port()}"
    async with Subscriber(url) as running:
        yield running


@pytest.fixture(scope="session")
async def broker(subscriber: Subscriber, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    async with httpx.AsyncClient(timeout=30) as client:
        if url := os.environ.get("XIN_TEST_BROKER_URL"):
            yield Broker(url.rstrip("/"), client)
            return
        data = tmp_path_factory.mktemp("broker")
        async with Valkey(data) as valkey, OurBroker(valkey.url, subscriber.url, data) as ours:
            yield Broker(ours.url, client)


@dataclass(frozen=True)
class Own:
    """Our own broker, to be killed at will, with a subscriber that nobody else uses."""

    valkey: Valkey
    process: OurBroker
    subscriber: Subscriber
    broker: Broker


@pytest.fixture(scope="session")
async def killable(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Own]:
    if os.environ.get("XIN_TEST_BROKER_URL"):
        pytest.skip("only our own broker promises this")
    data = tmp_path_factory.mktemp("own")
    async with Subscriber(f"http://127.0.0.1:{free_port()}") as subscriber, Valkey(data) as valkey:
        process = OurBroker(valkey.url, subscriber.url, data, bring_back_seconds=1)
        async with process, httpx.AsyncClient(timeout=10) as client:
            yield Own(valkey, process, subscriber, Broker(process.url, client))


@pytest.fixture
def own(killable: Own) -> Own:
    """The same for every test, so a test uses events of its own and looks at what was added to a metric."""
    killable.subscriber.forget()
    return killable
