"""What leaves: a reply's parts, one send slot per conversation, states that only go forward (S10 to S13).

queued → sending → accepted → sent → failed → delivered → read      unknown: perhaps sent      cancelled: never will be
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row

from shared.errors import NotFound
from shared.store.tenancy import Db

PAUSED_SECONDS = 3600.0
"""What waits for a channel that was switched off; the tick finds it when it is on again."""

LOCK = """
    SELECT status, human_through, send_part, send_claim, send_until < clock_timestamp() AS over,
           (SELECT kind FROM channels h WHERE h.id = c.channel_id) AS kind
      FROM conversations c WHERE id = %s FOR UPDATE
"""

CANCEL = """
    UPDATE outbound_parts SET state = 'cancelled', updated_at = clock_timestamp()
     WHERE conversation_id = %(conversation)s AND author = 'bot' AND state = 'queued'
       AND (%(status)s NOT IN ('bot', 'waiting') OR seq <= %(human_through)s)
"""

HEAD = """
    SELECT p.id AS part, p.state,
           CASE WHEN h.enabled
                THEN extract(epoch FROM greatest(p.next_attempt_at, h.blocked_until, c.blocked_until)
                                        - clock_timestamp())::float
                ELSE %(paused)s END AS wait_seconds
      FROM outbound_parts p JOIN channels h ON h.id = p.channel_id JOIN conversations c ON c.id = p.conversation_id
     WHERE p.conversation_id = %(conversation)s AND p.state IN ('queued', 'unknown') AND p.ambiguous < 2
       AND (p.author <> 'bot' OR (%(status)s IN ('bot', 'waiting') AND p.seq > %(human_through)s))
     ORDER BY p.seq, p.ordinal LIMIT 1
"""

CLAIM = """
    UPDATE outbound_parts p SET state = 'sending', claim = p.claim + 1, maybe_twice = p.maybe_twice OR p.ambiguous > 0,
           attempts = p.attempts + 1, updated_at = clock_timestamp()
      FROM messages m LEFT JOIN turns u ON u.id = m.turn_id, conversations c, contacts t, channels h
     WHERE p.id = %(part)s AND p.state = %(state)s
       AND m.id = p.message_id AND c.id = p.conversation_id AND t.id = c.contact_id AND h.id = p.channel_id
    RETURNING p.id AS part, p.claim, p.conversation_id AS conversation, p.channel_id AS channel,
              h.kind, coalesce(t.reply_to, t.external_id) AS recipient, t.unreachable_at IS NOT NULL AS unreachable,
              p.text, p.ordinal, p.ambiguous, p.attempts, p.correlation_id AS correlation,
              m.id AS message, m.seq, m.role,
              m.text AS whole, m.sources, m.author_id AS author, m.created_at AS said_at, u.epoch, u.n,
              (SELECT extract(epoch FROM clock_timestamp() - least(i.sent_at, i.created_at))::float / 3600
                 FROM messages i WHERE i.conversation_id = c.id AND i.seq = c.last_in
                  AND NOT coalesce(i.payload ? 'referral', false)) AS silent_hours
"""

HOLD = """
    UPDATE conversations SET send_part = %(part)s, send_claim = %(claim)s,
           send_until = clock_timestamp() + interval '30 s'
     WHERE id = %(conversation)s
"""

BLOCK_PAIR = """
    UPDATE conversations SET blocked_until = clock_timestamp() + make_interval(secs => %(seconds)s)
     WHERE id = %(conversation)s
"""

LOCK_ONLY = "SELECT 1 FROM conversations WHERE id = %s FOR UPDATE"

ACCEPT = """
    UPDATE outbound_parts SET
           state = CASE WHEN state IN ('queued', 'sending', 'unknown') THEN 'accepted' ELSE state END,
           provider_id_again = CASE WHEN provider_id <> %(provider_id)s THEN %(provider_id)s ELSE provider_id_again END,
           reason = CASE WHEN state IN ('queued', 'sending', 'unknown') THEN NULL ELSE reason END,
           provider_id = coalesce(provider_id, %(provider_id)s), updated_at = clock_timestamp()
     WHERE id = %(part)s
"""

LATER = """
    UPDATE outbound_parts SET state = CASE WHEN ambiguous = 0 THEN 'queued' ELSE 'unknown' END, reason = %(reason)s,
           maybe_twice = maybe_twice OR %(perhaps)s,
           next_attempt_at = clock_timestamp() + make_interval(secs => %(wait)s), updated_at = clock_timestamp()
     WHERE id = %(part)s AND state = 'sending' AND claim = %(claim)s
"""

UNKNOWN = """
    UPDATE outbound_parts SET state = 'unknown', ambiguous = ambiguous + 1, reason = %(reason)s,
           next_attempt_at = clock_timestamp() + make_interval(secs => %(wait)s), updated_at = clock_timestamp()
     WHERE id = %(part)s AND state = 'sending' AND claim = %(claim)s
"""

FAIL = """
    UPDATE outbound_parts SET state = 'failed', reason = %(reason)s, updated_at = clock_timestamp()
     WHERE id = %(part)s AND state = 'sending' AND claim = %(claim)s
"""

CLEAR_SLOT = """
    UPDATE conversations SET send_part = NULL, send_until = NULL
     WHERE id = %(conversation)s AND send_part = %(part)s AND send_claim = %(claim)s
"""

# What a provider tells later. `unknown` ranks below accepted; a late delivered beats failed.
RANKS = "array['queued', 'sending', 'unknown', 'accepted', 'sent', 'failed', 'delivered', 'read']"

ADVANCE = f"""
    UPDATE outbound_parts SET state = %(state)s, reason = coalesce(%(reason)s, reason), updated_at = clock_timestamp()
     WHERE id = %(part)s AND state <> 'cancelled'
       AND array_position({RANKS}, state) < array_position({RANKS}, %(state)s)
    RETURNING id
