"""What a producer is answered. Source: Knative's data plane contract, measured on the MT broker of Eventing 1.22."""

import json

import pytest

from tests.broker.conftest import Broker, binary
from tests.broker.subscriber import Subscriber

STRUCTURED = {"content-type": "application/cloudevents+json"}


def envelope(**members: object) -> bytes:
    """A structured event; a member that is None is left out."""
    event = {"specversion": "1.0", "id": binary()["ce-id"], "source": "/فروشگاه", "type": "nobody", **members}
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_binary(broker: Broker, version: str) -> None:
    """An event of either version in binary mode is accepted: 202, empty, and Allow says what the door takes."""
    answer = await broker.post({**binary(), "ce-specversion": version, "content-type": "application/json"})

    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("version", ["1.0", "0.3"])
@pytest.mark.parametrize("charset", ["", "; charset=utf-8", ";charset=UTF-8"])
async def test_structured(broker: Broker, version: str, charset: str) -> None:
    """An event of either version in structured mode is accepted, with or without a charset."""
    answer = await broker.post(
        {"content-type": f"application/cloudevents+json{charset}"}, envelope(specversion=version, data={"سلام": 1})
    )

    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("missing", ["ce-id", "ce-type", "ce-source", "ce-specversion"])
async def test_missing_attribute(broker: Broker, missing: str) -> None:
    """Without one of the four required attributes it is no event: 400, and nothing is said about it."""
    headers = {name: value for name, value in binary().items() if name != missing}

    answer = await broker.post(headers)

    assert (answer.status_code, answer.content) == (400, b"")


@pytest.mark.parametrize("empty", ["ce-id", "ce-type", "ce-source", "ce-specversion"])
async def test_empty_attribute(broker: Broker, empty: str) -> None:
    """An empty required attribute is as good as none."""
    assert (await broker.post({**binary(), empty: ""})).status_code == 400


@pytest.mark.parametrize("version", ["0.2", "1", "1.1", "19.0"])
async def test_specversion(broker: Broker, version: str) -> None:
    """Only 1.0 and 0.3 are spoken."""
    assert (await broker.post({**binary(), "ce-specversion": version})).status_code == 400
    assert (await broker.post(STRUCTURED, envelope(specversion=version))).status_code == 400


@pytest.mark.parametrize(
    "bad",
    [
        {"ce-time": "دیروز"},
        {"ce-time": "2026-11-24 10:00:00Z"},
        {"ce-time": "2026-13-01T10:00:00Z"},
        {"ce-source": "http://[::1"},
        {"ce-source": "%zz"},
        {"ce-source": "://shop"},
        {"ce-dataschema": "schemas/order.json"},
        {"ce-tenant_id": "7"},
    ],
    ids=str,
)
async def test_bad_value(broker: Broker, bad: dict[str, str]) -> None:
    """A time, URI or name that isn't one is refused at the door."""
    assert (await broker.post({**binary(), **bad})).status_code == 400


@pytest.mark.parametrize(
    ("more", "body"),
    [
        ({"ce-averyveryverylongextension": "1", "content-type": "text/plain"}, b"x"),
        ({"content-type": "application/json"}, b'{"broken'),
        ({"content-type": "application/json"}, b""),
        ({}, "بی‌نوع".encode()),
        ({"content-type": "application/xml"}, b"<a/>"),
        ({"content-type": "application/vnd.apache.thrift.binary"}, bytes(range(256))),
    ],
    ids=["long name", "broken JSON", "empty body", "no content type", "xml", "thrift"],
)
async def test_data_is_not_looked_at(broker: Broker, more: dict[str, str], body: bytes) -> None:
    """In binary mode the broker neither reads the data nor minds how long an extension's name is."""
    assert (await broker.post({**binary(), **more}, body)).status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        b"{broken",
        b"[]",
        b'"text"',
        envelope(id=None),
        envelope(source=None),
        envelope(type=None),
        envelope(specversion=None),
        envelope(tenant={"id": 7}),
        envelope(data_base64="not base64!", datacontenttype="image/png"),
    ],
    ids=["JSON", "array", "string", "id", "source", "type", "specversion", "object extension", "base64"],
)
async def test_bad_envelope(broker: Broker, body: bytes) -> None:
    """A structured event must be a JSON object with the required attributes, and extensions are plain values."""
    assert (await broker.post(STRUCTURED, body)).status_code == 400


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/cloudevents-batch+json", b"[" + envelope() + b"]"),
        ("application/cloudevents+xml", b"<event/>"),
        ("application/json", envelope()),
    ],
)
async def test_other_formats(broker: Broker, content_type: str, body: bytes) -> None:
    """Batches, other formats, and plain JSON without ce- headers are no events to a broker."""
    assert (await broker.post({"content-type": content_type}, body)).status_code == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods(broker: Broker, method: str) -> None:
    """Only POST carries events: 405, and Allow says so."""
    answer = await broker.client.request(method, broker.url)

    assert (answer.status_code, answer.content) == (405, b"")
    assert answer.headers["allow"] == "POST, OPTIONS"


