"""An event in the answer enters the broker as a new one. Source: Knative's data plane contract, measured."""

import json

import pytest

from tests.broker.conftest import Broker, binary
from tests.broker.subscriber import Says, Subscriber


def _reply(**more: str) -> dict[str, str]:
    return {**binary("answered"), "content-type": "application/json", **more}


@pytest.mark.parametrize("code", [200, 201, 202])
async def test_binary(broker: Broker, subscriber: Subscriber, code: int) -> None:
    """Whatever the 2xx (the specification excludes 202, the reference doesn't), an event in it goes to its Triggers."""
    asked, reply = binary("asked"), _reply()
    subscriber.prepare("/asked", asked["ce-id"], Says(code, reply, b'{"n": 1}'))

    await broker.post(asked)

    (got,) = await subscriber.got("/answered", reply["ce-id"])
    assert (got.body, got.attribute("type")) == (b'{"n": 1}', "answered")
    assert len(subscriber.seen("/asked", asked["ce-id"])) == 1
    assert not subscriber.seen("/dead", asked["ce-id"])


async def test_structured(broker: Broker, subscriber: Subscriber) -> None:
    """A reply may come in structured mode."""
    asked, event = binary("asked"), binary("answered")["ce-id"]
    body = {
        "specversion": "1.0",
        "id": event,
        "source": "/s",
        "type": "answered",
        "datacontenttype": "application/json",
    }
    says = Says(200, {"content-type": "application/cloudevents+json"}, json.dumps({**body, "data": {"n": 1}}).encode())
    subscriber.prepare("/asked", asked["ce-id"], says)

    await broker.post(asked)

    (got,) = await subscriber.got("/answered", event)
    assert json.loads(got.body) == {"n": 1}


async def test_structured_without_type(broker: Broker, subscriber: Subscriber) -> None:
    """A structured reply that doesn't say what its data is arrives as text/plain: always say it."""
    asked, event = binary("asked"), binary("answered")["ce-id"]
    body = {"specversion": "1.0", "id": event, "source": "/s", "type": "answered", "data": {"n": 1}}
    subscriber.prepare(
        "/asked", asked["ce-id"], Says(200, {"content-type": "application/cloudevents+json"}, json.dumps(body).encode())
    )

    await broker.post(asked)

    (got,) = await subscriber.got("/answered", event)
    assert got.headers["content-type"] == "text/plain; charset=utf-8"


async def test_headers(broker: Broker, subscriber: Subscriber) -> None:
    """A reply's X-Request-Id and Knative-* travel with it, other headers don't."""
    asked, reply = binary("asked"), _reply(**{"x-request-id": "r-2", "knative-shop": "7", "x-other": "no"})
    subscriber.prepare("/asked", asked["ce-id"], Says(200, reply, b"{}"))

    await broker.post(asked)

    (got,) = await subscriber.got("/answered", reply["ce-id"])
    assert (got.headers["x-request-id"], got.headers["knative-shop"]) == ("r-2", "7")
    assert "x-other" not in got.headers


@pytest.mark.parametrize("missing", ["ce-id", "ce-source"])
async def test_incomplete(broker: Broker, subscriber: Subscriber, missing: str) -> None:
    """A reply that the broker refuses is not retried: the original becomes a dead letter that blames the broker."""
    asked = binary("asked")
    reply = {name: value for name, value in _reply().items() if name != missing}
    subscriber.prepare("/asked", asked["ce-id"], Says(200, reply, b"{}"))

    await broker.post(asked)

    (letter,) = await subscriber.got("/dead", asked["ce-id"])
    assert letter.attribute("type") == "asked"
    assert letter.attribute("knativeerrorcode") == "400"
    assert (letter.attribute("knativeerrordest") or "").endswith(broker.path)
    assert len(subscriber.seen("/asked", asked["ce-id"])) == 1


async def test_broken(broker: Broker, subscriber: Subscriber) -> None:
    """A reply that can't be read at all is a failure like any body that is no event: retried."""
    asked = binary("asked")
    broken = Says(200, {"content-type": "application/cloudevents+json"}, b"{broken")
    subscriber.prepare("/asked", asked["ce-id"], broken, Says())

    await broker.post(asked)

    await subscriber.got("/asked", asked["ce-id"], times=2)
    assert not subscriber.seen("/dead", asked["ce-id"])


@pytest.mark.parametrize(("ttl", "deliveries"), [("6", 5), (None, 255)])
async def test_loop(broker: Broker, subscriber: Subscriber, ttl: str | None, deliveries: int) -> None:
    """Replies in a circle end with the hop count, whatever the replies claim, and the last of them is a dead letter."""
    event = binary("loop")
    more = {"knativebrokerttl": ttl} if ttl else {}
    subscriber.prepare("/loop", event["ce-id"], Says(200, {**event, "ce-knativebrokerttl": "99"}))

    await broker.post({**event, **{f"ce-{name}": value for name, value in more.items()}})

    (letter,) = await subscriber.got("/dead", event["ce-id"], within=30)
    assert len(subscriber.seen("/loop", event["ce-id"])) == deliveries
    assert letter.attribute("knativeerrorcode") == "400"
