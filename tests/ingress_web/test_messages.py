"""Writing and reading: stored once, shown when it has left, and nobody else's."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from local.machine.schema import DatabaseUrls
from shared.settings import Settings
from tests.conftest import PostgresServer
from tests.ingress_web.conftest import running
from tests.ingress_web.shop import ORIGIN, Broker, Shop, Visitor


async def test_write(visitor: Visitor, broker: Broker) -> None:
    """What is written is stored, gets a number, and whoever answers is told."""
    answer = await visitor.post("سلام، سفارشم کجاست؟")

    assert answer.status_code == 202
    assert (answer.json()["seq"], answer.json()["duplicate"]) == (1, False)
    assert str(visitor.conversation) in await broker.told("ir.xinbot.message.received.v1")
    (item,) = (await visitor.get()).json()["items"]
    assert item == {
        "id": answer.json()["id"],
        "seq": 1,
        "role": "customer",
        "text": "سلام، سفارشم کجاست؟",
        "at": item["at"],
        "sources": [],
    }


async def test_same_message_at_once(visitor: Visitor) -> None:
    """A message that is sent twenty times at once is one row under one number."""
    key = str(uuid4())

    answers = [answer.json() for answer in await asyncio.gather(*(visitor.post("سلام", key) for _ in range(20)))]

    assert {(answer["id"], answer["seq"]) for answer in answers} == {(answers[0]["id"], 1)}
    assert sum(not answer["duplicate"] for answer in answers) == 1
    assert await visitor.shop.run("SELECT count(*) FROM messages") == [(1,)]


async def test_same_key_of_another(client: httpx.AsyncClient, shop: Shop, visitor: Visitor) -> None:
    """The key is the visitor's own: another visitor's equal key is another message."""
    other = await shop.visit(client)
    answers = [await one.post("سلام", "1") for one in (visitor, other)]
    assert [answer.json()["duplicate"] for answer in answers] == [False, False]


async def test_page(visitor: Visitor) -> None:
    """History is read in pages: the first *limit* messages above *after*."""
    for text in ("یک", "دو", "سه"):
        await visitor.say(text)

    items = (await visitor.get(after=1, limit=1)).json()["items"]

    assert [item["text"] for item in items] == ["دو"]
    assert (await visitor.get(limit=101)).status_code == 422
    assert (await visitor.get(after=-1)).status_code == 422


async def test_only_what_has_left(visitor: Visitor) -> None:
    """An answer that is queued may still be cancelled, so the visitor sees it only once it has left."""
    await visitor.say("سلام")
    await visitor.shop.compose(visitor.conversation, "بفرمایید")
    before = await visitor.texts()

    await visitor.shop.send(visitor.conversation)

    assert before == ["سلام"]
    assert await visitor.texts() == ["سلام", "بفرمایید"]


async def test_cancelled(visitor: Visitor) -> None:
    """What the bot had queued when a person took over is never seen."""
    await visitor.say("سلام")
    await visitor.shop.compose(visitor.conversation, "پاسخ ربات")

    await visitor.shop.reply(visitor.conversation, "من مینا هستم")

    assert await visitor.texts() == ["سلام", "من مینا هستم"]


async def test_two_shops(client: httpx.AsyncClient, shop: Shop, visitor: Visitor) -> None:
    """A visitor of one shop reaches nothing of another's, nor of another visitor: 404 as for what never was."""
    stranger = await (await Shop.open(shop.url, shop.house)).visit(client)
    neighbour = await shop.visit(client)
    await visitor.say("راز من")

    for other in (stranger, neighbour):
        for conversation in (str(visitor.conversation), str(uuid4()), "cv_1", "%00", "1' OR 1=1"):
            path = f"{shop.url}/conversations/{conversation}"
            answers = [
                await client.get(f"{path}/messages", headers=other.headers),
                await client.get(f"{path}/events", headers=other.headers),
                await client.post(f"{path}/messages", json={"client_msg_id": "1", "text": "x"}, headers=other.headers),
                await client.post(f"{path}/read", json={"seq": 1}, headers=other.headers),
            ]
            assert {answer.status_code for answer in answers} == {404}
            assert "راز" not in "".join(answer.text for answer in answers)
    assert await visitor.texts() == ["راز من"]


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer st_nobody", "Bearer نه", "Basic c3RfbjpvYm9keQ=="])
async def test_no_session(client: httpx.AsyncClient, visitor: Visitor, authorization: str | None) -> None:
    """Without a session nothing is told; the page may read that, so that the widget opens a new one."""
    headers = [(b"Origin", ORIGIN.encode())] + ([(b"Authorization", authorization.encode())] if authorization else [])

    answer = await client.get(f"{visitor.path}/messages", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.json()["status"] == 401


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b'{"client_msg_id": "1", "text": "x"}', "text/plain", 415),
        (b'{"client_msg_id": "1", "text": "x"}', "", 415),
        (b"not json", "application/json", 422),
        (b'{"client_msg_id": "1"}', "application/json", 422),
        (b'{"client_msg_id": "1", "text": " \\u200b\\n"}', "application/json", 422),
        (b'{"client_msg_id": "1", "type": "video", "text": "x"}', "application/json", 422),
        (b'{"client_msg_id": "", "text": "x"}', "application/json", 422),
        (b'{"client_msg_id": "1", "text": "' + b"x" * 4001 + b'"}', "application/json", 422),
        (b'{"client_msg_id": "1", "text": "' + b"x" * 4000 + b'"}', "application/json; charset=utf-8", 202),
        (b'{"client_msg_id": "1", "text": "' + b"x" * 65536 + b'"}', "application/json", 413),
        (b'{"client_msg_id": "1", "text": "a\\u0000b"}', "application/json", 202),
    ],
)
async def test_bodies(visitor: Visitor, body: bytes, media_type: str, status: int) -> None:
    """What can't be taken is refused by its kind in few words, and nothing of it is stored."""
    headers = visitor.headers | {"Content-Type": media_type}

    answer = await visitor.client.post(f"{visitor.path}/messages", content=body, headers=headers)

    assert answer.status_code == status
    assert len(answer.content) <= 768
    assert len(await visitor.texts()) == (status == 202)


