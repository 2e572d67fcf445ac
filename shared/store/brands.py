"""Brands: what a tenant is called by its customers. Channels speak for a brand, in its persona and by its policy."""

from datetime import datetime
from uuid import UUID

from psycopg.errors import ForeignKeyViolation
from psycopg.rows import class_row
from pydantic import BaseModel

from shared.errors import NotFound
from shared.store.conflicts import Conflict
from shared.store.pages import Before, page
from shared.store.tenancy import Db

LIST = """
    SELECT id, name, created_at FROM brands
     WHERE (%(before_at)s::timestamptz IS NULL OR (created_at, id) < (%(before_at)s, %(before_id)s::uuid))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""

GET = "SELECT id, name, created_at FROM brands WHERE id = %s"

CREATE = "INSERT INTO brands (tenant_id, name) VALUES (%s, %s) RETURNING id, name, created_at"

RENAME = "UPDATE brands SET name = %s WHERE id = %s RETURNING id, name, created_at"

DELETE = "DELETE FROM brands WHERE id = %s RETURNING id"


class Brand(BaseModel):
    """A brand of the tenant."""

    id: UUID
    name: str
    created_at: datetime


async def list_newest(db: Db, *, before: Before, limit: int) -> list[Brand]:
    """Newest first."""
    cursor = db.cursor(row_factory=class_row(Brand))
    return await (await cursor.execute(LIST, page(before, limit))).fetchall()


async def get(db: Db, brand: UUID) -> Brand:
    """Raises NotFound."""
    return await _one(db, GET, (brand,))


async def create(db: Db, tenant: UUID, *, name: str) -> Brand:
    """It has no voice yet: see voices.start."""
    return await _one(db, CREATE, (tenant, name))


async def rename(db: Db, brand: UUID, *, name: str) -> Brand:
    """Raises NotFound."""
    return await _one(db, RENAME, (name, brand))


async def delete(db: Db, brand: UUID) -> None:
    """With its personas and policies. Raises NotFound, and Conflict while a channel speaks for it."""
    try:
        cursor = await db.execute(DELETE, (brand,))
    except ForeignKeyViolation:
        raise Conflict("a channel still speaks for this brand: delete the channel first") from None
    if await cursor.fetchone() is None:
        raise NotFound("no such brand")


async def _one(db: Db, statement: str, values: tuple[object, ...]) -> Brand:
    cursor = db.cursor(row_factory=class_row(Brand))
    row = await (await cursor.execute(statement, values)).fetchone()
    if row is None:
        raise NotFound("no such brand")
    return row
