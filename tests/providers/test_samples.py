"""What each recorded webhook yields: sender, key, kind, text of messages; key, kind and more of events."""

import pytest

from tests.providers.samples import every, loaded, parse, sample

MARYAM, WABA_SARA, IG_CUSTOMER = "5500112233", "DE.1349", "1535148674817116"
PHONE, SHOP = "106540352242922", "17841400000000001"

# sample: (account, [(sender, key, kind, text)], [(key, kind, provider_id, state, recipient)])
YIELDS = {
    "telegram/text": (None, [(MARYAM, "830010001", "text", "سلام، سفارش ۱۲۳۴۵ کجاست؟")], []),
    "telegram/start_with_payload": (None, [(MARYAM, "830010002", "command", "/start ref_9f2c")], []),
    "telegram/photo_with_caption": (None, [(MARYAM, "830010003", "photo", "رسید پرداخت")], []),
    "telegram/voice_as_reply": (None, [(MARYAM, "830010004", "voice", "")], []),
    "telegram/button_press": (None, [(MARYAM, "830010005", "button", "t1:order:12345")], []),
    "telegram/edited_message": (None, [], [("830010006", "edit", f"{MARYAM}:101", None, MARYAM)]),
    "telegram/group_mention": (None, [], [("830010007", "group", None, None, None)]),
    "telegram/business_message": (None, [], [("830010008", "business", None, None, None)]),
    "telegram/deleted_business_messages": (None, [], [("830010009", "business", None, None, None)]),
    "telegram/bot_blocked": (None, [], [("830010010", "blocked", None, None, MARYAM)]),
    "telegram/shared_contact": (None, [(MARYAM, "830010011", "contact", "+989121234567")], []),
    "telegram/dice": (None, [(MARYAM, "830010012", "dice", "🎲")], []),
    "whatsapp/text": (PHONE, [("DE.13491208655302741918", "wamid.HBgA1", "text", "سلام، وضعیت سفارش؟")], []),
    "whatsapp/text_from_username": (PHONE, [("TR.99AbC", "wamid.HBgA2", "text", "merhaba")], []),
    "whatsapp/two_customers_and_statuses": (
        PHONE,
        [("DE.1", "wamid.B1", "text", "یک"), ("DE.2", "wamid.B2", "text", "دو")],
        [
            ("status:wamid.OUT1:delivered:4915100000001", "status", "wamid.OUT1", "delivered", "4915100000001"),
            ("status:wamid.OUT1:sent:4915100000001", "status", "wamid.OUT1", "sent", "4915100000001"),
        ],
    ),
    "whatsapp/image_with_caption": (PHONE, [(WABA_SARA, "wamid.M1", "photo", "رسید")], []),
    "whatsapp/voice": (PHONE, [(WABA_SARA, "wamid.V1", "voice", "")], []),
    "whatsapp/button_list_and_template_replies": (
        PHONE,
        [
            (WABA_SARA, "wamid.I1", "button", "پیگیری"),
            (WABA_SARA, "wamid.I2", "button", "بازگشت وجه"),
            (WABA_SARA, "wamid.I3", "button", "لغو"),
        ],
        [],
    ),
    "whatsapp/read_with_pricing": (
        PHONE,
        [],
        [("status:wamid.OUT5:read:4915112345678", "status", "wamid.OUT5", "read", WABA_SARA)],
    ),
    "whatsapp/failed_window_closed": (
        PHONE,
        [],
        [("status:wamid.OUT4:failed:4915112345678", "status", "wamid.OUT4", "failed", "4915112345678")],
    ),
    "whatsapp/reactions_edit_revoke_unsupported": (
        PHONE,
        [(WABA_SARA, "wamid.U1", "unsupported", "")],
        [
            ("reaction:wamid.R1", "reaction", "wamid.OUT2", None, WABA_SARA),
            ("reaction:wamid.R2", "reaction", "wamid.OUT2", None, WABA_SARA),
            ("edit:wamid.E1", "edit", "wamid.HBgA1", None, WABA_SARA),
            ("deletion:wamid.D1", "deletion", "wamid.HBgA1", None, WABA_SARA),
        ],
    ),
    "whatsapp/echo_from_phone": (PHONE, [], [("echo:wamid.EC1", "echo", "wamid.EC1", None, WABA_SARA)]),
    "whatsapp/changed_number": (PHONE, [], [("system:wamid.S1", "system", None, None, "4915112345678")]),
    "whatsapp/location_and_ad_referral": (
        PHONE,
        [(WABA_SARA, "wamid.L1", "location", "میدان آزادی"), (WABA_SARA, "wamid.L2", "text", "از تبلیغ آمدم")],
        [],
    ),
    "instagram/text": (SHOP, [(IG_CUSTOMER, "message:aWdfZA1", "text", "سلام موجود دارید؟")], []),
    "instagram/two_images": (SHOP, [(IG_CUSTOMER, "message:aWdfZA2", "photo", "")], []),
    "instagram/story_reply_and_mention": (
        SHOP,
        [
            (IG_CUSTOMER, "message:aWdfZA3", "text", "قیمت این؟"),
            (IG_CUSTOMER, "message:aWdfZA4", "story_mention", ""),
        ],
        [],
    ),
    "instagram/quick_reply": (SHOP, [(IG_CUSTOMER, "message:aWdfZA5", "button", "پیگیری سفارش")], []),
    "instagram/ice_breaker": (SHOP, [(IG_CUSTOMER, "postback:aWdfZA6", "button", "ساعات کاری؟")], []),
    "instagram/echo": (SHOP, [], [("echo:aWdfZA7", "echo", "aWdfZA7", None, IG_CUSTOMER)]),
    "instagram/reaction_and_read": (
        SHOP,
        [],
        [
            ("reaction:aWdfZA7:react:1790000007000", "reaction", "aWdfZA7", None, IG_CUSTOMER),
            ("read:aWdfZA7", "read", "aWdfZA7", "read", IG_CUSTOMER),
        ],
    ),
    "instagram/edit_and_unsend": (
        SHOP,
        [],
        [
            ("edit:aWdfZA1:1", "edit", "aWdfZA1", None, IG_CUSTOMER),
            ("deletion:aWdfZA3", "deletion", "aWdfZA3", None, IG_CUSTOMER),
        ],
    ),
    "instagram/unsupported": (SHOP, [(IG_CUSTOMER, "message:aWdfZA8", "unsupported", "")], []),
    "instagram/standby": (SHOP, [], [(..., "standby", None, None, IG_CUSTOMER)]),
    "instagram/ad_referral_two_accounts": (
        None,
        [(IG_CUSTOMER, "message:aWdfZB1", "text", "از تبلیغ"), ("99", "message:aWdfZC1", "share", "")],
        [],
    ),
    "instagram/dashboard_test": ("0", [], [(..., "test", None, None, None)]),
}


