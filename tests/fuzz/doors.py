"""Our functions on real stores, asked in process: what leaves one as an exception fails the test as a 5xx would."""

import asyncio
import base64
import copy
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
from pydantic import SecretStr

from local.machine.schema import DatabaseUrls
from shared.hosting import Function
from shared.providers.catalogue import PROVIDERS
from shared.settings import Settings
from shared.store import channels
from shared.store.tenancy import Store
from tests.tenants import VAULT, Tenant, found, open_store

KEYS = SecretStr("test:" + base64.b64encode(bytes(32)).decode())
"""Those of tests.tenants.VAULT, which seals the channels' secrets."""
SECRET = "s3cret-of-a-channel"
ACCOUNTS = {"whatsapp": "106540352242922", "instagram": "17841400000000001"}
"""Whose webhooks the samples are."""
DOORS = {
    "telegram": "ingress_telegram",
    "bale": "ingress_telegram",
    "whatsapp": "ingress_whatsapp",
    "instagram": "ingress_instagram",
}
INSERT = "INSERT INTO channels (id, tenant_id, brand_id, kind, name, account) VALUES (%s, %s, %s, %s, 'کانال', %s)"


def twin(function: Function[Any]) -> Function[Any]:
    """The same function, not started: other tests of this process may hold the original."""
    own = copy.copy(function)
    own._app = own._site = None
    own._stack, own._starting = AsyncExitStack(), asyncio.Lock()
    return own


@asynccontextmanager
async def opened(function: Function[Any], settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running function."""
    own = twin(function)
    await own.start(settings)
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(own), base_url="http://function", timeout=30
        ) as client:
            yield client
    finally:
        await own.stop()


@dataclass(frozen=True)
class Hook:
    """A channel, and its provider's side of the webhook."""

    kind: str
    tenant: Tenant
    channel: UUID
    client: httpx.AsyncClient

    @classmethod
    async def connect(cls, kind: str, client: httpx.AsyncClient, database: DatabaseUrls) -> "Hook":
        """A new tenant with a channel of the kind: the account whose webhooks the samples are."""
        tenant = await found(database.app, kind=kind)
        async with open_store(database.app, role="xin_console", connections=1) as store:
            return await cls(kind, tenant, tenant.channel, client).beside(store, ACCOUNTS.get(kind))

    async def beside(self, inside: Store, account: str | None) -> "Hook":
        """Another channel of the tenant's, which is *account* at the provider."""
        channel = uuid4()
        row = (channel, self.tenant.id, self.tenant.brand, self.kind, account)
        async with inside.tenant(self.tenant.id) as db:
            await db.execute(INSERT, row)
            for name in (PROVIDERS[self.kind].secret, "verify_token"):
                await channels.put_secret(db, self.tenant.id, channel, VAULT, name=name, value=SECRET)
        return replace(self, channel=channel)

    async def post(self, body: bytes) -> int:
        """The status of *body* under a proof that holds."""
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-hub-signature-256": f"sha256={digest}", "x-telegram-bot-api-secret-token": SECRET}
        return (await self.client.post(f"/{self.channel}", content=body, headers=headers)).status_code

    async def texts(self, inside: Store) -> list[str]:
        """What customers have written, in no order."""
        async with inside.tenant(self.tenant.id) as db:
            statement = "SELECT text FROM messages WHERE channel_id = %s AND role = 'customer'"
            return [text for (text,) in await (await db.execute(statement, (self.channel,))).fetchall()]
