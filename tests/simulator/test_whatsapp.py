"""The WhatsApp fake: what it takes and refuses, and the statuses that tell what became of a message."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.simulator import Simulator
from local.simulator.scripts import Statuses
from tests.simulator.conftest import ACCESS_TOKEN, APP_SECRET, NUMBER, Clock
from tests.simulator.serving import Hook, Webhook, until

SARA = "4915112345678"
PATH = f"/graph/v26.0/{NUMBER}/messages"
SAMPLES = Path(__file__).parent.parent / "events" / "whatsapp"


def value_of(hook: Hook) -> dict[str, Any]:
    """The one change in a webhook, whose signature must be right."""
    digest = hmac.new(APP_SECRET.encode(), hook.body, hashlib.sha256).hexdigest()
    assert hook.headers["x-hub-signature-256"] == f"sha256={digest}"
    (entry,) = hook.json["entry"]
    (change,) = entry["changes"]
    value: dict[str, Any] = change["value"]
    return value


def statuses(webhook: Webhook) -> list[dict[str, Any]]:
    """All statuses that came so far."""
    return [status for hook in webhook.got for status in value_of(hook).get("statuses", [])]


def sample(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())["entry"][0]["changes"][0]["value"]
    return value


def text_to(recipient: str, body: str = "سفارش شما ارسال شد", **more: Any) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": recipient,
        "type": "text",
        "text": {"body": body},
        **more,
    }


async def post(client: httpx.AsyncClient, body: Any, *, token: str = ACCESS_TOKEN, path: str = PATH) -> httpx.Response:
    return await client.post(path, json=body, headers={"authorization": f"Bearer {token}"})


@pytest.fixture
async def sara(simulator: Simulator) -> str:
    """A customer who has just written; her message's wamid."""
    return (await simulator.phone.write("whatsapp", NUMBER, SARA, "سلام، وضعیت سفارش؟", name="Sara")).id


async def test_sends(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, sara: str) -> None:
    """A taken message gets a wamid; `sent` and `delivered` follow, signed, with our reference and in Meta's shape."""
    response = await post(client, text_to(SARA, biz_opaque_callback_data="out_01J8"))
    await simulator.webhooks.settle()

    answer = response.json()
    assert response.status_code == 200
    assert answer["messaging_product"] == "whatsapp"
    assert answer["contacts"] == [{"input": SARA, "wa_id": SARA}]
    wamid = answer["messages"][0]["id"]
    assert [(status["status"], status["id"]) for status in statuses(webhook)] == [
        ("sent", wamid),
        ("delivered", wamid),
    ]
    recorded = sample("read_with_pricing")
    assert statuses(webhook)[0].keys() == recorded["statuses"][0].keys()
    assert value_of(webhook.got[-1])["contacts"][0].keys() == recorded["contacts"][0].keys()
    assert statuses(webhook)[0]["biz_opaque_callback_data"] == "out_01J8"
    (sent,) = simulator.ledger.sent()
    assert (sent.kind, sent.chat, sent.id, sent.reference) == ("whatsapp", SARA, wamid, "out_01J8")
    assert not simulator.ledger.warnings


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"to": SARA, "text": {"body": "سلام"}}, 100, "(#100) The parameter messaging_product is required."),
        ({**text_to(SARA), "to": None}, 100, "(#100) The parameter to is required."),
        ({**text_to(SARA), "to": "sara"}, 131009, "(#131009) Parameter value is not valid"),
        (
            {**text_to(SARA), "recipient_type": "crowd"},
            100,
            "(#100) Param recipient_type must be one of {individual, group}",
        ),
        ({**text_to(SARA), "text": None}, 100, "(#100) The parameter text is required."),
        (text_to(SARA, ""), 100, "(#100) The parameter text['body'] is required."),
        (text_to(SARA, "م" * 4097), 100, "(#100) Param text['body'] must be at most 4096 characters long."),
        (
            text_to(SARA, biz_opaque_callback_data="x" * 513),
            100,
            "(#100) Param biz_opaque_callback_data must be at most 512 characters long.",
        ),
        ([text_to(SARA)], 100, "(#100) Invalid parameter"),
    ],
)
async def test_refuses_message(
    simulator: Simulator, client: httpx.AsyncClient, sara: str, body: Any, code: int, message: str
) -> None:
    """A bad request is 400 with Meta's error object, and nothing is kept of it."""
    response = await post(client, body)

    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["code"], error["message"], error["type"]) == (code, message, "OAuthException")
    assert error["fbtrace_id"]
    assert simulator.ledger.sent() == []


