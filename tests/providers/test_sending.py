"""What leaves, and every way in which a connection can end."""

import asyncio
import socket
import traceback

import httpx
import pytest

from shared.providers import calling, telegram, whatsapp
from shared.providers.catalogue import PROVIDERS
from shared.providers.outgoing import Ambiguous, ChannelRefused, Later, NotSent, Refused, Sent
from tests.providers.fake_api import CUT, CUT_EARLY, HALF, SILENT, Reply
from tests.providers.ways_out import CUSTOMERS, PART, REMOTE, TEXT, TOKEN, essence, outcome, sender


async def test_telegram_message(api, client):
    """
    Telegram gets plain text without previews, and its message id is told apart from other chats'.
    """
    api.script = [Reply(body={"ok": True, "result": {"message_id": 7}})]

    sent = await sender("telegram", api, client).send("42", TEXT, part=PART)

    assert sent == Sent("42:7")
    assert api.requests[0].path == f"/bot{TOKEN}/sendMessage"
    assert api.requests[0].body == {"chat_id": 42, "text": TEXT, "link_preview_options": {"is_disabled": True}}


async def test_bale_message(api, client):
    """
    Bale is sent only what its smaller API knows.
    """
    api.script = [Reply(body={"ok": True, "result": {"message_id": 7}})]

    await sender("bale", api, client).send("42", TEXT, part=PART)

    assert api.requests[0].body == {"chat_id": 42, "text": TEXT}


@pytest.mark.parametrize(
    ("recipient", "address"),
    [
        ("4915112345678", {"to": "4915112345678"}),
        ("+4915112345678", {"to": "4915112345678"}),
        ("TR.99AbC", {"recipient": "TR.99AbC"}),
    ],
)
async def test_whatsapp_message(api, client, recipient, address):
    """
    WhatsApp gets a phone or a BSUID, and our part id to give back.
    """
    api.script = [Reply(body={"messages": [{"id": "wamid.X", "message_status": "accepted"}]})]

    sent = await sender("whatsapp", api, client).send(recipient, TEXT, part=PART)

    assert sent == Sent("wamid.X")
    assert api.requests[0].path == "/v26.0/106540352242922/messages"
    assert api.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert api.requests[0].body == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "type": "text",
        "text": {"body": TEXT, "preview_url": False},
        "biz_opaque_callback_data": PART,
        **address,
    }


@pytest.mark.parametrize("recipient", ["989121234567", "+989121234567", "IR.99AbC"])
async def test_whatsapp_does_not_reach_iran(api, client, recipient):
    """
    Meta doesn't deliver to Iran: that is said at once, and nothing is sent.
    """
    with pytest.raises(Refused) as caught:
        await sender("whatsapp", api, client).send(recipient, TEXT, part=PART)

    assert caught.value.contact_unreachable
    assert api.requests == []


async def test_instagram_message(api, client):
    """
    Instagram gets text for an IGSID, and its id is the one that the echo will carry.
    """
    api.script = [Reply(body={"recipient_id": "1535148674817116", "message_id": "aWdfZA7"})]

    sent = await sender("instagram", api, client).send("1535148674817116", TEXT, part=PART)

    assert sent == Sent("aWdfZA7")
    assert api.requests[0].path == "/v26.0/17841400000000001/messages"
    assert api.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert api.requests[0].body == {"recipient": {"id": "1535148674817116"}, "message": {"text": TEXT}}


async def test_web_message(api, client):
    """
    The widget shows what is stored: nothing is called, and our part is its own id.
    """
    assert await sender("web", api, client).send("v1", TEXT, part=PART) == Sent(PART)
    assert api.requests == []


@pytest.mark.parametrize("kind", REMOTE)
@pytest.mark.parametrize(
    "answer", [CUT, CUT_EARLY, HALF, Reply(200, b"<html>"), Reply(200, []), Reply(200, {}), Reply(200, {"ok": True})]
)
async def test_ambiguous(api, client, kind, answer):
    """
    Once the request was written, anything but a readable answer leaves open whether it was sent.
    """
    api.script = [answer]

    assert essence(await outcome(kind, api, client)) == (Ambiguous,)


