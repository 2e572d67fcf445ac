"""python-telegram-bot and aiogram against our simulated Telegram and Bale: what they take for Telegram may judge us."""

from collections.abc import AsyncIterator
from typing import Any

import aiogram
import pytest
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from local.simulator import Simulator
from local.simulator.scripts import CutConnection, RevokeToken, ServerError, TooMany, WrongJson
from tests.counterparties.bot_libraries import (
    LIBRARIES,
    PYTHON_TELEGRAM_BOT,
    EncodedRequest,
    Library,
    aiogram_bot,
    strange_fields,
    telegram_bot,
)
from tests.providers.samples import every, loaded
from tests.simulator.conftest import BALE_TOKEN, BOT_TOKEN, SECRET_TOKEN
from tests.simulator.serving import Webhook, until

pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")

MARYAM = 5500112233
ACCOUNT = {"telegram": "42", "bale": "77"}
TOKENS = {"telegram": BOT_TOKEN, "bale": BALE_TOKEN}
SHOP_HTML = '😀 <b>سلام</b> مریم، <a href="https://shop.example/?a=1&amp;b=2">فروشگاه</a> <code>۱۲۳</code> R&amp;D'


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.name)
def library(request: pytest.FixtureRequest) -> Library:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def maryam(simulator: Simulator) -> int:
    """She has written to both bots."""
    for kind, account in ACCOUNT.items():
        await simulator.phone.write(kind, account, str(MARYAM), "سلام، سفارش ۱۲۳۴۵ کجاست؟", name="مریم")
    return MARYAM


@pytest.fixture
async def bot(library: Library, url: str, maryam: int) -> AsyncIterator[Any]:
    async with library.opens(f"{url}/telegram", BOT_TOKEN) as bot:
        yield bot


@pytest.mark.parametrize("kind", ACCOUNT)
async def test_says_who_it_is(library: Library, url: str, simulator: Simulator, kind: str) -> None:
    """getMe reads as the bot itself, with what Telegram tells there alone."""
    async with library.opens(f"{url}/{kind}", TOKENS[kind]) as bot:
        me = await bot.get_me()

    assert (me.id, me.is_bot, me.first_name) == (int(ACCOUNT[kind]), True, "پشتیبان")
    assert me.can_read_all_group_messages is (False if kind == "telegram" else None)


@pytest.mark.parametrize("kind", ACCOUNT)
async def test_sends(library: Library, url: str, simulator: Simulator, maryam: int, kind: str) -> None:
    """A message that they send stands on the customer's phone, and its answer reads as the message that was sent."""
    async with library.opens(f"{url}/{kind}", TOKENS[kind]) as bot:
        message = await bot.send_message(maryam, "سفارش شما می‌رسد؛ تا فردا")
        await bot.send_chat_action(maryam, "typing")

    (sent,) = simulator.ledger.sent()
    assert (sent.kind, sent.chat, sent.text) == (kind, str(maryam), "سفارش شما می‌رسد؛ تا فردا")
    assert (str(message.message_id), message.chat.id, message.text) == (sent.id, maryam, sent.text)
    assert message.from_user.id == int(ACCOUNT[kind])
    assert message.date.timestamp() == sent.at
    chat = simulator.ledger.chat(f"{kind}-{ACCOUNT[kind]}", str(maryam))
    assert chat
    assert chat.view(sent.at)["typing"]
    assert not simulator.ledger.warnings


async def test_formatted(library: Library, bot: Any, maryam: int) -> None:
    """From the entities of the answer each of them makes the same HTML again: offsets are counted as they count."""
    message = await bot.send_message(maryam, SHOP_HTML, parse_mode="HTML")

    assert message.text == "😀 سلام مریم، فروشگاه ۱۲۳ R&D"
    assert library.markup_of(message) == SHOP_HTML