async def test_longest_message(client: httpx.AsyncClient, sara: str) -> None:
    """4096 characters pass, whatever their bytes."""
    assert (await post(client, text_to(SARA, "م" * 4096))).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", "نادرست".encode().decode("latin-1")])
async def test_token(client: httpx.AsyncClient, token: str) -> None:
    """Without the right Bearer token everything is 401 with code 190."""
    headers = {"authorization": f"Bearer {token}".strip().encode("latin-1")}
    response = await client.post(PATH, json=text_to(SARA), headers=headers)

    assert (response.status_code, response.json()["error"]["code"]) == (401, 190)


async def test_unknown_number(client: httpx.AsyncClient) -> None:
    """A number that the token has nothing to do with is an unknown object; an old version an unknown path."""
    stranger = await post(client, text_to(SARA), path="/graph/v26.0/1/messages")
    old = await post(client, text_to(SARA), path=PATH.replace("v26.0", "v12.0"))

    error = stranger.json()["error"]
    assert (stranger.status_code, error["code"], error["error_subcode"]) == (400, 100, 33)
    assert error["type"] == "GraphMethodException"
    assert old.json()["error"]["code"] == 2500


async def test_window(
    simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, clock: Clock, sara: str
) -> None:
    """24 hours after the customer's last message a free text is taken and comes back as failed, 131047."""
    clock.moment += 24 * 3600 + 1

    response = await post(client, text_to(SARA, biz_opaque_callback_data="out_01J9"))
    await simulator.webhooks.settle()

    assert response.status_code == 200
    (failed,) = statuses(webhook)
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", 131047)
    recorded = sample("failed_window_closed")["statuses"][0]
    assert failed["errors"][0] == recorded["errors"][0]
    assert failed.keys() - {"recipient_user_id"} == recorded.keys()


async def test_window_reopens(
    simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, clock: Clock, sara: str
) -> None:
    """A new message of the customer's opens the window again."""
    clock.moment += 48 * 3600
    await simulator.phone.write("whatsapp", NUMBER, SARA, "هنوز منتظرم")

    await post(client, text_to(SARA))
    await simulator.webhooks.settle()

    assert [status["status"] for status in statuses(webhook)] == ["sent", "delivered"]


@pytest.mark.parametrize(("recipient", "expected"), [("989121234567", 130497), ("4915199999999", 131047)])
async def test_undeliverable(
    simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, recipient: str, expected: int
) -> None:
    """A number in Iran can't be reached, a stranger only by a template: both fail after the answer."""
    assert (await post(client, text_to(recipient))).status_code == 200
    await simulator.webhooks.settle()

    assert [status["errors"][0]["code"] for status in statuses(webhook)] == [expected]


async def test_blocked(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, sara: str) -> None:
    """Who blocked the business is never told about: the message stays `sent`."""
    await simulator.phone.block("whatsapp", NUMBER, SARA)

    await post(client, text_to(SARA))
    await simulator.webhooks.settle()

    assert [status["status"] for status in statuses(webhook)] == ["sent"]


async def test_read_and_typing(
    simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, clock: Clock, sara: str
) -> None:
    """The read call marks the customer's messages and shows typing for 25 seconds; an unknown wamid is refused."""
    call = {"messaging_product": "whatsapp", "status": "read", "message_id": sara, "typing_indicator": {"type": "text"}}
    response = await post(client, call)
    unknown = await post(client, {**call, "message_id": "wamid.nobody"})
    wrong = await post(client, {**call, "typing_indicator": {"type": "dance"}})

    assert response.json() == {"success": True}
    assert unknown.json()["error"]["code"] == 131009
    assert wrong.json()["error"]["code"] == 100
    chat = simulator.ledger.chat(f"whatsapp-{NUMBER}", SARA)
    assert chat
    assert chat.view(clock())["typing"]
    assert [entry.status for entry in chat.entries] == ["read"]
    clock.moment += 25
    assert not chat.view(clock())["typing"]


async def test_inbound(simulator: Simulator, webhook: Webhook, sara: str) -> None:
    """A customer's message arrives in the shape recorded from Meta."""
    value, recorded = value_of(webhook.got[0]), sample("text")

    assert value.keys() == recorded.keys()
    assert value["messages"][0].keys() == recorded["messages"][0].keys()
    assert value["contacts"][0].keys() == recorded["contacts"][0].keys()
    assert value["messages"][0]["text"] == {"body": "سلام، وضعیت سفارش؟"}
    assert value["messages"][0]["id"] == sara
    assert webhook.got[0].json["entry"][0]["id"] == "419500000000001"


