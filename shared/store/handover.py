"""Between the bot and a person: takeover and reply (S7), release (S8), resolve (S9). No prompt decides here.

A person may also speak outside, in the provider's own app: that is a takeover by nobody whom we know, and ends by a
release like any other, or by itself when that person has been silent for a while.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import class_row

from shared.errors import NotFound, XinError
from shared.store import turns
from shared.store.tenancy import Db, one

LOCK = "SELECT status, owner_id, channel_id FROM conversations WHERE id = %s FOR UPDATE"

TAKE_OVER = """
    UPDATE conversations SET status = 'human', owner_id = %(who)s, epoch = epoch + 1, resume_at = NULL,
           lease_event = NULL, lease_beat = NULL, updated_at = clock_timestamp()
     WHERE id = %(conversation)s RETURNING epoch
"""

CANCEL_BOT_PARTS = """
    UPDATE outbound_parts SET state = 'cancelled', updated_at = clock_timestamp()
     WHERE conversation_id = %(conversation)s AND author = 'bot' AND state = 'queued'
"""

SPEAK = """
    UPDATE conversations SET seq = seq + 1, human_through = seq + 1, updated_at = clock_timestamp()
     WHERE id = %(conversation)s RETURNING seq
"""

OUTSIDE = """
    UPDATE conversations SET status = 'human', owner_id = CASE status WHEN 'human' THEN owner_id END, epoch = epoch + 1,
           lease_event = NULL, lease_beat = NULL, seq = seq + 1, human_through = seq + 1,
           resume_at = CASE WHEN (status <> 'human' OR owner_id IS NULL) AND %(resume)s::float > 0
                            THEN clock_timestamp() + make_interval(secs => %(resume)s * 60) END,
           updated_at = clock_timestamp()
     WHERE id = %(conversation)s RETURNING seq, epoch
"""

SAID_OUTSIDE = """
    INSERT INTO messages (id, tenant_id, conversation_id, channel_id, seq, role, provider_id, text, sent_at,
                          correlation_id)
    VALUES (%(message)s, %(tenant)s, %(conversation)s, %(channel)s, %(seq)s, 'operator', %(key)s, %(text)s, %(at)s,
            %(correlation)s)
"""

NUMBER = """
    UPDATE conversations SET seq = seq + 1, updated_at = clock_timestamp() WHERE id = %(conversation)s RETURNING seq
"""

# Turns of which every part was cancelled reopen; what a person has covered stays covered.
RELEASE = """
    UPDATE conversations c SET status = 'bot', owner_id = NULL, resume_at = NULL,
           open_since = clock_timestamp(), updated_at = clock_timestamp(),
           answered = greatest(human_through, least(answered,
             (SELECT min(t.after) FROM turns t WHERE t.conversation_id = c.id AND t.n > c.human_through
                 AND (SELECT bool_and(p.state = 'cancelled') FROM outbound_parts p WHERE p.turn_id = t.id))))
     WHERE id = %(conversation)s AND status = 'human' AND (NOT %(by_itself)s OR resume_at <= clock_timestamp())
    RETURNING last_in AS newest, last_in > answered AS pending,
              EXISTS (SELECT FROM messages m WHERE m.conversation_id = c.id AND m.seq = c.human_through
                         AND m.role = 'operator') AS spoken
"""

HELD = "SELECT id FROM conversations WHERE status = 'human' AND owner_id = %s ORDER BY id FOR UPDATE"

RESOLVE = """
    UPDATE conversations SET status = 'resolved', owner_id = NULL, epoch = epoch + 1, resume_at = NULL,
           lease_event = NULL, lease_beat = NULL, answered = last_in, human_through = seq,
           updated_at = clock_timestamp()
     WHERE id = %(conversation)s AND status <> 'resolved' AND last_in <= coalesce(%(seen)s, last_in) RETURNING epoch
"""


class OwnedByAnother(XinError):
    """Another person has this conversation. `owner` is their id."""

    def __init__(self, owner: UUID) -> None:
        super().__init__("another person has taken this conversation")
        self.owner = owner


class Changed(XinError):
    """It is not as the operator saw it: a newer message has come, or somebody closed or released it before."""


@dataclass(frozen=True)
class Taken:
    """A takeover. `epoch`: what a client has of the bot's stream below it is void. `before`: the status it had."""

    epoch: int
    before: str


@dataclass(frozen=True)
class Released:
    """`newest`: the customer's newest message; `pending`: it waits for the bot now; `spoken`: the last word was a
    person's."""

    newest: int
    pending: bool
    spoken: bool


@dataclass(frozen=True)
class Spoken:
    """A person's message, stored, and queued unless it was said outside. `epoch`: as in `Taken`."""

    message: UUID
    seq: int
    epoch: int


async def take_over(db: Db, conversation: UUID, *, who: UUID) -> Taken:
    """S7: the bot is silent from here on. Raises NotFound, OwnedByAnother.

    Taking what is one's own already changes nothing but the epoch.
    """
    before, _ = await _lock_for(db, conversation, who)
    return Taken(await _take(db, conversation, who), before)


