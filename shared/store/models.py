"""A tenant's own model endpoint, and what it has used this month."""

from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row
from pydantic import SecretStr

from shared.security.vault import Ciphertext, Vault
from shared.store.tenancy import Db, one

GET = "SELECT base_url, model, small_model, key_id, api_key, monthly_tokens FROM models WHERE tenant_id = %s"

USED = """
    SELECT coalesce(sum(tokens_in + tokens_out), 0)::bigint FROM turns
     WHERE tenant_id = %s AND created_at >= date_trunc('month', clock_timestamp())
"""


@dataclass(frozen=True)
class _Row:
    base_url: str
    model: str
    small_model: str | None
    key_id: str
    api_key: bytes
    monthly_tokens: int | None


@dataclass(frozen=True)
class TenantModel:
    """Where a tenant's answers are worded. `used_share`: of this month's budget, 0 without one."""

    base_url: str
    model: str
    small_model: str | None
    api_key: SecretStr
    used_share: float


async def get(db: Db, tenant: UUID, vault: Vault) -> TenantModel | None:
    """None: the tenant has none of its own. Raises Sealed."""
    cursor = db.cursor(row_factory=class_row(_Row))
    row = await (await cursor.execute(GET, (tenant,))).fetchone()
    if row is None:
        return None
    key = vault.open(Ciphertext(row.key_id, bytes(row.api_key)), belongs_to=place(tenant))
    share = 0.0
    if row.monthly_tokens is not None:
        share = one(await (await db.execute(USED, (tenant,))).fetchone()) / max(1, row.monthly_tokens)
    return TenantModel(row.base_url, row.model, row.small_model, SecretStr(key), share)


def place(tenant: UUID) -> str:
    """What a tenant's model key is bound to."""
    return f"{tenant}/model/api_key"
