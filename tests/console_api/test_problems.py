"""Errors are problems: RFC 9457, small, saying what to do and nothing that is nobody's business."""

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from functions.console_api.console import NAME, Console
from functions.console_api.site import make_api, make_site
from shared.edge import Edge
from shared.settings import Settings
from tests.console_api.shops import Shop

IDS = ("none", "00000000-0000-4000-8000-000000000000", "%00", "..%2f", "'; DROP TABLE users; --", "١٢٣")


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= set(body)
    assert len(answer.content) < 768
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize(
    "path",
    [
        "/users/{}", "/brands/{}", "/channels/{}", "/personas/{}", "/policies/{}", "/automations/{}", "/knowledge/{}",
        "/conversations/{}", "/conversations/{}/messages", "/turns/{}", "/dead-letters/{}", "/audit/{}",
    ],
)  # fmt: skip
async def test_ids_of_nothing(shop: Shop, path: str, id: str) -> None:
    """What is no id, and an id of nothing, are not found."""
    assert_problem(await shop.owner.get(path.format(id)), 404)


async def test_no_such_route(shop: Shop) -> None:
    """A wrong address and a wrong verb are problems too; the verb's answer says which it takes."""
    assert_problem(await shop.owner.get("/nothing-here"), 404)
    answer = await shop.owner.put("/brands", json={})
    assert_problem(answer, 405)
    assert set(answer.headers["allow"].replace(" ", "").split(",")) >= {"GET"}


async def test_invalid(shop: Shop) -> None:
    """A body that doesn't fit says which field, and repeats nothing of it."""
    body = {"email": "no address", "password": "hunter2", "role": "emperor"}

    answer = await shop.owner.post("/users", json=body)

    assert_problem(answer, 422)
    assert {problem["field"] for problem in answer.json()["errors"]} == {"email", "password", "role"}
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("path", "field"), [("/users", "disabled"), ("/channels", "enabled"), ("/automations", "enabled")]
)
@pytest.mark.parametrize("value", [0, 0.0, "no", "true"])
async def test_switches(shop: Shop, path: str, field: str, value: object) -> None:
    """What is no boolean to JSON, and to our description, is none to us: nobody is let in again by a `0.0`."""
    answer = await shop.owner.patch(f"{path}/00000000-0000-4000-8000-000000000000", json={field: value})

    assert_problem(answer, 422)
    assert [problem["field"] for problem in answer.json()["errors"]] == [field]


async def test_much_invalid(shop: Shop) -> None:
    """However much is wrong and however long its names are, the answer stays small and names the first."""
    unknown = {f"{'نام' * 40}-{number}": number for number in range(50)}

    answer = await shop.owner.post("/personas", json={"brand_id": str(shop.brand), "body": unknown})

    assert_problem(answer, 422)
    assert answer.json()["errors"]


async def test_unreadable_bodies(shop: Shop) -> None:
    """What is no JSON, and JSON that no database keeps, is the sender's mistake, not ours."""
    json = {"content-type": "application/json"}
    for content in (b"{", b"\xff\xfe", b'{"name": "a\\u0000b"}', b'{"name": "\\ud800"}', b"[" * 5000, b'{"name": NaN}'):
        answer = await shop.owner.post("/brands", content=content, headers=json)
        assert_problem(answer, 422 if answer.status_code != 400 else 400)


async def test_large_body(shop: Shop) -> None:
    """A body of a megabyte and more is refused before it is read whole."""
    assert_problem(await shop.owner.post("/brands", content=b"x" * 1_100_000), 413)


async def test_limits_of_lists(shop: Shop) -> None:
    """A page has one to a hundred items; a cursor that isn't ours is refused."""
    for params in ({"limit": 0}, {"limit": 101}, {"limit": "many"}, {"cursor": "zzz"}, {"cursor": "WzEsMl0"}):
        assert_problem(await shop.owner.get("/brands", params=params), 422)
    for cursor in ("W10", "WyJhIl0", "WyIxMjM0NTY3ODkwMTIzNDU2Nzg5MCJd"):
        path = "/conversations/00000000-0000-4000-8000-000000000000/messages"
        assert (await shop.owner.get(path, params={"cursor": cursor})).status_code in (404, 422)


async def test_database_away(settings: Settings, shop: Shop) -> None:
    """While Postgres is away the answer says to come back, and how soon."""
    away = settings.model_copy(update={"database_url": SecretStr("postgresql://nobody@127.0.0.1:9/none")})
    async with Console.open(away) as console:
        transport = httpx.ASGITransport(make_site(console))
        headers = dict(shop.owner.headers)
        async with httpx.AsyncClient(transport=transport, base_url="http://console/api/v1", headers=headers) as client:
            answer = await client.get("/brands")

    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0


async def test_a_bug(console: Console) -> None:
    """What nobody expected is answered as our mistake, without a word of what it was, and logged under the same id."""
    api = make_api(console)

    @api.get("/api/v1/broken")
    async def broken() -> None:
        raise psycopg.ProgrammingError("SELECT secret FROM safe")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(Edge(NAME, api)), base_url="http://console") as client:
        answer = await client.get("/api/v1/broken")

    assert_problem(answer, 500)
    assert "secret" not in answer.text
    assert answer.headers["x-correlation-id"]


async def test_not_signed_in(anonymous: httpx.AsyncClient) -> None:
    """Without a token, or with one that isn't ours, the answer is 401 and asks for a bearer token."""
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp4"}, {"Authorization": "Bearer é"}):
        answer = await anonymous.get("/me", headers=[(k.encode(), v.encode()) for k, v in header.items()])
        assert_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
