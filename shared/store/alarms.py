"""Who waits for an answer, whichever step lost it: the tick's view across tenants, and a tenant's own.

Both ask `customers_waiting` (migration 0007). A conversation that a person has taken over is not in it: its waiting is
theirs, and the inbox shows it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg.rows import class_row
from pydantic import BaseModel

from shared.store.inbox import ConversationStatus
from shared.store.pages import Before, page
from shared.store.tenancy import Db, Store

LOOK = """
    SELECT tenant_id AS tenant, conversation_id AS conversation, channel_id AS channel, why, seq,
           correlation_id AS correlation, seconds, alike
      FROM alarms(%(limit)s, %(known)s)
"""

LIST = """
    SELECT w.conversation_id, c.status, w.channel_id, h.kind AS channel_kind, h.name AS channel_name,
           t.name AS contact_name, w.why, w.seq, w.correlation_id, w.since,
           coalesce(p.reason, CASE WHEN w.why IN ('channel_blocked', 'channel_off') THEN h.last_error END) AS reason,
           extract(epoch FROM clock_timestamp() - w.since)::float AS seconds
      FROM customers_waiting() w
      JOIN conversations c ON c.id = w.conversation_id
      JOIN channels h ON h.id = w.channel_id
      JOIN contacts t ON t.id = c.contact_id
      LEFT JOIN outbound_parts p ON p.id = w.part_id
     WHERE %(before_at)s::timestamptz IS NULL OR (w.since, w.conversation_id) > (%(before_at)s, %(before_id)s::uuid)
     ORDER BY w.since, w.conversation_id LIMIT %(limit)s
"""

Why = Literal[
    "not_taken",
    "handler_gone",
    "being_answered",
    "not_sent",
    "sent_later",
    "sender_gone",
    "being_sent",
    "channel_blocked",
    "channel_off",
    "perhaps_sent",
    "refused",
]


@dataclass(frozen=True)
class Waiting:
    """A conversation whose customer waits, for so many `seconds`. `alike`: how many wait for the same cause in all."""

    tenant: UUID
    conversation: UUID
    channel: UUID
    why: str
    seq: int | None
    correlation: str | None
    seconds: float
    alike: int


class Alarm(BaseModel):
    """A conversation whose customer has had no answer for a minute or longer.

    What holds it up, `why`. No turn was committed: not_taken (nobody has begun), handler_gone (who had begun has
    vanished), being_answered (somebody has it and gives signs of life). A message of ours has not left: not_sent
    (nobody tries), sent_later (the provider asked us to wait), being_sent, sender_gone (who was sending has vanished),
    channel_blocked (the provider refuses the channel, mostly for its token), channel_off (it is switched off here).
    Nothing more will be tried: refused (by the provider, for good), perhaps_sent (its answers were lost).
    """

    conversation_id: UUID
    status: ConversationStatus
    channel_id: UUID
    channel_kind: str
    channel_name: str
    contact_name: str | None
    why: Why
    reason: str | None
    """In the provider's words, where it said something."""
    seq: int | None
    """The customer's oldest message without an answer, or our message that has not left."""
    correlation_id: str | None
    """That message's path through logs and traces."""
    since: datetime
    """When the customer began to wait for the bot."""
    seconds: float


async def look(store: Store, *, limit: int, known: Collection[UUID]) -> list[Waiting]:
    """Of all who wait *limit*, every tenant's longest first and the longest of every cause among them.

    Behind these the conversations of *known* that wait still. Raises DatabaseAway.
    """
    async with store.connection() as db:
        cursor = db.cursor(row_factory=class_row(Waiting))
        await cursor.execute(LOOK, {"limit": limit, "known": list(known)})
        return await cursor.fetchall()


async def list_waiting(db: Db, *, after: Before, limit: int) -> list[Alarm]:
    """Who waits longest comes first; *after* is (since, conversation)."""
    cursor = db.cursor(row_factory=class_row(Alarm))
    return await (await cursor.execute(LIST, page(after, limit))).fetchall()
