"""Shops that use the console: a tenant with all its people signed in, made through the API itself."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

from shared.store import taking_in
from shared.store.taking_in import NewMessage, Taken
from shared.store.tenancy import Store

ADMIN_EMAIL = "admin@example.com"
PASSWORD = "گذرواژه‌ای که بلند است"
API = "/api/v1"


async def sign_in(
    site: httpx.AsyncBaseTransport, email: str, password: str = PASSWORD, **headers: str
) -> httpx.AsyncClient:
    """A client that carries the access token of the account."""
    async with httpx.AsyncClient(transport=site, base_url="http://console") as anonymous:
        answer = await anonymous.post(f"{API}/auth/token", data={"username": email, "password": password})
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    return httpx.AsyncClient(
        transport=site, base_url=f"http://console{API}", headers={"Authorization": f"Bearer {token}", **headers}
    )


@dataclass
class Shop:
    """One tenant. `owner`, `operator` and `viewer` are signed in; `ids` are things it has, by their collection."""

    tenant: UUID
    owner: httpx.AsyncClient
    operator: httpx.AsyncClient
    viewer: httpx.AsyncClient
    emails: dict[str, str]
    brand: UUID
    ids: dict[str, str] = field(default_factory=dict)

    async def connect(self, kind: str = "telegram", **changes: Any) -> dict[str, Any]:
        """A new channel of the shop."""
        secrets = {
            "telegram": {"bot_token": "123:abc"},
            "bale": {"bot_token": "123:abc"},
            "whatsapp": {"access_token": "EAAx", "app_secret": "s3", "phone_number_id": "111", "waba_id": "222"},
            "instagram": {"access_token": "IGx", "app_secret": "s3", "account_id": "333"},
            "web": {},
        }[kind]
        body = {"brand_id": str(self.brand), "kind": kind, "name": "کانال فروشگاه", "secrets": secrets, **changes}
        answer = await self.owner.post("/channels", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def hear(self, ingress: Store, channel: str, text: str = "سلام، مرسوله‌ام کجاست؟", sender: str = "") -> Taken:
        """A customer writes on a channel; without *sender* a new one."""
        message = NewMessage(
            sender=sender or uuid4().hex, provider_id=uuid4().hex, kind="text", text=text, name="نرگس", language="fa"
        )
        async with ingress.connection() as db:
            return await taking_in.store_message(db, self.tenant, UUID(channel), message, correlation="test")


async def open_shop(site: httpx.AsyncBaseTransport, admin: httpx.AsyncClient, name: str = "فروشگاه سپید") -> Shop:
    """A new tenant with an owner, an operator and a viewer."""
    unique = uuid4().hex[:12]
    emails = {role: f"{role}-{unique}@example.com" for role in ("owner", "operator", "viewer")}
    body = {"name": name, "owner": {"email": emails["owner"], "password": PASSWORD}}
    made = await admin.post("/tenants", json=body)
    assert made.status_code == 201, made.text
    owner = await sign_in(site, emails["owner"])
    for role in ("operator", "viewer"):
        person = {"email": emails[role], "name": f"{role} یک", "role": role, "password": PASSWORD}
        assert (await owner.post("/users", json=person)).status_code == 201
    brands = (await owner.get("/brands")).json()["items"]
    return Shop(
        tenant=UUID(made.json()["id"]),
        owner=owner,
        operator=await sign_in(site, emails["operator"]),
        viewer=await sign_in(site, emails["viewer"]),
        emails=emails,
        brand=UUID(brands[0]["id"]),
    )
