"""Tenants, their people, their brands, and the record of who changed what."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from functions.console_api.console import Console
from shared.store.tenancy import Store
from tests.console_api.broker import Broker
from tests.console_api.shops import PASSWORD, Shop, open_shop, sign_in


async def actions(shop: Shop) -> list[dict[str, Any]]:
    """The shop's audit trail, oldest first."""
    return list(reversed((await shop.owner.get("/audit", params={"limit": 100})).json()["items"]))


async def test_new_tenant(site: httpx.ASGITransport, admin: httpx.AsyncClient) -> None:
    """A new tenant can work at once: an owner who signs in, a brand, and a published persona and policy."""
    shop = await open_shop(site, admin, "کتاب‌فروشی")

    brands = (await shop.owner.get("/brands")).json()["items"]
    personas = (await shop.owner.get("/personas")).json()["items"]
    policies = (await shop.owner.get("/policies")).json()["items"]

    assert [brand["name"] for brand in brands] == ["کتاب‌فروشی"]
    for (version,) in (personas, policies):
        assert (version["brand_id"], version["status"], version["version"]) == (brands[0]["id"], "published", 1)
    first = (await actions(shop))[0]
    assert (first["action"], first["actor"]) == ("tenant.created", "admin@example.com")


async def test_tenant_is_whole_or_not_at_all(admin: httpx.AsyncClient) -> None:
    """A tenant whose owner can't be made isn't made either."""
    name = f"نیمه‌کاره {uuid4()}"

    answer = await admin.post("/tenants", json={"name": name, "owner": {"email": "a@b.c", "password": "short"}})

    assert answer.status_code == 422
    assert name not in (await admin.get("/tenants", params={"limit": 100})).text


async def test_tenants_are_listed(site: httpx.ASGITransport, admin: httpx.AsyncClient, shop: Shop) -> None:
    """The administrator pages through the tenants and renames one; the tenant reads of it in its trail."""
    await open_shop(site, admin)
    page = (await admin.get("/tenants", params={"limit": 1})).json()
    assert len(page["items"]) == 1
    assert page["next_cursor"]
    assert (await admin.get(f"/tenants/{shop.tenant}")).json()["id"] == str(shop.tenant)

    renamed = await admin.patch(f"/tenants/{shop.tenant}", json={"name": "فروشگاه سپید"})

    assert renamed.status_code == 200
    assert (await actions(shop))[-1]["action"] == "tenant.updated"


async def test_users(shop: Shop) -> None:
    """An owner adds and changes people; an address has one account here, whatever its letters' case."""
    email = f"Mina.{uuid4().hex}@Example.com"
    person = {"email": email, "name": "مینا", "role": "operator", "password": PASSWORD}

    made = await shop.owner.post("/users", json=person)
    again = await shop.owner.post("/users", json={**person, "email": email.upper()})

    assert (made.status_code, again.status_code) == (201, 409)
    assert made.json()["email"] == email.lower()
    changed = await shop.owner.patch(f"/users/{made.json()['id']}", json={"name": "مینا ب", "role": "viewer"})
    assert (changed.json()["name"], changed.json()["role"]) == ("مینا ب", "viewer")
    assert (await shop.owner.get(f"/users/{made.json()['id']}")).json() == changed.json()


async def test_last_owner(site: httpx.ASGITransport, admin: httpx.AsyncClient) -> None:
    """A tenant keeps an owner: the last one is not removed, disabled or made less, not by two at once either."""
    shop = await open_shop(site, admin)
    first = next(user["id"] for user in (await shop.owner.get("/users")).json()["items"] if user["role"] == "owner")
    for answer in (
        await shop.owner.delete(f"/users/{first}"),
        await shop.owner.patch(f"/users/{first}", json={"disabled": True}),
        await shop.owner.patch(f"/users/{first}", json={"role": "viewer"}),
    ):
        assert answer.status_code == 409
    person = {"email": f"{uuid4().hex}@example.com", "role": "owner", "password": PASSWORD}
    second = (await shop.owner.post("/users", json=person)).json()["id"]
    other = await sign_in(site, person["email"])

    answers = await asyncio.gather(shop.owner.delete(f"/users/{second}"), other.delete(f"/users/{first}"))

    assert sorted(answer.status_code for answer in answers) in ([204, 401], [204, 409])


