"""The running product, with twenty customers writing on three channels, while its parts are killed one by one."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import httpx
import psutil
import psycopg
import pytest

from tests.faults.ground import TICK
from tests.faults.shop import AGEING
from tests.faults.street import OnSite, OnTelegram, OnWhatsApp, Shopper, Uploader
from tests.faults.table import PARTS
from tests.pipeline.desk import Desk
from tests.pipeline.provider import Provider
from tests.pipeline.waiting import until
from tests.pipeline.widget import Visitor
from tests.product import Product

CHATS = {"telegram": 8, "whatsapp": 6, "web": 6}
BEFORE, AFTER = 40, 30
"""Messages that are acknowledged before the part is killed, and after it is back."""
WHAT = {
    "valkey-cache": "the Valkey of live streams",
    "valkey-broker": "the broker's Valkey",
    "broker": "the broker",
    "objects": "the object store",
    "postgres": "Postgres with all its processes",
}
ALSO = {"objects": " and a person puts in documents"}
FAULTS = {
    part: PARTS.fault(part, f"{what} is killed while twenty customers write{ALSO.get(part, '')}")
    for part, what in WHAT.items()
}
ONCE = "every message stored once, every chat answered, every reply heard once"


@dataclass
class House:
    """The product, its Telegram, and its owner's desk."""

    product: Product
    provider: Provider
    desk: Desk

    def shoppers(self) -> list[Shopper]:
        """Twenty new customers."""
        telegram, whatsapp, web = (self.product.channel(kind) for kind in CHATS)
        made = [Shopper(OnTelegram(self.provider.customer(telegram))) for _ in range(CHATS["telegram"])]
        made += [Shopper(OnWhatsApp(self.product, whatsapp)) for _ in range(CHATS["whatsapp"])]
        visitors = [Visitor.arrive(web, self.product.url) for _ in range(CHATS["web"])]
        return [*made, *(Shopper(OnSite(visitor)) for visitor in visitors)]

    def pid(self, part: str) -> int:
        """Of the part that runs now."""
        listed = json.loads((self.product.home / "processes.json").read_text())
        return next(int(entry["pid"]) for entry in listed if entry["name"] == part)

    def kill(self, part: str) -> None:
        """SIGKILL to the part and all that it has started; back when the house is whole again."""
        dead = self.pid(part)
        for process in [*psutil.Process(dead).children(recursive=True), psutil.Process(dead)]:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        until(lambda: self.pid(part) != dead and self.is_ready(), f"{part} and the house behind it", seconds=60)

    def is_ready(self) -> bool:
        """The house says so, and the broker counts what waits in its Valkey."""
        urls = (f"{self.product.url}/readyz", f"http://127.0.0.1:{self.port('broker')}/metrics")
        try:
            return all(httpx.get(url, timeout=5).status_code == 200 for url in urls)
        except httpx.TransportError:
            return False

    def port(self, part: str) -> int:
        """Where it listens."""
        return int(json.loads((self.product.home / "ports.json").read_text())[part])

    def age(self, seconds: float) -> None:
        """Lets time pass for all that waits in rows, and has the clock beat."""
        folder = os.open(self.product.home / "postgres/data", os.O_PATH)
        where = {"host": f"/proc/self/fd/{folder}", "port": self.port("postgres"), "dbname": "xin", "user": "postgres"}
        with psycopg.connect(**where, autocommit=True) as db:  # type: ignore[arg-type]
            for statement in AGEING:
                db.execute(statement, {"by": timedelta(seconds=seconds)})
        os.close(folder)
        headers = {**TICK, "ce-id": "a-beat"}
        url = f"http://127.0.0.1:{self.port('functions')}/automation-tick"
        assert httpx.post(url, headers=headers, content=b"{}", timeout=20).status_code == 204


