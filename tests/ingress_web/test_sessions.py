"""Opening the widget: who may, what they get, and how they come back."""

import httpx
import pytest

from functions.ingress_web.origins import is_allowed
from tests.ingress_web.shop import ORIGIN, Shop


async def open_from(client: httpx.AsyncClient, shop: Shop, origin: str | None, **more: object) -> httpx.Response:
    headers = {"Origin": origin} if origin else {}
    body = {"widget_id": str(shop.tenant.channel), **more}
    return await client.post(f"{shop.url}/sessions", json=body, headers=headers)


async def test_new(client: httpx.AsyncClient, shop: Shop) -> None:
    """A first visit gets a token of 256 bits, an empty conversation, and the brand's own words."""
    answer = await open_from(client, shop, ORIGIN, page={"url": f"{ORIGIN}/p/1", "lang": "fa-IR"})

    opened = answer.json()
    assert answer.status_code == 200
    assert opened["session_token"].startswith("st_")
    assert len(opened["session_token"]) >= 3 + 43
    assert opened["last_seq"] == 0
    assert opened["config"] == {
        "title": "سپید",
        "language": "fa",
        "rtl": True,
        "greeting": "سلام! من سپیده هستم. چطور می‌توانم کمکتان کنم؟",
    }
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


async def test_english_page(client: httpx.AsyncClient, shop: Shop) -> None:
    """On an English page the widget speaks English, from left to right."""
    config = (await open_from(client, shop, ORIGIN, page={"url": ORIGIN, "lang": "en"})).json()["config"]
    assert (config["language"], config["rtl"]) == ("en", False)


async def test_token_is_not_stored(client: httpx.AsyncClient, shop: Shop) -> None:
    """Whoever reads the database can't take over a session: only the token's hash is kept."""
    visitor = await shop.visit(client)
    (row,) = await shop.run("SELECT encode(token_hash, 'hex') FROM web_sessions")
    assert len(row[0]) == 64
    assert visitor.token not in row[0]


async def test_resume(client: httpx.AsyncClient, shop: Shop) -> None:
    """A known token goes on with its conversation, and tells how far that has come."""
    first = await shop.visit(client)
    await first.say("سلام")
    await shop.answer(first.conversation, "بفرمایید")

    again = await shop.visit(client, resume=first.token)

    assert again.conversation == first.conversation
    assert again.opened["last_seq"] == 2
    assert await again.texts() == ["سلام", "بفرمایید"]


async def test_resume_unknown(client: httpx.AsyncClient, shop: Shop) -> None:
    """An unknown token begins a new conversation, as if none had been sent."""
    visitor = await shop.visit(client, resume="st_nobody")
    assert visitor.opened["last_seq"] == 0


async def test_resume_elsewhere(client: httpx.AsyncClient, shop: Shop) -> None:
    """A token of one shop opens nothing at another's widget."""
    visitor = await shop.visit(client)
    other = await Shop.open(shop.url, shop.house)

    elsewhere = await other.visit(client, resume=visitor.token)

    assert elsewhere.conversation != visitor.conversation


async def test_expired(client: httpx.AsyncClient, shop: Shop) -> None:
    """A session that nobody used for thirty days is over: 401, and it can't be resumed."""
    visitor = await shop.visit(client)
    await shop.run("UPDATE web_sessions SET expires_at = clock_timestamp() - interval '1 s'")

    assert (await visitor.get()).status_code == 401
    assert (await shop.visit(client, resume=visitor.token)).conversation != visitor.conversation


async def test_prolonged(client: httpx.AsyncClient, shop: Shop) -> None:
    """Using a session keeps it for another thirty days."""
    visitor = await shop.visit(client)
    await shop.run("UPDATE web_sessions SET expires_at = clock_timestamp() + interval '1 day'")

    assert (await visitor.get()).status_code == 200

    ((left,),) = await shop.run("SELECT extract(day FROM expires_at - clock_timestamp())::int FROM web_sessions")
    assert left >= 29


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", f"{ORIGIN}.evil.example", "http://shop.example"]
)
async def test_wrong_origin(client: httpx.AsyncClient, shop: Shop, origin: str | None) -> None:
    """A page that the channel doesn't list gets 403, from which its scripts can read nothing."""
    answer = await open_from(client, shop, origin)

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "access-control-allow-origin" not in answer.headers


async def test_wrong_origin_with_a_token(client: httpx.AsyncClient, shop: Shop) -> None:
    """A stolen token is of no use on another page."""
    visitor = await shop.visit(client)
    for what in ("messages", "events"):
        headers = visitor.headers | {"Origin": "https://evil.example"}
        assert (await client.get(f"{visitor.path}/{what}", headers=headers)).status_code == 403


async def test_own_page(client: httpx.AsyncClient, shop: Shop) -> None:
    """The chat app itself may call from where we serve it, also where its browser leaves Origin out of a GET."""
    opened = (await open_from(client, shop, "https://chat.example")).json()
    headers = {"Authorization": f"Bearer {opened['session_token']}", "Referer": "https://chat.example/widget/?lang=fa"}

    answer = await client.get(f"{shop.url}/conversations/{opened['conversation_id']}/messages", headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:5173", True),
        ("https://127.0.0.1:8080", False),
        ("http://127.0.0.1:8080.evil.example", False),
        ("http://127.0.0.1:", False),
        ("http://shop.example:81", False),
        ("http://shop.example", True),
    ],
)
def test_any_port(origin: str, allowed: bool) -> None:
    """A local host that is listed without a port stands for every port of it, and only a local one does."""
    assert is_allowed(origin, ["http://127.0.0.1", "http://localhost", "http://shop.example"]) is allowed


async def test_preflight(client: httpx.AsyncClient, shop: Shop) -> None:
    """A browser that asks first is told the methods and headers of this API."""
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = await client.options(f"{shop.url}/sessions", headers=headers)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "last-event-id" in answer.headers["access-control-allow-headers"]


async def test_verified_visitor(client: httpx.AsyncClient, shop: Shop) -> None:
    """A claim that we can't check is refused, not ignored."""
    answer = await open_from(client, shop, ORIGIN, visitor_jwt="eyJhbGciOiJIUzI1NiJ9.e30.c2ln")
    assert answer.status_code == 422
    assert "not enabled" in answer.json()["detail"]


@pytest.mark.parametrize("widget", ["00000000-0000-0000-0000-000000000000", "wgt_7Q", ""])
async def test_unknown_widget(client: httpx.AsyncClient, shop: Shop, widget: str) -> None:
    """A widget that isn't there is 404, whatever its id looks like."""
    answer = await client.post(f"{shop.url}/sessions", json={"widget_id": widget}, headers={"Origin": ORIGIN})
    assert answer.status_code == 404


async def test_switched_off(client: httpx.AsyncClient, shop: Shop) -> None:
    """A widget that was switched off opens no session and ends those it had."""
    visitor = await shop.visit(client)
    await shop.run("UPDATE channels SET enabled = false", role="xin_console")

    assert (await open_from(client, shop, ORIGIN)).status_code == 404
    assert (await visitor.get()).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"page": 7}', b'{"widget_id": "\\ud800"}'])
async def test_bad_body(client: httpx.AsyncClient, shop: Shop, body: bytes) -> None:
    """What doesn't fit is 422 and says where; nothing makes a 500."""
    headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
    answer = await client.post(f"{shop.url}/sessions", content=body, headers=headers)
    assert answer.status_code == 422
    assert len(answer.content) <= 768
