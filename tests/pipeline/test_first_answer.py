"""The first minute of a newcomer: the seeded documents answer on every channel, and nothing else is made up."""

import pytest

from tests.pipeline.desk import Desk
from tests.pipeline.provider import Provider
from tests.pipeline.waiting import until
from tests.pipeline.widget import Visitor
from tests.product import Product

QUESTIONS = [
    pytest.param("ساعت کاری شما چیست؟", "شنبه تا چهارشنبه", id="fa hours"),
    pytest.param("تا چند روز می‌توانم کالا را پس بدهم؟", "۷ روز", id="fa returns"),
    pytest.param("What are your opening hours?", "Saturday to Wednesday", id="en hours"),
    pytest.param("How many days do I have to return an item?", "7 days", id="en returns"),
]
NONSENSE = ["آیا پنگوئن‌ها در قطب شمال سفینه می‌سازند؟", "Which penguin won the lunar chess cup?"]


@pytest.mark.parametrize("kind", ["telegram", "bale"])
@pytest.mark.parametrize(("question", "fact"), QUESTIONS)
def test_messenger(product: Product, provider: Provider, desk: Desk, kind: str, question: str, fact: str) -> None:
    """A question in Persian or English is answered from the seeded documents, once, with the sources on record."""
    customer = provider.customer(product.channel(kind))

    customer.write(question)

    until(lambda: customer.heard, f"an answer on {kind}")
    assert fact in customer.heard[0]
    conversation = desk.conversation_of(customer)["id"]
    (answer,) = desk.messages(conversation, "bot")
    assert answer["text"] == customer.heard[0]
    trace = desk.client.get(f"/turns/{answer['turn_id']}").json()["trace"]
    assert any(passage["cited"] for passage in trace["passages"])
    assert len(customer.heard) == 1


@pytest.mark.parametrize(("question", "fact"), QUESTIONS)
def test_widget(product: Product, question: str, fact: str) -> None:
    """The same question in the widget is answered over the stream and in the history, with its sources."""
    visitor = Visitor.arrive(product.channel("web"), product.url)
    stream = visitor.follow()

    answer = visitor.ask(question)

    assert fact in answer["text"]
    assert answer["role"] == "bot"
    assert answer["sources"]
    assert all({"asset_id", "title", "place"} <= source.keys() for source in answer["sources"])
    shown = until(lambda: [m for m in stream.of("message.created") if m["role"] == "bot"], "the answer in the stream")
    assert stream.media_type.startswith("text/event-stream")
    assert (shown[0]["id"], shown[0]["text"]) == (answer["id"], answer["text"])
    stream.close()


@pytest.mark.parametrize("question", NONSENSE)
def test_abstains(product: Product, question: str) -> None:
    """What no document says is not answered: the bot says so, and names no source."""
    visitor = Visitor.arrive(product.channel("web"), product.url, language="fa" if question > "z" else "en")

    answer = visitor.ask(question)

    assert answer["sources"] == []
    assert "همکارانم" in answer["text"] or "person" in answer["text"]


def test_stream_goes_on(product: Product) -> None:
    """A stream that is opened again behind the last message it saw brings what came meanwhile, once."""
    visitor = Visitor.arrive(product.channel("web"), product.url)
    first = visitor.ask("ساعت کاری شما چیست؟")
    second = visitor.ask("ارسال به شهرهای دیگر چند روز طول می‌کشد؟")

    stream = visitor.follow(after=first["seq"])

    until(lambda: second["id"] in [m["id"] for m in stream.of("message.created")], "the missed answer")
    seen = [message["id"] for message in stream.of("message.created")]
    assert first["id"] not in seen
    assert len(seen) == len(set(seen))
    stream.close()


def test_foreign_page(product: Product) -> None:
    """A page of another site can't open a session, and a stranger without a token reads nothing."""
    visitor = Visitor.arrive(product.channel("web"), product.url)
    opening = {"widget_id": product.channel("web")["widget_id"], "page": {"url": "https://evil.example", "lang": "fa"}}

    refused = visitor.client.post("/sessions", json=opening, headers={"Origin": "https://evil.example"})
    nobody = visitor.client.get(f"{visitor.path}/messages", headers={"Authorization": "Bearer nobody"})

    assert refused.status_code == 403
    assert nobody.status_code == 401
