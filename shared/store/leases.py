"""One turn at a time per conversation: the lease on its row, fenced by `epoch` (S2, S3, S5, S6)."""

from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row

from shared.store.tenancy import Db

TAKE = """
    UPDATE conversations SET epoch = epoch + 1, lease_event = %(event)s, lease_beat = clock_timestamp()
     WHERE id = %(conversation)s AND status IN ('bot', 'waiting') AND last_in > answered
       AND (lease_event IS NULL OR lease_beat < clock_timestamp()
            - CASE lease_event WHEN %(event)s THEN interval '10 s' ELSE interval '20 s' END)
    RETURNING id AS conversation, epoch, answered AS after, last_in AS n, status, misses
"""

BEAT = """
    UPDATE conversations SET lease_event = %(event)s, lease_beat = clock_timestamp()
     WHERE id = %(conversation)s AND epoch = %(epoch)s RETURNING id
"""

RELEASE = """
    UPDATE conversations SET lease_event = NULL, lease_beat = NULL
     WHERE id = %(conversation)s AND epoch = %(epoch)s AND last_in = %(n)s RETURNING id
"""

GO_ON = """
    UPDATE conversations SET lease_beat = clock_timestamp() WHERE id = %(conversation)s AND epoch = %(epoch)s
    RETURNING id AS conversation, epoch, answered AS after, last_in AS n, status, misses
"""

GIVE_UP = """
    UPDATE conversations SET lease_event = NULL, lease_beat = NULL WHERE id = %(conversation)s AND epoch = %(epoch)s
"""


@dataclass(frozen=True)
class Lease:
    """The right to answer the messages in (after, n], as long as `epoch` is the row's."""

    conversation: UUID
    epoch: int
    after: int
    n: int
    status: str
    misses: int


async def take(db: Db, conversation: UUID, *, event: str) -> Lease | None:
    """S2. *event* asks; None: nothing is open, a person owns it, or another event holds the lease.

    The event that holds it gets it back after two missed beats (10 s), anyone else after 20 s, always with epoch + 1.
    """
    cursor = db.cursor(row_factory=class_row(Lease))
    await cursor.execute(TAKE, {"conversation": conversation, "event": event})
    return await cursor.fetchone()


async def beat(db: Db, lease: Lease, *, event: str) -> bool:
    """S3, every 5 s. False: the lease is somebody else's; stop the model, stream nothing more, leave."""
    cursor = await db.execute(BEAT, {"conversation": lease.conversation, "epoch": lease.epoch, "event": event})
    return await cursor.fetchone() is not None


async def release(db: Db, lease: Lease) -> Lease | None:
    """S5, and S6 when a newer message has come. None: let go, or no longer ours; a lease: go on with that."""
    key = {"conversation": lease.conversation, "epoch": lease.epoch, "n": lease.n}
    if await (await db.execute(RELEASE, key)).fetchone() is not None:
        return None
    return await go_on(db, lease)


async def go_on(db: Db, lease: Lease) -> Lease | None:
    """S6 by itself: the lease with the newest `n`. None: it is somebody else's."""
    cursor = db.cursor(row_factory=class_row(Lease))
    await cursor.execute(GO_ON, {"conversation": lease.conversation, "epoch": lease.epoch})
    return await cursor.fetchone()


async def give_up(db: Db, lease: Lease) -> None:
    """Frees the lease with work still open: the caller nudges, the tick is the net."""
    await db.execute(GIVE_UP, {"conversation": lease.conversation, "epoch": lease.epoch})
