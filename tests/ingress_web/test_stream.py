"""The stream: live, resumed from anywhere, and still an answer when Redis is gone."""

import asyncio
import json
import random
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from local.machine.state import Home
from local.machine.valkey import Valkey
from shared.live import Live, conversation_stream
from shared.settings import Settings
from tests.conftest import _run
from tests.ingress_web.conftest import running
from tests.ingress_web.shop import House, Shop, Stream, StreamEvent, Visitor

LIMIT_SECONDS = 10


def told(event: StreamEvent | None) -> dict[str, Any]:
    assert event
    data: dict[str, Any] = json.loads(event.data)
    return data


async def texts(stream: Stream, count: int) -> list[str]:
    """The next *count* messages."""
    async with asyncio.timeout(LIMIT_SECONDS):
        return [told(await stream.named("message.created"))["text"] for _ in range(count)]


async def quiet(stream: Stream) -> None:
    """Nothing but keep-alives comes, the second half a second after the first."""
    async with asyncio.timeout(LIMIT_SECONDS):
        events = [await stream.next(), await stream.next()]
    assert [event.name for event in events if event] == ["ping", "ping"], events


async def test_live(visitor: Visitor) -> None:
    """Question and answer arrive as they happen, each with what the widget needs to show it once."""
    async with visitor.follow() as stream:
        await stream.named("ping")
        posted = (await visitor.post("کی باز هستید؟", "k-1")).json()
        question = told(await stream.named("message.created"))
        await visitor.shop.answer(visitor.conversation, "از نُه تا شش")
        answer = told(await stream.named("message.created"))

    assert question == {
        "id": posted["id"],
        "seq": 1,
        "role": "customer",
        "text": "کی باز هستید؟",
        "at": question["at"],
        "client_msg_id": "k-1",
        "sources": [],
    }
    assert (answer["role"], answer["seq"], answer["text"]) == ("bot", 2, "از نُه تا شش")
    assert (answer["epoch"], answer["n"]) == (1, 1)
    headers = stream.answer.headers
    assert headers["content-type"].startswith("text/event-stream")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert stream.retry >= 1000


async def test_sentences(visitor: Visitor, settings: Settings) -> None:
    """Sentences, their retraction and signs of typing pass; what is none of a visitor's business does not."""
    async with Live.open(settings, "test") as live, visitor.follow() as stream:
        await stream.named("ping")
        place = visitor.shop.tenant.id, visitor.conversation
        live.stream(*place, "note.added", {"text": "محرمانه"})
        live.stream(*place, "typing", {"role": "bot"})
        live.stream(*place, "message.delta", {"epoch": 1, "n": 1, "text": "بله"})
        live.stream(*place, "message.retracted", {"epoch": 2})
        events = [event for event in [await stream.next() for _ in range(3)] if event]

    assert [event.name for event in events] == ["typing", "message.delta", "message.retracted"]


async def test_keep_alive(visitor: Visitor) -> None:
    """A quiet stream says that it lives, and which epoch the conversation has, so that a lost retraction heals."""
    async with visitor.follow() as stream:
        before = told(await stream.named("ping"))
        await visitor.shop.reply(visitor.conversation, "من مینا هستم")
        await stream.named("message.created")
        after = told(await stream.named("ping"))
    assert (before, after) == ({"epoch": 0}, {"epoch": 1})


async def test_replay(visitor: Visitor) -> None:
    """Who comes with a seq gets what is newer from the rows, in order, each under its seq."""
    for number in range(4):
        await visitor.say(f"پیام {number}")
    async with visitor.follow(after=2) as stream:
        events = [await stream.named("message.created") for _ in range(2)]
        await quiet(stream)
    assert [(event.id, told(event)["seq"]) for event in events] == [("3", 3), ("4", 4)]
    async with visitor.follow("3", after=1) as stream:
        assert await texts(stream, 1) == ["پیام 3"]


async def test_replay_from_rows(visitor: Visitor, valkey: str) -> None:
    """A stream that Redis has forgotten is no loss: the rows are there."""
    await visitor.say("سلام")
    await visitor.shop.answer(visitor.conversation, "بفرمایید")
    await forget(visitor, valkey)
    async with visitor.follow(after=0) as stream:
        assert await texts(stream, 2) == ["سلام", "بفرمایید"]


