"""Personas and policies: two tables of one shape. A brand has one published version of each; only drafts change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row
from pydantic import BaseModel

from shared.errors import NotFound
from shared.store.conflicts import Conflict
from shared.store.jsonb import jsonb
from shared.store.pages import Before, page
from shared.store.tenancy import Db

Status = Literal["draft", "published", "archived"]

COLUMNS = "id, brand_id, version, status, body, created_by, created_at, published_at"

LIST = f"""
    SELECT {COLUMNS} FROM {{table}}
     WHERE (%(before_at)s::timestamptz IS NULL OR (created_at, id) < (%(before_at)s, %(before_id)s::uuid))
       AND (%(brand)s::uuid IS NULL OR brand_id = %(brand)s) AND (%(status)s::text IS NULL OR status = %(status)s)
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""  # noqa: S608

GET = f"SELECT {COLUMNS} FROM {{table}} WHERE id = %(id)s"  # noqa: S608

LOCK_BRAND = "SELECT 1 FROM brands WHERE id = %s FOR UPDATE"

ADD = f"""
    INSERT INTO {{table}} (tenant_id, brand_id, version, status, body, created_by)
    SELECT %(tenant)s, %(brand)s, coalesce(max(version), 0) + 1, 'draft', %(body)s, %(by)s
      FROM {{table}} WHERE brand_id = %(brand)s
    RETURNING {COLUMNS}
"""  # noqa: S608

CHANGE = f"UPDATE {{table}} SET body = %(body)s WHERE id = %(id)s AND status = 'draft' RETURNING {COLUMNS}"  # noqa: S608

ARCHIVE = "UPDATE {table} SET status = 'archived' WHERE brand_id = %(brand)s AND status = 'published'"

PUBLISH = f"""
    UPDATE {{table}} SET status = 'published', published_at = clock_timestamp() WHERE id = %(id)s RETURNING {COLUMNS}
"""  # noqa: S608

DELETE = "DELETE FROM {table} WHERE id = %(id)s AND status = 'draft' RETURNING id"


class Version(BaseModel):
    """One version of a brand's persona or policy; `body` is whole, as it was when it was written."""

    id: UUID
    brand_id: UUID
    version: int
    status: Status
    body: dict[str, Any]
    created_by: UUID | None
    created_at: datetime
    published_at: datetime | None


class Versions:
    """The versions of one kind, for every brand of the current tenant."""

    def __init__(self, table: Literal["personas", "policies"], noun: str) -> None:
        self._table = sql.Identifier(table)
        self.noun = noun

    async def list_newest(
        self, db: Db, *, brand: UUID | None, status: Status | None, before: Before, limit: int
    ) -> list[Version]:
        """Newest first, of one brand or of all."""
        cursor = db.cursor(row_factory=class_row(Version))
        await cursor.execute(self._of(LIST), page(before, limit, brand=brand, status=status))
        return await cursor.fetchall()

    async def get(self, db: Db, version: UUID) -> Version:
        """Raises NotFound."""
        found = await self._one(db, GET, {"id": version})
        if found is None:
            raise NotFound(f"no such {self.noun}")
        return found

    async def draft(self, db: Db, tenant: UUID, brand: UUID, *, body: Mapping[str, Any], by: UUID | None) -> Version:
        """A new draft under the brand's next number. Raises NotFound when there is no such brand."""
        await self._lock(db, brand)
        values = {"tenant": tenant, "brand": brand, "body": jsonb(dict(body)), "by": by}
        added = await self._one(db, ADD, values)
        assert added is not None
        return added

    async def change(self, db: Db, version: UUID, *, body: Mapping[str, Any]) -> Version:
        """Replaces a draft's body. Raises NotFound, and Conflict for a version that was published."""
        changed = await self._one(db, CHANGE, {"id": version, "body": jsonb(dict(body))})
        if changed is None:
            raise await self._no_draft(db, version)
        return changed

    async def publish(self, db: Db, version: UUID) -> Version:
        """It speaks from now on, and what spoke before is archived. An archived version may return. Raises NotFound."""
        brand = (await self.get(db, version)).brand_id
        await self._lock(db, brand)
        current = await self.get(db, version)
        if current.status == "published":
            return current
        await db.execute(self._of(ARCHIVE), {"brand": brand})
        published = await self._one(db, PUBLISH, {"id": version})
        assert published is not None
        return published

    async def delete(self, db: Db, version: UUID) -> None:
        """Removes a draft. Raises NotFound, and Conflict: what was published is part of the record."""
        if await (await db.execute(self._of(DELETE), {"id": version})).fetchone() is None:
            raise await self._no_draft(db, version)

    async def _no_draft(self, db: Db, version: UUID) -> Conflict:
        found = await self.get(db, version)
        return Conflict(f"this {self.noun} is {found.status}, and only a draft changes: make a new draft of it")

    async def _lock(self, db: Db, brand: UUID) -> None:
        if await (await db.execute(LOCK_BRAND, (brand,))).fetchone() is None:
            raise NotFound("no such brand")

    async def _one(self, db: Db, statement: str, values: dict[str, Any]) -> Version | None:
        cursor = db.cursor(row_factory=class_row(Version))
        return await (await cursor.execute(self._of(statement), values)).fetchone()

    def _of(self, statement: str) -> sql.Composed:
        return sql.SQL(statement).format(table=self._table)


PERSONAS = Versions("personas", "persona")
POLICIES = Versions("policies", "policy")


async def start(
    db: Db, tenant: UUID, brand: UUID, *, persona: Mapping[str, Any], policy: Mapping[str, Any], by: UUID | None
) -> None:
    """The first persona and policy of a new brand, published: so that it can answer."""
    for versions, body in ((PERSONAS, persona), (POLICIES, policy)):
        draft = await versions.draft(db, tenant, brand, body=body, by=by)
        await versions.publish(db, draft.id)
