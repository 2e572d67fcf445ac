"""The language the functions speak: one module a subject, one frozen model an event.

An event exists only when a function consumes it, and only says "look now": rows are the truth. A new field comes with a
default; a changed meaning is a new `.vN`, and consumers take N and N-1 for one release.
"""

from events.automations import AutomationDue
from events.envelope import BadData, BatchNotTaken, Context, Event, NotAnEvent, data_of, from_request, to_http
from events.knowledge import KnowledgeUploaded
from events.messages import MessageReceived
from events.replies import ReplyBegun, ReplyComposed
from events.statuses import StatusReceived

EVENTS: tuple[type[Event], ...] = (
    MessageReceived,
    StatusReceived,
    ReplyBegun,
    ReplyComposed,
    KnowledgeUploaded,
    AutomationDue,
)

__all__ = [
    "EVENTS",
    "AutomationDue",
    "BadData",
    "BatchNotTaken",
    "Context",
    "Event",
    "KnowledgeUploaded",
    "MessageReceived",
    "NotAnEvent",
    "ReplyBegun",
    "ReplyComposed",
    "StatusReceived",
    "data_of",
    "from_request",
    "to_http",
]
