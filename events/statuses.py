"""What providers tell of our messages."""

from typing import ClassVar
from uuid import UUID

from events.envelope import Event


class StatusReceived(Event):
    """A provider's events about what we sent (statuses, echoes, reads) stand in the database and wait to be joined with
    their parts. At least once a webhook that brought any. Consumed by deliver."""

    type: ClassVar[str] = "ir.xinbot.status.received.v1"
    subject_field: ClassVar[str] = "channel"

    channel: UUID
