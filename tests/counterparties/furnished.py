"""A tenant of the running product that has one of everything, made through the public API: for those who guess ids."""

import itertools
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.pipeline.waiting import until
from tests.pipeline.widget import Visitor
from tests.product import Product

PASSWORD = "گذرواژه‌ای که بلند است"
ROLES = {"owner": "owner", "operator": "operator", "viewer": "viewer", "leaver": "viewer"}
NUMBERS = itertools.count(8001)


@dataclass
class Furnished:
    """Its people by name, each with an address and a password; a real id by collection, and one that may be deleted;
    a visitor of its widget."""

    product: Product
    people: dict[str, tuple[str, str]]
    web: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    spare: dict[str, str] = field(default_factory=dict)
    visitor: Visitor | None = None
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict)

    @property
    def brand(self) -> str:
        return self.ids["brands"]

    def headers(self, name: str) -> dict[str, str]:
        """The credentials of *name*, signed in anew before a token gets old."""
        until, token = self._tokens.get(name, (0.0, ""))
        if until < time.monotonic():
            email, password = self.people[name]
            form = {"username": email, "password": password}
            answer = httpx.post(f"{self.product.url}/api/v1/auth/token", data=form, timeout=20)
            assert answer.status_code == 200, answer.text
            token = answer.json()["access_token"]
            self._tokens[name] = (time.monotonic() + answer.json()["expires_in"] / 2, token)
        return {"authorization": f"Bearer {token}"}

    def client(self, name: str) -> httpx.Client:
        """The console's API as *name*."""
        return httpx.Client(base_url=f"{self.product.url}/api/v1", headers=self.headers(name), timeout=20)

    def cursor(self, path: str, name: str) -> str | None:
        """Where the second page of a list begins, to *name*; None if there is none."""
        params = {"limit": 1}
        answer = httpx.get(self.product.url + path, params=params, headers=self.headers(name), timeout=20)
        return answer.json().get("next_cursor") if answer.is_success else None


def furnish(product: Product) -> Furnished:
    """A new tenant; `admin` among its people is the platform's."""
    people = {name: (f"{name}-{uuid.uuid4().hex}@example.com", PASSWORD) for name in ROLES}
    people["admin"] = (product.up["admin"]["email"], product.up["admin"]["password"])
    furnished = Furnished(product, people)
    with furnished.client("admin") as admin:
        owner = {"email": people["owner"][0], "password": PASSWORD}
        furnished.ids["tenants"] = _made(admin, "tenants", {"name": "کتابفروشی نیما", "owner": owner})["id"]
    with furnished.client("owner") as desk:
        for name, role in ROLES.items():
            if name != "owner":
                _made(desk, "users", {"email": people[name][0], "role": role, "password": PASSWORD})
        brand = furnished.ids["brands"] = desk.get("/brands").json()["items"][0]["id"]
        site = {"brand_id": brand, "kind": "web", "name": "سایت", "settings": {"allowed_origins": [product.url]}}
        furnished.web = _made(desk, "channels", site)
        _converse(furnished, desk)
        furnished.ids |= _one_of_each(product, desk, brand)
        furnished.spare = _one_of_each(product, desk, brand)
        furnished.spare["brands"] = _made(desk, "brands", {"name": "برند دیگر"})["id"]
        furnished.ids["audit"] = desk.get("/audit").json()["items"][0]["id"]
    return furnished


def _converse(furnished: Furnished, desk: httpx.Client) -> None:
    """A visitor asks and is answered."""
    visitor = furnished.visitor = Visitor.arrive(furnished.web, furnished.product.url)
    answer = visitor.ask("ساعت کاری شما چیست؟")
    furnished.ids["conversations"] = visitor.conversation
    said = desk.get(f"/conversations/{visitor.conversation}/messages").json()["items"]
    furnished.ids["turns"] = next(message["turn_id"] for message in said if message["id"] == answer["id"])


def _one_of_each(product: Product, desk: httpx.Client, brand: str) -> dict[str, str]:
    number = next(NUMBERS)
    bot = {"bot_token": f"{number}:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"}
    channel = _made(desk, "channels", {"brand_id": brand, "kind": "telegram", "name": "ربات", "secrets": bot})
    rule = {"name": "گزارش", "schedule": "0 9 * * *", "action": {"do": "note", "text": "یادآوری"}}
    person = {"email": f"{uuid.uuid4().hex}@example.com", "role": "viewer", "password": PASSWORD}
    files = {"file": (f"{number}.md", f"# ساعت کاری\n\nاز ۹ تا ۲۱. {number}\n".encode(), "text/markdown")}
    return {
        "channels": channel["id"],
        "dead-letters": _letter(product, desk, channel),
        "personas": _made(desk, "personas", {"brand_id": brand})["id"],
        "policies": _made(desk, "policies", {"brand_id": brand})["id"],
        "automations": _made(desk, "automations", rule)["id"],
        "users": _made(desk, "users", person)["id"],
        "knowledge": desk.post("/knowledge", files=files).json()["id"],
    }


def _letter(product: Product, desk: httpx.Client, channel: dict[str, Any]) -> str:
    """What a provider sent and nobody can read becomes a dead letter; its id."""
    headers = {"X-Telegram-Bot-Api-Secret-Token": channel["secrets"]["secret_token"]}
    place = f"{product.url}/fn/ingress-telegram/{channel['id']}"
    assert httpx.post(place, content=b"{", headers=headers, timeout=20).status_code == 200
    newest = until(lambda: desk.get("/dead-letters", params={"limit": 1}).json()["items"], "a dead letter")
    return str(newest[0]["id"])


def _made(client: httpx.Client, collection: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(f"/{collection}", json=body)
    assert answer.is_success, answer.text
    return dict(answer.json())