"""  # noqa: S608

READ_BEFORE = """
    UPDATE outbound_parts p SET state = 'read', updated_at = clock_timestamp()
      FROM outbound_parts last
     WHERE last.id = %(part)s AND p.conversation_id = last.conversation_id
       AND (p.seq, p.ordinal) < (last.seq, last.ordinal) AND p.state IN ('accepted', 'sent', 'delivered')
    RETURNING p.id, p.message_id
"""

State = Literal["queued", "sending", "unknown", "accepted", "sent", "failed", "delivered", "read", "cancelled"]


@dataclass(frozen=True)
class Claim:
    """The right to send one part, until the slot's time is over."""

    part: UUID
    claim: int
    conversation: UUID
    channel: UUID
    kind: str
    recipient: str
    unreachable: bool
    """The customer has blocked us or is gone, and has not written since."""
    text: str
    ordinal: int
    ambiguous: int
    attempts: int
    correlation: str
    message: UUID
    seq: int
    role: str
    whole: str
    sources: list[dict[str, Any]]
    author: UUID | None
    said_at: datetime
    epoch: int | None
    n: int | None
    silent_hours: float | None
    """Since the customer last wrote, by the provider's clock. None: never, or from an advertisement, which the provider
    counts in its own way."""


@dataclass(frozen=True)
class Wait:
    """Something is to be sent, but not before so many seconds."""

    seconds: float


async def claim(db: Db, conversation: UUID, *, reconcile_seconds: Mapping[str, float]) -> Claim | Wait | None:
    """S10: the head of the queue, if it may leave now. Raises NotFound.

    None: nothing to send, or another sender holds the slot. A slot whose time is over lapses first (S12): whether its
    part was sent is unknown, and it is due after the *reconcile_seconds* of its channel's kind. A head that isn't due
    makes all behind it wait.
    """
    row = await (await db.execute(LOCK, (conversation,))).fetchone()
    if row is None:
        raise NotFound("no such conversation")
    status, human_through, send_part, send_claim, over, kind = row
    if send_part is not None:
        if not over:
            return None
        held = {"conversation": conversation, "part": send_part, "claim": send_claim}
        await db.execute(
            UNKNOWN, {**held, "wait": reconcile_seconds[kind], "reason": "the sender vanished while sending"}
        )
        await db.execute(CLEAR_SLOT, held)
    now = {"conversation": conversation, "status": status, "human_through": human_through, "paused": PAUSED_SECONDS}
    await db.execute(CANCEL, now)
    head = await (await db.execute(HEAD, now)).fetchone()
    if head is None:
        return None
    part, state, wait_seconds = head
    if wait_seconds > 0:
        return Wait(wait_seconds)
    cursor = db.cursor(row_factory=class_row(Claim))
    await cursor.execute(CLAIM, {"part": part, "state": state})
    claimed = await cursor.fetchone()
    assert claimed is not None, "the conversation is locked"
    await db.execute(HOLD, {"conversation": conversation, "part": part, "claim": claimed.claim})
    return claimed


async def record_accepted(db: Db, claimed: Claim, provider_id: str) -> None:
    """S11: the provider has it. Lifts the part whoever brings the news, however late."""
    await _locked(db, claimed, ACCEPT, {"provider_id": provider_id})


async def record_later(db: Db, claimed: Claim, *, seconds: float, reason: str, perhaps_taken: bool = False) -> None:
    """S11: refused for now. *perhaps_taken*: by something in between, so that the next try may be a second copy."""
    await _locked(db, claimed, LATER, {"wait": seconds, "reason": reason, "perhaps": perhaps_taken})


async def block_pair(db: Db, conversation: UUID, *, seconds: float) -> None:
    """Nothing is sent to this customer for so long, whoever has something to say."""
    await db.execute(BLOCK_PAIR, {"conversation": conversation, "seconds": seconds})


async def record_unknown(db: Db, claimed: Claim, *, seconds: float, reason: str) -> None:
    """S11: perhaps sent. After *seconds* it may be sent once more; after a second such outcome never again."""
    await _locked(db, claimed, UNKNOWN, {"wait": seconds, "reason": reason})


async def record_failed(db: Db, claimed: Claim, *, reason: str) -> None:
    """S11: refused for good. The next part may go."""
    await _locked(db, claimed, FAIL, {"reason": reason})


async def accept(db: Db, part: UUID, provider_id: str) -> None:
    """S11 by whoever brings the news that the provider has it: a status that names our part, an echo."""
    await db.execute(ACCEPT, {"part": part, "provider_id": provider_id})


async def advance(db: Db, part: UUID, state: State, *, reason: str | None = None) -> bool:
    """S13: what the provider told later; upwards only. Whether anything changed."""
    cursor = await db.execute(ADVANCE, {"part": part, "state": state, "reason": reason})
    return await cursor.fetchone() is not None


async def read_before(db: Db, part: UUID) -> list[tuple[UUID, UUID]]:
    """S13 for what had left before *part*, which the customer has read. The parts, and their messages."""
    return await (await db.execute(READ_BEFORE, {"part": part})).fetchall()


async def _locked(db: Db, claimed: Claim, statement: str, values: dict[str, Any]) -> None:
    key = {"conversation": claimed.conversation, "part": claimed.part, "claim": claimed.claim}
    await db.execute(LOCK_ONLY, (claimed.conversation,))
    await db.execute(statement, {**key, **values})
    await db.execute(CLEAR_SLOT, key)
