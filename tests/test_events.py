"""The language of events: how it travels, and that its catalogue is what the models say."""

import json
import re
from uuid import uuid4

import pytest
from cloudevents.http import from_http

from events import (
    EVENTS,
    BadData,
    BatchNotTaken,
    Context,
    MessageReceived,
    NotAnEvent,
    ReplyComposed,
    data_of,
    from_request,
    to_http,
)
from events.catalogue import files


def test_catalogue_is_current() -> None:
    """The committed schemas and the page are what `make schemas` would write."""
    for path, content in files().items():
        assert path.read_text(encoding="utf-8") == content, f"{path.name} is stale: run `make schemas`"


def test_no_schema_without_event() -> None:
    """A schema whose event is gone goes with it."""
    wanted = {path.name for path in files() if path.suffix == ".json"}
    assert {path.name for path in next(iter(files())).parent.glob("*.json")} == wanted


@pytest.mark.parametrize("event", EVENTS)
def test_names(event: type) -> None:
    """ir.xinbot.<subject>.<past participle>.v<number>, and a docstring that says when it happens."""
    assert re.fullmatch(r"ir\.xinbot\.[a-z]+\.[a-z]+\.v[1-9]", event.type)  # type: ignore[attr-defined]
    assert event.__doc__


def test_round_trip() -> None:
    """What is sent in binary mode is read back the same, with its surroundings."""
    event = MessageReceived(tenant=uuid4(), conversation=uuid4(), seq=3)
    context = Context.start("/xin/test")

    received = from_request(*to_http(event, context))

    assert data_of(received, MessageReceived) == event
    assert Context.of(received) == context


def test_sdk_reads_ours() -> None:
    """The SDK of CloudEvents takes our binary mode, with the extensions that everybody relies on."""
    event = ReplyComposed(tenant=uuid4(), conversation=uuid4())
    headers, body = to_http(event, Context.start("/xin/test"))

    received = from_http(headers, body)

    assert received["partitionkey"] == received["subject"] == str(event.conversation)
    assert received["tenantid"] == str(event.tenant)


def test_structured_mode() -> None:
    """A structured event is as good as a binary one."""
    tenant, conversation = uuid4(), uuid4()
    envelope = {
        "specversion": "1.0",
        "id": "1",
        "source": "/xin/test",
        "type": ReplyComposed.type,
        "tenantid": str(tenant),
        "datacontenttype": "application/json",
        "data": {"conversation": str(conversation)},
    }
    received = from_request({"content-type": "application/cloudevents+json"}, json.dumps(envelope).encode())

    assert data_of(received, ReplyComposed) == ReplyComposed(tenant=tenant, conversation=conversation)


ENVELOPE = rb'{"specversion": "1.0", "id": "1", "source": "s", %s}'


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        ({"content-type": "application/json"}, b"{}"),
        ({"content-type": "application/cloudevents+json"}, b"{"),
        ({"content-type": "application/cloudevents+json"}, b"[]"),
        ({"content-type": "application/cloudevents+json"}, '"متن"'.encode()),
        ({"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "0.3"}, b""),
        ({"ce-id": "", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}, b""),
        ({"content-type": "application/cloudevents+json"}, ENVELOPE % rb'"type": ["t"]'),
        ({"content-type": "application/cloudevents+json"}, ENVELOPE % rb'"type": "t\u0000"'),
        ({"content-type": "application/cloudevents+json"}, ENVELOPE % rb'"type": "t", "subject": "\ud800"'),
        ({"content-type": "application/cloudevents+json"}, ENVELOPE % rb'"type": "t", "tenantid": {"a": 1}'),
    ],
)
def test_not_an_event(headers: dict[str, str], body: bytes) -> None:
    """What is no CloudEvent 1.0 is told apart from one of ours with bad data."""
    with pytest.raises(NotAnEvent):
        from_request(headers, body)


def test_batch() -> None:
    """A batch is its own refusal."""
    with pytest.raises(BatchNotTaken):
        from_request({"content-type": "application/cloudevents-batch+json"}, b"[]")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"conversation": 3}', b'{"conversation": null}'])
def test_bad_data(body: bytes) -> None:
    """One of ours whose data doesn't fit is bad data, whatever is in it."""
    headers, _ = to_http(ReplyComposed(tenant=uuid4(), conversation=uuid4()), Context.start("/xin/test"))
    with pytest.raises(BadData):
        data_of(from_request(headers, body), ReplyComposed)


def test_no_tenant() -> None:
    """An event of ours without a tenant is bad data."""
    headers, body = to_http(ReplyComposed(tenant=uuid4(), conversation=uuid4()), Context.start("/xin/test"))
    del headers["ce-tenantid"]
    with pytest.raises(BadData):
        data_of(from_request(headers, body), ReplyComposed)
