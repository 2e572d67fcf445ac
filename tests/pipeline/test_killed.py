"""Everything killed while customers write, databases too; then started again."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import pytest

from tests.pipeline.conftest import Start, processes_of
from tests.pipeline.desk import Desk
from tests.pipeline.provider import Customer, Provider
from tests.pipeline.waiting import until
from tests.pipeline.widget import Visitor
from tests.product import Product

CHATS = 40
QUESTIONS = ("ساعت کاری شما چیست؟", "ارسال به شهرهای دیگر چند روز طول می‌کشد؟", "شرایط بازگشت کالا چیست؟", "سلام")
MESSAGES = 5 * CHATS
"""Acknowledged before the lights go out."""


@dataclass
class Night:
    """What was there when everything was killed."""

    product: Product
    provider: Provider
    up: dict[str, Any]
    visitor: Visitor
    customers: list[Customer]
    acknowledged: Counter[int] = field(default_factory=Counter)
    """Chat to the number of updates that were answered with 200."""
    killed_at: float = 0.0
    desk: Desk | None = None


@pytest.fixture(scope="module")
def night(start: Start) -> Night:
    """Forty customers write until nothing answers any more: every process has got SIGKILL. Then a second start."""
    product, provider = start()
    provider.slow_seconds = 0.05  # a provider on the other side of a network: some calls are under way at any moment
    visitor = Visitor.arrive(product.channel("web"), product.url)
    visitor.ask(QUESTIONS[0])
    customers = [provider.customer(product.channel("telegram")) for _ in range(CHATS)]
    night = Night(product, provider, product.up, visitor, customers)
    writers = [threading.Thread(target=_write, args=(night, customer)) for customer in customers]
    for writer in writers:
        writer.start()
    until(lambda: sum(night.acknowledged.values()) > MESSAGES and len(provider.sent) > CHATS, "a busy shop")
    _kill_everything(night)
    for writer in writers:
        writer.join()
    product.start()
    night.desk = Desk(product.sign_in())
    return night


def _write(night: Night, customer: Customer) -> None:
    dice = random.Random(customer.chat)
    with httpx.Client() as client:
        while customer.post(customer.update(dice.choice(QUESTIONS)), client=client) == 200:
            night.acknowledged[customer.chat] += 1
            time.sleep(dice.random() * 0.4)  # a person's pace: sometimes before the answer, sometimes behind it


def _kill_everything(night: Night) -> None:
    home = night.product.home
    listed = {entry["pid"] for entry in json.loads((home / "processes.json").read_text())}
    assert night.product.process
    doomed = listed | {process.pid for process in processes_of(home)} | {night.product.process.pid}
    for pid in doomed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    night.killed_at = time.monotonic()
    night.product.process.wait(10)
    until(lambda: not processes_of(home), "the end of them all")
    (home / "up.json").unlink(missing_ok=True)  # else the start would be taken for done


def test_everyone_is_answered(night: Night) -> None:
    """Every message that was acknowledged is there, and the last one of every chat lies in a turn."""
    assert night.desk
    inbox = {one["contact_name"]: one for one in night.desk.items("/conversations")}
    assert len(night.acknowledged) == CHATS

    for customer in night.customers:
        conversation = inbox[customer.name]["id"]
        stored = night.desk.messages(conversation, "customer")
        assert len(stored) >= night.acknowledged[customer.chat]
        until(partial(night.desk.is_covered, conversation), f"an answer for {customer.name}", seconds=60)


def test_everything_leaves_once(night: Night) -> None:
    """Every reply on record reaches its customer; only what was being sent at that moment twice, marked so."""
    assert night.desk
    inbox = {one["contact_name"]: one for one in night.desk.items("/conversations")}
    repeated = 0

    for customer in night.customers:
        conversation = inbox[customer.name]["id"]
        until(partial(_all_left, night, conversation), f"every reply to {customer.name} on its way", seconds=60)
        said = night.desk.messages(conversation, "bot")
        once = Counter(message["text"] for message in said)
        doubtful = Counter(message["text"] for message in said if message["maybe_twice"])
        heard = Counter(customer.heard)
        assert heard - once - doubtful == Counter(), f"{customer.name} heard more than was said"
        assert once - heard == Counter(), f"{customer.name} did not hear all that was said"
        repeated += doubtful.total()
    assert repeated <= CHATS


def _all_left(night: Night, conversation: str) -> bool:
    assert night.desk
    states = {message["status"] for message in night.desk.messages(conversation, "bot")}
    return states.isdisjoint({"queued", "sending", "unknown"})


def test_same_house(night: Night) -> None:
    """A second start has the same channels, sign-in and conversations, and a visitor goes on where they were."""
    assert night.product.up["channels"] == night.up["channels"]
    assert night.product.up["operator"] == night.up["operator"]
    assert night.product.up["admin"] == night.up["admin"]
    resumed = Visitor.arrive(night.product.channel("web"), night.product.url, resume=night.visitor.token)
    assert resumed.conversation == night.visitor.conversation
    assert [m["role"] for m in resumed.messages()] == ["customer", "bot"]
    assert "شهرهای دیگر" in resumed.ask(QUESTIONS[1])["text"]


def test_work_goes_on(night: Night) -> None:
    """New customers are answered at once after the second start, and documents can be added."""
    assert night.desk
    customer = night.provider.customer(night.product.channel("bale"))
    night.desk.learn("after.md", "# پس از شب\n\nشمارهٔ صندوق شب ۹۰۲۱ است.\n")

    customer.write("شمارهٔ صندوق شب چند است؟")

    until(lambda: customer.heard, "the answer")
    assert "۹۰۲۱" in customer.heard[0]


def test_sigterm(night: Night) -> None:
    """SIGTERM ends everything within ten seconds, even while a stream is open, and leaves no process behind."""
    stream = night.visitor.follow()
    began = time.monotonic()

    code = night.product.stop()

    assert time.monotonic() - began < 10
    assert code == 0
    assert not processes_of(night.product.home)
    assert not (night.product.home / "up.json").exists()
    stream.close()
