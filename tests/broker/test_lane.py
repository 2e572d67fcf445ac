"""A lane by itself, where its two ways of learning about an entry meet."""

import asyncio
import uuid
from typing import Any

from redis.asyncio import Redis

from local.broker import load
from local.broker.events import Event
from local.broker.http import Failure
from local.broker.journal import Journal
from local.broker.lane import Lane, Sent
from tests.broker.conftest import Own
from tests.broker.processes import MANIFESTS


async def test_told_late(own: Own) -> None:
    """An entry that was read from the stream before its writer was told of it is delivered once."""
    client: Redis = Redis.from_url(own.valkey.url)
    journal = Journal(client)
    delivered: asyncio.Queue[str] = asyncio.Queue()

    async def attempt(event: Event) -> Sent | Failure:
        delivered.put_nowait(event.attributes["id"])
        return Sent()

    delivery = load(MANIFESTS).triggers[0].spec.delivery
    lane = Lane(
        f"test:{uuid.uuid4()}", delivery, journal, places=4, attempt=attempt, give_up=lambda event, failure: Sent()
    )
    first, second = (Event({"id": name}, None, b"") for name in ("یک", "دو"))
    replies: list[Any] = []
    running = [asyncio.create_task(journal.run())]
    await journal.commit(lane.keep(first), told=replies.extend)
    running.append(asyncio.create_task(lane.run()))
    assert await delivered.get() == "یک"

    lane.arrived(replies[0], first)
    await journal.commit(lane.keep(second), told=lambda ids: lane.arrived(ids[0], second))

    async with asyncio.timeout(5):
        assert await delivered.get() == "دو"
    for task in running:
        task.cancel()
    await client.aclose()
