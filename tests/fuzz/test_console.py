"""The console's API under requests that no console sends, on every route: refused with a problem, never a 5xx."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from functions.console_api.console import Console
from functions.console_api.pages import cursor_of
from functions.console_api.roles import LEAST, PREFIX, TENANT_HEADER
from functions.console_api.site import make_site
from local.machine.schema import DatabaseUrls
from shared.settings import Settings
from shared.store import users
from tests.answering.conftest import MONDAY_NOON
from tests.console_api.routes import BODIES, UPLOADS
from tests.console_api.shops import ADMIN_EMAIL, PASSWORD, Shop, open_shop, sign_in
from tests.fuzz import budget, hostile, requests
from tests.fuzz.requests import Asked
from tests.tenants import open_store

SPARED = {
    ("POST", "/auth/sign-out"),  # would end the session that all this is asked in
    ("PATCH", "/me"),
    ("POST", "/tenants"),  # a password's hash takes 20 ms of a core
    ("POST", "/users"),
}
CURSOR = cursor_of(MONDAY_NOON, uuid4())
QUERY = {
    "limit": ("1", "100", "101", "0", "-1", "1e2", "٣"),
    "cursor": (CURSOR, CURSOR[:-3], cursor_of("7"), cursor_of("9" * 30), "x", ""),
    "status": ("bot", "published", "x"),
    "brand_id": ("00000000-0000-4000-8000-000000000000", "x"),
    "channel_id": ("00000000-0000-4000-8000-000000000000",),
    "kind": ("telegram",),
    "after": ("0", str(2**62), str(2**63)),
    "until": ("2026-11-24", "0001-01-01", "9999-12-31", "2026-99-99"),
    "timezone": ("Asia/Tehran", "UTC", "..", "Asia", "posix/UTC"),
}


@pytest.fixture(scope="module")
async def console(fuzz_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Console]:
    settings = fuzz_settings.model_copy(update={"vectors_path": tmp_path_factory.mktemp("console vectors")})
    async with Console.open(settings) as console:
        console.closing.set()  # a stream ends once it has begun
        await users.ensure_admin(console.store, ADMIN_EMAIL, await console.passwords.hash(PASSWORD))
        yield console


@pytest.fixture(scope="module")
async def shop(console: Console) -> Shop:
    """A tenant that has one of everything."""
    site = httpx.ASGITransport(make_site(console))
    shop = await open_shop(site, await sign_in(site, ADMIN_EMAIL))
    shop.ids["brands"] = str(shop.brand)
    for collection in ("channels", "personas", "policies", "automations", "users"):
        body = {**BODIES.get(("POST", f"/{collection}"), {}), "brand_id": str(shop.brand)}
        made = (
            await shop.owner.get(f"/{collection}")
            if collection == "users"
            else await shop.owner.post(f"/{collection}", json=body)
        )
        shop.ids[collection] = (made.json()["items"][0] if collection == "users" else made.json())["id"]
    made = await shop.owner.post("/knowledge", files={"file": ("a.md", "# ساعت کاری".encode(), "text/markdown")})
    shop.ids["knowledge"] = made.json()["id"]
    return shop


async def test_any_request(shop: Shop, fuzz_urls: DatabaseUrls) -> None:
    """Whatever path, query, header and body on whatever route: 2xx or a problem, never a 5xx."""
    async with open_store(fuzz_urls.app, role="xin_ingress") as ingress:
        shop.ids["conversations"] = str((await shop.hear(ingress, shop.ids["channels"])).conversation)
    seen: Counter[int] = Counter()

    async def check(asked: Asked) -> None:
        answer = await asked.send(shop.owner)
        seen[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        assert answer.status_code < 400 or answer.headers["content-type"] == "application/problem+json"
        assert answer.status_code != 401 or asked.path == "/auth/token", "the session has ended: nothing more is tried"

    await budget.run_through("console api", lambda chance: _asked(chance, shop.ids), check)
    assert {200, 201, 404, 422} <= set(seen)


def _asked(chance: random.Random, ids: dict[str, str]) -> Asked:
    method, template = chance.choice(
        [(m, p.removeprefix(PREFIX)) for m, p in LEAST if (m, p.removeprefix(PREFIX)) not in SPARED]
    )
    path = template.replace("{id}", _id(template, ids, chance))
    headers = {"content-type": "application/json"}
    if chance.random() < 0.1:
        name = chance.choice(
            ("content-type", TENANT_HEADER, "last-event-id", "content-length", "traceparent", "accept")
        )
        headers[name] = chance.choice((requests.one_line(hostile.text(chance)), *requests.MEDIA_TYPES))
    if template == "/events":
        headers["last-event-id"] = chance.choice(
            ("0-0", "9" * 20 + "-" + "9" * 20, "7", requests.one_line(hostile.text(chance)))
        )
    if (method, template) in UPLOADS or template == "/auth/token":
        return Asked(method, path, *_form(template, chance))
    content = (
        b""
        if method in ("GET", "DELETE") and chance.random() < 0.95
        else requests.body(_sample(method, template, ids), chance)
    )
    return Asked(method, path + requests.query(QUERY, chance), headers, content)


def _id(template: str, ids: dict[str, str], chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.75:
        return ids.get(template.split("/")[1], "none")
    return str(uuid4()) if kind < 0.85 else requests.in_url(hostile.text(chance), chance) or "x"


def _sample(method: str, template: str, ids: dict[str, str]) -> Any:
    body = BODIES.get((method, template), {"a": 1})
    more: dict[str, Any] = {"brand_id": ids["brands"]} if "brand_id" in body else {}
    if template.startswith("/policies"):
        more["body"] = POLICY
    if template.startswith("/channels"):
        more |= {
            "settings": {"allowed_origins": ["https://shop.example"], "title": "t"},
            "secrets": {"identity_secret": "s3cret"},
        }
    if template == "/knowledge/search":
        more |= {"limit": 5, "history": [{"role": "customer", "text": "سلام"}]}
    return {**body, **more}


POLICY = {
    "blocked_topics": [{"name": "سیاست", "phrases": ["انتخابات"]}],
    "hours": {
        "time_zone": "Asia/Tehran",
        "weekly": {"sat": [{"opens": "09:00", "closes": "18:00"}]},
        "holidays": ["2026-11-24"],
    },
    "handover": {"phrases": ["مدیر"], "after_misses": 3},
    "retrieval": {"enabled": True, "limit": 6, "brands": [str(uuid4())], "min_confidence": 0.1},
    "answer": {"max_chars": 400, "allowed_link_hosts": ["shop.example.ir"]},
    "quiet_ms": 100,
}


def _form(template: str, chance: random.Random) -> tuple[dict[str, str], bytes]:
    if template == "/auth/token":
        fields = {"grant_type": "refresh_token", "username": "a@b.ir", "password": "", "refresh_token": "x.y.z"}
        pairs = [
            f"{name}={requests.in_url(hostile.text(chance) if chance.random() < 0.3 else value, chance)}"
            for name, value in fields.items()
        ]
        return {"content-type": "application/x-www-form-urlencoded"}, "&".join(pairs).encode()
    name = hostile.text(chance).encode(errors="replace").replace(b'"', b"%22").replace(b"\r", b"").replace(b"\n", b"")
    title = hostile.text(chance).encode(errors="replace")
    form = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\n' + title
    form += (
        b'\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="'
        + name
        + b'"\r\n\r\n# a '
        + chance.randbytes(4).hex().encode()
    )
    return {"content-type": "multipart/form-data; boundary=x"}, form + b"\r\n--x--\r\n"
