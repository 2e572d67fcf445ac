"""Who works for a tenant, and the platform's administrators: accounts, roles, and the version of their sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from pydantic import BaseModel

from shared.errors import NotFound
from shared.store.conflicts import Conflict
from shared.store.pages import Before, page
from shared.store.tenancy import Db, Store, one

UserRole = Literal["owner", "operator", "viewer"]

RESOLVE = "SELECT tenant_id, user_id FROM resolve_login(%s)"

ACCOUNT = """
    SELECT id, tenant_id AS tenant, email, name, role, password_hash, session_version FROM users
     WHERE id = %s AND disabled_at IS NULL
"""

ADMIN = """
    SELECT id, NULL::uuid AS tenant, email, '' AS name, 'admin' AS role, password_hash, session_version
      FROM platform_admins
"""
ADMIN_BY_EMAIL = f"{ADMIN} WHERE email = lower(%s)"
ADMIN_BY_ID = f"{ADMIN} WHERE id = %s"

PUT_ADMIN = """
    INSERT INTO platform_admins (email, password_hash) VALUES (lower(%s), %s) ON CONFLICT (email) DO NOTHING
"""

END_SESSIONS = "UPDATE users SET session_version = session_version + 1 WHERE id = %s"
END_ADMIN_SESSIONS = "UPDATE platform_admins SET session_version = session_version + 1 WHERE id = %s"

COLUMNS = "id, email, name, role, disabled_at IS NOT NULL AS disabled, created_at"

LIST = f"""
    SELECT {COLUMNS} FROM users
     WHERE (%(before_at)s::timestamptz IS NULL OR (created_at, id) < (%(before_at)s, %(before_id)s::uuid))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""  # noqa: S608

GET = f"SELECT {COLUMNS} FROM users WHERE id = %s"  # noqa: S608

CREATE = f"""
    INSERT INTO users (tenant_id, email, name, role, password_hash) VALUES (%s, lower(%s), %s, %s, %s)
    RETURNING {COLUMNS}
"""  # noqa: S608

# A new password and a disabled account end every session; so does a changed role, whose streams would go on.
UPDATE = f"""
    UPDATE users SET name = coalesce(%(name)s::text, name), role = coalesce(%(role)s::text, role),
           password_hash = coalesce(%(password_hash)s::text, password_hash),
           disabled_at = CASE %(disabled)s::boolean WHEN true THEN coalesce(disabled_at, clock_timestamp())
                              WHEN false THEN NULL ELSE disabled_at END,
           session_version = session_version + CASE
             WHEN %(password_hash)s::text IS NOT NULL OR %(disabled)s::boolean OR coalesce(%(role)s::text, role) <> role
             THEN 1 ELSE 0 END
     WHERE id = %(user)s RETURNING {COLUMNS}
"""  # noqa: S608

DELETE = "DELETE FROM users WHERE id = %s RETURNING id"

LOCK_OWNERS = "SELECT id FROM users WHERE role = 'owner' AND disabled_at IS NULL ORDER BY id FOR UPDATE"


@dataclass(frozen=True)
class Account:
    """What signing in needs. Without a tenant it is a platform administrator's, with the role `admin`."""

    id: UUID
    tenant: UUID | None
    email: str
    name: str
    role: str
    password_hash: str
    session_version: int


class User(BaseModel):
    """One of a tenant's people."""

    id: UUID
    email: str
    name: str
    role: UserRole
    disabled: bool
    created_at: datetime


async def accounts_of(store: Store, email: str) -> list[Account]:
    """Every enabled account of an e-mail address, administrators first; none when nobody has it."""
    async with store.platform() as db:
        admins = db.cursor(row_factory=class_row(Account))
        found = await (await admins.execute(ADMIN_BY_EMAIL, (email,))).fetchall()
    async with store.connection() as db:
        places = await (await db.execute(RESOLVE, (email,))).fetchall()
    for tenant, user in places:
        account = await account_of(store, tenant, user)
        if account is not None:
            found.append(account)
    return found


async def account_of(store: Store, tenant: UUID | None, account: UUID) -> Account | None:
    """The enabled account, of a tenant or, without one, of the platform."""
    async with store.tenant(tenant) if tenant else store.platform() as db:
        cursor = db.cursor(row_factory=class_row(Account))
        return await (await cursor.execute(ACCOUNT if tenant else ADMIN_BY_ID, (account,))).fetchone()


async def end_sessions(store: Store, tenant: UUID | None, account: UUID) -> None:
    """Every token of the account is worth nothing from here on."""
    async with store.tenant(tenant) if tenant else store.platform() as db:
        await db.execute(END_SESSIONS if tenant else END_ADMIN_SESSIONS, (account,))


async def ensure_admin(store: Store, email: str, password_hash: str) -> None:
    """Makes the platform's administrator unless that address is one already; then nothing changes."""
    async with store.platform() as db:
        await db.execute(PUT_ADMIN, (email, password_hash))


async def list_newest(db: Db, *, before: Before, limit: int) -> list[User]:
    """Newest first."""
    cursor = db.cursor(row_factory=class_row(User))
    return await (await cursor.execute(LIST, page(before, limit))).fetchall()


async def get(db: Db, user: UUID) -> User | None:
    """None when the current tenant has no such user."""
    cursor = db.cursor(row_factory=class_row(User))
    return await (await cursor.execute(GET, (user,))).fetchone()


async def create(db: Db, tenant: UUID, *, email: str, name: str, role: UserRole, password_hash: str) -> User:
    """Raises Conflict when the tenant has that address already."""
    cursor = db.cursor(row_factory=class_row(User))
    try:
        await cursor.execute(CREATE, (tenant, email, name, role, password_hash))
    except UniqueViolation:
        raise Conflict(f"{email} has an account here already") from None
    user = await cursor.fetchone()
    assert user is not None
    return user


async def update(
    db: Db,
    user: UUID,
    *,
    name: str | None = None,
    role: UserRole | None = None,
    disabled: bool | None = None,
    password_hash: str | None = None,
) -> User:
    """Changes what is given. Raises NotFound, and Conflict when the tenant would have no owner left."""
    if disabled or role in ("operator", "viewer"):
        await _leave_an_owner(db, user)
    cursor = db.cursor(row_factory=class_row(User))
    changes = {"user": user, "name": name, "role": role, "disabled": disabled, "password_hash": password_hash}
    row = await (await cursor.execute(UPDATE, changes)).fetchone()
    if row is None:
        raise NotFound("no such user")
    return row


async def delete(db: Db, user: UUID) -> None:
    """What they wrote stays, without their name. Raises NotFound, and Conflict for the last owner."""
    await _leave_an_owner(db, user)
    if await (await db.execute(DELETE, (user,))).fetchone() is None:
        raise NotFound("no such user")


async def _leave_an_owner(db: Db, user: UUID) -> None:
    """Locks the owners: two who remove each other at once don't both succeed."""
    owners = {one(row) for row in await (await db.execute(LOCK_OWNERS)).fetchall()}
    if owners == {user}:
        raise Conflict("this is the last owner: make another one first")
