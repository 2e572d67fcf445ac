"""The broker put together: what the topology says, as an ASGI application with a life."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any

import aiohttp
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from yarl import URL

from local.broker import filters
from local.broker.clock import Clock
from local.broker.events import Event
from local.broker.http import Answer, Failure, judged, open_session, post, reply_in
from local.broker.ingress import Ingress, Message, Receive, Send, answer
from local.broker.journal import Away, Journal
from local.broker.lane import Lane, Sent
from local.broker.manifests import Destination, Trigger
from local.broker.metrics import Metrics
from local.broker.parking import EVERY_SECONDS, Parking
from local.broker.topology import Topology

KEY = "xin:broker"
PLACES = 32
VALKEY_SECONDS = 5.0
START_SECONDS = 20.0
LEAVE_SECONDS = 3.5

_log = logging.getLogger("xin-broker")


class NoSuchSubscriber(Exception):
    """The topology sends to a function whose address was not given."""


class Broker:
    """An ASGI application; everything runs during its lifespan."""

    def __init__(
        self,
        topology: Topology,
        valkey_url: str,
        subscribers: Mapping[str, str],
        *,
        places: int,
        address: str,
        bring_back: float,
    ) -> None:
        self._namespace = topology.namespace
        self._address = address.rstrip("/")
        self._places = places
        self._bring_back = bring_back
        self._metrics = Metrics()
        # Without retries of the client's own: what it would repeat may have been done. We say 503 instead.
        self._client: Redis = Redis.from_url(valkey_url, socket_timeout=VALKEY_SECONDS, retry=Retry(NoBackoff(), 0))
        self._journal = Journal(self._client)
        self._parking = Parking(f"{KEY}:{topology.namespace}:parked", self._journal)
        self._ingress = Ingress(self._journal, on_accepted=self._metrics.accepted.inc)
        self._lanes: dict[str, Lane] = {}
        self._dead: dict[str, Lane] = {}
        self._tries = {trigger.metadata.name: trigger.spec.delivery.retry for trigger in topology.triggers}
        for broker in topology.brokers:
            self._ingress.open(f"/{topology.namespace}/{broker.metadata.name}")
        for trigger in topology.triggers:
            self._subscribe(trigger, subscribers)
        self._clocks = [
            Clock(
                source,
                topology.namespace,
                _resolve(source.spec.sink, subscribers),
                on_lost=self._metrics.ticks_lost.labels(source.metadata.name).inc,
            )
            for source in topology.ping_sources
        ]
        self._running: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    def _subscribe(self, trigger: Trigger, subscribers: Mapping[str, str]) -> None:
        name, delivery = trigger.metadata.name, trigger.spec.delivery
        key, path = f"{KEY}:{self._namespace}:trigger:{name}", f"/{self._namespace}/{trigger.spec.broker}"
        lane = partial(Lane, delivery=delivery, journal=self._journal, places=self._places)
        on_retry = self._metrics.retried.labels(name).inc
        self._dead[name] = lane(
            f"{key}:dead",
            attempt=partial(self._bury, trigger, _resolve(delivery.dead_letter_sink, subscribers)),
            give_up=partial(self._park, name),
            on_retry=on_retry,
        )
        self._lanes[name] = lane(
            key,
            attempt=partial(self._deliver, trigger, _resolve(trigger.spec.subscriber, subscribers), path),
            give_up=partial(self._dead_letter, name),
            on_retry=on_retry,
        )
        self._ingress.route(path, filters.compile_trigger(trigger.spec), self._lanes[name])

    # What becomes of an event

    async def _deliver(self, trigger: Trigger, url: URL, path: str, event: Event) -> Sent | Failure:
        got = await self._post(trigger, url, event, {"prefer": "reply"})
        if failure := judged(got, str(url)):
            return failure
        reply = reply_in(got, event, self._address + path)
        if isinstance(reply, Failure):
            return reply
        self._metrics.delivered.labels(trigger.metadata.name).inc()
        return Sent() if reply is None else Sent(*self._ingress.take(path, reply))

    def _dead_letter(self, name: str, event: Event, failure: Failure) -> Sent:
        _log.warning("trigger %s: %s, a dead letter: %s", name, event.attributes["id"], failure.reason)
        self._metrics.dead_lettered.labels(name).inc()
        letter = failure.mark(event)
        return Sent((self._dead[name].keep(letter),), lambda replies: self._dead[name].arrived(replies[0], letter))

    async def _bury(self, trigger: Trigger, url: URL, letter: Event) -> Sent | Failure:
        return judged(await self._post(trigger, url, letter, {}), str(url)) or Sent()

    def _park(self, name: str, letter: Event, failure: Failure) -> Sent:
        _log.error("trigger %s: %s parked, its sink would not: %s", name, letter.attributes["id"], failure.reason)
        self._metrics.parked.labels(name).inc()
        return Sent((self._parking.park(name, letter),))

    async def _post(self, trigger: Trigger, url: URL, event: Event, extra: dict[str, str]) -> Answer:
        assert self._session is not None
        headers = {**event.in_binary_mode(), "kn-namespace": self._namespace, **extra}
        return await post(self._session, url, headers, event.data, trigger.spec.delivery.timeout.total_seconds())

    # Its life

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """ASGI: the lifespan, our own two pages, and the ingress."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["method"] == "GET" and scope["path"] == "/healthz":
            await answer(send, 503 if any(task.done() for task in self._running) else 200)
        elif scope["method"] == "GET" and scope["path"] == "/metrics":
            page = await self._page()
            kind = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
            await answer(send, 200, [kind, (b"content-length", str(len(page)).encode())], page)
        else:
            await self._ingress(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except (RedisError, OSError) as problem:
                    await send({"type": "lifespan.startup.failed", "message": f"no Valkey: {problem}"})
                    return
                await send({"type": "lifespan.startup.complete"})
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Begins to deliver. Raises RedisError or OSError when Valkey doesn't come up in time."""
        await self._reach_valkey()
        self._session = open_session()
        back = {name: (lane, self._tries[name]) for name, lane in self._dead.items()}
        self._go(self._journal.run())
        for lane in (*self._lanes.values(), *self._dead.values()):
            self._go(lane.run())
        self._go(self._parking.run(back, self._bring_back))
        for clock in self._clocks:
            self._go(clock.run(self._session))

    async def _reach_valkey(self) -> None:
        end = asyncio.get_running_loop().time() + START_SECONDS
        while True:
            try:
                await self._client.ping()
                return
            except (RedisError, OSError):
                if asyncio.get_running_loop().time() > end:
                    raise
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Takes nothing new from the queues, gives what is under way a few seconds, and leaves the rest on disk."""
        writer, *others = self._running
        await _end(others)
        lanes = (*self._lanes.values(), *self._dead.values())
        await asyncio.gather(*(lane.finish(LEAVE_SECONDS) for lane in lanes))
        await _end([writer])
        if self._session:
            await self._session.close()
        await self._client.aclose()

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(_tell)
        self._running.append(task)

    async def _page(self) -> bytes:
        try:
            for kind, lanes in (("subscriber", self._lanes), ("dead letters", self._dead)):
                for name, lane in lanes.items():
                    self._metrics.queue_length.labels(name, kind).set(await self._journal.length(lane.key))
            self._metrics.parked_now.set(await self._journal.length(self._parking.key))
        except Away as problem:
            _log.warning("queue lengths are those of before: %s", problem)
        return self._metrics.text()


def create_app(
    topology: Topology,
    valkey_url: str,
    subscribers: Mapping[str, str],
    *,
    places: int = PLACES,
    address: str = "http://127.0.0.1",
    bring_back_seconds: float = EVERY_SECONDS,
) -> Broker:
    """The broker as an ASGI application with a lifespan.

    *subscribers*: function name to base URL. *places*: deliveries of one Trigger at a time. *address*: where the broker
    is reached, for a dead letter that blames it. *bring_back_seconds*: how often parked events are tried again.
    Raises NoSuchSubscriber.
    """
    return Broker(topology, valkey_url, subscribers, places=places, address=address, bring_back=bring_back_seconds)


def _resolve(where: Destination, subscribers: Mapping[str, str]) -> URL:
    """The address of *where*: a function's base URL and the path below it."""
    if where.ref is None:
        return URL(where.uri or "", encoded=True)
    if where.ref.name not in subscribers:
        raise NoSuchSubscriber(where.ref.name)
    return URL(subscribers[where.ref.name].rstrip("/") + (where.uri or "/"), encoded=True)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (problem := task.exception()):
        _log.critical("a part of the broker broke down", exc_info=problem)
