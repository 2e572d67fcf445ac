"""The Bot API fakes: what they take, what they refuse and how they word it, and the updates that they send."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.simulator import Simulator
from local.simulator.bots import TELEGRAM
from local.simulator.telegram_html import Unparseable, parse
from tests.simulator.conftest import BALE_TOKEN, BOT_TOKEN, SECRET_TOKEN, Clock
from tests.simulator.serving import Webhook, until

MARYAM = "5500112233"
SPECIFICATION = json.loads((Path(__file__).parent / "bot_api.json").read_text())
SAMPLES = Path(__file__).parent.parent / "events" / "telegram"


class Bot:
    """A bot's client: calls a method and gives status and answer."""

    def __init__(self, client: httpx.AsyncClient, kind: str = "telegram", token: str = BOT_TOKEN) -> None:
        self.client = client
        self.base = f"/{kind}/bot{token}"

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        response = await self.client.post(f"{self.base}/{method}", json=parameters)
        answer: dict[str, Any] = response.json()
        assert answer["ok"] or response.status_code == answer["error_code"]
        return answer

    async def send(self, text: str, **parameters: Any) -> dict[str, Any]:
        return await self.call("sendMessage", chat_id=int(MARYAM), text=text, **parameters)


@pytest.fixture
async def bot(simulator: Simulator, client: httpx.AsyncClient) -> Bot:
    """The Telegram bot, to which Maryam has written."""
    await simulator.phone.write("telegram", "42", MARYAM, "سلام، سفارش ۱۲۳۴۵ کجاست؟", name="مریم")
    return Bot(client)


def fits(name: str, thing: dict[str, Any]) -> bool:
    """Every field that Telegram's published types require is there, and none that they don't know."""
    fields = SPECIFICATION["types"][name]
    return set(fields["required"]) <= thing.keys() <= {*fields["required"], *fields["optional"]}


async def test_sends(bot: Bot, simulator: Simulator) -> None:
    """A sent message is answered as Telegram's Message, stands in the log and on the customer's phone."""
    answer = await bot.send("سفارش شما ارسال شد")

    message = answer["result"]
    assert fits("Message", message)
    assert fits("User", message["from"])
    assert fits("Chat", message["chat"])
    (sent,) = simulator.ledger.sent()
    assert (sent.kind, sent.account, sent.chat, sent.text) == ("telegram", "telegram-42", MARYAM, "سفارش شما ارسال شد")
    assert sent.id == str(message["message_id"])
    assert not simulator.ledger.warnings


@pytest.mark.parametrize("form", ["json", "urlencoded", "multipart", "query"])
async def test_encodings(bot: Bot, form: str) -> None:
    """Parameters are read from JSON, from both kinds of form and from the query, as clients differ."""
    path, parameters = f"{bot.base}/sendMessage", {"chat_id": MARYAM, "text": "سلام"}
    match form:
        case "json":
            response = await bot.client.post(path, json=parameters)
        case "urlencoded":
            response = await bot.client.post(path, data=parameters)
        case "multipart":
            files = {name: (None, value) for name, value in parameters.items()}
            response = await bot.client.post(path, files=files)
        case _:
            response = await bot.client.get(path, params=parameters)

    assert response.json()["result"]["text"] == "سلام"


@pytest.mark.parametrize(
    ("parameters", "code", "description"),
    [
        ({"text": "سلام"}, 400, "Bad Request: chat_id is empty"),
        ({"chat_id": 99, "text": "سلام"}, 400, "Bad Request: chat not found"),
        ({"chat_id": MARYAM}, 400, "Bad Request: message text is empty"),
        ({"chat_id": MARYAM, "text": ""}, 400, "Bad Request: message text is empty"),
        ({"chat_id": MARYAM, "text": " \n"}, 400, "Bad Request: text must be non-empty"),
        ({"chat_id": MARYAM, "text": "م" * 4097}, 400, "Bad Request: message is too long"),
        ({"chat_id": MARYAM, "text": "😀" * 2049}, 400, "Bad Request: message is too long"),
        ({"chat_id": MARYAM, "text": "a" * 32769}, 400, "Bad Request: text is too long"),
        ({"chat_id": MARYAM, "text": "\ud800"}, 400, "Bad Request: strings must be encoded in UTF-8"),
        ({"chat_id": MARYAM, "text": "x", "parse_mode": "RTF"}, 400, "Bad Request: unsupported parse_mode"),
        (
            {"chat_id": MARYAM, "text": "<b>سلام", "parse_mode": "HTML"},
            400,
            "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            {"chat_id": MARYAM, "text": "x", "reply_parameters": {"message_id": 1}},
            400,
            "Bad Request: message to be replied not found",
        ),
        ({"chat_id": MARYAM, "text": "x", "message_thread_id": 4}, 400, "Bad Request: message thread not found"),
        (
            {
                "chat_id": MARYAM,
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "بله", "callback_data": "ب" * 33}]]},
            },
            400,
            "Bad Request: BUTTON_DATA_INVALID",
        ),
    ],
)
async def test_refuses_message(
    bot: Bot, simulator: Simulator, parameters: dict[str, Any], code: int, description: str
) -> None:
    """What Telegram would refuse is refused in its words, and nothing is kept of it."""
    body = json.dumps(parameters)
    response = await bot.client.post(
        f"{bot.base}/sendMessage", content=body, headers={"content-type": "application/json"}
    )

    assert response.json() == {"ok": False, "error_code": code, "description": description}
    assert response.status_code == code
    assert simulator.ledger.sent() == []


