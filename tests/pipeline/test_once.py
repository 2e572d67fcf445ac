"""Once: whatever a provider repeats, a customer is answered one time."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.pipeline.desk import Desk
from tests.pipeline.provider import Provider
from tests.pipeline.waiting import until
from tests.pipeline.widget import Visitor
from tests.product import Product

HOURS, DELIVERY = "ساعت کاری شما چیست؟", "ارسال به شهرهای دیگر چند روز طول می‌کشد؟"


def test_same_update_at_once(product: Product, provider: Provider, desk: Desk) -> None:
    """One update posted twenty times at once is one message and gets one reply."""
    customer = provider.customer(product.channel("telegram"))
    update = customer.update(HOURS)

    with httpx.Client() as client, ThreadPoolExecutor(20) as crowd:
        statuses = list(crowd.map(lambda _: customer.post(update, client=client), range(20)))

    assert statuses == [200] * 20
    until(lambda: customer.heard, "the reply")
    customer.write(DELIVERY)  # in one conversation replies leave in order: behind this one no second copy can come
    until(lambda: "شهرهای دیگر" in customer.heard[-1], "the reply to the next message")
    conversation = desk.conversation_of(customer)["id"]
    assert [m["text"] for m in desk.messages(conversation, "customer")] == [HOURS, DELIVERY]
    assert [m["text"] for m in desk.messages(conversation, "bot")] == customer.heard
    assert len(customer.heard) == 2


def test_same_update_after_reply(product: Product, provider: Provider, desk: Desk) -> None:
    """An update that comes again after it was answered is acknowledged, and neither stored nor answered again."""
    customer = provider.customer(product.channel("bale"))
    update = customer.update(HOURS)
    assert customer.post(update) == 200
    until(lambda: customer.heard, "the reply")

    assert customer.post(update) == 200

    customer.write(DELIVERY)
    until(lambda: "شهرهای دیگر" in customer.heard[-1], "the reply to the next message")
    assert len(customer.heard) == 2
    assert len(desk.messages(desk.conversation_of(customer)["id"], "customer")) == 2


def test_same_widget_message(product: Product) -> None:
    """A widget that sends a message again under the same client_msg_id is told so, and gets one answer."""
    visitor = Visitor.arrive(product.channel("web"), product.url)
    posted = {"client_msg_id": "again-1", "type": "text", "text": HOURS}

    with ThreadPoolExecutor(5) as crowd:
        answers = list(crowd.map(lambda _: visitor.client.post(f"{visitor.path}/messages", json=posted), range(5)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [answer.json()["duplicate"] for answer in answers].count(False) == 1
    visitor.ask(DELIVERY)
    assert len(visitor.messages("customer")) == 2
    assert len(visitor.messages("bot")) <= 2


def test_burst(product: Product, provider: Provider, desk: Desk) -> None:
    """Five messages in a row get between one and five replies, and the last message is among what they cover."""
    customer = provider.customer(product.channel("telegram"))
    texts = ["سلام", "ببخشید", "یه سوال داشتم", "درباره فروشگاه", HOURS]
    updates = [customer.update(text) for text in texts]

    with httpx.Client() as client:
        statuses = [customer.post(update, client=client) for update in updates]

    assert statuses == [200] * 5
    conversation = until(lambda: desk.find(contact_name=customer.name), "the conversation")["id"]
    until(lambda: desk.is_covered(conversation), "a turn that covers the last message")
    until(lambda: len(customer.heard) == len(desk.messages(conversation, "bot")), "every reply on its way")
    assert [m["text"] for m in desk.messages(conversation, "customer")] == texts
    assert 1 <= len(customer.heard) <= 5
    assert "شنبه تا چهارشنبه" in customer.heard[-1]


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(["سلام", "ببخشید", "یه سوال داشتم", "درباره فروشگاه", HOURS], id="question last"),
        pytest.param(["سلام", "خوبید؟", "یه سوال", HOURS, "ممنون"], id="thanks last"),
    ],
)
def test_burst_in_one_turn(product: Product, provider: Provider, desk: Desk, texts: list[str]) -> None:
    """A question among the small talk of a burst is answered when one turn covers them all."""
    customer = provider.customer(product.channel("telegram"))
    customer.write("سلام")
    until(lambda: customer.heard, "the greeting")
    conversation = desk.conversation_of(customer)["id"]
    assert desk.client.post(f"/conversations/{conversation}/takeover").is_success  # so that all five wait together
    for text in texts:
        customer.write(text)

    assert desk.client.post(f"/conversations/{conversation}/release").is_success

    until(lambda: len(customer.heard) == 2, "the reply")
    assert "شنبه تا چهارشنبه" in customer.heard[1]
    assert desk.is_covered(conversation)