@dataclass
class Rush:
    """All of them writing, each in a thread."""

    shoppers: list[Shopper]
    others: list[Uploader] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Rush":
        everybody: list[Shopper | Uploader] = [*self.shoppers, *self.others]
        self.threads = [threading.Thread(target=one.write_until, args=(self.stop,), daemon=True) for one in everybody]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """What was begun is repeated until it is acknowledged."""
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "somebody never got an acknowledgement"

    def more(self, count: int) -> None:
        """Returns when so many more messages are acknowledged."""
        wanted = self.written + count
        until(lambda: self.written >= wanted, f"{count} more messages acknowledged", seconds=60)

    @property
    def written(self) -> int:
        return sum(shopper.written for shopper in self.shoppers)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    provider = Provider().start()
    product = Product(tmp_path_factory.mktemp("parts killed") / "state", environment=provider.environment)
    product.start()
    provider.admit(product.up, product.simulator)
    yield House(product, provider, Desk(product.sign_in()))
    product.stop()
    provider.stop()


def rush(house: House, part: str, *uploaders: Uploader) -> list[Shopper]:
    """Customers write, the part is killed, they go on, it comes back, they go on; then all that was said has left."""
    with Rush(house.shoppers(), list(uploaders)) as rush:
        rush.more(BEFORE)
        house.kill(part)
        rush.more(AFTER)
    return rush.shoppers


def is_done(house: House, shopper: Shopper) -> bool:
    """Whether the chat's last message is answered, and no reply is on its way."""
    conversation = shopper.chat.find(house.desk)
    said = house.desk.messages(conversation, "bot")
    left = {message["status"] for message in said}.isdisjoint({"queued", "sending", "unknown"})
    return bool(said) and left and house.desk.is_covered(conversation)


def doubtful(house: House, shopper: Shopper) -> int:
    """How many replies were heard twice. Fails for one that is not marked, was not heard, or is nowhere on record."""
    conversation = shopper.chat.find(house.desk)
    assert len(house.desk.messages(conversation, "customer")) == shopper.written
    said = house.desk.messages(conversation, "bot")
    once = Counter(message["text"] for message in said)
    marked = Counter(message["text"] for message in said if message["maybe_twice"])
    heard = Counter(shopper.chat.heard())
    assert heard - once - marked == Counter(), "heard more than was said"
    assert once - heard == Counter(), "did not hear all that was said"
    return (heard - once).total()


@pytest.mark.parametrize("part", ["valkey-cache", "valkey-broker", "broker"])
def test_part(house: House, part: str) -> None:
    """Whatever carries events and streams may die: nothing is lost, and nothing is said twice."""
    shoppers = rush(house, part)

    for shopper in shoppers:
        until(partial(is_done, house, shopper), "every reply on its way", seconds=60)
    assert sum(doubtful(house, shopper) for shopper in shoppers) == 0
    FAULTS[part].saw(ONCE)


def test_object_store(house: House) -> None:
    """Customers are answered without the object store; a document that was taken is indexed."""
    uploader = Uploader(house.desk)

    shoppers = rush(house, "objects", uploader)

    for shopper in shoppers:
        until(partial(is_done, house, shopper), "every reply on its way", seconds=60)
    assert sum(doubtful(house, shopper) for shopper in shoppers) == 0
    assert len(uploader.taken) > 1
    assert {house.desk.settled(asset)["status"] for asset in uploader.taken} == {"ready"}
    FAULTS["objects"].saw(f"{ONCE}; every document that was taken answers")


def test_postgres(house: House) -> None:
    """What was acknowledged before, during and after is answered; only what was being sent may be heard twice."""
    shoppers = rush(house, "postgres")

    limit = time.monotonic() + 90
    while not all(is_done(house, shopper) for shopper in shoppers):
        assert time.monotonic() < limit, "not everybody is answered"
        time.sleep(1)
        house.age(61)
    assert sum(doubtful(house, shopper) for shopper in shoppers) <= sum(CHATS.values())
    FAULTS["postgres"].saw("every message stored once, every chat answered, what was heard twice is marked")
