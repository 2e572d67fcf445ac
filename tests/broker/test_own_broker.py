"""What only our own broker promises: nothing accepted is lost, whatever is killed, and nothing is ever dropped."""

import asyncio
import contextlib
from base64 import b64decode

import httpx
import redis.asyncio as redis

from local.broker.events import Event
from tests.broker.conftest import Own, binary
from tests.broker.subscriber import Says


async def test_broker_killed(own: Own) -> None:
    """What was answered 202 is delivered after the broker was killed in the midst of it."""
    own.subscriber.hold("/plain")
    accepted = set(await asyncio.gather(*(own.broker.send("plain") for _ in range(100))))
    await own.subscriber.until(lambda: len(own.subscriber.ids("/plain")) == 32)
    under_way = own.subscriber.ids("/plain")

    await own.process.kill()
    own.subscriber.release("/plain")
    await own.process.start()

    await own.subscriber.until(lambda: accepted == own.subscriber.ids("/plain"))
    for event in under_way:
        await own.subscriber.got("/plain", event, times=2)


async def test_killed_while_taking(own: Own) -> None:
    """Killed amid a stream of events, the broker has delivered or still has each that it answered 202."""
    accepted: list[str] = []

    async def produce() -> None:
        with contextlib.suppress(httpx.TransportError):
            while True:
                accepted.append(await own.broker.send("plain"))

    producers = asyncio.gather(*(produce() for _ in range(8)))
    await own.subscriber.until(lambda: len(own.subscriber.ids("/plain")) > 50)
    await own.process.kill()
    await asyncio.wait_for(producers, 15)
    await own.process.start()

    await own.subscriber.until(lambda: set(accepted) <= own.subscriber.ids("/plain"))


async def test_valkey_killed(own: Own) -> None:
    """While Valkey is away the answer is 503; what was accepted before is delivered, and what comes after, too."""
    accepted: list[str] = []
    refused: list[int] = []

    async def produce() -> None:
        while not refused:
            event = binary("plain")
            answer = await own.broker.post(event)
            (accepted if answer.status_code == 202 else refused).append(event["ce-id"])  # type: ignore[arg-type]
            assert answer.status_code in (202, 503)

    producers = asyncio.gather(*(produce() for _ in range(8)))
    await own.subscriber.until(lambda: len(own.subscriber.ids("/plain")) > 50)
    await own.valkey.kill()
    await asyncio.wait_for(producers, 15)
    await own.valkey.start()

    async with asyncio.timeout(10):
        while (await own.broker.post(event := binary("plain"))).status_code != 202:
            await asyncio.sleep(0.05)
    accepted.append(event["ce-id"])
    await own.subscriber.until(lambda: set(accepted) <= own.subscriber.ids("/plain"))


async def test_confirmation_lost(own: Own) -> None:
    """An event that Valkey stored, but whose confirmation was cut off, is delivered with the next one."""
    stranded = binary("plain")["ce-id"]
    attributes = {"specversion": "1.0", "id": stranded, "source": "/s", "type": "plain"}
    envelope, data = Event(attributes, None, b"{}").packed()
    async with redis.from_url(own.valkey.url) as client:
        await client.xadd("xin:broker:xin:trigger:plain", {"e": envelope, "d": data, "n": 0})

    await own.valkey.kill()
    assert (await own.broker.post(binary("plain"))).status_code == 503
    await own.valkey.start()

    async with asyncio.timeout(10):
        while (await own.broker.post(binary("plain"))).status_code != 202:
            await asyncio.sleep(0.05)
    await own.subscriber.got("/plain", stranded)


async def test_wait_survives(own: Own) -> None:
    """A wait between two attempts is neither forgotten nor shortened by a crash, and attempts made are counted."""
    event = binary("waiting")
    own.subscriber.prepare("/waiting", event["ce-id"], Says(503))
    await own.broker.post(event)
    (first,) = await own.subscriber.got("/waiting", event["ce-id"])
    async with redis.from_url(own.valkey.url) as client, asyncio.timeout(5):
        while not await client.hlen("xin:broker:xin:trigger:waiting:tries"):
            await asyncio.sleep(0.01)

    await own.process.kill()
    await own.process.start()

    _, second = await own.subscriber.got("/waiting", event["ce-id"], times=2)
    assert second.at - first.at >= 2.95
    await own.subscriber.got("/dead", event["ce-id"])
    assert len(own.subscriber.seen("/waiting", event["ce-id"])) == 2


async def test_backlog(own: Own) -> None:
    """More than fits into memory's window waits on disk, and every event of it is delivered once."""
    own.subscriber.hold("/hanging")
    accepted = {
        event for _ in range(12) for event in await asyncio.gather(*(own.broker.send("hanging") for _ in range(50)))
    }
    assert await own.process.metric('xin_broker_queue_length{queue="subscriber",trigger="hanging"}') == len(accepted)

    own.subscriber.release("/hanging")

    await own.subscriber.until(lambda: accepted <= own.subscriber.ids("/hanging"), within=20)
    assert {len(own.subscriber.seen("/hanging", event)) for event in accepted} == {1}


