"""Another tenant's ids, tried on every route: what the answer must not show, and must not do."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import httpx

from shared.store import dead_letters, turns
from shared.store.leases import take
from shared.store.tenancy import Store
from shared.store.turns import NewTurn
from tests.console_api.routes import all_routes
from tests.console_api.shops import Shop
from tests.store.world import Empty

MARK = "نشان‌محرمانه"
"""Stands in everything the first tenant has; the second must never read it."""

NOT_THEIRS = {"tenants", "me", "auth", "events", "usage", "alarms"}
"""Collections whose routes take no id of a tenant's own, or are the administrator's."""


ORDER = ("GET", "PATCH", "PUT", "POST", "DELETE")
BY_BRAND = {"channels", "personas", "policies"}
FILTERS: dict[str, dict[str, str]] = {
    "/channels": {"brand_id": "brands"},
    "/personas": {"brand_id": "brands"},
    "/policies": {"brand_id": "brands"},
    "/conversations": {"channel_id": "channels"},
}


async def furnish(shop: Shop, ingress: Store, orchestrate: Store, console: Store) -> None:
    """Gives the shop one of everything, and notes the ids by collection."""
    owner = shop.owner
    shop.ids["brands"] = (await owner.post("/brands", json={"name": MARK})).json()["id"]
    channel = await shop.connect("telegram", name=MARK)
    shop.ids["channels"] = channel["id"]
    for collection in ("personas", "policies"):
        made = await owner.post(f"/{collection}", json={"brand_id": shop.ids["brands"]})
        shop.ids[collection] = made.json()["id"]
    rule = {"name": MARK, "schedule": "0 9 * * *", "action": {"do": "note", "text": MARK}}
    shop.ids["automations"] = (await owner.post("/automations", json=rule)).json()["id"]
    person = {"email": f"{uuid4().hex}@example.com", "name": MARK, "role": "viewer", "password": "گذرواژهٔ بلند"}
    shop.ids["users"] = (await owner.post("/users", json=person)).json()["id"]
    file = {"file": (f"{MARK}.txt", uuid4().hex.encode(), "text/plain")}
    shop.ids["knowledge"] = (await owner.post("/knowledge", files=file)).json()["id"]
    shop.ids["audit"] = (await owner.get("/audit")).json()["items"][0]["id"]
    taken = await shop.hear(ingress, channel["id"], MARK)
    shop.ids["conversations"] = str(taken.conversation)
    async with orchestrate.tenant(shop.tenant) as db:
        lease = await take(db, taken.conversation, event="test")
        assert lease is not None
        new = NewTurn(MARK, [MARK], "answered", "bot", 0, (), Empty(), None, 3, 4)
        turn = await turns.commit(db, shop.tenant, UUID(channel["id"]), lease, new, correlation="test")
    shop.ids["turns"] = str(turn)
    async with console.tenant(shop.tenant) as db:
        reason = f"{MARK} {uuid4()}"
        await dead_letters.keep(db, tenant=shop.tenant, source="/xin/test", reason=reason, payload=b"{}")
        (letter, *_) = await dead_letters.list_newest(db, before=None, limit=1)
    shop.ids["dead-letters"] = str(letter.id)


async def attack(attacker: httpx.AsyncClient, ids: Mapping[str, str]) -> list[str]:
    """Every route with the other tenant's ids, read and changed; returns what leaked or was done, in words."""
    found = []
    for route in sorted(all_routes(), key=lambda route: ORDER.index(route.method)):
        if route.collection in NOT_THEIRS:
            continue
        takes_foreign_id = "{id}" in route.template or (route.method == "POST" and route.collection in BY_BRAND)
        if route.method != "GET" and not takes_foreign_id:
            continue
        answer = await route.call(attacker, dict(ids))
        shown = f"{route.method} {route.template} → {answer.status_code}"
        if takes_foreign_id and answer.status_code != 404:
            found.append(shown)
        elif MARK in answer.text or any(value in answer.text for value in ids.values()):
            found.append(f"{shown}: shows the other tenant's")
    for path, params in FILTERS.items():
        answer = await attacker.get(path, params={name: ids[collection] for name, collection in params.items()})
        if answer.status_code != 200 or answer.json()["items"]:
            found.append(f"GET {path} {params} → {answer.status_code} {answer.text[:200]}")
    return found


async def snapshot(shop: Shop) -> dict[str, Any]:
    """All that the shop's owner sees of their things."""
    seen: dict[str, Any] = {}
    for route in all_routes():
        if route.method == "GET" and route.collection not in NOT_THEIRS | {"audit"}:
            answer = await route.call(shop.owner, shop.ids)
            assert answer.status_code == 200, (route, answer.text)
            seen[route.template] = answer.json()
    return seen
