"""What we have to say."""

from typing import ClassVar
from uuid import UUID

from events.envelope import Event


class ReplyBegun(Event):
    """An answer is being written and takes a while. Again every few seconds while it does, lost without harm. Consumed
    by deliver, which shows the customer that somebody is typing."""

    type: ClassVar[str] = "ir.xinbot.reply.begun.v1"
    subject_field: ClassVar[str] = "conversation"

    conversation: UUID


class ReplyComposed(Event):
    """A conversation has parts to send: a turn was committed, a person wrote, or a wait is over. At least once a reply.
    Consumed by deliver, which sends what is due in order."""

    type: ClassVar[str] = "ir.xinbot.reply.composed.v1"
    subject_field: ClassVar[str] = "conversation"

    conversation: UUID
