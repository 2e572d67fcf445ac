"""What an answer means: delivered, again, or a dead letter. Source: Knative's data plane contract, measured."""

from base64 import b64decode
from itertools import pairwise

import pytest

from tests.broker.conftest import Broker, binary
from tests.broker.subscriber import Says, Subscriber


@pytest.mark.parametrize("code", [200, 201, 202, 204])
async def test_taken(broker: Broker, subscriber: Subscriber, code: int) -> None:
    """Any 2xx without a body is a delivery, and the only one."""
    event = _prepared(subscriber, "/linear", Says(code))
    await broker.post(event.headers)
    await subscriber.got("/linear", event.id)

    marker = _prepared(subscriber, "/linear", Says(503), Says())
    await broker.post(marker.headers)
    await subscriber.got("/linear", marker.id, times=2)

    assert not subscriber.seen("/dead", event.id)
    assert len(subscriber.seen("/linear", event.id)) == 1


@pytest.mark.parametrize("code", [404, 408, 409, 429, 500, 502, 503, 504, 0])
async def test_again(broker: Broker, subscriber: Subscriber, code: int) -> None:
    """404, 408, 409, 429, every 5xx and a broken connection are tried again. (JetStream drops on 404 and 409.)"""
    event = _prepared(subscriber, "/plain", Says(code), Says())

    await broker.post(event.headers)

    await subscriber.got("/plain", event.id, times=2)
    assert not subscriber.seen("/dead", event.id)


@pytest.mark.parametrize("code", [400, 401, 403, 405, 410, 413, 418, 422, 425, 451, 300, 304])
async def test_never_again(broker: Broker, subscriber: Subscriber, code: int) -> None:
    """Every other refusal is final: a dead letter at once. (JetStream drops a 4xx: ours never answer one.)"""
    event = _prepared(subscriber, "/plain", Says(code))

    await broker.post(event.headers)

    (letter,) = await subscriber.got("/dead", event.id, within=5)
    assert letter.attribute("knativeerrorcode") == str(code)
    assert len(subscriber.seen("/plain", event.id)) == 1


@pytest.mark.parametrize(("code", "method"), [(301, "GET"), (302, "GET"), (307, "POST")])
async def test_redirect(broker: Broker, subscriber: Subscriber, code: int, method: str) -> None:
    """A redirect is followed as Go's client does, and the answer over there counts."""
    event = _prepared(subscriber, "/plain", Says(code, {"location": subscriber.url + "/moved"}))
    subscriber.prepare("/moved", event.id, Says(422))

    await broker.post(event.headers, b"{}")

    (moved,) = await subscriber.got("/moved", event.id)
    assert moved.method == method
    (letter,) = await subscriber.got("/dead", event.id)
    assert letter.attribute("knativeerrorcode") == "422"


async def test_body_that_is_no_event(broker: Broker, subscriber: Subscriber) -> None:
    """A 2xx with a body that isn't an event is a failure: tried again, and its dead letter says nothing of an error."""
    event = _prepared(subscriber, "/plain", Says(200, {"content-type": "text/plain"}, b"OK"))

    await broker.post(event.headers)

    (letter,) = await subscriber.got("/dead", event.id)
    assert len(subscriber.seen("/plain", event.id)) == 4
    assert not [name for name in letter.headers if name.startswith("ce-knativeerror")]


async def test_exponential(broker: Broker, subscriber: Subscriber) -> None:
    """Three retries are four attempts, and the n-th wait is delay · 2ⁿ. (JetStream waits twice as long.)"""
    event = _prepared(subscriber, "/plain", Says(503))

    await broker.post(event.headers)

    await subscriber.got("/dead", event.id)
    waits = _waits(subscriber, "/plain", event.id)
    assert all(wait >= wanted - 0.02 for wait, wanted in zip(waits, (0.2, 0.4, 0.8), strict=True))
    assert sum(waits) < 2.1  # 1.4 s by the rule; waits of twice the length would be 2.8 s


async def test_linear(broker: Broker, subscriber: Subscriber) -> None:
    """The n-th linear wait is delay · n: the first retry comes at once. (Kafka waits delay · (n + 1).)"""
    event = _prepared(subscriber, "/linear", Says(503))

    await broker.post(event.headers)

    await subscriber.got("/dead", event.id)
    waits = _waits(subscriber, "/linear", event.id)
    assert all(wait >= wanted - 0.02 for wait, wanted in zip(waits, (0, 0.3, 0.6), strict=True))
    assert waits[0] < 0.28
    assert sum(waits) < 1.6  # 0.9 s by the rule, 1.8 s if it began with a wait


