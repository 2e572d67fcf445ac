"""A CloudEvent on its way through the broker: read from HTTP as Knative's ingress reads it, kept, and written again.

The broker looks at attributes and never at data: its bytes leave as they came. What is taken and what is refused
follows the reference broker, whose Go SDK is stricter here and laxer there than the specification.
Source: https://github.com/cloudevents/sdk-go (v2/binding, v2/event); https://github.com/cloudevents/spec.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from local.broker.moments import BadTime, in_utc

ARRIVED = "knativearrivaltime"
TTL = "knativebrokerttl"
MAX_TTL = 255
KEPT_HEADERS = ("x-request-id", "retry-after", "traceparent", "tracestate")
KEPT_PREFIXES = ("knative-", "x-b3-")

_NAME = re.compile(r"[a-z0-9]+\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_MEDIA_TYPE = re.compile(r"[\w!#$%&'*+.^`|~-]+(/[\w!#$%&'*+.^`|~-]+)?\s*(;.*)?\Z", re.ASCII)
_CONTEXT = frozenset({"specversion", "id", "source", "type", "subject", "time", "dataschema", "schemaurl"})


class Unreadable(Exception):
    """There is no event in it: a broken envelope, a name or a value that can't be one."""


class Incomplete(Exception):
    """An event, but one that lacks what every event must have."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event with the headers that travel along. `attributes` are all but the content type; every value is text."""

    attributes: Mapping[str, str]
    content_type: str | None
    data: bytes
    headers: tuple[tuple[str, str], ...] = ()
    ttl: int = MAX_TTL

    @property
    def matchable(self) -> dict[str, str]:
        """What filters see."""
        seen = dict(self.attributes)
        if self.content_type:
            seen["datacontenttype"] = self.content_type
        return seen

    def in_binary_mode(self) -> dict[str, str]:
        """The headers of one HTTP message that carries it; the body is `data`."""
        headers = {f"ce-{name}": value for name, value in self.attributes.items()}
        if self.content_type:
            headers["content-type"] = self.content_type
        headers.update(self.headers)
        return headers

    def admitted(self, now: str) -> "Event":
        """As the ingress passes it on: one hop older, its arrival noted. Raises Incomplete at the end of its life."""
        attributes = dict(self.attributes)
        ttl = _hops_left(attributes.pop(TTL, None))
        if ttl <= 0:
            raise Incomplete(f"{TTL} is used up")
        attributes[ARRIVED] = now
        return replace(self, attributes=attributes, ttl=ttl)

    def with_ttl(self) -> "Event":
        """The same with its hop count to be seen: what a reply starts from, and what a dead letter shows."""
        return replace(self, attributes={**self.attributes, TTL: str(self.ttl)})

    def packed(self) -> tuple[bytes, bytes]:
        """What is kept of it: the envelope and the data. `unpacked` reads it."""
        envelope = [self.attributes, self.content_type, self.headers, self.ttl]
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode(), self.data


def unpacked(envelope: bytes, data: bytes) -> Event:
    """The event that `Event.packed` kept."""
    attributes, content_type, headers, ttl = json.loads(envelope)
    return Event(attributes, content_type, data, tuple((name, value) for name, value in headers), ttl)


def read(raw: Iterable[tuple[bytes, bytes]], body: bytes) -> Event | None:
    """The event of an HTTP message, in either mode; None when it doesn't claim to be one.

    *raw* are its headers as received, names in lower case. Raises Unreadable and Incomplete.
    """
    headers: dict[str, str] = {}
    try:
        for name, value in raw:
            headers.setdefault(name.decode("ascii"), value.decode())
    except UnicodeDecodeError:
        raise Unreadable("a header is not UTF-8") from None
    kept = tuple((name, value) for name, value in headers.items() if _travels(name))
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/cloudevents+json":
        return _structured(body, kept)
    if media_type == "application/cloudevents-batch+json":
        raise Unreadable("a batch")
    if headers.get("ce-specversion") in ("1.0", "0.3"):
        attributes = {name[3:]: value for name, value in headers.items() if name.startswith("ce-")}
        return _checked(attributes, headers.get("content-type"), body, kept)
    return None


def _travels(name: str) -> bool:
    return name in KEPT_HEADERS or name.startswith(KEPT_PREFIXES)


