"""One part killed at a time: functions, broker, a Valkey, object store, Postgres. Nothing acknowledged is lost."""

import json
import os
import signal
import time
from dataclasses import dataclass, field

import httpx
import psutil
import pytest

from tests.pipeline.conftest import Start
from tests.pipeline.desk import Desk
from tests.pipeline.provider import Customer, Provider
from tests.pipeline.waiting import until
from tests.pipeline.widget import Visitor
from tests.product import Product

HOURS, DELIVERY = "ساعت کاری شما چیست؟", "ارسال به شهرهای دیگر چند روز طول می‌کشد؟"
NET_SECONDS = 60
"""What the tick finds open after half a minute is nudged in one of its next rounds, ten seconds apart."""


@dataclass
class House:
    """A product whose parts die one after the other. *owed*: customers whose messages only the tick may find again."""

    product: Product
    provider: Provider
    owed: list[Customer] = field(default_factory=list)

    def customers(self, many: int = 5) -> list[Customer]:
        return [self.provider.customer(self.product.channel("telegram")) for _ in range(many)]


@pytest.fixture(scope="module")
def house(start: Start) -> House:
    return House(*start())


def _pid(product: Product, part: str) -> int:
    listed = json.loads((product.home / "processes.json").read_text())
    return next(int(entry["pid"]) for entry in listed if entry["name"] == part)


def _kill(product: Product, part: str) -> int:
    """SIGKILL to the part and all that it has started; its process id."""
    pid = _pid(product, part)
    for process in [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return pid


def _is_ready(product: Product) -> bool:
    """The house says so, and the broker counts what waits in its Valkey."""
    broker = json.loads((product.home / "ports.json").read_text())["broker"]
    try:
        answers = [httpx.get(url, timeout=5) for url in (f"{product.url}/readyz", f"http://127.0.0.1:{broker}/metrics")]
    except httpx.TransportError:
        return False
    return all(answer.status_code == 200 for answer in answers)


def _back(product: Product, part: str, dead: int) -> None:
    until(lambda: _pid(product, part) != dead and _is_ready(product), f"{part} and the house behind it", seconds=30)


def _answered_once(customers: list[Customer], seconds: float = NET_SECONDS) -> None:
    until(lambda: all(customer.heard for customer in customers), "an answer for each", seconds=seconds)
    assert [len(customer.heard) for customer in customers] == [1] * len(customers)


def test_functions(house: House) -> None:
    """Functions that are killed with messages just taken in come back by themselves, and take in more."""
    product = house.product
    house.owed += (customers := house.customers())
    for customer in customers:
        customer.write(HOURS)

    _back(product, "functions", _kill(product, "functions"))

    after = house.customers()
    for customer in after:
        customer.write(HOURS)
    _answered_once(after, seconds=10)


@pytest.mark.parametrize("part", ["broker", "valkey-broker"])
def test_broker(house: House, part: str) -> None:
    """While the broker is away webhooks are 200 all the same; when it is back, it is as if nothing had been."""
    product = house.product
    house.owed += (customers := house.customers())
    dead = _kill(product, part)

    statuses = [customer.post(customer.update(HOURS)) for customer in customers]

    assert statuses == [200] * len(customers)
    _back(product, part, dead)
    after = house.customers()
    for customer in after:
        customer.write(HOURS)
    _answered_once(after, seconds=10)


def test_live_streams(house: House) -> None:
    """Without its Valkey for live streams the house answers messengers; the widget gets its answer when it is back."""
    product = house.product
    visitor = Visitor.arrive(product.channel("web"), product.url)
    customers = house.customers()
    dead = _kill(product, "valkey-cache")

    for customer in customers:
        customer.write(HOURS)
    visitor.write(HOURS)

    _answered_once(customers, seconds=10)
    _back(product, "valkey-cache", dead)
    answer = until(lambda: visitor.messages("bot"), "the widget's answer", seconds=NET_SECONDS)
    assert len(answer) == 1
    assert "شهرهای دیگر" in visitor.ask(DELIVERY)["text"]
    stream = visitor.follow()
    until(lambda: len(stream.of("message.created")) == 4, "the whole conversation in the new stream")
    stream.close()


def test_object_store(house: House) -> None:
    """Answering doesn't wait for the object store; an upload works again when it is back."""
    product = house.product
    customers = house.customers()
    dead = _kill(product, "objects")

    for customer in customers:
        customer.write(HOURS)

    _answered_once(customers, seconds=10)
    _back(product, "objects", dead)
    desk = Desk(product.sign_in())
    until(lambda: desk.upload("again.md", f"# انبار\n\nانبار {dead} باز است.\n").is_success, "an upload that is taken")


def test_postgres(house: House) -> None:
    """While Postgres is away a webhook is 503 and the provider comes again; then it is taken, and answered once."""
    product = house.product
    customers = house.customers()
    updates = [customer.update(HOURS) for customer in customers]
    dead = _kill(product, "postgres")

    statuses: list[set[int]] = [set() for _ in customers]
    limit = time.monotonic() + 30
    while not all(200 in seen for seen in statuses):
        assert time.monotonic() < limit, statuses
        for customer, update, seen in zip(customers, updates, statuses, strict=True):
            seen.add(customer.post(update))

    assert set().union(*statuses) == {200, 503}
    _back(product, "postgres", dead)
    _answered_once(customers)
    desk = Desk(product.sign_in())
    for customer in customers:
        assert len(desk.messages(desk.conversation_of(customer)["id"], "customer")) == 1


def test_nothing_is_lost(house: House) -> None:
    """Whoever wrote into one of these gaps is answered within a minute: once, or twice where that is on record."""
    until(lambda: all(customer.heard for customer in house.owed), "an answer for each", seconds=NET_SECONDS)
    desk = Desk(house.product.sign_in())

    for customer in house.owed:
        (said,) = desk.messages(desk.conversation_of(customer)["id"], "bot")
        assert len(customer.heard) <= 1 + said["maybe_twice"]