async def test_chunked_too_large(visitor: Visitor) -> None:
    """A body that announces no length is cut off at 64 KiB all the same."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1024

    headers = visitor.headers | {"Content-Type": "application/json"}
    answer = await visitor.client.post(f"{visitor.path}/messages", content=pieces(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/messages"), ("GET", "/read"), ("GET", "/nothing"), ("GET", "")]
)
async def test_no_such_route(visitor: Visitor, method: str, path: str) -> None:
    """A wrong address or verb is a problem document, too."""
    answer = await visitor.client.request(method, visitor.path + path, headers=visitor.headers)
    assert answer.status_code in (404, 405)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_read(visitor: Visitor, broker: Broker) -> None:
    """A read mark reaches the parts that it speaks of as a provider's would: stored, told, joined."""
    await visitor.say("سلام")
    await visitor.shop.answer(visitor.conversation, "بفرمایید")
    await visitor.shop.reply(visitor.conversation, "من هم هستم")

    answers = [await mark_read(visitor, 2), await mark_read(visitor, 2), await mark_read(visitor, 1)]

    assert [answer.json() for answer in answers] == [{"unread": 1}] * 3
    told = await broker.told("ir.xinbot.status.received.v1")
    assert told.count(str(visitor.shop.tenant.channel)) == 1, "a mark that is repeated is no news"
    await visitor.shop.house.outbox.join(visitor.shop.tenant.id, visitor.shop.tenant.channel)
    states = await visitor.shop.run("SELECT state FROM outbound_parts ORDER BY seq")
    assert states == [("read",), ("accepted",)]
    assert await visitor.shop.run("SELECT read_through FROM conversations") == [(2,)]


async def test_read_before_it_is_recorded(visitor: Visitor) -> None:
    """The visitor may see an answer before deliver has noted that it left: the mark counts all the same."""
    await visitor.say("سلام")
    await visitor.shop.answer(visitor.conversation, "بفرمایید")
    await visitor.shop.run("UPDATE outbound_parts SET state = 'sending'", role="xin_deliver")

    await mark_read(visitor, 2)

    await visitor.shop.house.outbox.join(visitor.shop.tenant.id, visitor.shop.tenant.channel)
    assert await visitor.shop.run("SELECT state FROM outbound_parts") == [("read",)]


@pytest.mark.parametrize("seq", [-1, 2**63, "x", None])
async def test_read_nonsense(visitor: Visitor, seq: object) -> None:
    """A mark that is no number of a message is refused, and the field is named."""
    answer = await mark_read(visitor, seq)
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["errors"]] == ["seq"]


async def test_read_ahead(visitor: Visitor) -> None:
    """A mark beyond the last message reads what there is, not what is still to come."""
    await visitor.say("سلام")
    await mark_read(visitor, 1000)
    assert await visitor.shop.run("SELECT read_through FROM conversations") == [(1,)]


async def test_too_fast(visitor: Visitor) -> None:
    """Who sends faster than anybody types is told to wait; what was refused isn't stored."""
    answers = await asyncio.gather(*(visitor.post(f"پیام {number}") for number in range(60)))

    taken = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(taken) + len(refused) == 60
    assert 20 <= len(taken) < 60
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert await visitor.shop.run("SELECT count(*) FROM messages") == [(len(taken),)]


async def test_database_away(settings: Settings, postgres: PostgresServer, client: httpx.AsyncClient) -> None:
    """While the database is away every call is 503, so that the widget comes again."""
    nowhere = settings.model_copy(update={"database_url": SecretStr("postgresql://127.0.0.1:9/xin")})
    async with running(nowhere) as (url, _):
        headers = {"Origin": ORIGIN, "Authorization": "Bearer st_x"}
        body = {"client_msg_id": "1", "text": "سلام"}
        answer = await client.post(f"{url}/conversations/{uuid4()}/messages", json=body, headers=headers)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_bug(settings: Settings, database: DatabaseUrls, client: httpx.AsyncClient) -> None:
    """A mistake of ours is a problem document like every other error, and tells nothing of what it was."""
    async with await psycopg.AsyncConnection.connect(database.owner) as owner:
        await owner.execute("SET ROLE xin_definer")
        await owner.execute("REVOKE EXECUTE ON FUNCTION resolve_channel(uuid) FROM xin_ingress")
    async with running(settings.model_copy(update={"database_url": SecretStr(database.app)})) as (url, _):
        answer = await client.post(f"{url}/sessions", json={"widget_id": str(uuid4())}, headers={"Origin": ORIGIN})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "resolve_channel" not in answer.text


async def mark_read(visitor: Visitor, seq: object) -> httpx.Response:
    return await visitor.client.post(f"{visitor.path}/read", json={"seq": seq}, headers=visitor.headers)
