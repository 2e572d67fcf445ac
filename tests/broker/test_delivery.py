"""What a subscriber is sent. Source: Knative's data plane contract, measured on the MT broker of Eventing 1.22."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.broker.conftest import Broker, binary
from tests.broker.subscriber import Subscriber


async def test_binary(broker: Broker, subscriber: Subscriber) -> None:
    """Attributes and data arrive as they were sent, in binary mode, by one POST to the Trigger's path."""
    body = '{"متن":  "سفارش من کجاست؟"}'.encode()

    event = await broker.send("plain", body, subject="conversation-7", tenantid="۷", urgent="true")

    (got,) = await subscriber.got("/plain", event)
    assert (got.method, got.body) == ("POST", body)
    assert got.headers["content-type"] == "application/json"
    assert [got.attribute(name) for name in ("specversion", "type", "source")] == ["1.0", "plain", "/فروشگاه"]
    assert [got.attribute(name) for name in ("subject", "tenantid", "urgent")] == ["conversation-7", "۷", "true"]


async def test_structured(broker: Broker, subscriber: Subscriber) -> None:
    """A structured event is delivered in binary mode: values as text, and the data's own bytes."""
    event = binary("plain")["ce-id"]
    raw = '{ "متن" : "بله" , "n": 1.50 }'
    body = (
        f'{{"data": {raw}, "id": "{event}", "specversion": "1.0", "source": "/فروشگاه", "type": "plain",'
        ' "datacontenttype": "application/json", "count": 7, "urgent": true, "time": "2026-03-21T00:00:00+03:30"}'
    )

    answer = await broker.post({"content-type": "application/cloudevents+json"}, body.encode())

    assert answer.status_code == 202
    (got,) = await subscriber.got("/plain", event)
    assert got.body == raw.encode()
    assert got.headers["content-type"] == "application/json"
    assert [got.attribute(name) for name in ("count", "urgent", "time")] == ["7", "true", "2026-03-20T20:30:00Z"]


async def test_structured_text(broker: Broker, subscriber: Subscriber) -> None:
    """Data that isn't JSON travels as a JSON string and arrives as the text it stands for."""
    event = binary("plain")["ce-id"]
    envelope = {"specversion": "1.0", "id": event, "source": "/s", "type": "plain", "datacontenttype": "text/plain"}

    answer = await broker.post(
        {"content-type": "application/cloudevents+json"}, json.dumps({**envelope, "data": 'گفت: "بله"\n'}).encode()
    )

    assert answer.status_code == 202
    (got,) = await subscriber.got("/plain", event)
    assert got.body.decode() == 'گفت: "بله"\n'


async def test_added_headers(broker: Broker, subscriber: Subscriber) -> None:
    """The broker asks for a reply and names its namespace."""
    event = await broker.send("plain")

    (got,) = await subscriber.got("/plain", event)
    assert got.headers["prefer"] == "reply"
    assert got.headers["kn-namespace"] == broker.path.split("/")[1]


async def test_arrival_time(broker: Broker, subscriber: Subscriber) -> None:
    """The time of arrival is the broker's own; what a producer claims is overwritten."""
    event = await broker.send("plain", knativearrivaltime="1999-01-01T00:00:00Z")

    (got,) = await subscriber.got("/plain", event)
    arrived = datetime.fromisoformat(got.attribute("knativearrivaltime") or "")
    assert abs(arrived - datetime.now(UTC)) < timedelta(minutes=1)


async def test_ttl_is_hidden(broker: Broker, subscriber: Subscriber) -> None:
    """A subscriber doesn't see the hop count."""
    event = await broker.send("plain", knativebrokerttl="9")

    (got,) = await subscriber.got("/plain", event)
    assert got.attribute("knativebrokerttl") is None


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("2026-03-21T00:00:00+03:30", "2026-03-20T20:30:00Z"),
        ("2026-03-21T00:00:00.120-01:00", "2026-03-21T01:00:00.12Z"),
        ("2026-03-21T00:00:00.123456789Z", "2026-03-21T00:00:00.123456789Z"),
        ("2026-03-21T00:00:00.000Z", "2026-03-21T00:00:00Z"),
    ],
)
async def test_time(broker: Broker, subscriber: Subscriber, sent: str, received: str) -> None:
    """A time is brought to UTC, keeps its nanoseconds, and loses needless zeros."""
    event = await broker.send("plain", time=sent)

    (got,) = await subscriber.got("/plain", event)
    assert got.attribute("time") == received


async def test_old_version(broker: Broker, subscriber: Subscriber) -> None:
    """An event of 0.3 stays one."""
    event = await broker.send("plain", specversion="0.3", schemaurl="/schemas/order")

    (got,) = await subscriber.got("/plain", event)
    assert (got.attribute("specversion"), got.attribute("schemaurl")) == ("0.3", "/schemas/order")


async def test_raw_values(broker: Broker, subscriber: Subscriber) -> None:
    """Header values are UTF-8 both ways: percent signs are neither read nor written."""
    event = await broker.send("plain", subject="فروشگاه %D8%B3 100%", note="é")

    (got,) = await subscriber.got("/plain", event)
    assert (got.attribute("subject"), got.attribute("note")) == ("فروشگاه %D8%B3 100%", "é")


async def test_headers_that_travel(broker: Broker, subscriber: Subscriber) -> None:
    """X-Request-Id, Knative-* and X-B3-* go along, and the trace goes on; nothing else does, no credentials."""
    trace = "0af7651916cd43dd8448eb211c80319c"

    event = await broker.send(
        "plain",
        _x_request_id="r-1",
        _knative_shop="خانه",
        _x_b3_traceid="b3",
        _authorization="Bearer s3cret",
        _cookie="session=1",
        _x_shop="7",
        _traceparent=f"00-{trace}-b7ad6b7169203331-01",
    )

    (got,) = await subscriber.got("/plain", event)
    assert [got.headers[name] for name in ("x-request-id", "knative-shop", "x-b3-traceid")] == ["r-1", "خانه", "b3"]
    assert got.headers["traceparent"].split("-")[1] == trace
    assert not {"authorization", "cookie", "x-shop"} & set(got.headers)


async def test_no_content_type(broker: Broker, subscriber: Subscriber) -> None:
    """Data without a type gets none on the way."""
    headers = binary("plain")

    await broker.post(headers, b"\x00\x01")

    (got,) = await subscriber.got("/plain", headers["ce-id"])
    assert "content-type" not in got.headers
    assert got.body == b"\x00\x01"


async def test_empty_body(broker: Broker, subscriber: Subscriber) -> None:
    """An event without data is delivered without data."""
    event = await broker.send("plain", b"")

    (got,) = await subscriber.got("/plain", event)
    assert got.body == b""


async def test_every_trigger(broker: Broker, subscriber: Subscriber) -> None:
    """Each Trigger that an event matches gets it, one without a filter gets all, and the others nothing."""
    event = await broker.send("plain")

    await subscriber.got("/plain", event)
    await subscriber.got("/everything", event)
    assert not subscriber.seen("/linear", event)


async def test_same_id(broker: Broker, subscriber: Subscriber) -> None:
    """The same id from another source is another event. (JetStream loses it: ours are UUIDs.)"""
    headers = binary("plain")

    await broker.post(headers)
    await broker.post({**headers, "ce-source": "/شعبه"})

    got = await subscriber.got("/plain", headers["ce-id"], times=2)
    assert {one.attribute("source") for one in got} == {"/فروشگاه", "/شعبه"}
