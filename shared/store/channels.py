"""Channels and their secrets: who we are at each provider."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from pydantic import BaseModel, SecretStr

from shared.security.vault import Ciphertext, Vault
from shared.store.tenancy import Db, Store

GET = """
    SELECT id, tenant_id AS tenant, brand_id AS brand, kind, name, account, settings, enabled
      FROM channels WHERE id = %s
"""

SECRETS = """
    SELECT name, key_id, ciphertext FROM channel_secrets
     WHERE channel_id = %s AND (expires_at IS NULL OR expires_at > clock_timestamp()) ORDER BY created_at DESC
"""

INSERT_SECRET = """
    INSERT INTO channel_secrets (tenant_id, channel_id, name, key_id, ciphertext) VALUES (%s, %s, %s, %s, %s)
"""

RETIRE_SECRETS = """
    UPDATE channel_secrets SET expires_at = clock_timestamp() + make_interval(secs => %(grace)s)
     WHERE channel_id = %(channel)s AND name = %(name)s AND expires_at IS NULL
"""

BROKEN_SECONDS = 300
"""How often a channel that the provider refused is tried again: its parts wait for the tenant."""

BLOCK = """
    UPDATE channels SET blocked_until = greatest(blocked_until, clock_timestamp() + make_interval(secs => %(seconds)s)),
           last_error = %(reason)s, last_error_at = clock_timestamp()
     WHERE id = %(channel)s
"""

UNREACHABLE = """
    UPDATE contacts SET unreachable_at = clock_timestamp() FROM conversations c
     WHERE contacts.id = c.contact_id AND c.id = %s
"""

SEEN = """
    UPDATE channels SET last_webhook_at = clock_timestamp()
     WHERE id = %s AND coalesce(last_webhook_at, '-infinity') < clock_timestamp() - interval '30 s'
"""


class Channel(BaseModel):
    """One side of ours at a provider. `account` is the provider's id of it, `settings` what its kind needs."""

    id: UUID
    tenant: UUID
    brand: UUID
    kind: str
    name: str
    account: str | None
    settings: dict[str, Any]
    enabled: bool


@dataclass(frozen=True)
class OpenChannel:
    """A channel with its secrets opened: name to every value that is accepted now, the newest first."""

    channel: Channel
    secrets: Mapping[str, tuple[SecretStr, ...]]

    def newest(self, name: str) -> SecretStr:
        """The secret to send with. Raises KeyError when the channel has none of that name."""
        return self.secrets[name][0]

    def all(self, name: str) -> tuple[str, ...]:
        """Every value to accept, none when there is no such secret: then nothing is accepted."""
        return tuple(value.get_secret_value() for value in self.secrets.get(name, ()))


async def resolve(store: Store, channel: UUID) -> UUID | None:
    """The tenant of a webhook's opaque id; None when there is no such channel."""
    async with store.connection() as db:
        row = await (await db.execute("SELECT resolve_channel(%s)", (channel,))).fetchone()
    return row[0] if row else None


async def get(db: Db, channel: UUID) -> Channel | None:
    """None when the current tenant has no such channel."""
    cursor = db.cursor(row_factory=class_row(Channel))
    await cursor.execute(GET, (channel,))
    return await cursor.fetchone()


async def open_channel(db: Db, channel: UUID, vault: Vault) -> OpenChannel | None:
    """The channel and what it accepts. Raises Sealed when a secret does not open."""
    found = await get(db, channel)
    if found is None:
        return None
    secrets: dict[str, tuple[SecretStr, ...]] = {}
    for name, key_id, ciphertext in await (await db.execute(SECRETS, (channel,))).fetchall():
        opened = vault.open(Ciphertext(key_id, bytes(ciphertext)), belongs_to=_place(found.tenant, channel, name))
        secrets[name] = (*secrets.get(name, ()), SecretStr(opened))
    return OpenChannel(found, secrets)


async def put_secret(
    db: Db, tenant: UUID, channel: UUID, vault: Vault, *, name: str, value: str, grace_seconds: float = 300
) -> None:
    """Sets a secret. What was accepted before stays so for *grace_seconds*: providers switch in their own time."""
    await db.execute(RETIRE_SECRETS, {"channel": channel, "name": name, "grace": grace_seconds})
    sealed = vault.seal(value, belongs_to=_place(tenant, channel, name))
    await db.execute(INSERT_SECRET, (tenant, channel, name, sealed.key_id, sealed.data))


async def block(db: Db, channel: UUID, *, seconds: float, reason: str) -> None:
    """Nothing leaves through the channel for so long; the reason is shown as its last error."""
    await db.execute(BLOCK, {"channel": channel, "seconds": seconds, "reason": reason})


async def mark_unreachable(db: Db, conversation: UUID) -> None:
    """The contact can't be written to until they write again."""
    await db.execute(UNREACHABLE, (conversation,))


async def mark_seen(db: Db, channel: UUID) -> None:
    """The provider reached us: the channel's health. Written twice a minute at most."""
    await db.execute(SEEN, (channel,))


def _place(tenant: UUID, channel: UUID, name: str) -> str:
    return f"{tenant}/channel/{channel}/{name}"
