"""pywa against what we read of WhatsApp and against our simulated WhatsApp: what it takes for Meta's may judge us."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pywa import errors
from pywa.types import Button
from pywa_async import WhatsApp, types

from local.simulator import Simulator
from local.simulator.scripts import Refuse, RevokeToken, ServerError, Statuses, TooMany
from shared.providers.catalogue import PROVIDERS
from tests.counterparties.pywa_side import WABA, Reader, Redirect, one_by_one, told_by_pywa, told_by_us, with_contacts
from tests.providers.samples import every, loaded
from tests.simulator.conftest import ACCESS_TOKEN, APP_SECRET, NUMBER
from tests.simulator.serving import Door, Hook, Webhook, until

SARA, IRAN = "4915112345678", "989121234567"
HIDDEN = "TR.13491208655302741918"  # pywa takes one with letters in it, which Meta allows, for a group
PART = "6f1c9a52-7d57-5a0e-9a6b-0d8f6f2f3a11"
TEXT = "سفارش شما می‌رسد؛ تا فردا"


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
async def transport(url: str) -> AsyncIterator[Redirect]:
    async with Redirect(url) as transport:
        yield transport


@pytest.fixture
def client(transport: Redirect) -> WhatsApp:
    return WhatsApp(NUMBER, ACCESS_TOKEN, waba_id=WABA, session=httpx.AsyncClient(transport=transport))


@pytest.fixture
async def sara(simulator: Simulator) -> str:
    """A customer who has just written; her message's wamid."""
    return (await simulator.phone.write("whatsapp", NUMBER, SARA, "سلام، وضعیت سفارش؟", name="Sara")).id


async def assert_read_alike(reader: Reader, hooks: list[Hook]) -> list[tuple[str, str, str, str]]:
    """What the hooks told, to pywa as to us; their signatures are good to it."""
    told = []
    for hook in hooks:
        signature = hook.headers["x-hub-signature-256"]
        assert await reader.client.webhook_update_validator(hook.body, signature) is None
        told.append(told_by_pywa(await reader.take(hook.json)))
        assert told_by_us(hook.json) == told[-1:]
    return told


@pytest.mark.parametrize("name", [name for name in every() if name.startswith("whatsapp/")])
async def test_samples_are_read_alike(reader: Reader, name: str) -> None:
    """Of every recorded webhook we read as many things as pywa, each from the same sender, with the same words."""
    body = loaded(name)

    theirs = [told_by_pywa(await reader.take(with_contacts(alone))) for alone in one_by_one(body)]

    assert sorted(told_by_us(body)) == sorted(theirs)
    assert theirs


async def test_phone_is_read(simulator: Simulator, webhook: Webhook, reader: Reader) -> None:
    """Whatever the simulated phone does arrives as the update that pywa has for it, and reads alike to us."""
    phone = simulator.phone
    written = await phone.write("whatsapp", NUMBER, SARA, "سلام 😀", name="Sara")
    hidden = await phone.write("whatsapp", NUMBER, HIDDEN, "merhaba")
    pressed = await phone.press("whatsapp", NUMBER, SARA, "t1:order", "پیگیری")
    echoed = await phone.business_writes("whatsapp", NUMBER, SARA, "من خودم جواب می‌دهم")

    told = await assert_read_alike(reader, webhook.got)

    assert [(kind, id, words) for kind, _, id, words in told] == [
        ("message", written.id, "سلام 😀"),
        ("message", hidden.id, "merhaba"),
        ("message", pressed.id, "پیگیری"),
        ("echo", echoed.id, "من خودم جواب می‌دهم"),
    ]
    assert (told[0][1], told[1][1]) == (told[2][1], HIDDEN)
    assert reader.read[1].from_user.wa_id is None