async def test_replies(library: Library, bot: Any, simulator: Simulator, maryam: int) -> None:
    """A reply shows the whole message that it answers; one to nothing is refused, unless it may go without."""
    asked = simulator.ledger.chat("telegram-42", str(maryam))
    assert asked

    answer = await bot.send_message(
        maryam, "ارسال شد", reply_parameters=library.reply(message_id=int(asked.entries[0].id))
    )
    again = await bot.send_message(maryam, "همین", reply_parameters=library.reply(message_id=answer.message_id))
    with pytest.raises(library.errors["bad request"], match=r"(?i)message to be replied not found"):
        await bot.send_message(maryam, "؟", reply_parameters=library.reply(message_id=1))
    alone = await bot.send_message(
        maryam, "بدون پاسخ", reply_parameters=library.reply(message_id=1, allow_sending_without_reply=True)
    )

    quoted = answer.reply_to_message
    assert (quoted.text, quoted.from_user.id, quoted.from_user.is_bot) == ("سلام، سفارش ۱۲۳۴۵ کجاست؟", maryam, False)
    assert (again.reply_to_message.text, again.reply_to_message.from_user.id) == ("ارسال شد", 42)
    assert alone.reply_to_message is None


async def test_buttons(library: Library, bot: Any, simulator: Simulator, webhook: Webhook, maryam: int) -> None:
    """A button comes back in the answer; its tap can be answered once it was told; what is too long is refused."""
    message = await bot.send_message(maryam, "یکی را انتخاب کنید", reply_markup=library.keyboard("پیگیری", "t1:order"))
    tapped = await simulator.phone.press("telegram", "42", str(maryam), "t1:order")

    button = message.reply_markup.inline_keyboard[0][0]
    assert (button.text, button.callback_data) == ("پیگیری", "t1:order")
    assert await bot.answer_callback_query(tapped.id, "باشد") is True
    assert webhook.got[-1].json["callback_query"]["message"]["message_id"] == message.message_id
    with pytest.raises(library.errors["bad request"], match=r"(?i)query is too old"):
        await bot.answer_callback_query("1")
    with pytest.raises(library.errors["bad request"], match=r"(?i)button_data_invalid"):
        await bot.send_message(maryam, "؟", reply_markup=library.keyboard("پیگیری", "پ" * 33))


async def test_edits(library: Library, bot: Any, maryam: int) -> None:
    """An edit gives the message with its date of editing; the same text again is refused."""
    sent = await bot.send_message(maryam, "در حال بررسی")
    place = {"chat_id": maryam, "message_id": sent.message_id}

    edited = await bot.edit_message_text("ارسال شد", **place)

    assert (edited.text, edited.message_id) == ("ارسال شد", sent.message_id)
    assert edited.edit_date
    with pytest.raises(library.errors["bad request"], match=r"(?i)message is not modified"):
        await bot.edit_message_text("ارسال شد", **place)


async def test_topic(library: Library, bot: Any, simulator: Simulator) -> None:
    """A message into a topic of a group comes back as one."""
    await simulator.phone.write("telegram", "42", "77", "سلام", chat="-1001234567890", thread="4")

    message = await bot.send_message(-1001234567890, "بفرمایید", message_thread_id=4)

    assert (message.message_thread_id, message.is_topic_message, message.chat.type) == (4, True, "supergroup")
    with pytest.raises(library.errors["bad request"], match=r"(?i)message thread not found"):
        await bot.send_message(-1001234567890, "؟", message_thread_id=5)


async def test_file(library: Library, bot: Any, simulator: Simulator) -> None:
    """Each of them fetches a file by the path that getFile tells."""
    simulator.bots["telegram"].bots[BOT_TOKEN].files["AgACx"] = b"receipt"

    found = await bot.get_file("AgACx")
    if library is PYTHON_TELEGRAM_BOT:
        content = bytes(await found.download_as_bytearray())
    else:
        content = (await bot.download_file(found.file_path)).read()

    assert (found.file_size, content) == (7, b"receipt")


