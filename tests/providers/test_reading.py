"""What comes along with a message, and what a damaged or hostile webhook does."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Unreadable
from tests.providers.samples import every, loaded, parse, sample


def test_about_the_customer():
    """
    Name, language and the provider's own time come along.
    """
    message = parse("telegram", sample("telegram/text")).messages[0]

    assert (message.name, message.language) == ("مریم", "fa")
    assert message.sent_at == datetime(2026, 9, 21, 14, 13, 21, tzinfo=UTC)
    assert message.payload == loaded("telegram/text")


def test_reply_to():
    """
    WhatsApp answers go to the very number that wrote while it is visible, though the contact is known by its BSUID.
    """
    assert parse("whatsapp", sample("whatsapp/text")).messages[0].reply_to == "4915112345678"
    assert parse("whatsapp", sample("whatsapp/text_from_username")).messages[0].reply_to is None


def test_button_says_what_was_tapped():
    """
    A tap on a button reads as the words on it; where the message is gone, as the data behind it.
    """
    update = loaded("telegram/button_press")
    data = update["callback_query"]["data"]
    keyboard = {
        "inline_keyboard": [[{"text": "خیر", "callback_data": "no"}, {"text": "پیگیری", "callback_data": data}]]
    }
    update["callback_query"]["message"]["reply_markup"] = keyboard

    assert parse("telegram", json.dumps(update).encode()).messages[0].text == "پیگیری"
    assert parse("telegram", sample("telegram/button_press")).messages[0].text == data


def test_nobody_named_and_one_spoken_of():
    """
    A WhatsApp message that names no sender is of the one contact who comes with it; a system message needs none.
    """
    webhook = loaded("whatsapp/text")
    value = webhook["entry"][0]["changes"][0]["value"]
    for name in ("from", "from_user_id"):
        value["messages"][0].pop(name, None)
    assert parse("whatsapp", webhook).messages[0].sender == value["contacts"][0]["user_id"]

    value["contacts"] = []
    value["messages"][0] |= {"type": "system", "system": {"body": "changed", "type": "user_changed_number"}}
    assert [event.kind for event in parse("whatsapp", webhook).events] == ["system"]


def test_ice_breaker_without_mid():
    """
    A tap on Instagram's ice breaker may come without an id: it is read all the same, and the same each time.
    """
    webhook = loaded("instagram/ice_breaker")
    del webhook["entry"][0]["messaging"][0]["postback"]["mid"]

    first, again = (parse("instagram", webhook).messages[0] for _ in range(2))

    assert first.text == "ساعات کاری؟"
    assert first.key == again.key


def test_false_is_no_service_message():
    """
    Telegram's clients write what did not happen as false.
    """
    update = loaded("telegram/text")
    update["message"]["group_chat_created"] = False

    assert parse("telegram", update).messages


def test_accounts_in_one_body():
    """
    A body that speaks of two accounts has none of its own, and each message says whose it is.
    """
    batch = parse("instagram", sample("instagram/ad_referral_two_accounts"))

    assert batch.account is None
    assert [message.account for message in batch.messages] == ["17841400000000001", "17841400000000002"]


def test_failed_status():
    """
    A failure carries the provider's reason, and our part only where the words given back can be ours.
    """
    body = loaded("whatsapp/failed_window_closed")
    status = body["entry"][0]["changes"][0]["value"]["statuses"][0]
    foreign = parse("whatsapp", body).events[0]
    status["biz_opaque_callback_data"] = "6f1c9a52-7d57-5a0e-9a6b-0d8f6f2f3a11"
    ours = parse("whatsapp", body).events[0]

    assert foreign.reason is not None
    assert foreign.reason.startswith("131047: Re-engagement message: More than 24 hours")
    assert foreign.part is None
    assert ours.part == "6f1c9a52-7d57-5a0e-9a6b-0d8f6f2f3a11"


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, {"id": ""}, {"id": True}, {"id": {}, "from": []}])
def test_odd_neighbour(odd):
    """
    One unreadable item is kept as an event, and the messages and statuses beside it are read.
    """
    body = loaded("whatsapp/two_customers_and_statuses")
    body["entry"][0]["changes"][0]["value"]["messages"].insert(1, odd)
    body["entry"][0]["changes"].insert(1, odd)
    body["entry"].insert(0, odd)

    batch = parse("whatsapp", body)

    assert [message.key for message in batch.messages] == ["wamid.B1", "wamid.B2"]
    assert [event.state for event in batch.events if event.kind == "status"] == ["delivered", "sent"]
    assert "unreadable" in {event.kind for event in batch.events}


@pytest.mark.parametrize("lean", [None, "x", [None], [{"wa_id": "4915100000001"}], [{"profile": "x", "wa_id": 7}]])
def test_lean_contacts(lean):
    """
    Whatever stands in contacts[], a message keeps its sender: the phone where no BSUID is known.
    """
    body = loaded("whatsapp/two_customers_and_statuses")
    body["entry"][0]["changes"][0]["value"]["contacts"] = lean
    del body["entry"][0]["changes"][0]["value"]["messages"][0]["from_user_id"]

    messages = parse("whatsapp", body).messages

    assert [message.sender for message in messages] == ["4915100000001", "DE.2"]


def test_shared_contact():
    """
    A shared contact is read as its phone numbers; Meta sends a list where other types have an object.
    """
    body = loaded("whatsapp/text")
    cards = [{"name": {"formatted_name": "علی"}, "phones": [{"phone": "+98 912 123 4567"}, {"wa_id": 1}]}, "x"]
    body["entry"][0]["changes"][0]["value"]["messages"][0] |= {"type": "contacts", "contacts": cards}

    message = parse("whatsapp", body).messages[0]

    assert (message.kind, message.text) == ("contact", "+98 912 123 4567")


def test_interactive_without_its_object():
    """
    A message may come without what its type announces: it is unsupported, not lost.
    """
    body = loaded("whatsapp/button_list_and_template_replies")
    del body["entry"][0]["changes"][0]["value"]["messages"][0]["interactive"]

    kinds = [message.kind for message in parse("whatsapp", body).messages]

    assert kinds == ["unsupported", "button", "button"]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"chat": {"id": -5, "type": "group"}}, "group"),
        ({"from": {"id": 42, "is_bot": True, "first_name": "b"}}, "bot"),
        ({"text": None, "pinned_message": {"message_id": 1}}, "service"),
        ({"chat": {}}, "unreadable"),
        ({"chat": "x"}, "unreadable"),
    ],
)
def test_telegram_not_a_customer(changes, kind):
    """
    Groups, bots, service messages and what can't be read are kept, and nobody answers them.
    """
    body = loaded("telegram/text")
    body["message"] |= changes

    batch = parse("telegram", body)

    assert batch.messages == ()
    assert [(event.key, event.kind) for event in batch.events] == [("830010001", kind)]


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        ({"animation": {"file_id": "a"}, "document": {"file_id": "a"}}, "animation", ""),
        ({"venue": {"title": "میدان آزادی"}, "location": {"latitude": 35.7}}, "location", "میدان آزادی"),
        ({"sticker": {"emoji": "🌷"}}, "sticker", "🌷"),
        ({"document": {"file_name": "فاکتور.pdf"}, "caption": "این فاکتور"}, "document", "این فاکتور"),
        ({"something_new": {}}, "unsupported", ""),
        ({"text": "/menu@shop_bot"}, "command", "/menu@shop_bot"),
        ({"text": "/ یا و؟"}, "text", "/ یا و؟"),
    ],
)
def test_telegram_content(content, kind, text):
    """
    What a message holds gets our name, and its own words; what we have never seen is unsupported, not lost.
    """
    body = loaded("telegram/text")
    del body["message"]["text"]
    body["message"] |= content

    message = parse("telegram", body).messages[0]

    assert (message.kind, message.text) == (kind, text)


def test_bale_reads_like_telegram():
    """
    Bale's updates have Telegram's shape.
    """
    assert parse("bale", sample("telegram/text")) == parse("telegram", sample("telegram/text"))


def test_own_message_without_echo_mark():
    """
    What our own account sent is an echo even unmarked: answering it would never end.
    """
    body = loaded("instagram/echo")
    del body["entry"][0]["messaging"][0]["message"]["is_echo"]

    batch = parse("instagram", body)

    assert batch.messages == ()
    assert [event.kind for event in batch.events] == ["echo"]


HOSTILE_BODIES = {
    "empty": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"update_id":1,"object":"\xff"}',
    "array": b"[]",
    "array of an envelope": b'[{"object":"instagram","entry":[]}]',
    "text": b'"x"',
    "null": b"null",
    "NaN": b'{"update_id":NaN,"object":NaN,"entry":[]}',
    "infinite": b'{"update_id":1,"object":"instagram","entry":[1e999]}',
    "bottomless": b'{"update_id":1,"object":"instagram","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep": b'{"update_id":1,"object":"instagram","entry":' + b"[" * 90 + b"]" * 90 + b"}",
    "of nobody": b'{"hello":"world"}',
    "id of wrong type": b'{"update_id":true,"object":7,"entry":{}}',
    "no entries": b'{"object":"whatsapp_business_account"}',
}


@pytest.mark.parametrize("kind", ["telegram", "bale", "whatsapp", "instagram"])
@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
def test_unreadable_body(kind, body):
    """
    A body that isn't the provider's is Unreadable, never another error: it becomes a dead letter instead of a retry.
    """
    with pytest.raises(Unreadable):
        parse(kind, body)


def test_what_postgres_refuses():
    """
    NUL and lone surrogates are valid in JSON and refused by Postgres: they are replaced, in names of fields too.
    """
    body = (
        sample("telegram/text")
        .replace("سلام".encode(), rb"\u0000\ud83d\ud83d\ude00")
        .replace(b'"language_code"', rb'"\u0000"')
    )

    message = parse("telegram", body).messages[0]

    assert message.text.startswith("��😀، سفارش")
    assert "\x00" not in json.dumps(message.payload, ensure_ascii=False)
    assert message.payload["message"]["from"]["�"] == "fa"


def test_overlong_id():
    """
    An id too long for an index is replaced by its digest, the same each time.
    """
    body = loaded("instagram/text")
    body["entry"][0]["messaging"][0]["message"]["mid"] = "م" * 5000

    keys = {parse("instagram", body).messages[0].key for _ in range(2)}

    assert len(keys) == 1
    assert len(keys.pop()) < 100


@pytest.mark.parametrize("stamp", [None, "", "soon", -1, 0, 10**40, "1e400", True, []])
def test_odd_timestamp(stamp):
    """
    A time that makes no sense is no time, and no reason to lose the message.
    """
    body = loaded("telegram/text")
    body["message"]["date"] = stamp

    assert parse("telegram", body).messages[0].sent_at is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(every()), data=st.data())
def test_any_shape(name, data):
    """
    Whatever stands in any place of a real body, reading it ends well or in Unreadable: a provider's surprise is no bug.
    """
    body = loaded(name)
    holder, place = data.draw(st.sampled_from(list(_places(body))))
    holder[place] = data.draw(JSON)

    try:
        batch = parse(name.split("/")[0], body)
    except Unreadable:
        return
    for item in (*batch.messages, *batch.events):
        assert item.key
        json.dumps(item.payload)


def _places(value):
    match value:
        case dict():
            for name in value:
                yield value, name
                yield from _places(value[name])
        case list():
            for index, item in enumerate(value):
                yield value, index
                yield from _places(item)
