"""Reading and keeping an event, whatever is in it."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.broker.events import Event, Incomplete, Unreadable, read, unpacked

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy

HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ce-id", "ce-source", "ce-type", "ce-specversion", "ce-time", "ce-x", "content-type", "ce-"]
        ).map(str.encode),
        st.sampled_from([b"1.0", b"0.3", b"application/cloudevents+json", b"2026-03-21T00:00:00Z"])
        | st.binary(max_size=20),
    ),
    max_size=8,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["id", "source", "type", "time", "data", "data_base64", "datacontenttype", "subject", "x", "ID"]
)


@unhurried
@given(HEADERS, st.binary(max_size=50))
def test_any_request(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Whatever is sent, it is an event, no event, or refused in one of two known ways."""
    try:
        event = read(headers, body)
    except (Unreadable, Incomplete):
        return
    assert event is None or _complete(event)


@unhurried
@given(st.dictionaries(MEMBERS, JSON), st.booleans())
def test_any_envelope(members: dict[str, Any], spaced: bool) -> None:
    """Whatever members a structured event has, it is read or refused, and what was read can be sent and kept."""
    body = json.dumps({"specversion": "1.0", **members}, indent=2 if spaced else None).encode()
    try:
        event = read([(b"content-type", b"application/cloudevents+json")], body)
    except (Unreadable, Incomplete):
        return
    assert event is not None
    assert _complete(event)
    assert unpacked(*event.packed()) == event
    if "data" in members and event.content_type is None:
        assert json.loads(event.data) == members["data"]


def _complete(event: Event) -> bool:
    headers = event.in_binary_mode()
    assert not any(character in value for value in headers.values() for character in "\r\n\0")
    assert all(value.encode() is not None for value in headers.values())
    return all(headers[f"ce-{name}"] for name in ("id", "source", "type", "specversion"))
