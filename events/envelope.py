"""How an event of ours travels: CloudEvents 1.0 over HTTP, binary when we send, binary or structured when we read.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID, uuid4

from cloudevents.http import CloudEvent, from_http
from pydantic import BaseModel, ConfigDict, ValidationError

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Not allowed in an attribute (CloudEvents 1.0, Type System), and refused by every store that would keep one."""


class NotAnEvent(Exception):
    """The request carries no CloudEvent 1.0. Answer 400; nothing is kept."""


class BatchNotTaken(Exception):
    """A batch of CloudEvents: we take one at a time. Answer 415."""


class BadData(Exception):
    """An event of ours that does not fit its schema. No retry will mend it."""


class Event(BaseModel):
    """A fact. A subclass names it in `type`, in the past tense, and carries the version in that name."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    type: ClassVar[str]
    subject_field: ClassVar[str]
    """The field that says what it is about; it becomes the CloudEvent's subject and partition key."""

    tenant: UUID


class Context(BaseModel):
    """What travels around an event."""

    model_config = ConfigDict(frozen=True)

    id: str
    source: str
    correlation_id: str
    traceparent: str = ""

    @classmethod
    def start(cls, source: str, *, correlation_id: str | None = None) -> Self:
        """The first event of a chain. *source* names the function and, where there is one, the channel's kind."""
        return cls(id=str(uuid4()), source=source, correlation_id=correlation_id or str(uuid4()))

    def follow(self, source: str) -> Self:
        """The surroundings of an event that this one caused: a new id, the same correlation and trace."""
        return self.model_copy(update={"id": str(uuid4()), "source": source})

    @classmethod
    def of(cls, received: CloudEvent) -> Self:
        """The surroundings of an event that came in."""
        return cls(
            id=str(received["id"]),
            source=str(received["source"]),
            correlation_id=str(received.get("correlationid") or received["id"]),
            traceparent=str(received.get("traceparent") or ""),
        )


def to_http(event: Event, context: Context) -> tuple[dict[str, str], bytes]:
    """Headers and body of the binary mode."""
    subject = str(getattr(event, event.subject_field))
    headers = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": context.id,
        "ce-source": context.source,
        "ce-type": event.type,
        "ce-subject": subject,
        "ce-time": datetime.now(UTC).isoformat(),
        "ce-tenantid": str(event.tenant),
        "ce-partitionkey": subject,
        "ce-correlationid": context.correlation_id,
    }
    if context.traceparent:
        headers["ce-traceparent"] = headers["traceparent"] = context.traceparent
    return headers, event.model_dump_json(exclude={"tenant"}).encode()


def from_request(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """The CloudEvent of a request, whatever it is about. Raises NotAnEvent, BatchNotTaken."""
    if headers.get("content-type", "").lower().startswith("application/cloudevents-batch"):
        raise BatchNotTaken
    try:
        received = from_http(dict(headers), body)
    except Exception as problem:  # the SDK lets KeyError, UnicodeError and its own through alike
        raise NotAnEvent(f"not a CloudEvent: {type(problem).__name__}") from problem
    required = [received.get(name) for name in ("id", "source", "type")]
    if received["specversion"] != "1.0" or not all(value and isinstance(value, str) for value in required):
        raise NotAnEvent("not a CloudEvent 1.0 with id, source and type")
    if not all(_is_plain(value) for value in received.get_attributes().values()):
        raise NotAnEvent("an attribute holds what none can hold")
    return received


def _is_plain(value: object) -> bool:
    """Whether an attribute may have this value: text, or in the structured mode a number or a truth."""
    if isinstance(value, str):
        return not _UNSTORABLE.search(value)
    return value is None or isinstance(value, int)


E = TypeVar("E", bound=Event)


def data_of(received: CloudEvent, model: type[E]) -> E:
    """The received event as *model*; its tenant is the one that the extension `tenantid` claims. Raises BadData."""
    try:
        data: Any = received.data
        if isinstance(data, str | bytes):
            data = json.loads(data)
        return model.model_validate({**data, "tenant": received.get("tenantid")})
    except (ValidationError, ValueError, TypeError) as problem:
        raise BadData(f"{received['type']}: {type(problem).__name__}") from problem
