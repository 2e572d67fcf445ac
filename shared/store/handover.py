"""Between the bot and a person: takeover and reply (S7), release (S8), resolve (S9). No prompt decides here."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from shared.errors import NotFound, XinError
from shared.store import turns
from shared.store.tenancy import Db, one

LOCK = "SELECT status, owner_id, channel_id FROM conversations WHERE id = %s FOR UPDATE"

TAKE_OVER = """
    UPDATE conversations SET status = 'human', owner_id = %(who)s, epoch = epoch + 1,
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

# Turns of which every part was cancelled reopen; what a person has covered stays covered.
RELEASE = """
    UPDATE conversations c SET status = 'bot', owner_id = NULL,
           open_since = clock_timestamp(), updated_at = clock_timestamp(),
           answered = greatest(human_through, least(answered,
             (SELECT min(t.after) FROM turns t WHERE t.conversation_id = c.id AND t.n > c.human_through
                 AND (SELECT bool_and(p.state = 'cancelled') FROM outbound_parts p WHERE p.turn_id = t.id))))
     WHERE id = %(conversation)s AND status = 'human' RETURNING last_in
"""

RESOLVE = """
    UPDATE conversations SET status = 'resolved', owner_id = NULL, epoch = epoch + 1,
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
class Spoken:
    """A person's message, stored and queued. `epoch`: what a client has of the bot's stream below it is void."""

    message: UUID
    seq: int
    epoch: int


async def take_over(db: Db, conversation: UUID, *, who: UUID) -> int:
    """S7: the bot is silent from here on; returns the new epoch. Raises NotFound, OwnedByAnother.

    Taking what is one's own already changes nothing but the epoch.
    """
    await _lock_for(db, conversation, who)
    return await _take(db, conversation, who)


async def reply(
    db: Db, tenant: UUID, conversation: UUID, *, who: UUID, text: str, texts: Sequence[str], correlation: str
) -> Spoken:
    """A person's message; takes the conversation over first where it isn't theirs. Raises NotFound, OwnedByAnother."""
    channel = await _lock_for(db, conversation, who)
    epoch = await _take(db, conversation, who)
    seq = one(await (await db.execute(SPEAK, {"conversation": conversation})).fetchone())
    message = uuid4()
    common = {
        "tenant": tenant,
        "conversation": conversation,
        "channel": channel,
        "turn": None,
        "seq": seq,
        "correlation": correlation,
    }
    await turns.say(db, common, message=message, role="operator", author=who, text=text, texts=texts)
    return Spoken(message, seq, epoch)


async def release(db: Db, conversation: UUID) -> int:
    """S8: back to the bot; returns the newest customer message's seq, to nudge with. Raises NotFound, Changed."""
    await _lock(db, conversation)
    row = await (await db.execute(RELEASE, {"conversation": conversation})).fetchone()
    if row is None:
        raise Changed("nobody has taken this conversation")
    return int(row[0])


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


async def _lock(db: Db, conversation: UUID) -> tuple[str, UUID | None, UUID]:
    row = await (await db.execute(LOCK, (conversation,))).fetchone()
    if row is None:
        raise NotFound("no such conversation")
    status, owner, channel = row
    return status, owner, channel


async def _lock_for(db: Db, conversation: UUID, who: UUID) -> UUID:
    """Locks it for *who*; returns its channel."""
    status, owner, channel = await _lock(db, conversation)
    if status == "human" and owner is not None and owner != who:
        raise OwnedByAnother(owner)
    return channel