async def test_removed_people(shop: Shop, site: httpx.ASGITransport, ingress: Store) -> None:
    """Whoever holds a conversation and is removed leaves it to the others; what they said stays said."""
    person = {"email": f"{uuid4().hex}@example.com", "role": "operator", "password": PASSWORD}
    user = (await shop.owner.post("/users", json=person)).json()["id"]
    channel = (await shop.connect("telegram"))["id"]
    path = f"/conversations/{(await shop.hear(ingress, channel)).conversation}"
    await (await sign_in(site, person["email"])).post(f"{path}/messages", json={"text": "من پیگیرم"})

    assert (await shop.owner.delete(f"/users/{user}")).status_code == 204

    assert (await shop.owner.get(f"/users/{user}")).status_code == 404
    assert (await shop.operator.post(f"{path}/takeover")).json()["owner_name"] == "operator یک"
    assert (await shop.viewer.get(f"{path}/messages")).json()["items"][-1]["text"] == "من پیگیرم"


@pytest.mark.parametrize("how", ["removed", "disabled", "only looks on"])
async def test_gone_people_hold_nothing(
    shop: Shop, site: httpx.ASGITransport, ingress: Store, broker: Broker, how: str
) -> None:
    """Whoever can speak no more gives their conversations back: the bot answers what came meanwhile."""
    email = f"{uuid4().hex}@example.com"
    person = {"email": email, "name": "سارا", "role": "operator", "password": PASSWORD}
    user = (await shop.owner.post("/users", json=person)).json()["id"]
    channel = str((await shop.connect("telegram"))["id"])
    taken = await shop.hear(ingress, channel)
    hers = await sign_in(site, email)
    assert (await hers.post(f"/conversations/{taken.conversation}/takeover")).status_code == 200

    match how:
        case "removed":
            answer = await shop.owner.delete(f"/users/{user}")
        case "disabled":
            answer = await shop.owner.patch(f"/users/{user}", json={"disabled": True})
        case _:
            answer = await shop.owner.patch(f"/users/{user}", json={"role": "viewer"})

    assert answer.is_success
    shown = (await shop.viewer.get(f"/conversations/{taken.conversation}")).json()
    assert (shown["status"], shown["owner_id"]) == ("bot", None)
    assert await broker.told("message.received.v1", taken.conversation)


async def test_audit(site: httpx.ASGITransport, admin: httpx.AsyncClient, console: Console) -> None:
    """Every change is on record with who made it, and no secret is."""
    shop = await open_shop(site, admin)
    await shop.owner.post("/brands", json={"name": "دوم"})
    made = await shop.connect("telegram")
    await shop.owner.patch(f"/channels/{made['id']}", json={"secrets": {"bot_token": "987:new-secret"}})
    await shop.operator.post("/knowledge", files={"file": ("a.txt", uuid4().hex.encode())})
    headers = {"X-Xin-Tenant": str(shop.tenant)}
    await admin.post("/brands", json={"name": "سوم"}, headers=headers)

    found = [(entry["action"], entry["actor"]) for entry in await actions(shop)]

    owner, operator = shop.emails["owner"], shop.emails["operator"]
    assert found[-6:] == [
        ("brand.created", owner),
        ("channel.created", owner),
        ("channel.updated", owner),
        ("knowledge.uploaded", operator),
        ("tenant.entered", "admin@example.com"),
        ("brand.created", "admin@example.com"),
    ]
    text = json.dumps(await actions(shop))
    for secret in ("987:new-secret", "123:abc", made["secrets"]["secret_token"], PASSWORD, "argon2"):
        assert secret not in text


async def test_audit_is_for_good(shop: Shop, console: Console) -> None:
    """Not even the function's own database role may change or remove an entry."""
    for statement in ("DELETE FROM audit_log", "UPDATE audit_log SET actor = 'nobody'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with console.store.tenant(shop.tenant) as db:
                await db.execute(statement)