async def test_parked(own: Own) -> None:
    """What its dead-letter sink refuses in the end is put aside, and tried again until it is taken."""
    event = binary("doomed")
    own.subscriber.prepare("/doomed", event["ce-id"], Says(422, {}, b"no"))
    own.subscriber.prepare("/dead-doomed", event["ce-id"], Says(400))
    await own.broker.post(event, "متن".encode())
    await own.subscriber.got("/dead-doomed", event["ce-id"], times=2)
    assert await own.process.metric('xin_broker_parked_total{trigger="doomed"}') >= 1

    own.subscriber.prepare("/dead-doomed", event["ce-id"], Says())

    async with asyncio.timeout(5):
        while await own.process.metric("xin_broker_parked_now"):
            await asyncio.sleep(0.05)
    letter = own.subscriber.seen("/dead-doomed", event["ce-id"])[-1]
    assert (letter.body.decode(), letter.attribute("knativeerrorcode")) == ("متن", "422")
    assert len(own.subscriber.seen("/doomed", event["ce-id"])) == 1


async def test_parked_over_a_crash(own: Own) -> None:
    """What is parked is still there after the broker was killed, and tried at its start."""
    event = binary("doomed")
    own.subscriber.prepare("/doomed", event["ce-id"], Says(422))
    own.subscriber.prepare("/dead-doomed", event["ce-id"], Says(400))
    await own.broker.post(event)
    await own.subscriber.got("/dead-doomed", event["ce-id"])

    await own.process.kill()
    own.subscriber.prepare("/dead-doomed", event["ce-id"], Says())
    came = len(own.subscriber.seen("/dead-doomed", event["ce-id"]))
    await own.process.start()

    await own.subscriber.got("/dead-doomed", event["ce-id"], times=came + 1)


async def test_hanging_subscriber(own: Own) -> None:
    """However many deliveries of one Trigger hang, another's come at once; and no more than 32 hang at a time."""
    own.subscriber.hold("/hanging")
    sent = set(await asyncio.gather(*(own.broker.send("hanging") for _ in range(100))))
    await own.subscriber.until(lambda: len(own.subscriber.ids("/hanging") & sent) == 32)

    event = await own.broker.send("plain")

    await own.subscriber.got("/plain", event, within=1)
    assert len(own.subscriber.ids("/hanging") & sent) == 32
    own.subscriber.release("/hanging")
    await own.subscriber.until(lambda: sent <= own.subscriber.ids("/hanging"))


async def test_stop(own: Own) -> None:
    """SIGTERM ends it within five seconds though a subscriber hangs, whose event is delivered after the next start."""
    event = binary("hanging")
    own.subscriber.prepare("/hanging", event["ce-id"], Says(after=30), Says())
    await own.broker.post(event)
    await own.subscriber.got("/hanging", event["ce-id"])

    assert await own.process.stop() < 5
    await own.process.start()

    await own.subscriber.got("/hanging", event["ce-id"], times=2)


async def test_stop_waits(own: Own) -> None:
    """SIGTERM lets a delivery that is nearly done finish: it doesn't come twice."""
    event = binary("plain")
    own.subscriber.prepare("/plain", event["ce-id"], Says(after=1))
    await own.broker.post(event)
    await own.subscriber.got("/plain", event["ce-id"])

    await own.process.stop()
    await own.process.start()

    marker = await own.broker.send("plain")
    await own.subscriber.got("/plain", marker)
    assert len(own.subscriber.seen("/plain", event["ce-id"])) == 1


async def test_long_error(own: Own) -> None:
    """A long error body is cut to 1024 characters of base64. (The reference's dispatcher panics over 768 bytes.)"""
    event = binary("once")
    own.subscriber.prepare("/once", event["ce-id"], Says(422, {}, b"x" * 5000))

    await own.broker.post(event)

    (letter,) = await own.subscriber.got("/dead", event["ce-id"])
    assert b64decode(letter.attribute("knativeerrordata") or "") == b"x" * 768


async def test_metrics(own: Own) -> None:
    """Prometheus finds what was accepted, delivered, retried and dead-lettered, by Trigger."""
    lines = {
        "xin_broker_accepted_total": 2.0,
        'xin_broker_delivered_total{trigger="plain"}': 1.0,
        'xin_broker_retried_total{trigger="linear"}': 3.0,
        'xin_broker_dead_lettered_total{trigger="linear"}': 1.0,
    }
    before = {line: await own.process.metric(line) for line in lines}
    good, bad = binary("plain"), binary("linear")
    own.subscriber.prepare("/linear", bad["ce-id"], Says(503))

    await own.broker.post(good)
    await own.broker.post(bad)
    await own.subscriber.got("/dead", bad["ce-id"])

    assert {line: await own.process.metric(line) - before[line] for line in lines} == lines