async def test_statuses_are_read(
    simulator: Simulator, webhook: Webhook, reader: Reader, client: WhatsApp, sara: str
) -> None:
    """Every status that follows a message is read by pywa, with the tracker that it sent along, and alike by us."""
    script = Statuses(names=("sent", "delivered", "failed"), code=131026)
    simulator.script(f"whatsapp-{NUMBER}", script, chat=SARA)
    unlucky = await client.send_message(SARA, TEXT, tracker=PART)
    lucky = await client.send_message(SARA, TEXT, tracker=PART)
    iran = await client.send_message(IRAN, TEXT, tracker=PART)
    await simulator.phone.write("whatsapp", NUMBER, HIDDEN, "merhaba")
    hidden = await client.send_message(HIDDEN, TEXT, tracker=PART)
    await simulator.webhooks.settle()
    await simulator.phone.read("whatsapp", NUMBER, SARA)

    told = await assert_read_alike(reader, [hook for hook in webhook.got if b'"statuses"' in hook.body])

    assert [(id, state) for _, _, id, state in told if id == unlucky.id] == [
        (unlucky.id, state) for state in ("sent", "delivered", "failed")
    ]
    assert [state for _, _, id, state in told if id == lucky.id] == ["sent", "delivered", "read"]
    assert {update.tracker for update in reader.read} == {PART}
    failures = [update.error for update in reader.read if update.error]
    assert [type(problem) for problem in failures] == [errors.MessageUndeliverable, errors.AccountRestrictedFromCountry]
    assert [state for _, _, id, state in told if id == iran.id] == ["failed"]
    assert [(sender, state) for _, sender, id, state in told if id == hidden.id] == [
        (HIDDEN, "sent"),
        (HIDDEN, "delivered"),
    ]


async def test_closed_window(simulator: Simulator, webhook: Webhook, reader: Reader, client: WhatsApp) -> None:
    """A message to somebody who hasn't written is accepted, and fails as pywa's ReEngagementMessage."""
    await client.send_message(SARA, TEXT)
    await simulator.webhooks.settle()

    await assert_read_alike(reader, webhook.got)

    assert [type(update.error) for update in reader.read] == [errors.ReEngagementMessage]


async def test_sends(simulator: Simulator, client: WhatsApp, sara: str) -> None:
    """What pywa sends of the kinds that a support bot needs is taken without a complaint, and answered with a wamid."""
    sent = [
        await client.send_message(SARA, TEXT, preview_url=True),
        await client.send_message(SARA, "بله", reply_to_message_id=sara),
        await client.send_message(SARA, "یکی را انتخاب کنید", buttons=[Button("پیگیری", "t1"), Button("لغو", "t2")]),
        await client.send_location(SARA, 35.6997, 51.3380, name="میدان آزادی"),
        await client.send_reaction(SARA, "👍", sara),
    ]
    await simulator.phone.write("whatsapp", NUMBER, HIDDEN, "merhaba")
    sent.append(await client.send_message(HIDDEN, "بفرمایید"))

    kept = simulator.ledger.sent()
    assert [message.id for message in sent] == [one.id for one in kept]
    assert [one.text for one in kept[:3]] == [TEXT, "بله", "یکی را انتخاب کنید"]
    assert (kept[-1].chat, kept[-1].text) == (HIDDEN, "بفرمایید")
    assert not simulator.ledger.warnings


async def test_reads_and_types(simulator: Simulator, client: WhatsApp, sara: str) -> None:
    """pywa's read mark and typing indicator show on the customer's phone; for an unknown message they are refused."""
    await client.mark_message_as_read(sara)
    await client.indicate_typing(sara)

    chat = simulator.ledger.chat(f"whatsapp-{NUMBER}", SARA)
    assert chat
    assert chat.entries[0].status == "read"
    assert chat.view(simulator.now())["typing"]
    with pytest.raises(errors.InvalidParameter):
        await client.mark_message_as_read("wamid.unknown")


REFUSALS = [
    pytest.param(TooMany(retry_after=3), errors.RateLimitHit, id="throughput"),
    pytest.param(Refuse(code=131056, message="(#131056) Pair rate limit hit"), errors.TooManyMessages, id="pair"),
    pytest.param(Refuse(status=403, code=131031, message="Account locked"), errors.AccountLocked, id="locked"),
    pytest.param(ServerError(code=500), errors.UnknownError, id="500"),
    pytest.param(RevokeToken(), errors.ExpiredAccessToken, id="revoked"),
]


