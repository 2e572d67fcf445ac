"""The first start's demo tenant: brand, persona, policy, a channel of each kind, an owner, and the administrator.

Ids and secrets come from what `XIN_HOME` keeps, so that a later start finds and prints the same. Once the tenant
stands, nothing is seeded again: what its owner changed or removed stays so.
"""

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from local.machine.state import Home
from local.simulator.accounts import Account, BotAccount, InstagramAccount, WhatsAppAccount
from shared.answering.persona import Persona
from shared.answering.policy.rules import Policy
from shared.security.passwords import Passwords
from shared.security.vault import Vault
from shared.settings import Settings
from shared.store import channels
from shared.store.jsonb import jsonb
from shared.store.tenancy import Db, Store

INGRESS = {
    "telegram": "ingress-telegram",
    "bale": "ingress-telegram",
    "whatsapp": "ingress-whatsapp",
    "instagram": "ingress-instagram",
    "web": "ingress-web",
}
ADMIN_EMAIL = "admin@xinbot.local"
OWNER_EMAIL = "owner@sepid.local"
PASSWORD_HASH = {
    "admin": "SELECT password_hash FROM platform_admins WHERE id = %s",
    "owner": "SELECT password_hash FROM users WHERE id = %s",
}


@dataclass(frozen=True)
class Demo:
    """The demo tenant as `XIN_HOME` remembers it, whether or not it still stands like this."""

    home: Home
    public_url: str

    def id(self, name: str) -> UUID:
        """The same at every start, and nobody can guess it."""
        return uuid5(UUID(self.home.secret("demo", lambda: secrets.token_hex(16))), name)

    @property
    def tenant(self) -> UUID:
        """The demo tenant's id."""
        return self.id("tenant")

    def channel(self, kind: str) -> dict[str, str]:
        """A channel as up.json shows it, secrets included."""
        secret = self.home.secret
        shown = {"id": str(self.id(kind))}
        if kind == "web":
            return {**shown, "widget_id": shown["id"], "api_url": f"{self.public_url}/fn/ingress-web"}
        shown["webhook_url"] = f"{self.public_url}/fn/{INGRESS[kind]}/{shown['id']}"
        if kind in ("telegram", "bale"):
            token = secret(
                f"{kind}-bot-token", lambda: f"{secrets.randbelow(9 * 10**9) + 10**9}:{secrets.token_urlsafe(26)}"
            )
            return {**shown, "secret_token": secret(f"{kind}-secret-token"), "bot_token": token}
        names = ("verify_token", "app_secret", "access_token")
        shown |= {name: secret(f"{kind}-{name.replace('_', '-')}") for name in names}
        numbers = ("phone_number_id", "waba_id") if kind == "whatsapp" else ("account_id",)
        return shown | {name: secret(f"{kind}-{name.replace('_', '-')}", _number) for name in numbers}

    def accounts(self) -> list[Account]:
        """The same channels as the simulator's providers know them."""
        known: list[Account] = []
        for kind in INGRESS:
            channel = {name: value for name, value in self.channel(kind).items() if name != "id"}
            if kind in ("telegram", "bale"):
                known.append(BotAccount.model_validate({"kind": kind, "name": "فروشگاه سپید", **channel}))
            elif kind == "whatsapp":
                known.append(WhatsAppAccount.model_validate({"name": "فروشگاه سپید", **channel}))
            elif kind == "instagram":
                known.append(InstagramAccount.model_validate({"name": "sepid.shop", **channel}))
        return known


async def seed(demo: Demo, store: Store, settings: Settings) -> bool:
    """Makes the administrator and the demo tenant where they are missing; whether the tenant is new."""
    vault = Vault(settings.encryption_keys)
    passwords = Passwords()
    admin = await passwords.hash(demo.home.secret("admin-password"))
    owner = await passwords.hash(demo.home.secret("owner-password"))
    async with store.platform() as db:
        insert_admin = (
            "INSERT INTO platform_admins (id, email, password_hash) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
        )
        await db.execute(insert_admin, (demo.id("admin"), ADMIN_EMAIL, admin))
        insert_tenant = "INSERT INTO tenants (id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING id"
        new = await (await db.execute(insert_tenant, (demo.tenant, "فروشگاه سپید"))).fetchone() is not None
        if new:
            await db.execute("SET LOCAL ROLE xin_console")
            await db.execute("SELECT set_config('app.tenant_id', %s, true)", (str(demo.tenant),))
            await _furnish(demo, db, vault, owner)
    return new


async def _furnish(demo: Demo, db: Db, vault: Vault, owner_hash: str) -> None:
    tenant, brand = demo.tenant, demo.id("brand")
    await db.execute(
        "INSERT INTO users (id, tenant_id, email, name, role, password_hash) VALUES (%s, %s, %s, 'سپیده', 'owner', %s)",
        (demo.id("owner"), tenant, OWNER_EMAIL, owner_hash),
    )
    await db.execute("INSERT INTO brands (id, tenant_id, name) VALUES (%s, %s, 'فروشگاه سپید')", (brand, tenant))
    for table, body in (("personas", Persona(name="دستیار سپید")), ("policies", Policy())):
        await db.execute(
            f"INSERT INTO {table} (tenant_id, brand_id, version, status, body, published_at)"  # noqa: S608
            " VALUES (%s, %s, 1, 'published', %s, clock_timestamp())",
            (tenant, brand, jsonb(body)),
        )
    for kind in INGRESS:
        shown = demo.channel(kind)
        settings: dict[str, Any] = {"simulated": True}
        if kind == "web":
            settings = {"allowed_origins": [demo.public_url, "http://127.0.0.1", "http://localhost"]}
        account = (
            shown.get("phone_number_id") or shown.get("account_id") or shown.get("bot_token", "").partition(":")[0]
        )
        await db.execute(
            "INSERT INTO channels (id, tenant_id, brand_id, kind, name, account, settings)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (demo.id(kind), tenant, brand, kind, "فروشگاه سپید", account or None, jsonb(settings)),
        )
        for name in ("secret_token", "bot_token", "verify_token", "app_secret", "access_token"):
            if name in shown:
                await channels.put_secret(db, tenant, demo.id(kind), vault, name=name, value=shown[name])


async def describe(demo: Demo, store: Store, functions: dict[str, str]) -> dict[str, Any]:
    """What up.json says. A password that was changed since is left out, and so is a channel that was removed."""
    async with store.platform() as db:
        admin = await (await db.execute(PASSWORD_HASH["admin"], (demo.id("admin"),))).fetchone()
    async with store.tenant(demo.tenant) as db:
        owner = await (await db.execute(PASSWORD_HASH["owner"], (demo.id("owner"),))).fetchone()
        there = {row[0] for row in await (await db.execute("SELECT id FROM channels")).fetchall()}
    return {
        "functions": functions,
        "admin": await _sign_in(demo, ADMIN_EMAIL, "admin", admin),
        "operator": await _sign_in(demo, OWNER_EMAIL, "owner", owner),
        "channels": {kind: demo.channel(kind) for kind in INGRESS if demo.id(kind) in there},
    }


async def _sign_in(demo: Demo, email: str, who: str, row: Any) -> dict[str, str]:
    password = demo.home.secret(f"{who}-password")
    same = row is not None and await Passwords().verify(password, row[0])
    return {"email": email, "password": password} if same else {"email": email}


def _number() -> str:
    return str(secrets.randbelow(9 * 10**14) + 10**14)
