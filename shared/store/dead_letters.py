"""What could not be handled, kept whole so that a person can look and send it again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from pydantic import BaseModel

from shared.store.jsonb import jsonb
from shared.store.tenancy import Db

KEEP = """
    INSERT INTO dead_letters (tenant_id, source, event_id, event_type, reason, attributes, payload, correlation_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""

COLUMNS = """id, tenant_id, source, event_id, event_type, reason, attributes, payload, correlation_id,
           redelivered_at, created_at"""

LIST = f"""
    SELECT {COLUMNS} FROM dead_letters
     WHERE (%(before_at)s::timestamptz IS NULL OR (created_at, id) < (%(before_at)s, %(before_id)s::uuid))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""  # noqa: S608

GET = f"SELECT {COLUMNS} FROM dead_letters WHERE id = %s"  # noqa: S608

REDELIVERED = "UPDATE dead_letters SET redelivered_at = clock_timestamp() WHERE id = %s"

DELETE = "DELETE FROM dead_letters WHERE id = %s RETURNING id"


class DeadLetter(BaseModel):
    """A kept letter: `payload` is the body's bytes, `attributes` the event's attributes or what else is known."""

    id: UUID
    tenant_id: UUID | None
    source: str
    event_id: str | None
    event_type: str | None
    reason: str
    attributes: dict[str, Any]
    payload: bytes
    correlation_id: str | None
    redelivered_at: datetime | None
    created_at: datetime


async def keep(
    db: Db,
    *,
    tenant: UUID | None,
    source: str,
    reason: str,
    payload: bytes,
    event_id: str | None = None,
    event_type: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    correlation_id: str | None = None,
) -> None:
    """Keeps a letter once per (source, event id, type). With a tenant *db* is in that tenant's transaction."""
    row = (tenant, source, event_id, event_type, reason[:500], jsonb(dict(attributes or {})), payload, correlation_id)
    await db.execute(KEEP, row)


async def list_newest(db: Db, *, before: tuple[datetime, UUID] | None, limit: int) -> list[DeadLetter]:
    """Newest first; *before* is the last row's (created_at, id) of the page above."""
    at, row_id = before or (None, None)
    cursor = db.cursor(row_factory=class_row(DeadLetter))
    await cursor.execute(LIST, {"before_at": at, "before_id": row_id, "limit": limit})
    return await cursor.fetchall()


async def get(db: Db, letter: UUID) -> DeadLetter | None:
    """None when the current tenant has no such letter."""
    cursor = db.cursor(row_factory=class_row(DeadLetter))
    await cursor.execute(GET, (letter,))
    return await cursor.fetchone()


async def mark_redelivered(db: Db, letter: UUID) -> None:
    """Notes that it was sent again; it stays until it is deleted or pruned."""
    await db.execute(REDELIVERED, (letter,))


async def delete(db: Db, letter: UUID) -> bool:
    """Whether there was one."""
    cursor = await db.execute(DELETE, (letter,))
    return await cursor.fetchone() is not None
