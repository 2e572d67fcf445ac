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
    """Where a tenant's answers are worded. `spent`: this month's budget is used up."""

    base_url: str
    model: str
    small_model: str | None
    api_key: SecretStr
    spent: bool


async def get(db: Db, tenant: UUID, vault: Vault) -> TenantModel | None:
    """None: the tenant has none of its own. Raises Sealed."""
    cursor = db.cursor(row_factory=class_row(_Row))
    row = await (await cursor.execute(GET, (tenant,))).fetchone()
    if row is None:
        return None
    key = vault.open(Ciphertext(row.key_id, bytes(row.api_key)), belongs_to=place(tenant))
    used = 0 if row.monthly_tokens is None else one(await (await db.execute(USED, (tenant,))).fetchone())
    spent = row.monthly_tokens is not None and used >= row.monthly_tokens
    return TenantModel(row.base_url, row.model, row.small_model, SecretStr(key), spent)


def place(tenant: UUID) -> str:
    """What a tenant's model key is bound to."""
    return f"{tenant}/model/api_key"
