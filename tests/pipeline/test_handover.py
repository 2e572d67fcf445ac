"""A person and the bot: who speaks when, and that the customer always gets an answer from one of them."""

import httpx
import pytest

from tests.pipeline.desk import Desk
from tests.pipeline.neighbour import sign_in
from tests.pipeline.provider import Customer, Provider
from tests.pipeline.waiting import until
from tests.pipeline.widget import Visitor
from tests.product import Product

HOURS, DELIVERY = "ساعت کاری شما چیست؟", "ارسال به شهرهای دیگر چند روز طول می‌کشد؟"


@pytest.fixture
def customer(product: Product, provider: Provider) -> Customer:
    return provider.customer(product.channel("telegram"))


def _post(desk: Desk, conversation: str, verb: str, **body: object) -> httpx.Response:
    return desk.client.post(f"/conversations/{conversation}/{verb}", json=body or None)


def _start(customer: Customer, desk: Desk, text: str = HOURS) -> str:
    """The conversation of a customer who has been answered."""
    customer.write(text)
    until(lambda: customer.heard, "the first answer")
    return str(desk.conversation_of(customer)["id"])


def test_takeover_silences(product: Product, provider: Provider, desk: Desk) -> None:
    """From the moment a takeover is confirmed no bot message is written, however many turns were running."""
    customers = [provider.customer(product.channel("telegram")) for _ in range(6)]
    conversations = [_start(customer, desk) for customer in customers]
    for customer in customers:
        customer.write(DELIVERY)
    seqs = []
    for conversation in conversations:  # some turns are done by now, some run, some have not begun
        assert _post(desk, conversation, "takeover").json()["status"] == "human"
        seqs.append(desk.client.get(f"/conversations/{conversation}").json()["seq"])
    for customer in customers:
        customer.write("کسی آنجا هست؟")

    control = provider.customer(product.channel("telegram"))
    control.write(HOURS)
    until(lambda: control.heard, "the answer to another customer who wrote later")
    for customer, conversation, seq in zip(customers, conversations, seqs, strict=True):
        bot = desk.messages(conversation, "bot")
        assert all(message["seq"] <= seq for message in bot)
        left = [message["text"] for message in bot if message["status"] not in ("cancelled", "queued")]
        assert customer.heard == left
        assert desk.client.get(f"/conversations/{conversation}").json()["status"] == "human"


def test_reply_to_messenger(customer: Customer, desk: Desk) -> None:
    """What an operator writes takes the conversation over and reaches the customer's messenger, once."""
    conversation = _start(customer, desk)

    said = _post(desk, conversation, "messages", text="سلام، من سپیده هستم.")

    assert said.status_code in (200, 201, 202)
    until(lambda: "سلام، من سپیده هستم." in customer.heard, "the operator's words")
    assert desk.conversation_of(customer)["status"] == "human"
    until(
        lambda: desk.messages(conversation, "operator")[0]["status"] == "accepted", "the mark on the operator's message"
    )
    assert customer.heard.count("سلام، من سپیده هستم.") == 1


def test_reply_to_widget(product: Product, desk: Desk) -> None:
    """What an operator writes reaches the widget's stream and history as an operator's."""
    visitor = Visitor.arrive(product.channel("web"), product.url)
    visitor.ask(HOURS)
    stream = visitor.follow()

    assert _post(desk, visitor.conversation, "messages", text="همین حالا پیگیری می‌کنم.").is_success

    until(lambda: [m for m in stream.of("message.created") if m["role"] == "operator"], "the operator in the stream")
    (message,) = visitor.messages("operator")
    assert message["text"] == "همین حالا پیگیری می‌کنم."
    stream.close()


def test_owned_by_another(product: Product, customer: Customer, desk: Desk) -> None:
    """While one person has a conversation another's takeover and reply are 409 and name the owner."""
    email, password = f"nima-{customer.chat}@example.com", "گذرواژه‌ای که بلند است"
    made = desk.client.post("/users", json={"email": email, "name": "نیما", "role": "operator", "password": password})
    assert made.is_success, made.text
    other = Desk(sign_in(product, email, password))
    conversation = _start(customer, desk)
    assert _post(other, conversation, "takeover").is_success

    for refused in (_post(desk, conversation, "takeover"), _post(desk, conversation, "messages", text="سلام")):
        assert refused.status_code == 409
        assert refused.headers["content-type"].startswith("application/problem+json")
        assert "نیما" in refused.text

    assert "سلام" not in customer.heard
    assert _post(other, conversation, "takeover").is_success  # one's own is no conflict


