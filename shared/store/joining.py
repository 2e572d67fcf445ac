"""Joining what a provider told with the part that it speaks of, whichever of the two came first.

Each side commits its own row and looks for the other in a new statement; the tick joins what is left. An echo of
something that we didn't send was said by a person, in the provider's own app.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from shared.store import channels, handover, parts
from shared.store.tenancy import Db, one

# The part is known by our own id, where the provider gave it back, or by the provider's.
KNOWN = """
      FROM provider_events e
      JOIN outbound_parts p ON p.channel_id = e.channel_id
           AND (p.id = e.part_id OR p.provider_id = e.provider_id OR p.provider_id_again = e.provider_id)
     WHERE e.channel_id = %(channel)s AND e.joined_at IS NULL AND e.kind IN ('status', 'read', 'echo')
"""

# Each status of a busy channel wakes a handler: without their conversations' locks they deadlock on the parts.
LOCK_THEIRS = f"""
    SELECT id FROM conversations WHERE id IN (SELECT p.conversation_id {KNOWN}) ORDER BY id FOR UPDATE
"""  # noqa: S608

OPEN = f"""
    SELECT e.id, e.kind, e.provider_id, e.payload ->> 'state' AS state, e.payload ->> 'reason' AS reason,
           e.payload ->> 'verdict' AS verdict,
           p.id AS part, p.conversation_id AS conversation, p.message_id AS message,
           p.provider_id IS DISTINCT FROM e.provider_id
           AND p.provider_id_again IS DISTINCT FROM e.provider_id AS is_news
    {KNOWN} AND (%(provider_id)s::text IS NULL OR e.provider_id = %(provider_id)s)
       AND (%(locked)s::uuid[] IS NULL OR p.conversation_id = ANY(%(locked)s))
     ORDER BY p.conversation_id, p.seq, p.ordinal, e.created_at LIMIT 500
"""  # noqa: S608

JOINED = "UPDATE provider_events SET joined_at = clock_timestamp(), part_id = %(part)s WHERE id = %(event)s"

ECHOES = """
    SELECT e.id, e.tenant_id AS tenant, e.channel_id AS channel, e.key, e.provider_id,
           e.payload ->> 'recipient' AS recipient, coalesce(e.payload ->> 'text', '') AS text,
           (e.payload ->> 'at')::timestamptz AS at
      FROM provider_events e
     WHERE e.channel_id = %s AND e.joined_at IS NULL AND e.kind = 'echo' AND e.payload ->> 'recipient' IS NOT NULL
     ORDER BY e.created_at LIMIT 100
"""

CONVERSATION = """
    SELECT c.id FROM contacts t JOIN conversations c ON c.contact_id = t.id AND c.channel_id = t.channel_id
     WHERE t.channel_id = %(channel)s AND (t.external_id = %(recipient)s OR t.reply_to = %(recipient)s)
     ORDER BY t.external_id = %(recipient)s DESC LIMIT 1
"""

INSERT_CONTACT = """
    INSERT INTO contacts (tenant_id, channel_id, external_id) VALUES (%(tenant)s, %(channel)s, %(recipient)s)
    ON CONFLICT (channel_id, external_id) DO NOTHING
"""

INSERT_CONVERSATION = """
    INSERT INTO conversations (tenant_id, channel_id, contact_id)
    SELECT tenant_id, channel_id, id FROM contacts WHERE channel_id = %(channel)s AND external_id = %(recipient)s
    ON CONFLICT (channel_id, contact_id) DO NOTHING
"""

LOCK = """
    SELECT coalesce(send_part IS NOT NULL AND send_until > clock_timestamp(), false) FROM conversations
     WHERE id = %s FOR UPDATE
"""

STILL_OPEN = """
    SELECT created_at > clock_timestamp() - interval '60 s' AS young FROM provider_events
     WHERE id = %s AND joined_at IS NULL
"""

# Ours if its id is known, or if its words are those of a part with more claims than known ids, whatever its state. Of
# several with the same words the one under way comes first: were it another's echo, that one still has its claim.
OURS = """
    SELECT id FROM outbound_parts
     WHERE channel_id = %(channel)s AND (provider_id = %(provider_id)s OR provider_id_again = %(provider_id)s)
    UNION ALL
    (SELECT id FROM outbound_parts
      WHERE conversation_id = %(conversation)s
        AND claim > (provider_id IS NOT NULL)::integer + (provider_id_again IS NOT NULL)::integer
        AND regexp_replace(btrim(text), '\\s+', ' ', 'g') = regexp_replace(btrim(%(text)s), '\\s+', ' ', 'g')
      ORDER BY state = 'sending' DESC, state = 'unknown' DESC, seq, ordinal LIMIT 1)
    LIMIT 1
"""

PART = """
    SELECT id AS part, conversation_id AS conversation, message_id AS message, state FROM outbound_parts WHERE id = %s
