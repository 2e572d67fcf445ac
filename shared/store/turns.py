"""Turns: what the bot answered, once per (conversation, n, epoch), with all that it saw (S4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from psycopg.rows import class_row
from pydantic import BaseModel

from shared.store.jsonb import jsonb
from shared.store.leases import Lease
from shared.store.tenancy import Db, one

ADVANCE = """
    UPDATE conversations SET answered = %(n)s, seq = seq + 1, open_since = clock_timestamp(), status = %(status)s,
           misses = %(misses)s, updated_at = clock_timestamp()
     WHERE id = %(conversation)s AND epoch = %(epoch)s AND answered = %(after)s RETURNING seq
"""

INSERT_TURN = """
    INSERT INTO turns (id, tenant_id, conversation_id, epoch, after, n, seq, outcome, trace, model,
                       tokens_in, tokens_out, correlation_id)
    VALUES (%(turn)s, %(tenant)s, %(conversation)s, %(epoch)s, %(after)s, %(n)s, %(seq)s, %(outcome)s, %(trace)s,
            %(model)s, %(tokens_in)s, %(tokens_out)s, %(correlation)s)
"""

INSERT_MESSAGE = """
    INSERT INTO messages (id, tenant_id, conversation_id, channel_id, seq, role, text, sources, turn_id, author_id,
                          correlation_id)
    VALUES (%(message)s, %(tenant)s, %(conversation)s, %(channel)s, %(seq)s, %(role)s, %(text)s, %(sources)s, %(turn)s,
            %(author)s, %(correlation)s)
"""

INSERT_PART = """
    INSERT INTO outbound_parts (id, tenant_id, conversation_id, channel_id, message_id, turn_id, seq, ordinal, author,
                                text, correlation_id)
    VALUES (%(part)s, %(tenant)s, %(conversation)s, %(channel)s, %(message)s, %(turn)s, %(seq)s,
            %(ordinal)s, %(role)s, %(text)s, %(correlation)s)
"""

GET = """
    SELECT id, conversation_id, epoch, after, n, seq, outcome, trace, model, tokens_in, tokens_out, correlation_id,
           created_at
      FROM turns WHERE id = %s
"""


class Turn(BaseModel):
    """A committed turn. `trace` holds what it saw: persona, policy, prompt and index version, passages, timings."""

    id: UUID
    conversation_id: UUID
    epoch: int
    after: int
    n: int
    seq: int
    outcome: str
    trace: dict[str, Any]
    model: str | None
    tokens_in: int
    tokens_out: int
    correlation_id: str
    created_at: datetime


@dataclass(frozen=True)
class NewTurn:
    """What a turn leaves behind. `texts` are the parts: one, unless it is over the channel's limit."""

    text: str
    texts: Sequence[str]
    outcome: str
    status: str
    misses: int
    sources: Sequence[BaseModel]
    trace: BaseModel
    model: str | None
    tokens_in: int
    tokens_out: int


async def commit(db: Db, tenant: UUID, channel: UUID, lease: Lease, turn: NewTurn, *, correlation: str) -> UUID | None:
    """S4: the turn, its message and its parts, if the epoch is still the lease's. Returns the turn's id.

    None: taken over or overtaken meanwhile. The UPDATE takes the lock and is the fence, so nothing else was written;
    the caller drops the text.
    """
    turn_id = uuid5(lease.conversation, f"{lease.n}:{lease.epoch}")
    common: dict[str, Any] = {
        "turn": turn_id,
        "tenant": tenant,
        "conversation": lease.conversation,
        "channel": channel,
        "epoch": lease.epoch,
        "after": lease.after,
        "n": lease.n,
        "status": turn.status,
        "misses": turn.misses,
        "outcome": turn.outcome,
        "trace": jsonb(turn.trace),
        "model": turn.model,
        "tokens_in": turn.tokens_in,
        "tokens_out": turn.tokens_out,
        "correlation": correlation,
    }
    row = await (await db.execute(ADVANCE, common)).fetchone()
    if row is None:
        return None
    common["seq"] = one(row)
    async with db.pipeline():
        await db.execute(INSERT_TURN, common)
        await say(
            db, common, message=turn_id, role="bot", author=None, text=turn.text, texts=turn.texts, sources=turn.sources
        )
    return turn_id


async def say(
    db: Db,
    common: dict[str, Any],
    *,
    message: UUID,
    role: str,
    author: UUID | None,
    text: str,
    texts: Sequence[str],
    sources: Sequence[BaseModel] = (),
) -> None:
    """A message of ours and its parts, under the number that *common* holds as `seq`."""
    row = {**common, "message": message, "role": role, "author": author, "text": text, "sources": jsonb(list(sources))}
    await db.execute(INSERT_MESSAGE, row)
    parts = [
        {**row, "part": uuid5(message, str(ordinal)), "ordinal": ordinal, "text": piece}
        for ordinal, piece in enumerate(texts)
    ]
    await db.cursor().executemany(INSERT_PART, parts)


async def get(db: Db, turn: UUID) -> Turn | None:
    """None when the current tenant has no such turn."""
    cursor = db.cursor(row_factory=class_row(Turn))
    await cursor.execute(GET, (turn,))
    return await cursor.fetchone()
