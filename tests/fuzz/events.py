"""CloudEvents of our own and of others in both modes, bent: requests for whoever takes events."""

import json
import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events import EVENTS
from tests.fuzz import hostile, mutating

TENANT = UUID("7e000000-0000-4000-8000-000000000001")
SOMETHING = UUID("7e000000-0000-4000-8000-000000000002")
CLOCK = "dev.knative.sources.ping"
STRUCTURED = "application/cloudevents+json"
NAMES = (
    "id",
    "source",
    "type",
    "specversion",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "tenantid",
    "traceparent",
)
MEDIA_TYPES = (
    "application/json", "application/json; charset=utf-8", "text/plain", "application/octet-stream", "application/xml",
    f"{STRUCTURED}; charset=x", "application/cloudevents-batch+json", "application/cloudevents", "", ";", "\xff",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What is posted. Header values are what one line of HTTP can hold."""

    headers: dict[str, str]
    body: bytes


def request(chance: random.Random) -> Request:
    """A request that nearly is an event of ours; one in ten is whole."""
    attributes = _attributes(chance)
    data: Any = {
        "conversation": str(SOMETHING),
        "seq": 1,
        "channel": str(SOMETHING),
        "asset": str(SOMETHING),
        "run": str(SOMETHING),
    }
    for name in chance.sample([*data, "more"], chance.choice((0, 1, 1, 2))):
        data[name] = hostile.value(chance)
    if chance.random() < 0.1:
        data = hostile.value(chance)
    if chance.random() < 0.5:
        return _binary(attributes, data, chance)
    envelope = {**attributes, "data": data}
    if chance.random() < 0.2:
        envelope["data_base64"] = chance.choice(("e30=", "e30", "!", 7, None, hostile.text(chance)))
    if chance.random() < 0.15:
        envelope[hostile.text(chance)] = hostile.value(chance)
    body = json.dumps(envelope).encode()
    media_type = STRUCTURED if chance.random() < 0.9 else chance.choice(MEDIA_TYPES)
    return Request(
        {"content-type": media_type}, mutating.spoiled_bytes(body, chance) if chance.random() < 0.2 else body
    )


def _attributes(chance: random.Random) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(UUID(int=chance.getrandbits(128))),
        "source": "/xin/test",
        "type": chance.choice([event.type for event in EVENTS] + [CLOCK, "something.else"]),
        "tenantid": str(TENANT),
        "datacontenttype": "application/json",
        "time": "2026-11-24T10:00:00Z",
    }
    for name in chance.sample(NAMES, chance.choice((0, 1, 1, 2, 3))):
        kind = chance.random()
        if kind < 0.3:
            attributes.pop(name, None)
        else:
            attributes[name] = hostile.text(chance) if kind < 0.7 else hostile.value(chance)
    return attributes


def _binary(attributes: dict[str, Any], data: Any, chance: random.Random) -> Request:
    headers = {f"ce-{name}": _line(value) for name, value in attributes.items() if name != "datacontenttype"}
    headers["content-type"] = "application/json" if chance.random() < 0.8 else chance.choice(MEDIA_TYPES)
    if chance.random() < 0.1:
        headers[f"ce-{chance.choice(('', 'x' * 300, 'a_b', 'data', 'ID', '۱'))}"] = _line(hostile.text(chance))
    body = (
        json.dumps(data).encode()
        if chance.random() < 0.85
        else mutating.spoiled_bytes(json.dumps(data).encode(), chance)
    )
    return Request(headers, body)


def _line(value: Any) -> str:
    """As a server hands a header on: bytes as Latin-1, no line's end, no NUL, no space around it."""
    text = value if isinstance(value, str) else json.dumps(value)
    raw = text.encode(errors="surrogatepass").decode("latin-1")
    return "".join(
        character for character in raw if (character >= " " and character != "\x7f") or character == "\t"
    ).strip()