async def test_options(broker: Broker) -> None:
    """The webhook handshake: any origin, any rate."""
    answer = await broker.client.request("OPTIONS", broker.url)

    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == answer.headers["webhook-allowed-rate"] == "*"
    assert answer.headers["allow"] == "POST, OPTIONS"


@pytest.mark.parametrize(
    ("path", "code"),
    [("/", 404), ("/x", 400), ("/a/b/c", 400), ("/healthz", 400), ("{path}/", 202), ("{path}?x=1", 404)],
)
async def test_paths(broker: Broker, path: str, code: int) -> None:
    """A broker is `/namespace/name`; a trailing slash is forgiven, and a query counts as a part of the name."""
    assert (await broker.post(binary(), path=path.format(path=broker.path))).status_code == code


async def test_unknown_broker(broker: Broker) -> None:
    """A namespace or broker that isn't there is 404; but what is no event is 400 wherever it is sent."""
    namespace, name = broker.path.strip("/").split("/")

    assert (await broker.post(binary(), path=f"/{namespace}/nowhere")).status_code == 404
    assert (await broker.post(binary(), path=f"/nowhere/{name}")).status_code == 404
    assert (await broker.post({}, path="/nowhere/nowhere")).status_code == 400


async def test_probe(broker: Broker) -> None:
    """Kubernetes' own probe gets its 200 on any path."""
    answer = await broker.client.get(broker.url + "/anything/at/all", headers={"user-agent": "kube-probe/1.36"})

    assert answer.status_code == 200


@pytest.mark.parametrize("mebibytes", [1, 8, 32])
async def test_size(broker: Broker, subscriber: Subscriber, mebibytes: int) -> None:
    """There is no limit to an event's size. (JetStream and Kafka stop at 1 MiB: ours stay under 900 KiB.)"""
    body = b"\x00\xff" * (mebibytes * 512 * 1024)

    event = await broker.send("plain", body, datacontenttype="application/octet-stream")

    (got,) = await subscriber.got("/plain", event, within=30)
    assert got.body == body


@pytest.mark.parametrize(
    ("ttl", "code"), [("-1", 400), ("0", 400), ("1", 400), ("2", 202), ("300", 202), ("many", 202), ("", 202)]
)
async def test_ttl(broker: Broker, ttl: str, code: int) -> None:
    """A hop count is lowered by one, and at zero the event is refused; one that can't be read starts anew."""
    assert (await broker.post({**binary(), "ce-knativebrokerttl": ttl})).status_code == code


async def test_structured_base64(broker: Broker, subscriber: Subscriber) -> None:
    """In compact JSON, data_base64 is taken and delivered as the bytes it stands for."""
    head = binary("plain")["ce-id"]
    body = envelope(id=head, type="plain", datacontenttype="image/png", data_base64="iVBORw0KGgo=")

    answer = await broker.post(STRUCTURED, json.dumps(json.loads(body), separators=(",", ":")).encode())

    assert answer.status_code == 202
    (got,) = await subscriber.got("/plain", head)
    assert (got.body, got.headers["content-type"]) == (b"\x89PNG\r\n\x1a\n", "image/png")