@pytest.mark.parametrize(("step", "error"), REFUSALS)
async def test_refusals(
    simulator: Simulator, client: WhatsApp, sara: str, step: Any, error: type[errors.WhatsAppError]
) -> None:
    """Ordered refusals carry the code, the trace and the status by which pywa knows them."""
    simulator.script(f"whatsapp-{NUMBER}", step)

    with pytest.raises(error) as caught:
        await client.send_message(SARA, TEXT)

    assert caught.value.fbtrace_id
    assert caught.value.type == "OAuthException"
    assert simulator.ledger.sent() == []


@pytest.mark.parametrize(
    ("send", "code"),
    [
        (lambda client: client.send_message("12", TEXT), 131009),
        (lambda client: client.send_message(SARA, ""), 100),
        (lambda client: client.send_message(SARA, "م" * 4097), 100),
        (lambda client: client.send_message(SARA, "؟", tracker="x" * 513), 100),
        (lambda client: client.send_message(SARA, "؟", sender="1"), 100),
    ],
    ids=["no number", "empty", "too long", "long tracker", "another's number"],
)
async def test_refuses(
    simulator: Simulator, client: WhatsApp, sara: str, send: Callable[[WhatsApp], Any], code: int
) -> None:
    """A bad request of pywa's is refused as one, with the code that the manual names."""
    with pytest.raises(errors.WhatsAppError) as caught:
        await send(client)

    assert (caught.value.code, caught.value.status_code) == (code, 400)


@pytest.mark.parametrize("recipient", [SARA, HIDDEN])
async def test_our_sender_speaks_alike(
    simulator: Simulator, transport: Redirect, client: WhatsApp, url: str, sara: str, recipient: str
) -> None:
    """What our sender posts, pywa posts: the same body for a text, and for the typing that marks a message read."""
    await simulator.phone.write("whatsapp", NUMBER, HIDDEN, "merhaba")
    await client.send_message(recipient, TEXT, tracker=PART)
    await client.indicate_typing(sara)

    ours: list[dict[str, Any]] = []

    async def keep(request: httpx.Request) -> None:
        ours.append(json.loads(request.content))

    provider = PROVIDERS["whatsapp"]
    credentials = provider.credentials.model_validate({"access_token": ACCESS_TOKEN, "phone_number_id": NUMBER})
    async with httpx.AsyncClient(event_hooks={"request": [keep]}, trust_env=False) as http:
        sender = provider.sender(http, f"{url}/graph", credentials)
        await sender.send(recipient, TEXT, part=PART)
        await sender.typing(recipient, message=sara)

    assert ours == transport.bodies


async def test_pywa_bot_lives_here(
    simulator: Simulator, webhook_door: Door, webhook_url: str, client: WhatsApp, transport: Redirect
) -> None:
    """A bot written with pywa passes the handshake, takes the phone's webhooks and answers through the simulator."""
    app = FastAPI()
    session = httpx.AsyncClient(transport=transport)
    bot = WhatsApp(
        NUMBER,
        ACCESS_TOKEN,
        session=session,
        server=app,
        webhook_endpoint="/whatsapp",
        verify_token="verify-me",
        app_secret=APP_SECRET,
    )

    @bot.on_message
    async def echo(_: WhatsApp, message: types.Message) -> None:
        await message.reply_text(f"گفتید: {message.text}")

    webhook_door.app = app
    right = await simulator.phone.subscribe("whatsapp", NUMBER)
    wrong = await simulator.phone.subscribe("whatsapp", NUMBER, verify_token="x")
    written = await simulator.phone.write("whatsapp", NUMBER, SARA, "کجاست؟")
    sent = await until(simulator.ledger.sent)

    assert right.verified
    assert (wrong.verified, wrong.status) == (False, 403)
    assert written.delivery
    assert written.delivery.delivered
    assert [one.text for one in sent] == ["گفتید: کجاست؟"]