async def test_longest_message(bot: Bot) -> None:
    """4096 UTF-16 units are counted after the markup is gone, so a longer HTML text may still fit."""
    answer = await bot.send("<b>" + "م" * 4096 + "</b>", parse_mode="HTML")

    assert answer["result"]["entities"] == [{"type": "bold", "offset": 0, "length": 4096}]


@pytest.mark.parametrize(
    ("token", "description"), [("43:unknown", "Unauthorized"), ("rubbish", "Unauthorized: invalid token specified")]
)
async def test_unknown_token(client: httpx.AsyncClient, token: str, description: str) -> None:
    """A token that Telegram never gave out is 401."""
    response = await client.post(f"/telegram/bot{token}/getMe")

    assert response.status_code == 401
    assert response.json() == {"ok": False, "error_code": 401, "description": description}


async def test_unknown_method(bot: Bot, simulator: Simulator) -> None:
    """A method that isn't there is 404, and leaves a warning in case it is only not simulated."""
    answer = await bot.call("sendPigeon")

    assert answer == {"ok": False, "error_code": 404, "description": "Not Found: method not found"}
    assert "sendPigeon" in simulator.ledger.warnings[0]


async def test_unknown_parameters(bot: Bot, simulator: Simulator) -> None:
    """Telegram passes over parameters that it doesn't know; the simulator notes them."""
    answer = await bot.send("سلام", idempotency_key="7")

    assert answer["ok"]
    assert list(simulator.ledger.warnings) == ["telegram sendMessage: unknown parameters idempotency_key"]


def test_parameters_match_specification() -> None:
    """The parameters that the fake knows are those of the published Bot API."""
    published = {
        name: frozenset([*method["required"], *method["optional"]]) for name, method in SPECIFICATION["methods"].items()
    }

    assert published == TELEGRAM.parameters


async def test_blocked(bot: Bot, simulator: Simulator, webhook: Webhook) -> None:
    """Who blocks the bot tells it so by my_chat_member, and can't be written to any more: 403."""
    await simulator.phone.block("telegram", "42", MARYAM)

    change = webhook.got[-1].json["my_chat_member"]
    assert change["new_chat_member"]["status"] == "kicked"
    assert change.keys() == json.loads((SAMPLES / "bot_blocked.json").read_text())["my_chat_member"].keys()
    for answer in (await bot.send("سلام"), await bot.call("sendChatAction", chat_id=MARYAM, action="typing")):
        assert answer == {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}


async def test_unblocked(simulator: Simulator, webhook: Webhook) -> None:
    """Who was banned is so until a date, 0 for ever, in the old state as in the new."""
    await simulator.phone.block("telegram", "42", MARYAM)
    await simulator.phone.block("telegram", "42", MARYAM, blocked=False)

    first, second = (hook.json["my_chat_member"] for hook in webhook.got)
    assert first["new_chat_member"] == second["old_chat_member"]
    assert second["old_chat_member"]["until_date"] == 0
    assert "until_date" not in second["new_chat_member"]


async def test_me(bot: Bot) -> None:
    """getMe alone tells what the bot may do; a message's `from` doesn't."""
    me = (await bot.call("getMe"))["result"]
    sender = (await bot.send("سلام"))["result"]["from"]

    assert fits("User", me)
    assert (me["can_join_groups"], me["can_read_all_group_messages"]) == (True, False)
    assert sender.keys() == me.keys() - TELEGRAM.abilities.keys()


