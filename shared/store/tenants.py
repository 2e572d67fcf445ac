"""Tenants, as the platform's administrator sees them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from pydantic import BaseModel

from shared.errors import NotFound
from shared.store import brands, users, voices
from shared.store.pages import Before, page
from shared.store.tenancy import Db, Store

LIST = """
    SELECT id, name, created_at FROM tenants
     WHERE (%(before_at)s::timestamptz IS NULL OR (created_at, id) < (%(before_at)s, %(before_id)s::uuid))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""

GET = "SELECT id, name, created_at FROM tenants WHERE id = %s"

CREATE = "INSERT INTO tenants (name) VALUES (%s) RETURNING id, name, created_at"

RENAME = "UPDATE tenants SET name = %s WHERE id = %s RETURNING id, name, created_at"

# From the administrator's role to the tenant's own, inside the same transaction.
ENTER = "SELECT set_config('role', 'xin_console', true), set_config('app.tenant_id', %s, true)"


class Tenant(BaseModel):
    """A business on the platform."""

    id: UUID
    name: str
    created_at: datetime


class NewTenant(BaseModel):
    """What a tenant begins with: its owner, and a brand whose persona and policy are published."""

    name: str
    owner_email: str
    owner_password_hash: str
    owner_name: str = ""
    persona: Mapping[str, Any]
    policy: Mapping[str, Any]


async def list_newest(db: Db, *, before: Before, limit: int) -> list[Tenant]:
    """Newest first. *db* is the platform's transaction."""
    cursor = db.cursor(row_factory=class_row(Tenant))
    return await (await cursor.execute(LIST, page(before, limit))).fetchall()


async def get(db: Db, tenant: UUID) -> Tenant:
    """Inside a tenant's transaction only that tenant. Raises NotFound."""
    return await _one(db, GET, (tenant,))


async def rename(db: Db, tenant: UUID, *, name: str) -> Tenant:
    """*db* is the platform's transaction. Raises NotFound."""
    return await _one(db, RENAME, (name, tenant))


@asynccontextmanager
async def created(store: Store, new: NewTenant) -> AsyncIterator[tuple[Db, Tenant, users.User]]:
    """Makes the tenant, its owner and its first brand in one transaction, which commits when the caller leaves.

    The connection is inside the new tenant, for what else it should begin with.
    """
    async with store.platform() as db:
        tenant = await _one(db, CREATE, (new.name,))
        await enter(db, tenant.id)
        owner = await users.create(
            db,
            tenant.id,
            email=new.owner_email,
            name=new.owner_name,
            role="owner",
            password_hash=new.owner_password_hash,
        )
        brand = await brands.create(db, tenant.id, name=new.name)
        await voices.start(db, tenant.id, brand.id, persona=new.persona, policy=new.policy, by=owner.id)
        yield db, tenant, owner


async def enter(db: Db, tenant: UUID) -> None:
    """From the platform's transaction into the tenant's, for the rest of it."""
    await db.execute(ENTER, (str(tenant),))


async def _one(db: Db, statement: str, values: tuple[object, ...]) -> Tenant:
    cursor = db.cursor(row_factory=class_row(Tenant))
    row = await (await cursor.execute(statement, values)).fetchone()
    if row is None:
        raise NotFound("no such tenant")
    return row
