"""WhatsApp and Instagram: the fact, the ticks, a person in the provider's own app, the customer's 24 hours."""

import time

import pytest

from tests.pipeline import meta
from tests.pipeline.desk import Desk
from tests.pipeline.phone import Phone
from tests.pipeline.waiting import until
from tests.product import Product

HOURS, FACT = "ساعت کاری شما چیست؟", "شنبه تا چهارشنبه"
RETURNS = "تا چند روز می‌توانم کالا را پس بدهم؟"
KINDS = ["whatsapp", "instagram"]


@pytest.fixture(params=KINDS)
def phone(request: pytest.FixtureRequest, product: Product) -> Phone:
    return Phone(product, request.param)


def _conversation(desk: Desk, phone: Phone) -> dict[str, object]:
    items = desk.client.get("/conversations", params={"limit": 100}).json()["items"]
    contacts = {one["id"]: one for one in items if one["channel_kind"] == phone.kind}
    return next(one for one in contacts.values() if one["last_text"] and _is_of(desk, one["id"], phone))


def _is_of(desk: Desk, conversation: str, phone: Phone) -> bool:
    return any(message["text"].endswith(phone.chat) for message in desk.messages(conversation, "customer"))


def _answered(desk: Desk, phone: Phone, text: str = HOURS) -> str:
    """The conversation of a customer who has been answered. What they wrote ends with who they are."""
    phone.write(f"{text} {phone.chat}")
    until(lambda: phone.heard, f"an answer on {phone.kind}")
    return str(_conversation(desk, phone)["id"])


def test_fact(desk: Desk, phone: Phone) -> None:
    """The seeded fact comes back, once."""
    _answered(desk, phone)

    assert FACT in phone.heard[0]
    assert len(phone.heard) == 1


def test_ticks(desk: Desk, phone: Phone) -> None:
    """When the customer looks at the chat, the answer is shown as read."""
    conversation = _answered(desk, phone)

    phone.read()

    until(lambda: desk.messages(conversation, "bot")[0]["status"] == "read", "the second tick in colour")


def test_own_echo(desk: Desk, phone: Phone) -> None:
    """The provider's echo of what the bot itself said silences nobody: the next question is answered too."""
    conversation = _answered(desk, phone)

    phone.write(RETURNS)

    until(lambda: len(phone.heard) == 2, "the second answer")
    assert desk.client.get(f"/conversations/{conversation}").json()["status"] == "bot"
    assert not desk.messages(conversation, "operator")


def test_person_outside(desk: Desk, phone: Phone) -> None:
    """A colleague who answers in the provider's app has taken over; after a release the bot goes on from there."""
    conversation = _answered(desk, phone)

    phone.business_writes("سلام، خودم پیگیری می‌کنم")

    until(lambda: desk.client.get(f"/conversations/{conversation}").json()["status"] == "human", "the takeover")
    (said,) = desk.messages(conversation, "operator")
    assert (said["text"], said["author"]) == ("سلام، خودم پیگیری می‌کنم", None)
    phone.write(RETURNS)
    control = Phone(phone.product, phone.kind)
    _answered(desk, control)
    assert phone.heard == [phone.heard[0], "سلام، خودم پیگیری می‌کنم"]

    assert desk.client.post(f"/conversations/{conversation}/release").is_success

    until(lambda: len(phone.heard) == 3, "the bot's answer after the release")
    assert "۷ روز" in phone.heard[2]


def test_first_word_by_a_person(desk: Desk, product: Product) -> None:
    """Somebody to whom a colleague wrote first is the colleague's, also when they answer."""
    phone = Phone(product, "instagram")
    phone.business_writes(f"سفارش شما رسید {phone.chat}")
    found = until(
        lambda: next(
            (
                one
                for one in desk.client.get("/conversations", params={"limit": 100}).json()["items"]
                if one["last_text"] == f"سفارش شما رسید {phone.chat}"
            ),
            None,
        ),
        "the colleague's words in the inbox",
    )
    phone.write(HOURS)
    until(lambda: desk.messages(found["id"], "customer"), "the customer's answer")
    assert desk.client.get(f"/conversations/{found['id']}").json()["status"] == "human"
    assert not desk.messages(found["id"], "bot")


@pytest.mark.parametrize("kind", KINDS)
def test_window_closed(desk: Desk, product: Product, kind: str) -> None:
    """What the provider would take no more is not sent: it fails, with the reason and what can be done."""
    phone = Phone(product, kind)
    channel = product.channel(kind)
    yesterday = time.time() - 25 * 3600
    text = f"{HOURS} {phone.chat}"
    if kind == "whatsapp":
        webhook = meta.whatsapp_text(channel, text, name=phone.name, phone=phone.chat)
        webhook["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = str(int(yesterday))
    else:
        webhook = meta.instagram_text(channel, text, sender=phone.chat)
        webhook["entry"][0]["messaging"][0]["timestamp"] = int(yesterday * 1000)
    assert meta.post(channel, webhook).status_code == 200

    def failed() -> dict[str, object] | None:
        items = desk.client.get("/conversations", params={"limit": 20}).json()["items"]
        for one in items:
            if one["channel_kind"] == kind and _is_of(desk, one["id"], phone):
                answers = desk.messages(one["id"], "bot")
                return answers[0] if answers and answers[0]["status"] == "failed" else None
        return None

    answer = until(failed, "the answer that could not leave")
    assert "24 hours" in str(answer["reason"])
    assert not phone.heard
