"""Signing in, going on, signing out."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from random import randint
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from functions.console_api.console import Console
from functions.console_api.site import make_site
from shared.settings import Settings
from tests.console_api.shops import PASSWORD, Shop, open_shop, sign_in


async def ask(anonymous: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await anonymous.post("/auth/token", data=form)


async def test_password(anonymous: httpx.AsyncClient, shop: Shop) -> None:
    """An e-mail address, in whatever case, and its password give a bearer token for a quarter of an hour."""
    answer = await ask(anonymous, grant_type="password", username=shop.emails["owner"].upper(), password=PASSWORD)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert answer.headers["cache-control"] == "no-store"
    me = await anonymous.get("/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert (me.json()["email"], me.json()["role"]) == (shop.emails["owner"], "owner")
    assert me.json()["tenant"] == {"id": str(shop.tenant), "name": "فروشگاه سپید"}


async def test_refresh(anonymous: httpx.AsyncClient, shop: Shop) -> None:
    """A refresh token gives a new pair, but opens nothing by itself."""
    pair = (await ask(anonymous, username=shop.emails["viewer"], password=PASSWORD)).json()

    answer = await ask(anonymous, grant_type="refresh_token", refresh_token=pair["refresh_token"])

    assert answer.status_code == 200
    assert answer.json()["access_token"]
    direct = await anonymous.get("/me", headers={"Authorization": f"Bearer {pair['refresh_token']}"})
    assert direct.status_code == 401
    swapped = await ask(anonymous, grant_type="refresh_token", refresh_token=pair["access_token"])
    assert (swapped.status_code, swapped.json()["error"]) == (401, "invalid_grant")


async def test_sign_out(site: httpx.ASGITransport, anonymous: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    """Signing out ends every session of the account, refresh tokens too, and nobody else's."""
    shop = await open_shop(site, admin)
    pair = (await ask(anonymous, username=shop.emails["owner"], password=PASSWORD)).json()

    assert (await shop.owner.post("/auth/sign-out")).status_code == 204

    assert (await shop.owner.get("/me")).status_code == 401
    assert (await ask(anonymous, grant_type="refresh_token", refresh_token=pair["refresh_token"])).status_code == 401
    assert (await shop.operator.get("/me")).status_code == 200


async def test_removed_operator(site: httpx.ASGITransport, admin: httpx.AsyncClient) -> None:
    """Whoever is removed, disabled or given a new password is out with the next request."""
    shop = await open_shop(site, admin)
    ids = {user["role"]: user["id"] for user in (await shop.owner.get("/users")).json()["items"]}
    assert (await shop.operator.get("/conversations")).status_code == 200

    await shop.owner.delete(f"/users/{ids['operator']}")
    assert (await shop.operator.get("/conversations")).status_code == 401

    await shop.owner.patch(f"/users/{ids['viewer']}", json={"disabled": True})
    assert (await shop.viewer.get("/conversations")).status_code == 401

    await shop.owner.patch(f"/users/{ids['owner']}", json={"password": "یک گذرواژهٔ تازه"})
    assert (await shop.owner.get("/conversations")).status_code == 401
    again = await sign_in(site, shop.emails["owner"], "یک گذرواژهٔ تازه")
    assert (await again.get("/me")).status_code == 200


async def test_unknown_looks_like_wrong(anonymous: httpx.AsyncClient, shop: Shop) -> None:
    """An unknown address and a wrong password get the same answer after the same time."""
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    answers = set()
    for _ in range(4):
        for kind, email in (("known", shop.emails["viewer"]), ("unknown", f"{uuid4().hex}@example.com")):
            started = time.monotonic()
            answer = await ask(anonymous, username=email, password="اشتباه است")
            times[kind].append(time.monotonic() - started)
            answers.add((answer.status_code, answer.text))

    assert len(answers) == 1
    assert answers.pop()[0] == 401
    assert abs(statistics.median(times["known"]) - statistics.median(times["unknown"])) < 0.1


async def test_only_failures_are_limited(anonymous: httpx.AsyncClient, site: httpx.ASGITransport, shop: Shop) -> None:
    """Who knows the password signs in as often as they like."""
    for _ in range(15):
        assert (await ask(anonymous, username=shop.emails["operator"], password=PASSWORD)).status_code == 200


@pytest.fixture(params=["redis", "no redis"])
async def stranger(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at an address of their own, on an instance of its own, with Redis and without."""
    if request.param == "no redis":
        settings = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9")})
    async with Console.open(settings) as console:
        transport = httpx.ASGITransport(make_site(console), client=(f"203.0.113.{randint(1, 250)}/{uuid4()}", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://console/api/v1") as client:
            yield client


async def test_too_many_failures(stranger: httpx.AsyncClient, shop: Shop) -> None:
    """After ten failures from one address for one e-mail even the right password has to wait; other e-mails don't."""
    email = shop.emails["viewer"]
    answers = await asyncio.gather(*(ask(stranger, username=email, password="x") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {401}

    answer = await ask(stranger, username=email, password=PASSWORD)

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "Try again in" in answer.json()["detail"]
    assert (await ask(stranger, username=shop.emails["owner"], password=PASSWORD)).status_code == 200


async def test_spray(stranger: httpx.AsyncClient) -> None:
    """An address that tries one e-mail after the other is stopped too."""
    tries = [ask(stranger, username=f"{number}-{uuid4().hex}@example.com", password="x") for number in range(60)]
    assert {answer.status_code for answer in await asyncio.gather(*tries)} == {401}

    assert (await ask(stranger, username=f"{uuid4().hex}@example.com", password="x")).status_code == 429


async def test_odd_forms(anonymous: httpx.AsyncClient) -> None:
    """What no form of ours is gets a problem that says so, never a 500."""
    for form in ({"grant_type": "magic"}, {"username": "a\0b", "password": "x"}, {"username": "x" * 400}):
        answer = await ask(anonymous, **form)
        assert answer.status_code in (401, 422)
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await anonymous.post("/auth/token", json={"username": "a"})).status_code == 401


async def test_two_accounts(site: httpx.ASGITransport, admin: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    """The same person in two tenants has two accounts: the password decides which one is opened."""
    first, second = await open_shop(site, admin), await open_shop(site, admin)
    email = first.emails["owner"]
    person = {"email": email, "role": "viewer", "password": "گذرواژهٔ دیگری برای جای دیگر"}
    assert (await second.owner.post("/users", json=person)).status_code == 201

    there = await sign_in(site, email, person["password"])

    assert (await there.get("/me")).json()["tenant"]["id"] == str(second.tenant)
    assert (await (await sign_in(site, email)).get("/me")).json()["tenant"]["id"] == str(first.tenant)


async def test_own_password(site: httpx.ASGITransport, admin: httpx.AsyncClient) -> None:
    """Anybody changes their own password, knowing the present one; every session ends."""
    shop = await open_shop(site, admin)
    new = "گذرواژهٔ تازهٔ من"

    refused = await shop.viewer.patch("/me", json={"present_password": "حدس", "new_password": new})
    changed = await shop.viewer.patch("/me", json={"present_password": PASSWORD, "new_password": new})

    assert (refused.status_code, changed.status_code) == (403, 204)
    assert (await shop.viewer.get("/me")).status_code == 401
    assert (await (await sign_in(site, shop.emails["viewer"], new)).get("/me")).status_code == 200
