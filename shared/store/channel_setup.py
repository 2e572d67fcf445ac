"""Connecting channels and looking after them: what the console does. Whoever receives or sends reads store/channels."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from pydantic import BaseModel

from shared.errors import NotFound
from shared.security.vault import Vault
from shared.store.channels import put_secret
from shared.store.jsonb import jsonb
from shared.store.pages import Before, page
from shared.store.tenancy import Db

COLUMNS = """
    id, brand_id, kind, name, account, settings, enabled, blocked_until, last_webhook_at, last_error, last_error_at,
    created_at
"""

LIST = f"""
    SELECT {COLUMNS} FROM channels
     WHERE (%(before_at)s::timestamptz IS NULL OR (created_at, id) < (%(before_at)s, %(before_id)s::uuid))
       AND (%(brand)s::uuid IS NULL OR brand_id = %(brand)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""  # noqa: S608

GET = f"SELECT {COLUMNS} FROM channels WHERE id = %s"  # noqa: S608

HAS_BRAND = "SELECT 1 FROM brands WHERE id = %s"

CREATE = f"""
    INSERT INTO channels (tenant_id, brand_id, kind, name, account, settings) VALUES (%s, %s, %s, %s, %s, %s)
    RETURNING {COLUMNS}
"""  # noqa: S608

# What was wrong with the former credentials says nothing about the new ones.
UPDATE = f"""
    UPDATE channels SET name = coalesce(%(name)s::text, name), enabled = coalesce(%(enabled)s::boolean, enabled),
           brand_id = coalesce(%(brand)s::uuid, brand_id), account = coalesce(%(account)s::text, account),
           settings = settings || %(settings)s::jsonb,
           blocked_until = CASE WHEN %(renewed)s THEN NULL ELSE blocked_until END,
           last_error = CASE WHEN %(renewed)s THEN NULL ELSE last_error END,
           last_error_at = CASE WHEN %(renewed)s THEN NULL ELSE last_error_at END
     WHERE id = %(channel)s RETURNING {COLUMNS}
"""  # noqa: S608

DELETE = "DELETE FROM channels WHERE id = %s RETURNING id"


class ChannelRow(BaseModel):
    """A channel with its health. Secrets are not part of it."""

    id: UUID
    brand_id: UUID
    kind: str
    name: str
    account: str | None
    settings: dict[str, Any]
    enabled: bool
    blocked_until: datetime | None
    last_webhook_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    created_at: datetime


class NewChannel(BaseModel):
    """What a channel is made of. *account*: the provider's own id of our side. *secrets* are stored sealed."""

    brand_id: UUID
    kind: str
    name: str
    account: str | None = None
    settings: Mapping[str, Any] = {}
    secrets: Mapping[str, str] = {}


class Changes(BaseModel):
    """What changes; None and missing keys stay. Former secrets are accepted for five minutes more."""

    name: str | None = None
    enabled: bool | None = None
    brand_id: UUID | None = None
    account: str | None = None
    settings: Mapping[str, Any] = {}
    secrets: Mapping[str, str] = {}


async def list_newest(db: Db, *, brand: UUID | None, kind: str | None, before: Before, limit: int) -> list[ChannelRow]:
    """Newest first."""
    cursor = db.cursor(row_factory=class_row(ChannelRow))
    return await (await cursor.execute(LIST, page(before, limit, brand=brand, kind=kind))).fetchall()


async def get(db: Db, channel: UUID) -> ChannelRow:
    """Raises NotFound."""
    cursor = db.cursor(row_factory=class_row(ChannelRow))
    row = await (await cursor.execute(GET, (channel,))).fetchone()
    if row is None:
        raise NotFound("no such channel")
    return row


async def create(db: Db, tenant: UUID, vault: Vault, new: NewChannel) -> ChannelRow:
    """Raises NotFound when the tenant has no such brand."""
    await _require_brand(db, new.brand_id)
    cursor = db.cursor(row_factory=class_row(ChannelRow))
    values = (tenant, new.brand_id, new.kind, new.name, new.account, jsonb(dict(new.settings)))
    row = await (await cursor.execute(CREATE, values)).fetchone()
    assert row is not None
    for name, value in new.secrets.items():
        await put_secret(db, tenant, row.id, vault, name=name, value=value)
    return row


async def update(db: Db, tenant: UUID, channel: UUID, vault: Vault, changes: Changes) -> ChannelRow:
    """Raises NotFound, for the channel or the brand."""
    if changes.brand_id is not None:
        await _require_brand(db, changes.brand_id)
    cursor = db.cursor(row_factory=class_row(ChannelRow))
    values = {
        "channel": channel,
        "name": changes.name,
        "enabled": changes.enabled,
        "brand": changes.brand_id,
        "account": changes.account,
        "settings": jsonb(dict(changes.settings)),
        "renewed": bool(changes.secrets) or bool(changes.enabled),
    }
    row = await (await cursor.execute(UPDATE, values)).fetchone()
    if row is None:
        raise NotFound("no such channel")
    for name, value in changes.secrets.items():
        await put_secret(db, tenant, channel, vault, name=name, value=value)
    return row


async def delete(db: Db, channel: UUID) -> None:
    """With all that was said on it. Raises NotFound."""
    if await (await db.execute(DELETE, (channel,))).fetchone() is None:
        raise NotFound("no such channel")


async def _require_brand(db: Db, brand: UUID) -> None:
    if await (await db.execute(HAS_BRAND, (brand,))).fetchone() is None:
        raise NotFound("no such brand")
