"""The widget's visitors: their sessions, and what a visitor may see of the conversation.

A token is known only by its hash. A session lives for 30 days from its last use.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from pydantic import BaseModel

from shared.store.jsonb import jsonb
from shared.store.tenancy import Db, Store, one

LIFE_DAYS = 30
TOKEN_BYTES = 32

WIDGET = """
    SELECT h.tenant_id AS tenant, h.id AS channel, h.settings -> 'allowed_origins' AS origins,
           b.name AS brand, p.body AS persona
      FROM channels h JOIN brands b ON b.id = h.brand_id
      LEFT JOIN personas p ON p.brand_id = b.id AND p.status = 'published'
     WHERE h.id = %s AND h.kind = 'web' AND h.enabled
"""

# One statement: nobody else can know the ids yet, so there is nothing to lock.
OPEN = """
    WITH contact AS (
      INSERT INTO contacts (tenant_id, channel_id, external_id, language, attributes)
      VALUES (%(tenant)s, %(channel)s, %(visitor)s, %(language)s, %(attributes)s) RETURNING id
    ), conversation AS (
      INSERT INTO conversations (tenant_id, channel_id, contact_id)
      SELECT %(tenant)s, %(channel)s, id FROM contact RETURNING id, contact_id
    )
    INSERT INTO web_sessions (tenant_id, channel_id, contact_id, conversation_id, token_hash, expires_at)
    SELECT %(tenant)s, %(channel)s, contact_id, id, %(token_hash)s, clock_timestamp() + make_interval(days => %(days)s)
      FROM conversation
    RETURNING conversation_id
"""

GET = """
    SELECT s.id, s.tenant_id AS tenant, s.channel_id AS channel, s.conversation_id AS conversation,
           t.external_id AS visitor, h.settings -> 'allowed_origins' AS origins
      FROM web_sessions s JOIN contacts t ON t.id = s.contact_id JOIN channels h ON h.id = s.channel_id
     WHERE s.id = %s AND h.enabled
"""

# Once a day is enough, and spares a write on every call.
PROLONG = """
    UPDATE web_sessions SET expires_at = clock_timestamp() + make_interval(days => %(days)s)
     WHERE id = %(session)s AND expires_at < clock_timestamp() + make_interval(days => %(days)s - 1)
"""

# Of ours only what has left: what is queued may still be cancelled.
HAS_LEFT = """
    EXISTS (SELECT 1 FROM outbound_parts p
             WHERE p.message_id = m.id AND p.state IN ('accepted', 'sent', 'delivered', 'read', 'unknown'))
"""

SHOWN = f"""
    SELECT m.id, m.seq, m.role, m.text, m.created_at AS at, m.sources, m.payload ->> 'client_msg_id' AS client_msg_id,
           u.epoch, u.n
      FROM messages m LEFT JOIN turns u ON u.id = m.turn_id
     WHERE m.conversation_id = %(conversation)s AND m.seq > %(after)s AND (m.role = 'customer' OR {HAS_LEFT})
     ORDER BY m.seq LIMIT %(limit)s
"""  # noqa: S608

NEWEST = f"""
    SELECT m.seq FROM messages m
     WHERE m.conversation_id = %s AND (m.role = 'customer' OR {HAS_LEFT}) ORDER BY m.seq DESC LIMIT 1
"""  # noqa: S608

STANDING = """
    SELECT c.epoch, coalesce((SELECT min(p.seq) - 1 FROM outbound_parts p
                               WHERE p.conversation_id = c.id AND p.state IN ('queued', 'sending')), c.seq) AS settled
      FROM conversations c WHERE c.id = %s
"""

READ_THROUGH = """
    UPDATE conversations SET read_through = greatest(read_through, least(%(seq)s, seq)) WHERE id = %(conversation)s
"""

# `sending`: the visitor may see a message, and tell so, before deliver has recorded that it left.
READ_EVENTS = """
    INSERT INTO provider_events (tenant_id, channel_id, key, kind, part_id, payload)
    SELECT p.tenant_id, p.channel_id, 'read:' || p.id, 'read', p.id, %(payload)s FROM outbound_parts p
     WHERE p.conversation_id = %(conversation)s AND p.seq <= %(seq)s
       AND p.state IN ('sending', 'unknown', 'accepted', 'sent', 'delivered')
    ON CONFLICT (channel_id, key) DO NOTHING
