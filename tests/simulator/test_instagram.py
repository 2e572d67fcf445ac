"""The Instagram fake: what it takes and refuses, and the echo of everything it took."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.simulator import Simulator
from local.simulator.scripts import Echo
from tests.simulator.conftest import APP_SECRET, INSTAGRAM_TOKEN, PROFILE, Clock
from tests.simulator.serving import Hook, Webhook

CUSTOMER = "1535148674817116"
PATH = f"/instagram/v26.0/{PROFILE}/messages"
SAMPLES = Path(__file__).parent.parent / "events" / "instagram"


def item_of(hook: Hook) -> dict[str, Any]:
    """The one messaging item in a webhook, whose signature must be right."""
    digest = hmac.new(APP_SECRET.encode(), hook.body, hashlib.sha256).hexdigest()
    assert hook.headers["x-hub-signature-256"] == f"sha256={digest}"
    (entry,) = hook.json["entry"]
    (item,) = entry["messaging"]
    assert entry["id"] == PROFILE
    return dict(item)


def sample(name: str) -> dict[str, Any]:
    return dict(json.loads((SAMPLES / f"{name}.json").read_text())["entry"][0]["messaging"][0])


async def post(
    client: httpx.AsyncClient, body: Any, *, token: str = INSTAGRAM_TOKEN, path: str = PATH
) -> httpx.Response:
    return await client.post(path, json=body, headers={"authorization": f"Bearer {token}"})


def text_to(recipient: str, text: str = "بله موجود است", **more: Any) -> dict[str, Any]:
    return {"recipient": {"id": recipient}, "message": {"text": text}, **more}


@pytest.fixture
async def customer(simulator: Simulator) -> str:
    """A customer who has just written; the message's mid."""
    return (await simulator.phone.write("instagram", PROFILE, CUSTOMER, "سلام موجود دارید؟")).id


@pytest.mark.parametrize("node", [PROFILE, "me"])
async def test_sends(
    simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, customer: str, node: str
) -> None:
    """A taken message is answered with its id, under which the echo comes back from the account's side."""
    response = await post(client, text_to(CUSTOMER), path=PATH.replace(PROFILE, node))
    await simulator.webhooks.settle()

    answer = response.json()
    assert answer.keys() == {"recipient_id", "message_id"}
    echo, recorded = item_of(webhook.got[-1]), sample("echo")
    assert echo.keys() == recorded.keys()
    assert echo["message"] == {"mid": answer["message_id"], "text": "بله موجود است", "is_echo": True}
    assert (echo["sender"]["id"], echo["recipient"]["id"]) == (PROFILE, CUSTOMER)
    (sent,) = simulator.ledger.sent()
    assert (sent.kind, sent.chat, sent.id) == ("instagram", CUSTOMER, answer["message_id"])
    assert not simulator.ledger.warnings


async def test_escaped(simulator: Simulator, webhook: Webhook, customer: str) -> None:
    """Meta signs and sends everything outside ASCII escaped, and slashes too."""
    await simulator.phone.write("instagram", PROFILE, CUSTOMER, "https://shop.example/p")
    assert b"https:\\/\\/shop.example\\/p" in webhook.got[1].body
    assert item_of(webhook.got[1])["message"]["text"] == "https://shop.example/p"
    assert webhook.got[0].body.isascii()
    assert b"\\u0633\\u0644\\u0627\\u0645" in webhook.got[0].body
    item, recorded = item_of(webhook.got[0]), sample("text")
    assert item.keys() == recorded.keys()
    assert item["message"] == {"mid": customer, "text": "سلام موجود دارید؟"}


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"message": {"text": "سلام"}}, 100, "(#100) The parameter recipient is required"),
        ({"recipient": {"id": CUSTOMER}}, 100, "(#100) The parameter message is required"),
        (text_to(CUSTOMER, ""), 100, "(#100) Param message[text] must be a non-empty string"),
        (
            text_to(CUSTOMER, "م" * 500 + "a"),
            100,
            "(#100) Length of param message[text] must be less than or equal to 1000",
        ),
        (
            text_to(CUSTOMER, messaging_type="MESSAGE_TAG", tag="ACCOUNT_UPDATE"),
            100,
            "(#100) Param tag must be one of {HUMAN_AGENT}",
        ),
        ({"recipient": {"id": CUSTOMER}, "sender_action": "dance"}, 100, "(#100) Param sender_action is not valid"),
    ],
)
async def test_refuses_message(
    simulator: Simulator, client: httpx.AsyncClient, customer: str, body: Any, code: int, message: str
) -> None:
    """A bad request is 400 with Meta's error object; the text's limit is 1000 bytes of UTF-8."""
    response = await post(client, body)

    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["code"], error["message"], error["type"]) == (code, message, "IGApiException")
    assert simulator.ledger.sent() == []


