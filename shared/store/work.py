"""What stayed open, across tenants: ids alone, from the definer functions. The tick's view."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from shared.store.tenancy import Db, Store, one

# Who waits unanswered is the alarm's to say (shared/store/alarms.py).
DUE = """
    SELECT kind, tenant_id AS tenant, id, since FROM due_work(%s, make_interval(secs => %s)) WHERE kind <> 'unanswered'
"""

RESUMES = "SELECT tenant_id, id FROM due_resumes(%s)"

BELONGS = "SELECT 1 FROM conversations WHERE id = %s"


@dataclass(frozen=True)
class Due:
    """`kind` says what `id` is: message and part name a conversation, event a channel, job an asset, rule and run
    themselves."""

    kind: str
    tenant: UUID
    id: UUID
    since: datetime


async def due(store: Store, *, limit: int, patience_seconds: float) -> list[Due]:
    """The oldest *limit* of each kind; a message counts when it has waited so long. Raises DatabaseAway."""
    async with store.connection() as db:
        cursor = db.cursor(row_factory=class_row(Due))
        await cursor.execute(DUE, (limit, patience_seconds))
        return await cursor.fetchall()


async def resumes(store: Store, *, limit: int) -> list[tuple[UUID, UUID]]:
    """Tenant and conversation of those where a person spoke outside and has been silent since. Raises DatabaseAway."""
    async with store.connection() as db:
        return await (await db.execute(RESUMES, (limit,))).fetchall()


async def prune(store: Store) -> int:
    """Removes what nobody will ask for again; how many rows went. Raises DatabaseAway."""
    async with store.connection() as db:
        return int(one(await (await db.execute("SELECT prune()")).fetchone()))


async def belongs(db: Db, subject: UUID | None) -> bool:
    """Whether an event's subject is a conversation of the current tenant."""
    return await (await db.execute(BELONGS, (subject,))).fetchone() is not None