async def test_recovers(broker: Broker, subscriber: Subscriber) -> None:
    """The last attempt is as good as the first; after it nothing more comes."""
    event = _prepared(subscriber, "/plain", Says(500), Says(500), Says(500), Says())

    await broker.post(event.headers)

    await subscriber.got("/plain", event.id, times=4)
    assert not subscriber.seen("/dead", event.id)


async def test_no_retries(broker: Broker, subscriber: Subscriber) -> None:
    """retry: 0 is a single attempt."""
    event = _prepared(subscriber, "/once", Says(503))

    await broker.post(event.headers)

    await subscriber.got("/dead", event.id)
    assert len(subscriber.seen("/once", event.id)) == 1


async def test_retry_after(broker: Broker, subscriber: Subscriber) -> None:
    """Retry-After changes nothing while its feature is off, which it is by default."""
    event = _prepared(subscriber, "/plain", Says(503, {"retry-after": "30"}), Says())

    await broker.post(event.headers)

    await subscriber.got("/plain", event.id, times=2, within=5)


async def test_timeout(broker: Broker, subscriber: Subscriber) -> None:
    """Each attempt has the Trigger's timeout; a dead letter of it says nothing of an error."""
    event = _prepared(subscriber, "/hasty", Says(after=3))

    await broker.post(event.headers)

    (letter,) = await subscriber.got("/dead", event.id)
    (wait,) = _waits(subscriber, "/hasty", event.id)
    assert 1.1 < wait < 3
    assert not [name for name in letter.headers if name.startswith("ce-knativeerror")]


async def test_dead_letter(broker: Broker, subscriber: Subscriber) -> None:
    """It is the original event, and says where it failed, with which code, and what was answered."""
    said = '{"detail": "بعداً"}'.encode()
    event = _prepared(subscriber, "/once", Says(422, {"content-type": "application/json"}, said))

    await broker.post({**event.headers, "ce-subject": "سفارش-۷", "content-type": "text/plain"}, "متن".encode())

    (letter,) = await subscriber.got("/dead", event.id)
    assert (letter.method, letter.body.decode()) == ("POST", "متن")
    assert (letter.attribute("subject"), letter.headers["content-type"]) == ("سفارش-۷", "text/plain")
    assert (letter.attribute("knativeerrordest") or "").endswith("/once")
    assert letter.attribute("knativeerrorcode") == "422"
    assert b64decode(letter.attribute("knativeerrordata") or "") == said
    assert letter.attribute("knativebrokerttl") == "255"
    assert "prefer" not in letter.headers


async def test_silent_refusal(broker: Broker, subscriber: Subscriber) -> None:
    """An error without a body leaves its data empty."""
    event = _prepared(subscriber, "/once", Says(503))

    await broker.post(event.headers)

    (letter,) = await subscriber.got("/dead", event.id)
    assert (letter.attribute("knativeerrorcode"), letter.attribute("knativeerrordata") or "") == ("503", "")


async def test_broken_connection(broker: Broker, subscriber: Subscriber) -> None:
    """A subscriber that can't be reached, or hangs up, counts as a 500."""
    event = _prepared(subscriber, "/once", Says(0))

    await broker.post(event.headers)

    (letter,) = await subscriber.got("/dead", event.id)
    assert letter.attribute("knativeerrorcode") == "500"


async def test_dead_letter_retries(broker: Broker, subscriber: Subscriber) -> None:
    """The dead-letter sink is tried by the same rules as the subscriber."""
    event = _prepared(subscriber, "/linear", Says(400))
    subscriber.prepare("/dead", event.id, Says(503), Says(503), Says(503), Says())

    await broker.post(event.headers)

    letters = await subscriber.got("/dead", event.id, times=4)
    assert {letter.attribute("knativeerrorcode") for letter in letters} == {"400"}
    waits = _waits(subscriber, "/dead", event.id)
    assert all(wait >= wanted - 0.02 for wait, wanted in zip(waits, (0, 0.3, 0.6), strict=True))


class _Prepared:
    def __init__(self, event_type: str) -> None:
        self.headers = binary(event_type)
        self.id = self.headers["ce-id"]


def _prepared(subscriber: Subscriber, path: str, *says: Says) -> _Prepared:
    event = _Prepared(path.strip("/"))
    subscriber.prepare(path, event.id, *says)
    return event


def _waits(subscriber: Subscriber, path: str, event_id: str) -> list[float]:
    at = [got.at for got in subscriber.seen(path, event_id)]
    return [later - earlier for earlier, later in pairwise(at)]