async def test_resume_at_an_entry(visitor: Visitor) -> None:
    """Who comes with a stream's id goes on there: sentences and messages, none of them twice."""
    async with visitor.follow() as stream:
        await stream.named("ping")
        await visitor.say("یک")
        await stream.named("message.created")
    await visitor.say("دو")
    await visitor.say("سه")
    async with visitor.follow(stream.last) as again:
        assert await texts(again, 2) == ["دو", "سه"]
        await quiet(again)


async def test_late_answer(visitor: Visitor) -> None:
    """An answer with a lower seq that leaves after a newer question reaches whoever had seen only the question."""
    await visitor.say("یک")
    await visitor.shop.compose(visitor.conversation, "پاسخ یک")
    async with visitor.follow(after=1) as stream:
        await stream.named("ping")
        await visitor.say("دو")
        assert await texts(stream, 1) == ["دو"]
    await visitor.shop.send(visitor.conversation)

    for last in (stream.last, "3"):
        async with visitor.follow(last) as again:
            assert await texts(again, 1) == ["پاسخ یک"]
            await quiet(again)


async def test_between_stream_and_rows(visitor: Visitor) -> None:
    """deliver writes the stream before it records: an answer caught between the two is neither lost nor doubled."""
    await visitor.say("یک")
    await visitor.shop.answer(visitor.conversation, "پاسخ")
    await visitor.shop.run("UPDATE outbound_parts SET state = 'sending'", role="xin_deliver")

    async with visitor.follow(after=1) as stream:
        assert await texts(stream, 1) == ["پاسخ"]
        await visitor.shop.run("UPDATE outbound_parts SET state = 'accepted'", role="xin_deliver")
        await quiet(stream)


async def test_never_in_the_stream(visitor: Visitor) -> None:
    """A message stored while nobody could write the stream comes with the next keep-alive, or the next visit."""
    async with visitor.follow() as stream:
        await visitor.say("یک")
        await stream.named("message.created")
        last = (await stream.named("ping")).id
        await store_silently(visitor, "دو")
        assert await texts(stream, 1) == ["دو"]
    async with visitor.follow(last) as again:
        assert await texts(again, 1) == ["دو"]


@pytest.mark.parametrize("last", ["1-0", "99999999999999-0", "gibberish", "9" * 40])
async def test_lost_place(visitor: Visitor, last: str) -> None:
    """Who comes with a place that is no longer there is told to read the history, and hears what comes after."""
    await visitor.say("یک")
    async with visitor.follow(last) as stream:
        reset = await stream.next()
        assert reset
        assert reset.name == "reset"
        await stream.named("ping")
        await visitor.say("دو")
        assert await texts(stream, 1) == ["دو"]


async def test_missed_too_much(visitor: Visitor) -> None:
    """Who missed more than a screenful of pages is sent to the history instead of being flooded."""
    await visitor.say("یک")
    await store_silently(visitor, "دو", times=500)
    async with visitor.follow(after=0) as stream:
        reset = await stream.next()
        assert reset
        assert reset.name == "reset"
        await quiet(stream)


async def test_lost_stream(visitor: Visitor, valkey: str) -> None:
    """When Redis lost the stream its ids mean nothing: a reset, and no id to come back with."""
    async with visitor.follow() as stream:
        await stream.named("ping")
        await visitor.say("یک")
        await stream.named("message.created")
    await forget(visitor, valkey)
    async with visitor.follow(stream.last) as again:
        reset = await again.next()
        assert reset
        assert (reset.name, reset.id) == ("reset", "")


