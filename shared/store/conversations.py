"""What a conversation holds: for the turn that answers it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from shared.errors import NotFound
from shared.store.leases import Lease
from shared.store.tenancy import Db

EXISTS = "SELECT 1 FROM conversations WHERE id = %s"

# A conversation, and in whose words it is spoken to: the published persona and policy of its channel's brand.
_SPOKEN_FOR = """
      FROM conversations c
      JOIN channels h ON h.id = c.channel_id
      JOIN contacts t ON t.id = c.contact_id
      LEFT JOIN personas p ON p.brand_id = h.brand_id AND p.status = 'published'
      LEFT JOIN policies q ON q.brand_id = h.brand_id AND q.status = 'published'
     WHERE c.id = %s
"""

DESK = f"""
    SELECT h.id AS channel, h.kind, h.brand_id AS brand, t.language,
           p.version AS persona_version, p.body AS persona, q.version AS policy_version, q.body AS policy
    {_SPOKEN_FOR}
"""

VOICE = f"""
    SELECT h.kind, t.language, p.body AS persona, q.body AS policy,
           ARRAY(SELECT s.text FROM (SELECT m.seq, m.text FROM messages m
                  WHERE m.conversation_id = c.id AND m.role = 'customer' ORDER BY m.seq DESC LIMIT 5) s
                  ORDER BY s.seq) AS customer_said
    {_SPOKEN_FOR}
"""  # noqa: S608

# Whom the bot is answering right now.
AWAITING = """
    SELECT c.id AS conversation, c.channel_id AS channel, coalesce(t.reply_to, t.external_id) AS recipient,
           m.provider_id AS message
      FROM conversations c
      JOIN channels h ON h.id = c.channel_id
      JOIN contacts t ON t.id = c.contact_id
      JOIN messages m ON m.conversation_id = c.id AND m.seq = c.last_in
     WHERE c.id = %s AND c.status IN ('bot', 'waiting') AND c.last_in > c.answered
       AND h.enabled AND coalesce(h.blocked_until, '-infinity') < clock_timestamp()
       AND coalesce(c.blocked_until, '-infinity') < clock_timestamp()
"""

# What was said up to n: of ours only what left, or still may. What a person said outside has left, and has no parts.
SAID = """
    SELECT m.seq, m.role, m.kind, m.text, m.correlation_id AS correlation,
           extract(epoch FROM clock_timestamp() - m.created_at)::float AS age_seconds
      FROM messages m
     WHERE m.conversation_id = %(conversation)s AND m.seq <= %(n)s AND m.role <> 'system'
       AND (m.role = 'customer' OR (m.role = 'operator' AND m.provider_id IS NOT NULL)
            OR EXISTS (SELECT 1 FROM outbound_parts p WHERE p.message_id = m.id AND p.state <> 'cancelled'))
     ORDER BY m.seq DESC LIMIT %(limit)s
"""


MOST_WAITING = 100
"""Of a longer burst the newest are read; the turn covers all."""


@dataclass(frozen=True)
class Desk:
    """Where a conversation is answered: its channel, and the published persona and policy of the channel's brand."""

    channel: UUID
    kind: str
    brand: UUID
    language: str | None
    persona_version: int | None
    persona: dict[str, Any] | None
    policy_version: int | None
    policy: dict[str, Any] | None


@dataclass(frozen=True)
class Message:
    """One message of the conversation, as far as an answer needs it."""

    seq: int
    role: str
    kind: str
    text: str
    correlation: str
    age_seconds: float


@dataclass(frozen=True)
class Open:
    """What a turn has to answer (`waiting`, oldest first, never empty) and what was said before."""

    desk: Desk
    waiting: list[Message]
    before: list[Message]


@dataclass(frozen=True)
class Voice:
    """In whose words and which language a conversation is spoken to."""

    kind: str
    language: str | None
    persona: dict[str, Any] | None
    policy: dict[str, Any] | None
    customer_said: list[str]
    """Lately, oldest first."""


@dataclass(frozen=True)
class Addressee:
    """A customer who waits for the bot's answer. `message`: the provider's id of what they wrote last."""

    conversation: UUID
    channel: UUID
    recipient: str
    message: str


async def voice(db: Db, conversation: UUID) -> Voice:
    """Raises NotFound."""
    cursor = db.cursor(row_factory=class_row(Voice))
    found = await (await cursor.execute(VOICE, (conversation,))).fetchone()
    if found is None:
        raise NotFound("no such conversation")
    return found


async def awaiting(db: Db, conversation: UUID) -> Addressee | None:
    """None: nothing is open, a person has it, or nothing may be sent there now."""
    cursor = db.cursor(row_factory=class_row(Addressee))
    return await (await cursor.execute(AWAITING, (conversation,))).fetchone()


async def must_exist(db: Db, conversation: UUID) -> None:
    """Raises NotFound when the current tenant has no such conversation."""
    if await (await db.execute(EXISTS, (conversation,))).fetchone() is None:
        raise NotFound("no such conversation")


async def read_open(db: Db, lease: Lease, *, history: int = 12) -> Open:
    """What stands in (after, n], with up to *history* messages before it. Raises NotFound."""
    desks = db.cursor(row_factory=class_row(Desk))
    desk = await (await desks.execute(DESK, (lease.conversation,))).fetchone()
    if desk is None:
        raise NotFound("no such conversation")
    cursor = db.cursor(row_factory=class_row(Message))
    limit = history + min(MOST_WAITING, lease.n - lease.after)
    await cursor.execute(SAID, {"conversation": lease.conversation, "n": lease.n, "limit": limit})
    said = list(reversed(await cursor.fetchall()))
    waiting = [message for message in said if message.role == "customer" and message.seq > lease.after]
    return Open(desk, waiting, [message for message in said if message not in waiting][-history:])