async def test_hidden_number(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook) -> None:
    """A customer known only by a user id writes without a number, and is answered by `recipient`."""
    await simulator.phone.write("whatsapp", NUMBER, "TR.99AbC", "merhaba")

    response = await post(client, {**text_to(""), "to": None, "recipient": "TR.99AbC"})

    value, recorded = value_of(webhook.got[0]), sample("text_from_username")
    assert value["messages"][0].keys() == recorded["messages"][0].keys()
    assert value["contacts"][0].keys() == recorded["contacts"][0].keys()
    assert response.json()["contacts"] == [{"input": "TR.99AbC", "user_id": "TR.99AbC"}]
    assert simulator.ledger.sent()[0].chat == "TR.99AbC"


async def test_read_by_customer(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, sara: str) -> None:
    """When the customer opens the chat, `read` comes for what was delivered, once."""
    await post(client, text_to(SARA, biz_opaque_callback_data="out_1"))
    await simulator.webhooks.settle()

    await simulator.phone.read("whatsapp", NUMBER, SARA)
    await simulator.phone.read("whatsapp", NUMBER, SARA)

    read = [status for status in statuses(webhook) if status["status"] == "read"]
    assert [status["biz_opaque_callback_data"] for status in read] == ["out_1"]


async def test_ordered_statuses(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, sara: str) -> None:
    """A script decides which statuses come, in which order, and that they overtake the API's answer."""
    order = Statuses(names=("delivered", "sent", "failed"), code=131053, title="Media upload error", before_answer=True)
    simulator.script(f"whatsapp-{NUMBER}", order)

    await post(client, text_to(SARA))

    assert [status["status"] for status in statuses(webhook)] == ["delivered", "sent", "failed"]
    assert statuses(webhook)[-1]["errors"][0]["code"] == 131053


async def test_person_writes(simulator: Simulator, webhook: Webhook, sara: str) -> None:
    """What a person answers in the WhatsApp app arrives as an echo in a field of its own."""
    await simulator.phone.business_writes("whatsapp", NUMBER, SARA, "من خودم جواب می‌دهم")

    change = webhook.got[-1].json["entry"][0]["changes"][0]
    assert change["field"] == "smb_message_echoes"
    assert change["value"]["message_echoes"][0]["text"] == {"body": "من خودم جواب می‌دهم"}
    recorded = sample("echo_from_phone")
    assert change["value"]["contacts"][0].keys() == recorded["contacts"][0].keys()
    assert change["value"]["message_echoes"][0].keys() == recorded["message_echoes"][0].keys()
    assert simulator.ledger.sent() == []


async def test_hidden_number_stays_hidden(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook) -> None:
    """Statuses and echoes of a customer who hides the number name the user id alone."""
    await post(client, {**text_to(""), "to": None, "recipient": "TR.99AbC"})
    await simulator.webhooks.settle()
    await simulator.phone.business_writes("whatsapp", NUMBER, "TR.99AbC", "من خودم جواب می‌دهم")

    told, echoed = map(value_of, webhook.got)
    assert told["contacts"] == echoed["contacts"] == [{"user_id": "TR.99AbC"}]
    assert (told["statuses"][0]["recipient_user_id"], "recipient_id" in told["statuses"][0]) == ("TR.99AbC", False)
    assert (echoed["message_echoes"][0]["to_user_id"], "to" in echoed["message_echoes"][0]) == ("TR.99AbC", False)


async def test_handshake(simulator: Simulator) -> None:
    """The GET handshake tells a webhook that knows the verify token from one that doesn't."""
    right = await simulator.phone.subscribe("whatsapp", NUMBER)
    wrong = await simulator.phone.subscribe("whatsapp", NUMBER, verify_token="guess")

    assert right.verified
    assert right.content_type == "text/plain"
    assert (wrong.verified, wrong.status) == (False, 403)


async def test_retry(simulator: Simulator, webhook: Webhook) -> None:
    """Meta sends a webhook again until it is answered with 2xx: the very same bytes, under the same signature."""
    webhook.answers.extend([(500, {}), (404, {})])

    written = await simulator.phone.write("whatsapp", NUMBER, SARA, "سلام")
    await until(lambda: len(webhook.got) == 3)

    assert written.delivery
    assert written.delivery.attempts == 3
    assert len({(hook.body, hook.headers["x-hub-signature-256"]) for hook in webhook.got}) == 1


async def test_sample_is_signed(simulator: Simulator, webhook: Webhook) -> None:
    """Any recorded body can be posted as Meta would sign it."""
    body = (SAMPLES / "two_customers_and_statuses.json").read_bytes()

    delivery = await simulator.phone.deliver("whatsapp", NUMBER, body)

    assert delivery.delivered
    assert webhook.got[0].body == body
    digest = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert webhook.got[0].headers["x-hub-signature-256"] == f"sha256={digest}"