async def test_others_streams(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """What one visitor is told, no other hears."""
    stranger = await (await Shop.open(visitor.shop.url, visitor.shop.house)).visit(client)
    async with visitor.follow() as stream, stranger.follow() as other:
        await stream.named("ping")
        await other.named("ping")
        await visitor.say("راز من")
        assert await texts(stream, 1) == ["راز من"]
        await quiet(other)


async def test_many(client: httpx.AsyncClient, shop: Shop, valkey: str) -> None:
    """Many streams of a process wake one by one, over one subscription."""
    visitors = await asyncio.gather(*(shop.visit(client) for _ in range(60)))

    async def hear(visitor: Visitor) -> list[str]:
        async with visitor.follow() as stream:
            await stream.named("ping")
            await visitor.say(str(visitor.conversation))
            return await texts(stream, 1)

    assert await asyncio.gather(*map(hear, visitors)) == [[str(visitor.conversation)] for visitor in visitors]
    async with Redis.from_url(valkey) as redis:
        assert len(await redis.client_list(_type="pubsub")) <= 2, "ingress-web's, and deliver's"


async def test_end(settings: Settings, house: House, client: httpx.AsyncClient) -> None:
    """When its server begins to stop, a stream ends at once and in order."""
    async with running(settings) as (url, function):
        visitor = await (await Shop.open(url, house)).visit(client)
        async with visitor.follow() as stream:
            await stream.named("ping")
            function.closes()
            async with asyncio.timeout(2):
                while await stream.next():
                    pass


@pytest.mark.parametrize("seed", range(3))
async def test_cut_anywhere(visitor: Visitor, seed: int) -> None:
    """However often the line breaks, and wherever: every message arrives, none of them twice."""
    choose = random.Random(seed)
    seen: list[str] = []

    async def talk() -> None:
        for number in range(12):
            await visitor.say(f"پرسش {number}")
            if choose.random() < 0.5:
                await visitor.shop.compose(visitor.conversation, f"پاسخ {number}")
            if choose.random() < 0.5:
                await visitor.shop.send(visitor.conversation)
        await visitor.shop.send(visitor.conversation)

    async def follow(last: str | None) -> str:
        async with visitor.follow(last) as stream:
            for _ in range(choose.randint(1, 4)):
                event = await stream.next()
                assert event
                if event.name == "message.created":
                    seen.append(told(event)["id"])
                assert event.name != "reset"
            return stream.last

    talking = asyncio.create_task(talk())
    last: str | None = None
    async with asyncio.timeout(30):
        while not talking.done():
            last = await follow(last) or None
        await talking
        stored = [item["id"] for item in (await visitor.get(limit=100)).json()["items"]]
        while len(seen) < len(stored):
            last = await follow(last) or None
    assert sorted(seen) == sorted(stored)


async def test_without_redis(settings: Settings, house: House, client: httpx.AsyncClient) -> None:
    """With Redis away from the start, messages are taken in and answers arrive from the rows."""
    nowhere = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9")})
    async with running(nowhere) as (url, _):
        visitor = await (await Shop.open(url, house)).visit(client)
        async with visitor.follow() as stream:
            await visitor.say("کسی هست؟")
            await visitor.shop.answer(visitor.conversation, "بله")
            assert await texts(stream, 2) == ["کسی هست؟", "بله"]
        async with visitor.follow("1700000000000-0") as again:
            reset = await again.next()
            assert reset
            assert (reset.name, reset.id) == ("reset", "")


async def test_redis_dies(settings: Settings, house: House, client: httpx.AsyncClient, home: Home) -> None:
    """Redis may die and come back under an open stream: what is answered meanwhile arrives, and what comes after."""
    server = Valkey.for_cache(home.directory("valkey that dies"), home.port("valkey that dies"), "-")
    async with running(settings.model_copy(update={"redis_url": SecretStr(server.url)})) as (url, _):
        part = await _run(server.part(), home)
        visitor = await (await Shop.open(url, house)).visit(client)
        async with visitor.follow() as stream:
            await visitor.say("یک")
            assert await texts(stream, 1) == ["یک"]
            await part.stop()
            await visitor.say("دو")
            assert await texts(stream, 1) == ["دو"]
            part = await _run(server.part(), home)
            await visitor.shop.answer(visitor.conversation, "پاسخ")
            await visitor.say("سه")
            assert await texts(stream, 2) == ["پاسخ", "سه"]
            await quiet(stream)
        await part.stop()


async def forget(visitor: Visitor, valkey: str) -> None:
    async with Redis.from_url(valkey) as redis:
        assert await redis.delete(conversation_stream(visitor.shop.tenant.id, visitor.conversation))


async def store_silently(visitor: Visitor, text: str, *, times: int = 1) -> None:
    """As if Redis had been away for the moment in which it was told."""
    await visitor.shop.run(
        "SELECT store_message(tenant_id, channel_id, external_id, NULL, NULL, NULL, gen_random_uuid()::text, 'text',"
        " %s, NULL, NULL, '-') FROM contacts, generate_series(1, %s) WHERE channel_id = %s",
        text, times, visitor.shop.tenant.channel,
    )  # fmt: skip