async def test_webhook_life(
    library: Library, bot: Any, simulator: Simulator, webhook: Webhook, webhook_url: str
) -> None:
    """The webhook that they set, with a certificate in a multipart form, gets the updates and shows in its info."""
    certificate = library.file(b"-----BEGIN CERTIFICATE-----")

    assert await bot.set_webhook(
        f"{webhook_url}/new", certificate=certificate, secret_token="new-secret", allowed_updates=["message"]
    )
    webhook.answers.extend([(500, {})])
    await simulator.phone.write("telegram", "42", str(MARYAM), "هنوز هستید؟")
    info = await bot.get_webhook_info()

    assert (webhook.got[-1].path, webhook.got[-1].headers["x-telegram-bot-api-secret-token"]) == ("/new", "new-secret")
    assert (info.url, info.has_custom_certificate, info.max_connections) == (f"{webhook_url}/new", True, 40)
    assert list(info.allowed_updates) == ["message"]
    assert (info.pending_update_count, info.last_error_message) == (
        0,
        "Wrong response from the webhook: 500 Internal Server Error",
    )
    assert await bot.delete_webhook(drop_pending_updates=True)
    empty = await bot.get_webhook_info()
    assert (empty.url, empty.has_custom_certificate) == ("", False)
    assert not simulator.ledger.warnings


async def test_token(library: Library, url: str, bot: Any, simulator: Simulator, maryam: int) -> None:
    """A token that was never given out, and one that was taken back, are what each of them calls unauthorized."""
    simulator.script("telegram-42", RevokeToken())

    with pytest.raises(library.errors["token"]):
        await bot.send_message(maryam, "سلام")
    with pytest.raises(library.errors["token"]):
        async with library.opens(f"{url}/telegram", "43:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw") as stranger:
            await stranger.get_me()


REFUSALS = [
    pytest.param({"chat_id": 99}, "bad request", "chat not found", id="stranger"),
    pytest.param({"text": "<b>سلام", "parse_mode": "HTML"}, "bad request", "can't parse entities", id="broken html"),
    pytest.param({"text": "م" * 4097}, "bad request", "message is too long", id="too long"),
    pytest.param({"text": " "}, "bad request", "text must be non-empty", id="empty"),
]


@pytest.mark.parametrize(("parameters", "kind", "words"), REFUSALS)
async def test_refused(
    library: Library, bot: Any, simulator: Simulator, maryam: int, parameters: dict[str, Any], kind: str, words: str
) -> None:
    """What Telegram refuses raises the exception that each of them has for it, with Telegram's words."""
    with pytest.raises(library.errors[kind], match=rf"(?i){words}"):
        await bot.send_message(**{"chat_id": maryam, "text": "سلام", **parameters})

    assert simulator.ledger.sent() == []


async def test_blocked(library: Library, bot: Any, simulator: Simulator, maryam: int) -> None:
    """A customer who blocked the bot is Forbidden to each of them."""
    await simulator.phone.block("telegram", "42", str(maryam))

    with pytest.raises(library.errors["forbidden"], match=r"(?i)blocked by the user"):
        await bot.send_message(maryam, "سلام")


async def test_too_many(library: Library, bot: Any, simulator: Simulator, maryam: int) -> None:
    """A 429 tells each of them how many seconds to wait; behind it the message passes."""
    simulator.script("telegram-42", TooMany(retry_after=7))

    with pytest.raises(library.errors["too many"]) as caught:
        await bot.send_message(maryam, "سلام")

    assert library.retry_seconds(caught.value) == 7
    assert (await bot.send_message(maryam, "سلام")).text == "سلام"


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (ServerError(code=500), "server"),
        (ServerError(code=502), "server"),
        (CutConnection(), "network"),
        (WrongJson(), "unreadable"),
    ],
    ids=["500", "502", "cut", "wrong json"],
)
async def test_misbehaves(library: Library, bot: Any, simulator: Simulator, maryam: int, step: Any, kind: str) -> None:
    """Ordered misbehaviour looks to each of them like the failure that it imitates."""
    simulator.script("telegram-42", step)

    with pytest.raises(library.errors[kind]):
        await bot.send_message(maryam, "سلام")


async def test_bale_stranger(library: Library, url: str, maryam: int) -> None:
    """Bale's 404 for a chat that it doesn't know is a 404 to each of them."""
    async with library.opens(f"{url}/bale", BALE_TOKEN) as bot:
        with pytest.raises(library.errors["not found"], match=r"(?i)no such group or user"):
            await bot.send_message(99, "سلام")