@pytest.mark.parametrize("kind", REMOTE)
async def test_nobody_listens(api, client, kind):
    """
    A refused connection sent nothing: the channel waits, and nothing is ambiguous.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        api.url = "http://{}:{}".format(*free.getsockname())

        assert essence(await outcome(kind, api, client)) == (Later, "channel", None)


SHORT = calling.Limits(whole=0.3, first_byte=0.15)


async def test_connection_that_never_opens(client):
    """
    A host that lets us wait for the connection got nothing.
    """
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            with pytest.raises(Later) as caught:
                await calling.post(client, "http://{}:{}".format(*full.getsockname()), body={}, limits=SHORT)
        finally:
            for one in waiting:
                one.close()

    assert caught.value.scope == "channel"


async def test_silence_after_the_request(api, client):
    """
    No answer within the limit leaves open whether it was sent.
    """
    api.script = [SILENT]

    started = asyncio.get_running_loop().time()
    with pytest.raises(Ambiguous):
        await calling.post(client, api.url, body={"a": 1}, limits=SHORT)

    assert 0.25 < asyncio.get_running_loop().time() - started < 2
    assert api.requests[0].body == {"a": 1}


async def test_request_that_breaks_off(api, client):
    """
    A request that could not be written whole can't have been understood: it is sent again without a word.
    """
    api.script = [CUT_EARLY]

    with pytest.raises(Later) as caught:
        await calling.post(client, api.url, body={"text": "س" * 8_000_000})

    assert caught.value.scope == "part"


async def test_full_pool(api):
    """
    A pool without a free connection is our own jam, not the provider's: only this part waits.
    """
    api.script = [SILENT]
    async with httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=1)) as client:
        first = asyncio.create_task(calling.post(client, api.url, body={}, limits=calling.Limits(1.0, 0.5)))
        while not api.requests:
            await asyncio.sleep(0.005)

        with pytest.raises(Later) as caught:
            await calling.post(client, api.url, body={}, limits=SHORT)
        with pytest.raises(Ambiguous):
            await first

    assert caught.value.scope == "part"


@pytest.mark.parametrize("kind", REMOTE)
@pytest.mark.parametrize(
    "answer",
    [
        CUT,
        Reply(200, b"<html>"),
        Reply(401, {"ok": False, "error_code": 401, "description": f"Malformed access token {TOKEN}"}),
        Reply(400, {"error": {"code": 190, "message": f"Malformed access token {TOKEN}"}}),
    ],
)
async def test_no_token_in_errors(api, client, caplog, kind, answer):
    """
    No exception, nor what hangs on to it, no log and no repr has the token, even where the provider repeats it.
    """
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="httpx")
    api.script = [answer]
    out = sender(kind, api, client)

    with pytest.raises(NotSent) as caught:
        await out.send(CUSTOMERS[kind], TEXT, part=PART)

    problem = caught.value
    assert problem.__context__ is None
    told = [
        problem.reason,
        repr(problem),
        repr(out),
        repr(vars(out)),
        caplog.text,
        *traceback.format_exception(problem),
    ]
    assert not [words for words in told if TOKEN in words]
    assert "HTTP Request" in caplog.text or answer == CUT


async def test_answers_that_postgres_refuses(api, client):
    """
    A reason is stored: NUL in the provider's words doesn't come through.
    """
    api.script = [Reply(400, {"ok": False, "error_code": 400, "description": "Bad\x00Request" + "x" * 5000})]

    problem = await outcome("telegram", api, client)

    assert problem.reason.startswith("400: Bad�Request")
    assert len(problem.reason) <= 300


@pytest.mark.parametrize("token", ["", "12:a/../../x", "12:a?b", "12:a b", "12:رمز", "12:a\n"])
def test_tokens_that_would_bend_the_url(token):
    """
    What can't be a token is refused before it stands in a URL or a header, and isn't shown.
    """
    for credentials in (telegram.TelegramCredentials, whatsapp.WhatsAppCredentials):
        values = {"bot_token": token, "access_token": token.replace("/", " ").replace("?", " "), "phone_number_id": "1"}
        with pytest.raises(ValueError) as caught:
            credentials.model_validate(values)
        assert not token or token not in str(caught.value)


async def test_validate(api, client):
    """
    A good bot token gives the bot's name, a wrong one is the channel's end.
    """
    bot = telegram.TelegramSender(client, api.url, telegram.TelegramCredentials(bot_token=TOKEN))
    api.script = [
        Reply(200, {"ok": True, "result": {"id": 77001, "is_bot": True, "username": "shop_bot"}}),
        Reply(401, {"ok": False, "error_code": 401, "description": "Unauthorized"}),
    ]

    assert await bot.validate() == "shop_bot"
    with pytest.raises(ChannelRefused):
        await bot.validate()
    assert api.requests[0].path == f"/bot{TOKEN}/getMe"


async def test_typing(api, client):
    """
    Every provider is told that an answer is coming; a refusal doesn't matter.
    """
    api.script = [Reply(500, {})]
    for kind in PROVIDERS:
        await sender(kind, api, client).typing(CUSTOMERS[kind], message="wamid.M1")

    told = [request.body for request in api.requests]
    assert told == [
        {"chat_id": 42, "action": "typing"},
        {"chat_id": 42, "action": "typing"},
        {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": "wamid.M1",
            "typing_indicator": {"type": "text"},
        },
        {"recipient": {"id": "1535148674817116"}, "sender_action": "typing_on"},
    ]


@pytest.mark.parametrize(
    ("kind", "seconds", "size"),
    [
        ("telegram", 0, lambda text: len(text.encode("utf-16-le")) // 2 <= 4096),
        ("bale", 0, lambda text: len(text.encode("utf-16-le")) // 2 <= 4096),
        ("whatsapp", 60, lambda text: len(text) <= 4096),
        ("instagram", 60, lambda text: len(text.encode()) <= 1000),
        ("web", 0, lambda text: True),
    ],
)
def test_limits(kind, seconds, size):
    """
    Each provider takes pieces of its own size, counted in its own unit, and one piece where it can.
    """
    provider = PROVIDERS[kind]
    long = "سفارش شما 📦 فردا می‌رسد. " * 1000

    pieces = provider.split(long)

    assert provider.reconcile_seconds == seconds
    assert all(size(piece) for piece in pieces)
    assert " ".join(pieces).split() == long.split()
    assert provider.split("سلام") == ["سلام"]
    assert provider.split("") == []
