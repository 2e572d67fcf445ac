"""Every event that travels, read by the SDK of CloudEvents in all its modes, and CloudEvents' own conformance cases."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cloudevents import kafka
from cloudevents import pydantic as sdk_pydantic
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent, from_http
from jsonschema import Draft202012Validator

from events import EVENTS, Context, Event, data_of, from_request
from events.catalogue import ROOT
from tests.console_api.shops import Shop
from tests.counterparties.day import TRACEPARENT, live_it
from tests.counterparties.emulator import Emulator
from tests.counterparties.house import House, Travelled, post_to

FEATURE = Path(os.environ.get("XIN_DATA", "-")) / "conformance" / "features-http-protocol-binding.feature"
by_type = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)


@pytest.fixture(scope="module")
async def day(house: House, shop: Shop, emulator: Emulator, owner_url: str) -> list[Travelled]:
    return await live_it(house, shop, emulator, owner_url)


def of(day: list[Travelled], event: type[Event]) -> list[Travelled]:
    """Those of a type; at least one: an event that nothing emits is no event."""
    found = [one for one in day if one.type == event.type]
    assert found, f"nothing emitted {event.type}"
    return found


def test_nothing_else_travels(day: list[Travelled]) -> None:
    """What travels is in the catalogue, has an id of its own, and is taken by somebody at once."""
    assert {one.type for one in day} == {event.type for event in EVENTS}
    assert len({(one.source, one.headers["ce-id"]) for one in day}) == len(day)
    assert {one.answers for one in day} == {(204,)}
    assert {one.source for one in day} >= {
        "/xin/ingress-telegram/telegram",
        "/xin/ingress-whatsapp/whatsapp",
        "/xin/ingress-instagram/instagram",
        "/xin/ingress-web/web",
        "/xin/console-api",
        "/xin/orchestrate",
        "/xin/automation-tick",
    }


@by_type
def test_binary(day: list[Travelled], event: type[Event]) -> None:
    """The SDK reads it as it travels, with the attributes and extensions that the specification wants of them."""
    for one in of(day, event):
        read = from_http(one.headers, one.body)

        assert read["specversion"] == "1.0"
        assert (read["id"], read["type"], read["source"]) == (str(UUID(read["id"])), event.type, one.source)
        assert read["subject"] == read["partitionkey"] == read.data[event.subject_field]
        assert read["datacontenttype"] == "application/json"
        assert datetime.fromisoformat(read["time"]).utcoffset() is not None
        assert UUID(read["tenantid"])
        assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in read.get_attributes())
        assert read.get("traceparent") == one.headers.get("traceparent")


@by_type
def test_structured(day: list[Travelled], event: type[Event]) -> None:
    """Turned into the structured mode by the SDK it is the same event, to the SDK and to us."""
    for one in of(day, event):
        read = from_http(one.headers, one.body)
        headers, body = to_structured(read)

        assert headers == {"content-type": "application/cloudevents+json"}
        assert_same(from_http(headers, body), read)
        assert_same(from_request(headers, body), read)
        assert data_of(from_request(headers, body), event) == data_of(from_request(one.headers, one.body), event)


@by_type
async def test_structured_is_taken(house: House, day: list[Travelled], event: type[Event]) -> None:
    """A broker that delivers in the structured mode is answered as one that delivers binary: 204, without a body."""
    headers, body = to_structured(from_http(of(day, event)[-1].headers, of(day, event)[-1].body))
    takers = [one for one in house.functions.values() if event.type in one._handlers]

    answers = [await post_to(taker, "/", headers, body) for taker in takers]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")]


@by_type
def test_round_trips(day: list[Travelled], event: type[Event]) -> None:
    """Binary again from the SDK's hand, over its pydantic model and over Kafka's binding, it is still the same."""
    for one in of(day, event):
        read = from_http(one.headers, one.body)
        modelled = sdk_pydantic.from_http(one.headers, one.body)

        for headers, body in (to_binary(read), to_binary(modelled), to_structured(modelled)):
            assert_same(from_request(headers, body), read)
            assert Context.of(from_request(headers, body)) == Context.of(from_request(one.headers, one.body))
        for message in (kafka.to_binary(read), kafka.to_structured(read)):
            assert message.key == read["subject"]
        assert_same(kafka.from_binary(kafka.to_binary(read)), read)
        assert_same(kafka.from_structured(kafka.to_structured(read)), read)


@by_type
def test_data(day: list[Travelled], event: type[Event]) -> None:
    """What it carries fits the schema that we publish for its type, and no more than that."""
    schema = json.loads((ROOT / "events" / "schemas" / f"{event.type}.json").read_text())
    Draft202012Validator.check_schema(schema)
    for one in of(day, event):
        data = json.loads(one.body)
        Draft202012Validator(schema).validate(data)
        assert data.keys() == schema["properties"].keys()


def test_trace_travels(day: list[Travelled]) -> None:
    """The trace in which a webhook came goes on through what it causes, under CloudEvents' name for it."""
    traced = [one for one in day if one.source.startswith("/xin/ingress-whatsapp")]

    traces = {from_http(one.headers, one.body).get("traceparent", "")[:35] for one in traced}

    assert traces == {TRACEPARENT[:35]}