async def reply(
    db: Db, tenant: UUID, conversation: UUID, *, who: UUID, text: str, texts: Sequence[str], correlation: str
) -> Spoken:
    """A person's message; takes the conversation over first where it isn't theirs. Raises NotFound, OwnedByAnother."""
    _, channel = await _lock_for(db, conversation, who)
    epoch = await _take(db, conversation, who)
    seq = one(await (await db.execute(SPEAK, {"conversation": conversation})).fetchone())
    message = uuid4()
    common = _outside_a_turn(tenant, conversation, channel, seq, correlation)
    await turns.say(db, common, message=message, role="operator", author=who, text=text, texts=texts)
    return Spoken(message, seq, epoch)


async def speak_outside(
    db: Db, tenant: UUID, conversation: UUID, *, key: str, text: str, at: datetime | None, resume_minutes: float
) -> Spoken:
    """S7 by a person who wrote in the provider's own app: the message has left already, *key* is the echo's.

    The bot is silent until a release, or, unless *resume_minutes* is 0, until so long after that person's last word.
    Raises NotFound.
    """
    _, _, channel = await _lock(db, conversation)
    values = {"conversation": conversation, "resume": resume_minutes, "key": key, "text": text, "at": at}
    spoken = await (await db.execute(OUTSIDE, values)).fetchone()
    assert spoken is not None, "the conversation is locked"
    seq, epoch = spoken
    await db.execute(CANCEL_BOT_PARTS, values)
    message = uuid4()
    named = {"message": message, "tenant": tenant, "channel": channel, "seq": seq, "correlation": str(message)}
    await db.execute(SAID_OUTSIDE, {**values, **named})
    return Spoken(message, seq, epoch)


async def notify(db: Db, tenant: UUID, conversation: UUID, *, text: str, texts: Sequence[str], correlation: str) -> int:
    """What the customer is told of a transition, in nobody's name; it leaves whoever may speak. Returns its seq.

    Raises NotFound.
    """
    _, _, channel = await _lock(db, conversation)
    seq = one(await (await db.execute(NUMBER, {"conversation": conversation})).fetchone())
    common = _outside_a_turn(tenant, conversation, channel, seq, correlation)
    await turns.say(db, common, message=uuid4(), role="system", author=None, text=text, texts=texts)
    return int(seq)


async def release(db: Db, conversation: UUID) -> Released:
    """S8: back to the bot. Raises NotFound, Changed."""
    released = await _release(db, conversation, by_itself=False)
    if released is None:
        raise Changed("nobody has taken this conversation")
    return released


async def resume(db: Db, conversation: UUID) -> Released | None:
    """S8 by the clock: a person spoke outside, and has been silent since. None: not any more. Raises NotFound."""
    return await _release(db, conversation, by_itself=True)


async def release_all_of(db: Db, who: UUID) -> dict[UUID, Released]:
    """S8 for every conversation of somebody who leaves: else the bot would be silent there for ever."""
    held = await (await db.execute(HELD, (who,))).fetchall()
    released = {conversation: await _release(db, conversation, by_itself=False) for (conversation,) in held}
    return {conversation: its for conversation, its in released.items() if its is not None}


async def _release(db: Db, conversation: UUID, *, by_itself: bool) -> Released | None:
    await _lock(db, conversation)
    cursor = db.cursor(row_factory=class_row(Released))
    await cursor.execute(RELEASE, {"conversation": conversation, "by_itself": by_itself})
    return await cursor.fetchone()


async def resolve(db: Db, conversation: UUID, *, seen: int | None) -> int:
    """S9: closes it if the operator has seen the newest message. Returns the epoch. Raises NotFound, Changed."""
    await _lock(db, conversation)
    row = await (await db.execute(RESOLVE, {"conversation": conversation, "seen": seen})).fetchone()
    if row is None:
        raise Changed("a newer message has come, or it is resolved already")
    await db.execute(CANCEL_BOT_PARTS, {"conversation": conversation})
    return int(row[0])


async def _take(db: Db, conversation: UUID, who: UUID) -> int:
    epoch = one(await (await db.execute(TAKE_OVER, {"conversation": conversation, "who": who})).fetchone())
    await db.execute(CANCEL_BOT_PARTS, {"conversation": conversation})
    return int(epoch)


def _outside_a_turn(tenant: UUID, conversation: UUID, channel: UUID, seq: int, correlation: str) -> dict[str, Any]:
    """What a message of ours and its parts have in common, where no turn made it."""
    return {
        "tenant": tenant,
        "conversation": conversation,
        "channel": channel,
        "turn": None,
        "seq": seq,
        "correlation": correlation,
    }


async def _lock(db: Db, conversation: UUID) -> tuple[str, UUID | None, UUID]:
    row = await (await db.execute(LOCK, (conversation,))).fetchone()
    if row is None:
        raise NotFound("no such conversation")
    status, owner, channel = row
    return status, owner, channel


async def _lock_for(db: Db, conversation: UUID, who: UUID) -> tuple[str, UUID]:
    """Locks it for *who*; returns its status and its channel."""
    status, owner, channel = await _lock(db, conversation)
    if status == "human" and owner is not None and owner != who:
        raise OwnedByAnother(owner)
    return status, channel
