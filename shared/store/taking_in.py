"""Taking in what a webhook brought: messages (S1) and the provider's other events, each stored once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from shared.store.jsonb import jsonb
from shared.store.tenancy import Db

STORE_MESSAGE = """
    SELECT conversation_id AS conversation, message_id AS message, seq, duplicate
      FROM store_message(%(tenant)s, %(channel)s, %(sender)s, %(reply_to)s, %(name)s, %(language)s, %(provider_id)s,
                         %(kind)s, %(text)s, %(payload)s, %(sent_at)s, %(correlation)s)
"""

# Who blocks us can't be written to until they unblock us, or write (S1).
STORE_EVENT = """
    WITH told AS (
      INSERT INTO provider_events (tenant_id, channel_id, key, kind, provider_id, part_id, payload)
      SELECT %(tenant)s, %(channel)s, %(key)s, %(kind)s, %(provider_id)s, %(part)s, %(payload)s
      ON CONFLICT (channel_id, key) DO NOTHING RETURNING kind, payload)
    UPDATE contacts SET unreachable_at = CASE told.kind WHEN 'blocked' THEN clock_timestamp() END
      FROM told WHERE told.kind IN ('blocked', 'unblocked')
       AND contacts.channel_id = %(channel)s AND contacts.external_id = told.payload ->> 'recipient'
"""


@dataclass(frozen=True)
class Taken:
    """Where a message stands. `duplicate`: it was there before, and nothing changed."""

    conversation: UUID
    message: UUID
    seq: int
    duplicate: bool


@dataclass(frozen=True)
class NewMessage:
    """A customer's message, in our words. `provider_id` is unique in its channel."""

    sender: str
    provider_id: str
    kind: str
    text: str
    reply_to: str | None = None
    name: str | None = None
    language: str | None = None
    payload: dict[str, Any] | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True)
class NewEvent:
    """What else a provider told: `key` is unique in its channel, `part` ours if it gave that back."""

    key: str
    kind: str
    provider_id: str | None
    part: UUID | None
    payload: dict[str, Any]


async def store_message(db: Db, tenant: UUID, channel: UUID, message: NewMessage, *, correlation: str) -> Taken:
    """S1. One round trip and, on a connection in autocommit, one commit: the statement opens the tenant itself.

    A new contact gets its conversation; a resolved conversation goes back to the bot.
    """
    cursor = db.cursor(row_factory=class_row(Taken))
    await cursor.execute(
        STORE_MESSAGE,
        {
            "tenant": tenant,
            "channel": channel,
            "sender": message.sender,
            "reply_to": message.reply_to,
            "name": message.name,
            "language": message.language,
            "provider_id": message.provider_id,
            "kind": message.kind,
            "text": message.text.replace("\0", ""),
            "payload": jsonb(message.payload) if message.payload is not None else None,
            "sent_at": message.sent_at,
            "correlation": correlation,
        },
    )
    taken = await cursor.fetchone()
    assert taken is not None
    return taken


async def store_events(db: Db, tenant: UUID, channel: UUID, events: Sequence[NewEvent]) -> None:
    """Stores each once, inside the tenant's transaction; deliver joins them with their parts."""
    rows = [
        {
            "tenant": tenant,
            "channel": channel,
            "key": event.key,
            "kind": event.kind,
            "provider_id": event.provider_id,
            "part": event.part,
            "payload": jsonb(event.payload),
        }
        for event in events
    ]
    await db.cursor().executemany(STORE_EVENT, rows)