"""

RESUME_MINUTES = """
    SELECT coalesce((SELECT (q.body #>> '{handover,resume_minutes}')::float FROM channels h
      JOIN policies q ON q.brand_id = h.brand_id AND q.status = 'published' WHERE h.id = %(channel)s), %(otherwise)s)
"""


@dataclass(frozen=True)
class Changed:
    """A part of which there is news, and its state now."""

    part: UUID
    conversation: UUID
    message: UUID
    state: str


@dataclass(frozen=True)
class SaidOutside:
    """A person's message that left by the provider's own app; the conversation is theirs now."""

    conversation: UUID
    text: str
    spoken: handover.Spoken


@dataclass(frozen=True)
class Told:
    """An event whose part is known."""

    id: UUID
    kind: str
    provider_id: str | None
    state: parts.State | None
    reason: str | None
    verdict: str | None
    """What a failure means beyond its part, as in shared/providers/outgoing.py."""
    part: UUID
    conversation: UUID
    message: UUID
    is_news: bool
    """Whether the provider's id of the part is new to us."""


@dataclass(frozen=True)
class Echo:
    """What our side said to *recipient*, whoever it was."""

    id: UUID
    tenant: UUID
    channel: UUID
    key: str
    provider_id: str
    recipient: str
    text: str
    at: datetime | None


async def join(db: Db, channel: UUID, *, provider_id: str | None = None) -> list[Changed]:
    """Joins the channel's events whose part is known; returns the parts that changed.

    With *provider_id* only what was told of that one, whose conversation the caller has locked.
    """
    locked: list[UUID] | None = None
    if provider_id is None:
        locked = [row[0] for row in await (await db.execute(LOCK_THEIRS, {"channel": channel})).fetchall()]
        if not locked:
            return []
    cursor = db.cursor(row_factory=class_row(Told))
    await cursor.execute(OPEN, {"channel": channel, "locked": locked, "provider_id": provider_id})
    changed: list[Changed] = []
    for told in await cursor.fetchall():
        changed += await _apply(db, channel, told)
        await db.execute(JOINED, {"part": told.part, "event": told.id})
    return changed


async def _apply(db: Db, channel: UUID, told: Told) -> list[Changed]:
    if told.kind == "status" and told.provider_id and told.is_news:
        await parts.accept(db, told.part, told.provider_id)
    if told.verdict == "customer unreachable":
        await channels.mark_unreachable(db, told.conversation)
    elif told.verdict == "channel refused":
        await channels.block(db, channel, seconds=channels.BROKEN_SECONDS, reason=told.reason or "the provider refused")
    changed = []
    if told.state and await parts.advance(db, told.part, told.state, reason=told.reason):
        changed.append(Changed(told.part, told.conversation, told.message, told.state))
    if told.kind == "read":
        read = await parts.read_before(db, told.part)
        changed += [Changed(part, told.conversation, message, "read") for part, message in read]
    return changed


async def open_echoes(db: Db, channel: UUID) -> list[Echo]:
    """Echoes that nobody has joined yet, the oldest first: give each to `join_echo`, in a transaction of its own."""
    cursor = db.cursor(row_factory=class_row(Echo))
    return await (await cursor.execute(ECHOES, (channel,))).fetchall()


async def join_echo(db: Db, echo: Echo, *, resume_minutes: float) -> Changed | SaidOutside | None:
    """A part of ours that the provider took after all, or a person's word, which takes the conversation over.

    *resume_minutes*: where the brand's policy says nothing. None: joined already, or a send to this customer is under
    way: its answer will tell whose echo it is, and the tick asks again.
    """
    conversation = await _conversation(db, echo)
    sending = one(await (await db.execute(LOCK, (conversation,))).fetchone())
    young = await (await db.execute(STILL_OPEN, (echo.id,))).fetchone()
    if young is None:
        return None
    values = {"channel": echo.channel, "provider_id": echo.provider_id, "conversation": conversation, "text": echo.text}
    found = await (await db.execute(OURS, values)).fetchone()
    if found is not None:
        return await _ours(db, echo, found[0])
    if sending and young[0]:
        return None
    asked = {"channel": echo.channel, "otherwise": resume_minutes}
    minutes = one(await (await db.execute(RESUME_MINUTES, asked)).fetchone())
    spoken = await handover.speak_outside(
        db, echo.tenant, conversation, key=echo.key, text=echo.text, at=echo.at, resume_minutes=minutes
    )
    await db.execute(JOINED, {"part": None, "event": echo.id})
    return SaidOutside(conversation, echo.text, spoken)


async def _ours(db: Db, echo: Echo, part: UUID) -> Changed:
    await parts.accept(db, part, echo.provider_id)
    await db.execute(JOINED, {"part": part, "event": echo.id})
    cursor = db.cursor(row_factory=class_row(Changed))
    changed = await (await cursor.execute(PART, (part,))).fetchone()
    assert changed is not None, "it was found a moment ago"
    return changed


async def _conversation(db: Db, echo: Echo) -> UUID:
    """The customer's, made where a person wrote to somebody who has never written to us."""
    who = {"tenant": echo.tenant, "channel": echo.channel, "recipient": echo.recipient}
    found = await (await db.execute(CONVERSATION, who)).fetchone()
    if found is None:
        await db.execute(INSERT_CONTACT, who)
        await db.execute(INSERT_CONVERSATION, who)
        found = await (await db.execute(CONVERSATION, who)).fetchone()
    return UUID(str(one(found)))
