"""The beats of a PingSource. Source: Knative's PingSource, measured."""

import json
import uuid
from datetime import UTC, datetime, timedelta

from tests.broker.conftest import Broker
from tests.broker.subscriber import Says, Subscriber


async def test_beats(broker: Broker, subscriber: Subscriber) -> None:
    """Every second an event with an id of its own, its source named after the PingSource, and the data as written."""
    await subscriber.until(lambda: len(subscriber.ids("/tick")) >= 3)

    got = [subscriber.seen("/tick", event)[0] for event in subscriber.ids("/tick")]
    namespace = broker.path.split("/")[1]
    assert {one.attribute("source") for one in got} == {f"/apis/v1/namespaces/{namespace}/pingsources/every-second"}
    assert {one.attribute("type") for one in got} == {"dev.knative.sources.ping"}
    assert all(uuid.UUID(one.attribute("id")) for one in got)
    assert {one.attribute("subject") for one in got} == {None}
    assert {(one.headers["content-type"], json.loads(one.body)["ساعت"]) for one in got} == {("application/json", 1)}
    at = [datetime.fromisoformat(one.attribute("time") or "") for one in got]
    assert abs(max(at) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_lost(broker: Broker, subscriber: Subscriber) -> None:
    """A beat is tried six times within two seconds, then lost; the next one comes all the same."""
    before = subscriber.ids("/tick")
    subscriber.always("/tick", Says(503))
    try:
        await subscriber.until(
            lambda: any(len(subscriber.seen("/tick", event)) == 6 for event in subscriber.ids("/tick") - before)
        )
    finally:
        subscriber.always("/tick", None)
    failed = subscriber.ids("/tick")

    await subscriber.until(lambda: bool(subscriber.ids("/tick") - failed))

    assert all(len(subscriber.seen("/tick", event)) <= 6 for event in subscriber.ids("/tick"))
