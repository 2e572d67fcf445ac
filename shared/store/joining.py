"""Joining what a provider told with the part that it speaks of, whichever of the two came first.

Each side commits its own row and looks for the other in a new statement; the tick joins what is left.
"""

from dataclasses import dataclass
from uuid import UUID

from shared.store import parts
from shared.store.tenancy import Db

# The part is known by our own id, where the provider gave it back, or by the provider's.
OPEN = """
    SELECT e.id, e.payload ->> 'state' AS state, e.payload ->> 'reason' AS reason,
           p.id AS part, p.conversation_id, p.message_id
      FROM provider_events e
      JOIN outbound_parts p ON p.channel_id = e.channel_id
           AND (p.id = e.part_id OR p.provider_id = e.provider_id OR p.provider_id_again = e.provider_id)
     WHERE e.channel_id = %(channel)s AND e.joined_at IS NULL AND e.kind IN ('status', 'read', 'echo')
       AND (%(provider_id)s::text IS NULL OR e.provider_id = %(provider_id)s)
     ORDER BY e.created_at LIMIT 500
"""

JOINED = "UPDATE provider_events SET joined_at = clock_timestamp(), part_id = %s WHERE id = %s"


@dataclass(frozen=True)
class Changed:
    """A part whose state went up."""

    part: UUID
    conversation: UUID
    message: UUID
    state: str


async def join(db: Db, channel: UUID, *, provider_id: str | None = None) -> list[Changed]:
    """Joins the channel's open events, or those of one *provider_id*; returns the parts that changed."""
    rows = await (await db.execute(OPEN, {"channel": channel, "provider_id": provider_id})).fetchall()
    changed = []
    for event, state, reason, part, conversation, message in rows:
        if state and await parts.advance(db, part, state, reason=reason):
            changed.append(Changed(part, conversation, message, state))
        await db.execute(JOINED, (part, event))
    return changed
