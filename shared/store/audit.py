"""Who changed what, per tenant. Written in the transaction that makes the change, and never changed afterwards."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from pydantic import BaseModel

from shared.store.jsonb import jsonb
from shared.store.pages import Before, page
from shared.store.tenancy import Db

NOTE = "INSERT INTO audit_log (tenant_id, actor, action, subject, detail) VALUES (%s, %s, %s, %s, %s)"

LIST = """
    SELECT id, actor, action, subject, detail, created_at FROM audit_log
     WHERE (%(before_at)s::timestamptz IS NULL OR (created_at, id) < (%(before_at)s, %(before_id)s::uuid))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""

GET = "SELECT id, actor, action, subject, detail, created_at FROM audit_log WHERE id = %s"


class AuditEntry(BaseModel):
    """One change: *actor* is an e-mail address or the name of a rule, *subject* a kind and an id."""

    id: UUID
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    created_at: datetime


async def note(
    db: Db, tenant: UUID, *, actor: str, action: str, subject: str, detail: dict[str, Any] | None = None
) -> None:
    """*action* such as "channel.created". *detail* is small and holds no secret."""
    await db.execute(NOTE, (tenant, actor, action, subject, jsonb(detail or {})))


async def list_newest(db: Db, *, before: Before, limit: int) -> list[AuditEntry]:
    """Newest first."""
    cursor = db.cursor(row_factory=class_row(AuditEntry))
    return await (await cursor.execute(LIST, page(before, limit))).fetchall()


async def get(db: Db, entry: UUID) -> AuditEntry | None:
    """None when the current tenant has no such entry."""
    cursor = db.cursor(row_factory=class_row(AuditEntry))
    return await (await cursor.execute(GET, (entry,))).fetchone()
