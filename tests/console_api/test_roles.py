"""Who may do what: the table in roles.py, held against every route and every role."""

from collections.abc import Iterator

import httpx
import pytest

from functions.console_api.console import Console
from functions.console_api.roles import LEAST, PREFIX, Least, Role, may
from functions.console_api.site import make_api
from tests.console_api.routes import STREAM, Route, all_routes
from tests.console_api.shops import Shop, open_shop, sign_in

NOT_ADMITTED = {401, 403}
ROLES = ("anonymous", "viewer", "operator", "owner", "admin", "admin in the tenant")


def served(console: Console) -> Iterator[tuple[str, str]]:
    """Method and path of everything that the API serves."""
    for path, operations in make_api(console).openapi()["paths"].items():
        for method in operations:
            yield method.upper(), path


def test_table_is_whole(console: Console) -> None:
    """A route that the table leaves out, or a line of the table without a route, fails here."""
    assert set(served(console)) == set(LEAST)


def is_admitted(who: str, least: Least) -> bool:
    """What the table promises, read once more in other words."""
    if least is Least.ANYONE:
        return True
    ranks = {"viewer": 1, "operator": 2, "owner": 3, "admin in the tenant": 3}
    match least:
        case Least.SIGNED_IN:
            return who != "anonymous"
        case Least.PLATFORM:
            return who in ("admin", "admin in the tenant")
        case Least.OWNER_OR_PLATFORM:
            return who in ("owner", "admin", "admin in the tenant")
    return ranks.get(who, 0) >= {Least.VIEWER: 1, Least.OPERATOR: 2, Least.OWNER: 3}[least]


NOBODYS = dict.fromkeys((route.collection for route in all_routes()), "00000000-0000-4000-8000-000000000000")
"""An id that nothing has: whoever is admitted gets 404, and nothing changes."""
CREATING = {
    ("POST", "/users"),
    ("POST", "/brands"),
    ("POST", "/automations"),
    ("POST", "/tenants"),
    ("POST", "/knowledge"),
}
"""Routes without an id, which change something when they are admitted: these are sent with a body they refuse."""


ONLY_ITS_PEOPLE = {
    ("POST", "/conversations/{id}/messages"),
    ("POST", "/conversations/{id}/takeover"),
}
"""What an administrator, who is none of the tenant's people, can't do."""


async def outcome(route: Route, client: httpx.AsyncClient, **headers: str) -> int:
    if (route.method, route.template) in CREATING | {("PATCH", "/me")}:
        path = route.template
        return (await client.request(route.method, path, json={"name": 7}, headers=headers)).status_code
    return (await route.call(client, NOBODYS, **headers)).status_code


@pytest.mark.parametrize("who", ROLES)
async def test_every_route(
    who: str, anonymous: httpx.AsyncClient, admin: httpx.AsyncClient, shop: Shop, site: httpx.ASGITransport
) -> None:
    """Each role gets through to what the table allows it, and to nothing else."""
    clients = {"anonymous": anonymous, "viewer": shop.viewer, "operator": shop.operator, "owner": shop.owner}
    client = clients.get(who, admin)
    headers = {"X-Xin-Tenant": str(shop.tenant)} if who == "admin in the tenant" else {}

    wrong = []
    for route in all_routes():
        if route.template.startswith("/auth/"):
            continue  # tests/console_api/test_signing_in.py
        status = await outcome(route, client, **headers)
        admitted = is_admitted(who, LEAST[route.method, PREFIX + route.template])
        if "admin" in who and (route.method, route.template) in ONLY_ITS_PEOPLE:
            admitted = False
        if (status not in NOT_ADMITTED) != admitted:
            wrong.append((route.method, route.template, status))
        assert status < 500, (route, status)

    assert wrong == []


async def test_stream_needs_a_role(anonymous: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    """The live stream is no exception."""
    path = STREAM[1].removeprefix(PREFIX)

    assert (await anonymous.get(path)).status_code == 401
    refused = await admin.get(path)
    assert refused.status_code == 403
    assert "X-Xin-Tenant" in refused.json()["detail"]


def test_nobody_outside() -> None:
    """Outside any tenant no role but the administrator's is worth anything."""
    for role in (Role.VIEWER, Role.OPERATOR, Role.OWNER, Role.ADMIN):
        assert not may(role, in_tenant=False, least=Least.VIEWER)
        assert may(role, in_tenant=False, least=Least.PLATFORM) == (role is Role.ADMIN)


async def test_choosing_a_tenant(shop: Shop, other_shop: Shop, admin: httpx.AsyncClient) -> None:
    """Only an administrator chooses a tenant; one that isn't there is not found; the visit is on record once."""
    elsewhere = {"X-Xin-Tenant": str(other_shop.tenant)}
    assert (await shop.owner.get("/brands", headers=elsewhere)).status_code == 403
    for unknown in ("00000000-0000-4000-8000-000000000000", "not an id", ""):
        assert (await admin.get("/brands", headers={"X-Xin-Tenant": unknown})).status_code == 404

    for _ in range(2):
        brands = (await admin.get("/brands", headers=elsewhere)).json()["items"]
        assert [brand["id"] for brand in brands] == [str(other_shop.brand)]

    entries = (await other_shop.owner.get("/audit", params={"limit": 100})).json()["items"]
    visits = [entry for entry in entries if entry["action"] == "tenant.entered"]
    assert [visit["actor"] for visit in visits] == ["admin@example.com"]


async def test_changed_role(site: httpx.ASGITransport, admin: httpx.AsyncClient) -> None:
    """The role in the row counts, not the one in a token: whoever was an owner until now is one no longer."""
    shop = await open_shop(site, admin)
    users = {user["role"]: user["id"] for user in (await shop.owner.get("/users")).json()["items"]}
    await shop.owner.patch(f"/users/{users['operator']}", json={"role": "owner"})
    promoted = await sign_in(site, shop.emails["operator"])
    assert (await promoted.get("/users")).status_code == 200

    await shop.owner.patch(f"/users/{users['operator']}", json={"role": "operator"})

    assert (await promoted.get("/users")).status_code == 401
    assert (await (await sign_in(site, shop.emails["operator"])).get("/users")).status_code == 403
