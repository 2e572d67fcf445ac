"""The widget's API under requests that no widget sends: a visitor may be refused, the house never falls."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from functions.ingress_web.site import make_site
from functions.ingress_web.web import Pace, Web
from local.machine.schema import DatabaseUrls
from shared.settings import Settings
from shared.store.jsonb import jsonb
from shared.store.tenancy import Store
from shared.text.persian import clean
from tests.fuzz import budget, hostile, requests
from tests.fuzz.requests import Asked
from tests.tenants import found

ORIGIN = "https://shop.example"
BRIEF = Pace(keep_alive=0.02, wait=0.01, life=(0.02, 0.03))
VISITORS = 24
PER_SESSION = 19
"""A session may write twenty times in two seconds."""
QUERY = {"after": ("0", "7", str(2**62)), "limit": ("1", "100")}


@pytest.fixture(scope="module")
async def widget(
    fuzz_settings: Settings, fuzz_urls: DatabaseUrls, inside: Store
) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A client from ever new addresses, and the widget's id."""
    tenant = await found(fuzz_urls.app, kind="web")
    async with inside.tenant(tenant.id) as db:
        origins = jsonb({"allowed_origins": [ORIGIN]})
        await db.execute("UPDATE channels SET settings = %s WHERE id = %s", (origins, tenant.channel))
    async with Web.open(fuzz_settings, pace=BRIEF) as web:
        site, addresses = make_site(web), iter(range(10**9))

        async def door(scope: Any, receive: Any, send: Any) -> None:
            await site({**scope, "client": (f"2001:db8::{next(addresses):x}", 1)}, receive, send)

        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(door), base_url="http://widget", timeout=30
        ) as client:
            yield client, str(tenant.channel)


async def test_any_request(widget: tuple[httpx.AsyncClient, str]) -> None:
    """Whatever path, query, header and body: 2xx, 4xx, never a 5xx; and right requests among them still pass."""
    client, widget_id = widget
    opening = {"widget_id": widget_id, "page": {"url": f"{ORIGIN}/p", "lang": "fa"}, "resume": None}
    visitors = [
        (await client.post("/sessions", json=opening, headers={"origin": ORIGIN})).json() for _ in range(VISITORS)
    ]
    seen: Counter[int] = Counter()

    async def check(asked: Asked) -> None:
        answer = await asked.send(client)
        seen[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        assert answer.status_code < 400 or answer.headers["content-type"] == "application/problem+json"

    await budget.run_through("widget api", lambda chance: _asked(chance, visitors, opening), check)
    assert seen[200]
    assert seen[202]
    assert {401, 403, 422} <= set(seen)


def _asked(chance: random.Random, visitors: list[dict[str, Any]], opening: dict[str, Any]) -> Asked:
    visitor = chance.choice(visitors)
    place = f"/conversations/{visitor['conversation_id']}"
    message = {"client_msg_id": f"m{chance.getrandbits(60)}", "type": "text", "text": hostile.text(chance)}
    method, path, sample = chance.choice(
        (
            ("POST", "/sessions", {**opening, "resume": visitor["session_token"]}),
            ("POST", f"{place}/messages", message),
            ("POST", f"{place}/messages", message),
            ("GET", f"{place}/messages", None),
            ("GET", f"{place}/events", None),
            ("POST", f"{place}/read", {"seq": 3}),
        )
    )
    headers = {
        "origin": ORIGIN,
        "authorization": f"Bearer {visitor['session_token']}",
        "content-type": "application/json",
    }
    if path.endswith("/events"):
        headers["last-event-id"] = chance.choice(
            ("0-0", "7", "1790000000000-0", requests.one_line(hostile.text(chance)))
        )
    if chance.random() < 0.2:
        name = chance.choice((*headers, "referer", "content-length", "x-forwarded-for"))
        headers[name] = chance.choice(
            (requests.one_line(hostile.text(chance)), "null", "https://shop.example.evil", "http://[::1", "-5")
        )
    if chance.random() < 0.15:
        headers.pop(chance.choice(list(headers)))
    if chance.random() < 0.05:
        path = path.replace("conversations", requests.in_url(hostile.text(chance), chance) or "x")
    method = chance.choice(("PUT", "DELETE", "OPTIONS", "HEAD", "PATCH")) if chance.random() < 0.03 else method
    content = b"" if sample is None else requests.body(sample, chance)
    return Asked(method, path + (requests.query(QUERY, chance) if sample is None else ""), headers, content)


@pytest.mark.skipif(hostile.DATA is None, reason="XIN_DATA names no folder")
async def test_naughty_strings(widget: tuple[httpx.AsyncClient, str]) -> None:
    """A visitor may write any string: it is kept as written but for what nobody sees, or there was nothing to read."""
    client, widget_id = widget
    written = [(number, text) for number, text in enumerate(hostile.naughty_strings()) if number % 4 == 0]
    for first in range(0, len(written), PER_SESSION):
        opening = {"widget_id": widget_id, "page": {"url": written[first][1][:4000], "lang": written[first][1][:40]}}
        session = (await client.post("/sessions", json=opening, headers={"origin": ORIGIN})).json()
        headers = {"origin": ORIGIN, "authorization": f"Bearer {session['session_token']}"}
        path, kept = f"/conversations/{session['conversation_id']}/messages", []
        for number, text in written[first : first + PER_SESSION]:
            answer = await client.post(path, json={"client_msg_id": f"n{number}", "text": text}, headers=headers)
            with budget.told(f"naughty {number}", text):
                assert answer.status_code == (202 if clean(text).strip() else 422), answer.text
            kept += [clean(text)] if answer.status_code == 202 else []
        shown = (await client.get(path, headers=headers)).json()["items"]
        assert [one["text"] for one in shown] == kept