def _structured(body: bytes, kept: tuple[tuple[str, str], ...]) -> Event:
    members = _members(body)
    attributes: dict[str, str] = {}
    for name, (value, _) in members.items():
        if name.lower() in _CONTEXT and name != name.lower():
            raise Unreadable(f"{name} is not how that attribute is written")
        if name not in ("data", "data_base64") and (text := _text(name, value)) is not None:
            attributes[name.lower()] = text
    for optional in ("subject", "time", "dataschema", "datacontenttype"):
        if attributes.get(optional) == "":
            del attributes[optional]
    content_type = attributes.pop("datacontenttype", None)
    if attributes.get("specversion") not in ("1.0", "0.3"):
        raise Unreadable("specversion is not 1.0 or 0.3")
    in_base64 = attributes["specversion"] == "0.3" and attributes.pop("datacontentencoding", None) == "base64"
    return _checked(attributes, content_type, _data(members, content_type, in_base64), kept)


def _members(body: bytes) -> dict[str, tuple[Any, str]]:
    """The members of a JSON object, each with its value and the very text of it, so that data can leave as it came."""
    try:
        text = body.decode()
        if not isinstance(json.loads(text, parse_constant=_no_constant), dict):
            raise Unreadable("not a JSON object")
    except (ValueError, RecursionError) as problem:
        raise Unreadable(f"not JSON: {problem}") from None
    decoder = json.JSONDecoder()
    members: dict[str, tuple[Any, str]] = {}
    at = _past_space(text, text.index("{") + 1)
    while text[at] == '"':
        name, at = decoder.raw_decode(text, at)
        start = _past_space(text, _past_space(text, at) + 1)  # past the colon
        value, end = decoder.raw_decode(text, start)
        members[name] = (value, text[start:end])
        at = _past_space(text, end)
        if text[at] == ",":
            at = _past_space(text, at + 1)
    return members


def _past_space(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _text(name: str, value: Any) -> str | None:
    """A value as a header shows it. A number loses its fraction, as it does in the reference."""
    if value is None:
        return None
    if isinstance(value, str) and not _SURROGATE.search(value):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and abs(value) < 2**31:
        return str(int(value))
    raise Unreadable(f"{name} is not a value that an attribute can have")


def _data(members: Mapping[str, tuple[Any, str]], content_type: str | None, in_base64: bool) -> bytes:
    if "data" in members and "data_base64" in members:
        raise Unreadable("data is there twice")
    value, raw = members.get("data_base64") or members.get("data") or (b"", "")
    if "data_base64" in members or (in_base64 and "data" in members):
        try:
            return b64decode(value, validate=True)
        except (ValueError, TypeError):
            raise Unreadable("data_base64 is not base64") from None
    if content_type is None or _is_json(content_type):
        return raw.encode()
    if "data" in members and not isinstance(value, str):
        raise Unreadable(f"data of {content_type} must be a string")
    return value.encode(errors="replace") if isinstance(value, str) else b""


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in ("application/json", "text/json") or media_type.endswith("+json")


def _checked(
    attributes: dict[str, str], content_type: str | None, data: bytes, kept: tuple[tuple[str, str], ...]
) -> Event:
    for name, value in attributes.items():
        if not _NAME.match(name):
            raise Unreadable(f"{name} can't be an attribute's name")
        if _CONTROL.search(value):  # it could not be a header of the delivery
            raise Unreadable(f"{name} holds a control character")
    if "time" in attributes:
        try:
            attributes["time"] = in_utc(attributes["time"])
        except BadTime as problem:
            raise Unreadable(str(problem)) from None
    for optional in ("subject", "dataschema"):
        if attributes.get(optional, "?").strip() == "":
            del attributes[optional]
    if "source" in attributes:
        _check_uri("source", attributes["source"])
    if "dataschema" in attributes and attributes["specversion"] == "1.0":
        _check_uri("dataschema", attributes["dataschema"])
        if not _SCHEME.match(attributes["dataschema"]):
            raise Incomplete("dataschema is not absolute")
    for required in ("id", "source", "type"):
        if not attributes.get(required, "").strip():
            raise Incomplete(f"{required} is missing")
    content_type = (content_type or "").strip() or None
    if content_type and not _MEDIA_TYPE.match(content_type):
        raise Incomplete("datacontenttype is not a media type")
    return Event(attributes, content_type, data, kept)


def _check_uri(name: str, value: str) -> None:
    """Raises Unreadable where Go's url.Parse would not take it for a URI reference."""
    try:
        bad = bool(_BAD_ESCAPE.search(value)) or urlsplit(value).port == -1
    except ValueError:
        bad = True
    first, _, _ = value.partition("/")
    if bad or (":" in first and not _SCHEME.match(value)):
        raise Unreadable(f"{name} is not a URI reference")


def _hops_left(incoming: str | None) -> int:
    """One less than came in; the most there is when nothing came, or nothing readable."""
    if incoming is None or not re.fullmatch(r"[+-]?[0-9]{1,10}", incoming) or abs(int(incoming)) >= 2**31:
        return MAX_TTL
    return int(incoming) - 1
