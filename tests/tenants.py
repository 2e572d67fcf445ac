"""Tenants for tests, made through the same roles that the functions use."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID, uuid4

from pydantic import SecretStr

from shared.security.vault import Vault
from shared.settings import Settings
from shared.store import channels
from shared.store.tenancy import Store

VAULT = Vault({"test": bytes(32)})


@dataclass(frozen=True)
class Tenant:
    """A tenant with one brand, two people who work there, and one channel of a kind."""

    id: UUID
    brand: UUID
    person: UUID
    colleague: UUID
    channel: UUID


def open_store(url: str, *, role: str, connections: int = 4) -> AbstractAsyncContextManager[Store]:
    """The way to a test's database, as the function with *role* takes it."""
    return Store.open(Settings(database_url=SecretStr(url)), role=role, connections=connections)


async def found(url: str, *, kind: str = "telegram", secrets: dict[str, str] | None = None) -> Tenant:
    """A new tenant in the database at *url* (the functions' own)."""
    tenant = Tenant(uuid4(), uuid4(), uuid4(), uuid4(), uuid4())
    async with open_store(url, role="xin_console", connections=1) as store:
        async with store.platform() as db:
            await db.execute("INSERT INTO tenants (id, name) VALUES (%s, 'فروشگاه')", (tenant.id,))
        async with store.tenant(tenant.id) as db:
            await db.execute(
                "INSERT INTO brands (id, tenant_id, name) VALUES (%s, %s, 'سپید')", (tenant.brand, tenant.id)
            )
            await db.cursor().executemany(
                "INSERT INTO users (id, tenant_id, email, name, role, password_hash) VALUES (%s, %s, %s, %s, %s, '-')",
                [
                    (tenant.person, tenant.id, f"{tenant.person}@example.com", "مینا", "owner"),
                    (tenant.colleague, tenant.id, f"{tenant.colleague}@example.com", "سارا", "operator"),
                ],
            )
            await db.execute(
                "INSERT INTO channels (id, tenant_id, brand_id, kind, name) VALUES (%s, %s, %s, %s, 'کانال')",
                (tenant.channel, tenant.id, tenant.brand, kind),
            )
            for name, value in (secrets or {}).items():
                await channels.put_secret(db, tenant.id, tenant.channel, VAULT, name=name, value=value)
    return tenant