@pytest.mark.parametrize("encoding", ["json", "multipart", "query"])
async def test_encodings(url: str, simulator: Simulator, maryam: int, encoding: str) -> None:
    """python-telegram-bot's own parameters arrive alike as JSON, as multipart and in the query, nested ones too."""
    async with telegram_bot(f"{url}/telegram", BOT_TOKEN, lambda: EncodedRequest(encoding)) as bot:
        message = await bot.send_message(
            maryam,
            SHOP_HTML,
            parse_mode="HTML",
            reply_markup=PYTHON_TELEGRAM_BOT.keyboard("پیگیری", "t1"),
            reply_parameters=PYTHON_TELEGRAM_BOT.reply(message_id=1, allow_sending_without_reply=True),
        )

    assert message.text_html_urled == SHOP_HTML
    assert message.reply_markup
    assert message.reply_markup.inline_keyboard[0][0].callback_data == "t1"
    assert not simulator.ledger.warnings


@pytest.mark.parametrize("kind", ACCOUNT)
async def test_updates_are_telegrams(
    simulator: Simulator, webhook: Webhook, library: Library, url: str, kind: str
) -> None:
    """Every update that the simulated phone sends is read by both, with nothing missing and nothing they don't know."""
    phone, account = simulator.phone, ACCOUNT[kind]
    await phone.write(kind, account, str(MARYAM), "سلام 😀", name="مریم")
    await phone.write(kind, account, str(MARYAM), "/start ref_9f2c")
    await phone.write(kind, account, "77", "کسی هست؟", chat="-1001234567890", thread="4")
    async with library.opens(f"{url}/{kind}", TOKENS[kind]) as bot:
        await bot.send_message(MARYAM, "یکی را انتخاب کنید", reply_markup=library.keyboard("پیگیری", "t1"))
    await phone.press(kind, account, str(MARYAM), "t1")
    await phone.press(kind, account, "78", "t2")
    await phone.block(kind, account, str(MARYAM))
    await phone.block(kind, account, str(MARYAM), blocked=False)

    updates = [hook.json for hook in webhook.got]
    kinds = ["message"] * 3 + ["callback_query"] * 2 + ["my_chat_member"] * (2 if kind == "telegram" else 0)
    assert [next(name for name in update if name != "update_id") for update in updates] == kinds
    assert [found for update in updates for found in strange_fields(update)] == []


@pytest.mark.parametrize("name", [name for name in every() if name.startswith("telegram/")])
def test_samples_are_telegrams(name: str) -> None:
    """Every update that our reader is tested with is read by both, with nothing missing and nothing they don't know."""
    assert strange_fields(loaded(name)) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "sabt": 1}},
        {"message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private", "sabt": 1}}},
    ],
)
def test_strangers_are_seen(broken: dict[str, Any]) -> None:
    """A field that Telegram doesn't have is seen by both, however deep."""
    assert len(strange_fields({"update_id": 1, **broken})) == 2


async def test_aiogram_bot_lives_here(simulator: Simulator, url: str, maryam: int) -> None:
    """A bot written with aiogram takes the phone's updates at its own webhook and answers through the simulator."""
    dispatcher = aiogram.Dispatcher()

    @dispatcher.message()
    async def echo(message: Message) -> None:
        await message.reply(f"گفتید: {message.text}")

    application = web.Application()
    async with aiogram_bot(f"{url}/telegram", BOT_TOKEN) as bot:
        handler = SimpleRequestHandler(dispatcher, bot, handle_in_background=False, secret_token=SECRET_TOKEN)
        handler.register(application, "/hook")
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        await bot.set_webhook(f"http://127.0.0.1:{port}/hook", secret_token=SECRET_TOKEN)

        written = await simulator.phone.write("telegram", "42", str(maryam), "کجاست؟")
        sent = await until(simulator.ledger.sent)
        await bot.set_webhook(f"http://127.0.0.1:{port}/hook", secret_token="of-somebody-else")
        forged = await simulator.phone.write("telegram", "42", str(maryam), "کجاست؟")
        await runner.cleanup()

    assert written.delivery
    assert written.delivery.delivered
    assert [one.text for one in sent] == ["گفتید: کجاست؟"]
    assert forged.delivery
    assert forged.delivery.status == 401