def assert_same(one: Any, other: CloudEvent) -> None:
    """All attributes and the data."""
    ours, theirs = ({k: v for k, v in event.get_attributes().items() if v is not None} for event in (one, other))
    assert {name: str(value) for name, value in ours.items()} == {name: str(value) for name, value in theirs.items()}
    assert _parsed(one.data) == _parsed(other.data)


def _parsed(data: Any) -> Any:
    return json.loads(data) if isinstance(data, str | bytes) else data


# CloudEvents' own cases


@dataclass(frozen=True)
class Scenario:
    """A request of the feature file, and what has to be read in it."""

    title: str
    request: str
    attributes: dict[str, str]
    data: Any


def scenarios() -> list[Scenario]:
    """Every row of every `Examples`. https://github.com/cloudevents/conformance"""
    if not FEATURE.exists():
        return []
    outlines = FEATURE.read_text(encoding="utf-8").split("Scenario Outline:")[1:]
    return [one for outline in outlines for one in _filled(outline)]


def _filled(outline: str) -> Iterator[Scenario]:
    steps, examples = outline.split("Examples:")
    names, *rows = _table(examples)
    for row in rows:
        text = steps
        for name, value in zip(names, row, strict=True):
            text = text.replace(f"<{name}>", value)
        request, data = (_dedented(block) for block in re.findall(r'"""\n(.*?)\n\s*"""', text, re.DOTALL))
        _, *attributes = _table(text.split("Then the attributes are:")[1].split("And the data")[0])
        title = text.splitlines()[0].strip()
        yield Scenario(title, request, dict(attributes), json.loads(data))


def _table(text: str) -> list[tuple[str, ...]]:
    rows = [line.strip().strip("|") for line in text.splitlines() if line.strip().startswith("|")]
    return [tuple(cell.strip() for cell in row.split("|")) for row in rows]


def _dedented(block: str) -> str:
    lines = block.splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[margin:] for line in lines)


@pytest.mark.skipif(not FEATURE.exists(), reason="XIN_DATA with CloudEvents' conformance cases is not there")
def test_cases_are_read() -> None:
    """The feature file holds two ways of writing a content type in either mode: none is passed over."""
    assert len(scenarios()) == 4


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.title)
@pytest.mark.parametrize("read", [from_http, from_request], ids=["sdk", "ours"])
def test_conformance(read: Any, scenario: Scenario) -> None:
    """A request of CloudEvents' own cases is read by the SDK and by us as its author says."""
    head, _, body = scenario.request.partition("\n\n")
    headers = {
        name.lower(): value for name, value in (line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
    }

    event = read(headers, body.encode())

    given = {name: str(value) for name, value in event.get_attributes().items() if value is not None}
    assert given == scenario.attributes
    assert _parsed(event.data) == scenario.data