async def test_reply_shows_what_it_answers(bot: Bot, simulator: Simulator) -> None:
    """A reply carries the whole message that it answers, with its author and its own date."""
    question = (await simulator.phone.write("telegram", "42", MARYAM, "کجاست؟", name="مریم")).id

    answer = (await bot.send("ارسال شد", reply_parameters={"message_id": int(question)}))["result"]

    quoted = answer["reply_to_message"]
    assert fits("Message", quoted)
    assert (quoted["message_id"], quoted["text"], quoted["from"]["first_name"]) == (int(question), "کجاست؟", "مریم")
    assert quoted["from"]["is_bot"] is False


async def test_topic_message(bot: Bot, simulator: Simulator) -> None:
    """A message in a topic says that it is one."""
    await simulator.phone.write("telegram", "42", "77", "سلام", chat="-100123", thread="4")

    message = (await bot.call("sendMessage", chat_id=-100123, text="بفرمایید", message_thread_id=4))["result"]

    assert (message["message_thread_id"], message["is_topic_message"]) == (4, True)


@pytest.mark.parametrize("part", ["certificate", "attached"])
async def test_certificate(bot: Bot, simulator: Simulator, part: str) -> None:
    """A webhook's own certificate comes as a file under its name, or under another that its field names."""
    fields = {"url": (None, "https://shop.example/hook")}
    if part != "certificate":
        fields["certificate"] = (None, f"attach://{part}")
    files = {**fields, part: ("own.pem", b"-----BEGIN CERTIFICATE-----")}

    response = await bot.client.post(f"{bot.base}/setWebhook", files=files)

    assert response.json()["ok"]
    assert (await bot.call("getWebhookInfo"))["result"]["has_custom_certificate"]
    assert not simulator.ledger.warnings
    await bot.call("setWebhook", url="https://shop.example/hook")
    assert not (await bot.call("getWebhookInfo"))["result"]["has_custom_certificate"]


async def test_typing_and_draft(bot: Bot, simulator: Simulator, clock: Clock) -> None:
    """Typing shows for five seconds, a draft until the message comes."""
    chat = simulator.ledger.chat("telegram-42", MARYAM)
    assert chat

    assert (await bot.call("sendChatAction", chat_id=MARYAM, action="typing"))["result"] is True
    assert chat.view(clock())["typing"]
    clock.moment += 5
    assert not chat.view(clock())["typing"]

    assert (await bot.call("sendMessageDraft", chat_id=MARYAM, draft_id=7, text="در حال"))["result"] is True
    assert chat.view(clock())["draft"] == "در حال"
    await bot.send("در حال ارسال است")
    assert chat.view(clock())["draft"] == ""
    assert [sent.method for sent in simulator.ledger.sent()] == ["sendMessage"]


@pytest.mark.parametrize(
    ("method", "parameters", "description"),
    [
        ("sendChatAction", {"action": "dancing"}, "Bad Request: wrong parameter action in request"),
        ("sendMessageDraft", {"draft_id": 0, "text": "x"}, "Bad Request: RANDOM_ID_INVALID"),
        ("editMessageText", {"message_id": 1, "text": "x"}, "Bad Request: message to edit not found"),
        (
            "answerCallbackQuery",
            {"callback_query_id": "1"},
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
        ),
        ("getFile", {}, "Bad Request: file_id not specified"),
        ("getFile", {"file_id": "x"}, "Bad Request: invalid file_id"),
    ],
)
async def test_refuses_method(bot: Bot, method: str, parameters: dict[str, Any], description: str) -> None:
    """The smaller methods refuse what the server refuses."""
    chat = {} if method in {"getFile", "answerCallbackQuery"} else {"chat_id": MARYAM}

    answer = await bot.call(method, **chat, **parameters)

    assert (answer["error_code"], answer["description"]) == (400, description)


async def test_edits(bot: Bot) -> None:
    """An edit changes the message; the same text again is refused as not modified."""
    sent = (await bot.send("در حال بررسی"))["result"]

    edited = await bot.call("editMessageText", chat_id=MARYAM, message_id=sent["message_id"], text="ارسال شد")
    again = await bot.call("editMessageText", chat_id=MARYAM, message_id=sent["message_id"], text="ارسال شد")

    assert edited["result"]["text"] == "ارسال شد"
    assert fits("Message", edited["result"])
    assert again["description"].startswith("Bad Request: message is not modified: ")


