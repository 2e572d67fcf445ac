"""What the bot may answer from."""

from typing import ClassVar
from uuid import UUID

from events.envelope import Event


class KnowledgeUploaded(Event):
    """A document has work open: a new version to read, vectors to make, or leftovers to remove. At least once an upload
    or deletion; embed-chunk, which consumes it, emits it again until nothing is open."""

    type: ClassVar[str] = "ir.xinbot.knowledge.uploaded.v1"
    subject_field: ClassVar[str] = "asset"

    asset: UUID
