"""What operators see of conversations: the list, one of them, its messages with what became of each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row
from pydantic import BaseModel

from shared.errors import NotFound
from shared.store.pages import Before, page
from shared.store.tenancy import Db

ConversationStatus = Literal["bot", "waiting", "human", "resolved"]

SUMMARY = """
    SELECT c.id, c.status, c.channel_id, h.kind AS channel_kind, h.name AS channel_name, h.brand_id, c.contact_id,
           t.name AS contact_name, c.owner_id, u.name AS owner_name, u.email AS owner_email, c.last_in, c.seq,
           last.text AS last_text, last.role AS last_role, last.kind AS last_kind,
           (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id AND m.role = 'customer'
               AND m.seq > greatest(c.answered, c.human_through)) AS unread,
           t.unreachable_at IS NOT NULL AS unreachable, c.created_at, c.updated_at
      FROM conversations c
      JOIN channels h ON h.id = c.channel_id
      JOIN contacts t ON t.id = c.contact_id
      LEFT JOIN users u ON u.id = c.owner_id
      LEFT JOIN LATERAL (SELECT left(m.text, 200) AS text, m.role, m.kind FROM messages m
                          WHERE m.conversation_id = c.id ORDER BY m.seq DESC LIMIT 1) last ON true
"""

LIST = f"""
    {SUMMARY}
     WHERE (%(before_at)s::timestamptz IS NULL OR (c.updated_at, c.id) < (%(before_at)s, %(before_id)s::uuid))
       AND (%(status)s::text IS NULL OR c.status = %(status)s)
       AND (%(channel)s::uuid IS NULL OR c.channel_id = %(channel)s)
     ORDER BY c.updated_at DESC, c.id DESC LIMIT %(limit)s
"""

GET = f"{SUMMARY} WHERE c.id = %s"

PLACE = """
    SELECT c.id AS conversation, c.channel_id AS channel, h.kind, c.epoch
      FROM conversations c JOIN channels h ON h.id = c.channel_id
     WHERE c.id = %s
"""

MESSAGES = """
    SELECT m.id, m.seq, m.role, m.kind, m.text, m.created_at AS at, m.turn_id, m.author_id,
           coalesce(nullif(u.name, ''), u.email) AS author_name, m.sources, p.states, p.reason,
           coalesce(p.maybe_twice, false) AS maybe_twice
      FROM messages m
      LEFT JOIN users u ON u.id = m.author_id
      LEFT JOIN LATERAL (SELECT array_agg(o.state ORDER BY o.ordinal) AS states, bool_or(o.maybe_twice) AS maybe_twice,
                                max(o.reason) FILTER (WHERE o.state IN ('failed', 'unknown', 'queued')) AS reason
                           FROM outbound_parts o WHERE o.message_id = m.id) p ON true
     WHERE m.conversation_id = %(conversation)s
       AND (%(after)s::bigint IS NULL OR m.seq > %(after)s) AND (%(before)s::bigint IS NULL OR m.seq < %(before)s)
       AND (%(message)s::uuid IS NULL OR m.id = %(message)s)
"""

FOLDED = ("failed", "unknown", "queued", "sending", "cancelled", "accepted", "sent", "delivered", "read")
"""What a message of several parts shows: the first of these that any part has."""


class Conversation(BaseModel):
    """A line of the inbox. *unread*: customer messages that neither the bot nor a person has answered."""

    id: UUID
    status: ConversationStatus
    channel_id: UUID
    channel_kind: str
    channel_name: str
    brand_id: UUID
    contact_id: UUID
    contact_name: str | None
    owner_id: UUID | None
    owner_name: str | None
    owner_email: str | None
    last_in: int
    seq: int
    last_text: str | None
    last_role: str | None
    last_kind: str | None
    unread: int
    unreachable: bool
    created_at: datetime
    updated_at: datetime


class Place(BaseModel):
    """Where a conversation happens, and its epoch."""

    conversation: UUID
    channel: UUID
    kind: str
    epoch: int


class Message(BaseModel):
    """One message. *states*: those of its parts in order; None for what came in."""

    id: UUID
    seq: int
    role: str
    kind: str
    text: str
    at: datetime
    turn_id: UUID | None
    author_id: UUID | None
    author_name: str | None
    sources: list[dict[str, Any]]
    states: list[str] | None
    maybe_twice: bool
    reason: str | None


def fold(states: Sequence[str] | None) -> str | None:
    """One state for a whole message; None where nothing is sent."""
    return next((state for state in FOLDED if state in states), None) if states else None


async def list_recent(
    db: Db, *, status: ConversationStatus | None, channel: UUID | None, before: Before, limit: int
) -> list[Conversation]:
    """The one where something happened last comes first; *before* is (updated_at, id)."""
    cursor = db.cursor(row_factory=class_row(Conversation))
    return await (await cursor.execute(LIST, page(before, limit, status=status, channel=channel))).fetchall()


async def get(db: Db, conversation: UUID) -> Conversation:
    """Raises NotFound."""
    cursor = db.cursor(row_factory=class_row(Conversation))
    row = await (await cursor.execute(GET, (conversation,))).fetchone()
    if row is None:
        raise NotFound("no such conversation")
    return row


async def place(db: Db, conversation: UUID) -> Place:
    """Raises NotFound."""
    cursor = db.cursor(row_factory=class_row(Place))
    row = await (await cursor.execute(PLACE, (conversation,))).fetchone()
    if row is None:
        raise NotFound("no such conversation")
    return row


async def messages(
    db: Db, conversation: UUID, *, after: int | None = None, before: int | None = None, limit: int
) -> list[Message]:
    """Oldest first: with *after* the first above that seq, else the newest below *before*. Raises NotFound."""
    await place(db, conversation)
    order = " ORDER BY m.seq LIMIT %(limit)s" if after is not None else " ORDER BY m.seq DESC LIMIT %(limit)s"
    rows = await _messages(
        db, order, {"conversation": conversation, "after": after, "before": before, "message": None, "limit": limit}
    )
    return rows if after is not None else rows[::-1]


async def message(db: Db, conversation: UUID, message: UUID) -> Message:
    """Raises NotFound."""
    values = {"conversation": conversation, "after": None, "before": None, "message": message}
    found = await _messages(db, "", values)
    if not found:
        raise NotFound("no such message")
    return found[0]


async def _messages(db: Db, order: str, values: dict[str, Any]) -> list[Message]:
    cursor = db.cursor(row_factory=class_row(Message))
    return await (await cursor.execute(MESSAGES + order, values)).fetchall()