async def test_button(bot: Bot, simulator: Simulator, webhook: Webhook) -> None:
    """A tap arrives as a callback query in Telegram's shape, and can be answered."""
    await bot.send(
        "یکی را انتخاب کنید", reply_markup={"inline_keyboard": [[{"text": "پیگیری", "callback_data": "t1"}]]}
    )

    pressed = await simulator.phone.press("telegram", "42", MARYAM, "t1")

    query = webhook.got[-1].json["callback_query"]
    assert query["data"] == "t1"
    assert query.keys() == json.loads((SAMPLES / "button_press.json").read_text())["callback_query"].keys()
    assert (await bot.call("answerCallbackQuery", callback_query_id=pressed.id))["ok"]


async def test_file(bot: Bot, simulator: Simulator) -> None:
    """getFile tells a path under which the bytes can be fetched with the token."""
    simulator.bots["telegram"].bots[BOT_TOKEN].files["AgACx"] = b"receipt"

    found = (await bot.call("getFile", file_id="AgACx"))["result"]
    response = await bot.client.get(f"/telegram/file/bot{BOT_TOKEN}/{found['file_path']}")

    assert fits("File", found)
    assert response.content == b"receipt"


async def test_update(simulator: Simulator, webhook: Webhook) -> None:
    """A customer's message arrives with the secret header, in the shape recorded from Telegram, ids growing by one."""
    first = await simulator.phone.write("telegram", "42", MARYAM, "سلام، سفارش ۱۲۳۴۵ کجاست؟", name="مریم")
    second = await simulator.phone.write("telegram", "42", MARYAM, "/start ref_9f2c")

    sample = json.loads((SAMPLES / "text.json").read_text())
    got = webhook.got[0]
    assert got.path == "/telegram"
    assert got.headers["x-telegram-bot-api-secret-token"] == SECRET_TOKEN
    assert got.headers["content-type"] == "application/json"
    assert got.json["message"].keys() == sample["message"].keys()
    assert got.json["message"]["from"].keys() == sample["message"]["from"].keys()
    assert got.json["message"]["chat"].keys() == sample["message"]["chat"].keys()
    assert webhook.got[1].json["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert first.update_id
    assert second.update_id == first.update_id + 1 == webhook.got[1].json["update_id"]
    assert first.delivery
    assert first.delivery.delivered


async def test_retry(simulator: Simulator, bot: Bot, webhook: Webhook) -> None:
    """An update that is not taken comes again, first at once, and getWebhookInfo tells the last complaint."""
    webhook.answers.extend([(500, {}), (302, {"location": "/x"})])

    written = await simulator.phone.write("telegram", "42", MARYAM, "کجاست؟")

    assert written.delivery
    assert (written.delivery.attempts, written.delivery.status) == (3, 200)
    assert len({hook.body for hook in webhook.got[1:]}) == 1
    info = (await bot.call("getWebhookInfo"))["result"]
    assert fits("WebhookInfo", info)
    assert info["last_error_message"] == "Wrong response from the webhook: 302 Found"
    assert info["pending_update_count"] == 0


async def test_gives_up(simulator: Simulator, webhook: Webhook) -> None:
    """Patience is bounded: after the last try the update is dropped and the phone says so."""
    webhook.answers.extend([(500, {})] * 4)

    written = await simulator.phone.write("telegram", "42", MARYAM, "کجاست؟")

    assert written.delivery
    assert (written.delivery.attempts, written.delivery.delivered) == (4, False)


async def test_order_in_chat(simulator: Simulator, webhook: Webhook) -> None:
    """One update of a chat is under way at a time; another chat and a tap don't wait for it."""
    webhook.gate.clear()
    for text in ("یک", "دو"):
        await simulator.phone.write("telegram", "42", MARYAM, text, wait=False)
    await simulator.phone.write("telegram", "42", "77", "سه", wait=False)

    await until(lambda: len(webhook.got) >= 2)
    waiting = {hook.json["message"]["text"] for hook in webhook.got}
    webhook.gate.set()
    await simulator.webhooks.settle()

    assert waiting == {"یک", "سه"}
    assert [hook.json["message"]["text"] for hook in webhook.got][2] == "دو"


@pytest.mark.parametrize(
    ("parameters", "description"),
    [
        ({"url": "http://shop.example/hook"}, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"),
        (
            {"url": "https://shop.example:9000/hook"},
            "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        ({"url": "shop"}, "Bad Request: invalid webhook URL specified"),
        ({"url": "https://shop.example:x/"}, "Bad Request: invalid webhook URL specified"),
        (
            {"url": "https://shop.example/", "secret_token": "راز"},
            "Bad Request: secret token contains unallowed characters",
        ),
        ({"url": "https://shop.example/", "secret_token": "a" * 257}, "Bad Request: secret token is too long"),
    ],
)
async def test_refuses_webhook(bot: Bot, parameters: dict[str, Any], description: str) -> None:
    """setWebhook takes HTTPS on four ports, or loopback, and a secret of plain characters."""
    answer = await bot.call("setWebhook", **parameters)

    assert (answer["error_code"], answer["description"]) == (400, description)


async def test_webhook_life(bot: Bot, simulator: Simulator, webhook: Webhook, webhook_url: str) -> None:
    """Updates wait while there is no webhook, and come with the new secret once there is one."""
    assert (await bot.call("deleteWebhook"))["description"] == "Webhook was deleted"
    await simulator.phone.write("telegram", "42", MARYAM, "هنوز هستید؟")
    assert (await bot.call("getWebhookInfo"))["result"]["pending_update_count"] == 1

    answer = await bot.call(
        "setWebhook", url=f"{webhook_url}/new", secret_token="new-secret", allowed_updates=["message"]
    )
    await simulator.webhooks.settle()

    assert answer == {"ok": True, "result": True, "description": "Webhook was set"}
    assert webhook.got[-1].path == "/new"
    assert webhook.got[-1].headers["x-telegram-bot-api-secret-token"] == "new-secret"
    assert webhook.got[-1].json["message"]["text"] == "هنوز هستید؟"
    await simulator.phone.block("telegram", "42", MARYAM)  # my_chat_member: not asked for
    assert webhook.got[-1].path == "/new"
    assert "message" in webhook.got[-1].json


async def test_bale(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook) -> None:
    """Bale is a Bot API with fewer methods, no markup to parse, and words of its own for a chat it doesn't know."""
    bot = Bot(client, "bale", BALE_TOKEN)
    await simulator.phone.write("bale", "77", MARYAM, "سلام")

    sent = await bot.send("<b>سلام", reply_markup={"inline_keyboard": [[{"text": "بله", "callback_data": "1"}]]})
    stranger = await bot.call("sendMessage", chat_id=1, text="سلام")
    draft = await bot.call("sendMessageDraft", chat_id=MARYAM, draft_id=1, text="x")

    assert webhook.got[0].headers["x-bale-bot-api-secret-token"] == "bale-secret"
    assert sent["result"]["text"] == "<b>سلام"
    assert stranger["description"] == "no such group or user"
    assert draft["error_code"] == 404


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ("۱ <۲", "Unclosed start tag at byte offset 3"),
        ("a < b > c", 'Unsupported start tag "" at byte offset 2'),
        ("سلام <int>", 'Unsupported start tag "int" at byte offset 9'),
        ("<b>سلام</i>", 'Unmatched end tag at byte offset 11, expected "</b>", found "</i>"'),
        ("سلام</b>", "Unexpected end tag at byte offset 8"),
        ("<i>a</i   ", "Unclosed end tag at byte offset 4"),
        ("<i =a>", 'Empty attribute name in the tag "i" at byte offset 0'),
        ("<a href='x>", "Unclosed start tag at byte offset 0"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<i>یک <b>دو</i>", 'Unmatched end tag at byte offset 15, expected "</b>", found "</i>"'),
    ],
)
def test_html_complaints(html: str, complaint: str) -> None:
    """Broken markup is refused with the place in bytes, as the server counts."""
    with pytest.raises(Unparseable) as caught:
        parse(html)

    assert str(caught.value) == complaint


def test_html_of_half_a_character() -> None:
    """Half a surrogate pair, which JSON can hold, is counted as one unit and complained of like any other text."""
    assert parse("<b>\ud83d</b>") == ("\ud83d", [{"type": "bold", "offset": 0, "length": 1}])
    with pytest.raises(Unparseable, match="byte offset 3"):
        parse("\ud83d<x>")


def test_html() -> None:
    """Markup becomes entities in UTF-16 units; references become characters; a bare ampersand stays."""
    text, entities = parse(
        '😀 <b>سلام <i>مریم</i></b> &lt;3 &amp; &#x1F600; R&D <a href="https://shop.example/?a=1">سایت</a>'
    )

    assert text == "😀 سلام مریم <3 & 😀 R&D سایت"
    assert entities == [
        {"type": "bold", "offset": 3, "length": 9},
        {"type": "italic", "offset": 8, "length": 4},
        {"type": "text_link", "offset": 25, "length": 4, "url": "https://shop.example/?a=1"},
    ]
