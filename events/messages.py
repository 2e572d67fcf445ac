"""What customers do."""

from typing import ClassVar
from uuid import UUID

from pydantic import PositiveInt

from events.envelope import Event


class MessageReceived(Event):
    """A customer's message stands in the database and waits for an answer. At least once a message, and again from the
    tick while it stays unanswered; the row says what was written. Consumed by orchestrate."""

    type: ClassVar[str] = "ir.xinbot.message.received.v1"
    subject_field: ClassVar[str] = "conversation"

    conversation: UUID
    seq: PositiveInt
    """The newest customer message's place in the conversation, as far as the sender knew."""