@pytest.mark.parametrize("name", YIELDS)
def test_sample(name):
    """
    Each recorded webhook yields exactly these: echoes, statuses and strangers never become messages.
    """
    account, messages, events = YIELDS[name]

    batch = parse(name.split("/")[0], sample(name))

    assert batch.account == account
    assert [(m.sender, m.key, m.kind, m.text) for m in batch.messages] == messages
    found = [(e.key, e.kind, e.provider_id, e.state, e.recipient) for e in batch.events]
    assert [f[1:] for f in found] == [e[1:] for e in events]
    assert all(wanted[0] in (..., got[0]) for wanted, got in zip(events, found, strict=True))


def test_no_sample_forgotten():
    """
    A sample without a line in the table would be tested by nobody.
    """
    assert every() == sorted(YIELDS)


@pytest.mark.parametrize("name", YIELDS)
def test_redelivery(name):
    """
    The same body again has the same keys, whatever the order of its fields: that is what makes a redelivery harmless.
    """
    kind, body = name.split("/")[0], loaded(name)

    keys = [[item.key for item in (*b.messages, *b.events)] for b in (parse(kind, body), parse(kind, _reversed(body)))]

    assert keys[0] == keys[1]
    assert len(set(keys[0])) == len(keys[0])


def _reversed(value):
    match value:
        case dict():
            return {name: _reversed(value[name]) for name in reversed(value)}
        case list():
            return [_reversed(item) for item in value]
        case _:
            return value


def test_samples_are_bytes_as_sent():
    """
    Recorded bodies are one line each, so that a signature over them means something.
    """
    assert all(sample(name).count(b"\n") == 1 for name in every())