"""


UNREAD = f"""
    SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id
     WHERE c.id = %(conversation)s AND m.seq > c.read_through AND m.role <> 'customer' AND {HAS_LEFT}
"""  # noqa: S608


@dataclass(frozen=True)
class Widget:
    """A web channel that is switched on. *origins*: the sites whose pages may use it."""

    tenant: UUID
    channel: UUID
    origins: list[str] | None
    brand: str
    persona: dict[str, Any] | None


@dataclass(frozen=True)
class Session:
    """A visitor and the one conversation that is theirs. *visitor* is the contact's id outside."""

    id: UUID
    tenant: UUID
    channel: UUID
    conversation: UUID
    visitor: str
    origins: list[str] | None


@dataclass(frozen=True)
class Opened:
    """A new session. The token is shown this once."""

    token: str
    conversation: UUID


class Shown(BaseModel):
    """A message as its visitor sees it. *epoch* and *n* tell a bot's turn apart from the sentences streamed before."""

    id: UUID
    seq: int
    role: str
    text: str
    at: datetime
    sources: list[dict[str, Any]]
    client_msg_id: str | None
    epoch: int | None
    n: int | None


@dataclass(frozen=True)
class Standing:
    """Where a conversation stands. *settled*: nothing with a lower or equal seq is still on its way out."""

    epoch: int
    settled: int


@dataclass(frozen=True)
class Marked:
    """What a read mark left: new *events* for deliver to join, and messages of ours still *unread*."""

    events: int
    unread: int


async def widget(db: Db, channel: UUID) -> Widget | None:
    """None when the current tenant has no such widget, or has switched it off."""
    cursor = db.cursor(row_factory=class_row(Widget))
    return await (await cursor.execute(WIDGET, (channel,))).fetchone()


async def open_session(
    db: Db, tenant: UUID, channel: UUID, *, language: str | None, attributes: dict[str, str]
) -> Opened:
    """A visitor whom nobody knows yet: contact, conversation and session."""
    token = "st_" + secrets.token_urlsafe(TOKEN_BYTES)
    values = {
        "tenant": tenant,
        "channel": channel,
        "visitor": secrets.token_urlsafe(16),
        "language": language,
        "attributes": jsonb(attributes),
        "token_hash": _hash(token),
        "days": LIFE_DAYS,
    }
    return Opened(token, one(await (await db.execute(OPEN, values)).fetchone()))


async def find(store: Store, token: str) -> Session | None:
    """Whose token it is, and lets them stay for another 30 days. None: unknown, expired, or the widget is switched off.

    Raises DatabaseAway.
    """
    async with store.connection() as db:
        statement = "SELECT tenant_id, session_id FROM resolve_session(%s)"
        row = await (await db.execute(statement, (_hash(token),))).fetchone()
    if row is None:
        return None
    tenant, session = row
    async with store.tenant(tenant) as db:
        cursor = db.cursor(row_factory=class_row(Session))
        found = await (await cursor.execute(GET, (session,))).fetchone()
        if found is not None:
            await db.execute(PROLONG, {"session": session, "days": LIFE_DAYS})
    return found


async def shown(db: Db, conversation: UUID, *, after: int, limit: int) -> Sequence[Shown]:
    """What the visitor sees above the seq *after*, oldest first."""
    cursor = db.cursor(row_factory=class_row(Shown))
    await cursor.execute(SHOWN, {"conversation": conversation, "after": after, "limit": limit})
    return await cursor.fetchall()


async def newest_shown(db: Db, conversation: UUID) -> int:
    """The seq of the newest message that the visitor sees; 0 when there is none."""
    row = await (await db.execute(NEWEST, (conversation,))).fetchone()
    return int(row[0]) if row else 0


async def standing(db: Db, conversation: UUID) -> Standing | None:
    """Ask before `shown`, in a statement of its own: what leaves in between is then shown twice rather than never.

    None when the current tenant has no such conversation.
    """
    cursor = db.cursor(row_factory=class_row(Standing))
    return await (await cursor.execute(STANDING, (conversation,))).fetchone()


async def mark_read(db: Db, conversation: UUID, *, seq: int) -> Marked:
    """The visitor has seen everything up to *seq*."""
    values = {"conversation": conversation, "seq": seq, "payload": jsonb({"state": "read"})}
    await db.execute(READ_THROUGH, values)
    events = (await db.execute(READ_EVENTS, values)).rowcount
    return Marked(events, one(await (await db.execute(UNREAD, values)).fetchone()))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