async def test_longest_message(client: httpx.AsyncClient, customer: str) -> None:
    """Exactly 1000 bytes pass."""
    assert (await post(client, text_to(CUSTOMER, "م" * 500))).status_code == 200


async def test_unknown_customer(client: httpx.AsyncClient) -> None:
    """Nobody can be written to who has not written: 100-2534014."""
    error = (await post(client, text_to("99"))).json()["error"]

    assert (error["code"], error["error_subcode"]) == (100, 2534014)
    assert error["message"] == "The requested user cannot be found."


async def test_blocked(simulator: Simulator, client: httpx.AsyncClient, customer: str) -> None:
    """Who blocked the account is refused by 100-2534029."""
    await simulator.phone.block("instagram", PROFILE, CUSTOMER)

    error = (await post(client, text_to(CUSTOMER))).json()["error"]

    assert (error["code"], error["error_subcode"]) == (100, 2534029)


async def test_window(client: httpx.AsyncClient, clock: Clock, customer: str) -> None:
    """After 24 hours only a person's answer passes, and after 7 days nothing: 10-2534022."""
    clock.moment += 24 * 3600 + 1
    late = await post(client, text_to(CUSTOMER))
    person = await post(client, text_to(CUSTOMER, messaging_type="MESSAGE_TAG", tag="HUMAN_AGENT"))
    clock.moment += 7 * 24 * 3600
    too_late = await post(client, text_to(CUSTOMER, messaging_type="MESSAGE_TAG", tag="HUMAN_AGENT"))

    for response in (late, too_late):
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["error_subcode"]) == (403, 10, 2534022)
    assert person.status_code == 200


@pytest.mark.parametrize(("path", "token"), [(PATH, "wrong"), (PATH, ""), (PATH.replace(PROFILE, "me"), "wrong")])
async def test_token(client: httpx.AsyncClient, path: str, token: str) -> None:
    """Without the right Bearer token the code is 190."""
    headers = {"authorization": f"Bearer {token}".strip()}
    error = (await client.post(path, json=text_to(CUSTOMER), headers=headers)).json()["error"]

    assert error["code"] == 190


async def test_sender_actions(simulator: Simulator, client: httpx.AsyncClient, clock: Clock, customer: str) -> None:
    """Typing shows, mark_seen marks; neither is a message."""
    typing = await post(client, {"recipient": {"id": CUSTOMER}, "sender_action": "typing_on"})
    await post(client, {"recipient": {"id": CUSTOMER}, "sender_action": "mark_seen"})

    assert typing.json() == {"recipient_id": CUSTOMER}
    chat = simulator.ledger.chat(f"instagram-{PROFILE}", CUSTOMER)
    assert chat
    assert chat.view(clock())["typing"]
    assert [entry.status for entry in chat.entries] == ["read"]
    assert simulator.ledger.sent() == []


@pytest.mark.parametrize(("when", "expected"), [("before", 1), ("never", 0)])
async def test_ordered_echo(
    simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, customer: str, when: Any, expected: int
) -> None:
    """A script lets the echo overtake the API's answer, or never come."""
    simulator.script(f"instagram-{PROFILE}", Echo(when=when))

    await post(client, text_to(CUSTOMER))

    assert sum("is_echo" in item_of(hook)["message"] for hook in webhook.got) == expected


async def test_person_writes(simulator: Simulator, webhook: Webhook, customer: str) -> None:
    """What a person answers in the Instagram app arrives as an echo, without any call of ours."""
    written = await simulator.phone.business_writes("instagram", PROFILE, CUSTOMER, "خودم پاسخ می‌دهم")

    assert item_of(webhook.got[-1])["message"] == {"mid": written.id, "text": "خودم پاسخ می‌دهم", "is_echo": True}
    assert simulator.ledger.sent() == []


async def test_read_and_quick_reply(
    simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, customer: str
) -> None:
    """A read and a tapped quick reply arrive in the shapes recorded from Meta."""
    await post(client, text_to(CUSTOMER))
    await simulator.webhooks.settle()
    await simulator.phone.read("instagram", PROFILE, CUSTOMER)
    await simulator.phone.press("instagram", PROFILE, CUSTOMER, "t1:order", "پیگیری سفارش")

    read, tapped = (item_of(hook) for hook in webhook.got[-2:])
    assert read["read"].keys() == {"mid"}
    assert tapped["message"].keys() == sample("quick_reply")["message"].keys()
    assert tapped["message"]["quick_reply"] == {"payload": "t1:order"}
