"""A second tenant, made through the API alone: by the platform's administrator, then by its own owner."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.pipeline.desk import Desk
from tests.pipeline.provider import Provider
from tests.product import Product


@dataclass(frozen=True)
class Neighbour:
    """Its owner's desk and its channels."""

    desk: Desk
    telegram: dict[str, str]
    web: dict[str, str]


def found_tenant(product: Product, provider: Provider) -> Neighbour:
    """A tenant with a Telegram bot that *provider* knows, and a widget on the product's own pages."""
    account = {"email": f"owner-{uuid.uuid4().hex[:8]}@example.com", "password": "گذرواژه‌ای که بلند است"}
    made = product.sign_in("admin").post("/tenants", json={"name": "کتابفروشی نیما", "owner": account})
    assert made.is_success, made.text
    desk = Desk(sign_in(product, account["email"], account["password"]))
    brand = desk.items("/brands")[0]["id"]
    bot_token = f"{uuid.uuid4().int % 10**9}:{uuid.uuid4().hex}"
    provider.tokens[bot_token] = "telegram"
    telegram = _connect(desk, brand_id=brand, kind="telegram", name="ربات", secrets={"bot_token": bot_token})
    web = _connect(desk, brand_id=brand, kind="web", name="سایت", settings={"allowed_origins": [product.url]})
    return Neighbour(desk, {**telegram, "secret_token": telegram["secrets"]["secret_token"]}, web)


def sign_in(product: Product, email: str, password: str) -> httpx.Client:
    """A client of the console's API, as that account."""
    form = {"grant_type": "password", "username": email, "password": password}
    answer = httpx.post(f"{product.url}/api/v1/auth/token", data=form, timeout=20)
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return httpx.Client(base_url=f"{product.url}/api/v1", headers=headers, timeout=20)


def _connect(desk: Desk, **channel: Any) -> dict[str, Any]:
    made = desk.client.post("/channels", json=channel)
    assert made.is_success, made.text
    return dict(made.json())