def test_release(customer: Customer, desk: Desk) -> None:
    """After a release the bot answers what is newer than the operator's last word, and nothing older."""
    conversation = _start(customer, desk)
    assert _post(desk, conversation, "takeover").is_success
    customer.write("این را آدم جواب می‌دهد")
    assert _post(desk, conversation, "messages", text="جواب آدم").is_success
    until(lambda: customer.heard[-1] == "جواب آدم", "the operator's words")
    customer.write(DELIVERY)

    assert _post(desk, conversation, "release").json()["status"] == "bot"

    until(lambda: "شهرهای دیگر" in customer.heard[-1], "the bot's answer after the release")
    assert len(customer.heard) == 3


def test_told_of_a_person(product: Product, provider: Provider, desk: Desk) -> None:
    """Who was promised a person is told when one has come, in their language; and when the bot is back."""
    for asked, come, back in (
        ("می‌خواهم با یک آدم صحبت کنم", "همکارم الان این‌جاست", "برگرداند"),
        ("I want to talk to a human", "My colleague is here now", "handed back"),
    ):
        customer = provider.customer(product.channel("bale"))
        conversation = _start(customer, desk, asked)
        assert desk.client.get(f"/conversations/{conversation}").json()["status"] == "waiting"

        assert _post(desk, conversation, "takeover").is_success
        until(lambda: len(customer.heard) == 2, "word of the person")  # noqa: B023
        assert come in customer.heard[1]
        assert _post(desk, conversation, "takeover").is_success  # once more tells nobody anything
        assert _post(desk, conversation, "messages", text="ok").is_success
        until(lambda: customer.heard[-1] == "ok", "the person's words")  # noqa: B023
        assert _post(desk, conversation, "release").is_success

        until(lambda: len(customer.heard) == 4, "word of the bot")  # noqa: B023
        assert back in customer.heard[3]
        assert [message["role"] for message in desk.messages(conversation)] == [
            "customer", "bot", "system", "operator", "system",
        ]  # fmt: skip


def test_told_in_the_widget(product: Product, desk: Desk) -> None:
    """In the widget the notice stands in the stream and in the history, in nobody's name."""
    visitor = Visitor.arrive(product.channel("web"), product.url)
    visitor.ask("می‌خواهم با یک آدم صحبت کنم")
    stream = visitor.follow()

    assert _post(desk, visitor.conversation, "takeover").is_success

    until(lambda: [m for m in stream.of("message.created") if m["role"] == "system"], "the notice in the stream")
    (told,) = visitor.messages("system")
    assert "همکارم" in told["text"]
    stream.close()


def test_release_without_a_word(customer: Customer, desk: Desk) -> None:
    """An operator who took over and said nothing leaves no gap: what came meanwhile is answered after the release."""
    conversation = _start(customer, desk)
    assert _post(desk, conversation, "takeover").is_success
    customer.write(DELIVERY)

    assert _post(desk, conversation, "release").is_success

    until(lambda: len(customer.heard) == 2, "the answer to what came during the takeover")
    assert "شهرهای دیگر" in customer.heard[1]


def test_resolve(customer: Customer, desk: Desk) -> None:
    """Resolving what has a newer message than the operator saw is 409; a customer's next message opens it again."""
    conversation = _start(customer, desk)
    assert _post(desk, conversation, "takeover").is_success
    seen = desk.conversation_of(customer)["seq"]
    customer.write("یک چیز دیگر")

    assert _post(desk, conversation, "resolve", seen=seen).status_code == 409
    assert desk.conversation_of(customer)["status"] == "human"
    newest = desk.conversation_of(customer)["seq"]
    assert _post(desk, conversation, "resolve", seen=newest).json()["status"] == "resolved"

    customer.write(DELIVERY)
    until(lambda: "شهرهای دیگر" in customer.heard[-1], "the answer after the conversation opened again")
    assert desk.conversation_of(customer)["status"] == "bot"
    assert len(customer.heard) == 2


def test_person_wanted(customer: Customer, desk: Desk) -> None:
    """A customer who asks for a person is told that one comes, and waits in the inbox; the bot goes on helping."""
    customer.write("می‌خواهم با یک انسان صحبت کنم")
    until(lambda: customer.heard, "the promise of a person")
    assert desk.conversation_of(customer)["status"] == "waiting"

    customer.write(HOURS)

    until(lambda: len(customer.heard) == 2, "an answer while a person is awaited")
    assert "شنبه تا چهارشنبه" in customer.heard[1]
    assert desk.conversation_of(customer)["status"] == "waiting"
