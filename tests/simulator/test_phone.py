"""The customer's phone over HTTP, as `/demo` holds it: off and on, blocked, looked at; and the wire beside it."""

import json
from typing import Any

import httpx
import pytest

from local.simulator import Simulator
from local.simulator.scripts import AcceptThenHang
from tests.simulator.conftest import (
    ACCESS_TOKEN,
    APP_SECRET,
    BALE_TOKEN,
    BOT_TOKEN,
    INSTAGRAM_TOKEN,
    NUMBER,
    PROFILE,
    SECRET_TOKEN,
)
from tests.simulator.serving import Webhook

SARA = "4915112345678"
CHATS = {
    "telegram": "/sim/telegram-42/chats/5500112233",
    "bale": "/sim/bale-77/chats/5500112233",
    "whatsapp": f"/sim/whatsapp-{NUMBER}/chats/{SARA}",
    "instagram": f"/sim/instagram-{PROFILE}/chats/5500112233",
}
ON_THE_WIRE = {
    "telegram": "/bot…/sendMessage",
    "bale": "/bot…/sendMessage",
    "whatsapp": f"/v26.0/{NUMBER}/messages",
    "instagram": f"/v26.0/{PROFILE}/messages",
}
ANSWER = "از ۹ صبح تا ۹ شب."


async def answer(client: httpx.AsyncClient, kind: str, text: str = ANSWER) -> httpx.Response:
    """The business's call to the provider."""
    if kind in ("telegram", "bale"):
        token = BOT_TOKEN if kind == "telegram" else BALE_TOKEN
        return await client.post(f"/{kind}/bot{token}/sendMessage", json={"chat_id": 5500112233, "text": text})
    if kind == "whatsapp":
        body: dict[str, Any] = {"messaging_product": "whatsapp", "to": SARA, "type": "text", "text": {"body": text}}
        headers = {"Authorization": f"Bearer {ACCESS_TOKEN}"}
        return await client.post(f"/graph/v26.0/{NUMBER}/messages", json=body, headers=headers)
    body = {"recipient": {"id": "5500112233"}, "message": {"text": text}}
    headers = {"Authorization": f"Bearer {INSTAGRAM_TOKEN}"}
    return await client.post(f"/instagram/v26.0/{PROFILE}/messages", json=body, headers=headers)


async def write(simulator: Simulator, client: httpx.AsyncClient, kind: str, text: str = "سلام") -> str:
    """The customer's message, delivered; its id."""
    response = await client.post(f"{CHATS[kind]}/messages", json={"text": text})
    await simulator.webhooks.settle()
    return str(response.json()["id"])


async def look(client: httpx.AsyncClient, kind: str) -> dict[str, Any]:
    """What the phone shows."""
    return dict((await client.get(CHATS[kind])).json())


def told(webhook: Webhook) -> list[str]:
    """The statuses that WhatsApp told, in order."""
    values = [hook.json["entry"][0]["changes"][0]["value"] for hook in webhook.got]
    return [status["status"] for value in values for status in value.get("statuses", [])]


@pytest.mark.parametrize("kind", CHATS)
async def test_wire(simulator: Simulator, client: httpx.AsyncClient, kind: str) -> None:
    """Beside a phone stands what came in and what left, each with its answer, under the message that it is about."""
    asked = await write(simulator, client, kind, "ساعت کاری؟")

    response = await answer(client, kind)
    await simulator.webhooks.settle()

    shown = await look(client, kind)
    came, left = shown["exchanges"][:2]
    assert (came["ours"], came["message"], came["status"]) == (False, asked, 200)
    assert "ساعت کاری؟" in json.dumps(came["body"], ensure_ascii=False)
    assert (left["ours"], left["method"], left["path"], left["status"]) == (True, "POST", ON_THE_WIRE[kind], 200)
    assert ANSWER in json.dumps(left["body"], ensure_ascii=False)
    assert left["answer"] == response.json()
    assert left["message"] == shown["messages"][-1]["id"]


@pytest.mark.parametrize("kind", CHATS)
async def test_wire_keeps_secrets(simulator: Simulator, client: httpx.AsyncClient, kind: str) -> None:
    """No token, no signature and no webhook's own path is shown."""
    await write(simulator, client, kind)
    await answer(client, kind)
    await simulator.webhooks.settle()

    shown = (await client.get(CHATS[kind])).text

    assert "exchanges" in shown
    secrets = (BOT_TOKEN, BALE_TOKEN, ACCESS_TOKEN, INSTAGRAM_TOKEN, APP_SECRET, SECRET_TOKEN, "bale-secret", "sha256=")
    assert not any(secret in shown for secret in secrets)
    assert {exchange["path"] for exchange in json.loads(shown)["exchanges"] if not exchange["ours"]} == {"/…"}


async def test_wire_of_typing(simulator: Simulator, client: httpx.AsyncClient) -> None:
    """Typing and "read" leave as requests too, and show on the phone."""
    asked = await write(simulator, client, "whatsapp")
    body = {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": asked,
        "typing_indicator": {"type": "text"},
    }
    headers = {"Authorization": f"Bearer {ACCESS_TOKEN}"}
    await client.post(f"/graph/v26.0/{NUMBER}/messages", json=body, headers=headers)

    shown = await look(client, "whatsapp")

    assert (shown["exchanges"][-1]["body"], shown["exchanges"][-1]["message"]) == (body, asked)
    assert (shown["typing"], shown["typing_seconds"]) == (True, 25.0)
    assert shown["messages"][0]["status"] == "read"


async def test_wire_of_refusals(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook) -> None:
    """A refusal stands on the wire with its reason, whoever refused; a request that nobody answered has no status."""
    webhook.answers.extend([(503, {})])
    await write(simulator, client, "telegram")
    await client.post(f"{CHATS['telegram']}/state", json={"blocked": True})
    await answer(client, "telegram")
    await client.post(f"{CHATS['telegram']}/state", json={"blocked": False})
    await simulator.webhooks.settle()
    simulator.script("telegram-42", AcceptThenHang())
    with pytest.raises(httpx.ReadTimeout):
        async with httpx.AsyncClient(base_url=client.base_url, timeout=0.2, trust_env=False) as impatient:
            await answer(impatient, "telegram")

    exchanges = (await look(client, "telegram"))["exchanges"]

    assert [exchange["status"] for exchange in exchanges if not exchange["ours"]] == [503, 200, 200, 200]
    refused, unanswered = [exchange for exchange in exchanges if exchange["ours"]]
    assert (refused["status"], refused["answer"]["error_code"]) == (403, 403)
    assert (unanswered["status"], unanswered["answer"]) == (None, None)


async def test_nobody_looks(simulator: Simulator, client: httpx.AsyncClient) -> None:
    """Of a chat that nobody has a phone for, no request is kept, nor of one that has any body but the provider's."""
    await simulator.phone.write("telegram", "42", "5500112233", "سلام")
    await answer(client, "telegram")
    assert (await look(client, "telegram"))["exchanges"] == []

    await write(simulator, client, "telegram")
    for body in (b"", b"[]", b'"x"', b"{}", b'{"chat_id":{}}', b"\xff"):
        await client.post(f"/telegram/bot{BOT_TOKEN}/sendMessage", content=body)
        await simulator.phone.deliver("telegram", "42", body)
        await simulator.phone.deliver("whatsapp", NUMBER, body)
    assert len((await look(client, "telegram"))["exchanges"]) == 1


async def test_phone_is_off(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook) -> None:
    """What is sent to a phone that is off arrives when it is on, and is told as delivered then; nobody reads before."""
    await write(simulator, client, "whatsapp")
    await client.post(f"{CHATS['whatsapp']}/state", json={"away": True})
    await answer(client, "whatsapp")
    await client.post(f"{CHATS['whatsapp']}/read", json={})
    await simulator.webhooks.settle()
    assert told(webhook) == ["sent"]
    assert (await look(client, "whatsapp"))["messages"][-1]["arrival"] == "waits"

    await client.post(f"{CHATS['whatsapp']}/state", json={"away": False})
    await simulator.webhooks.settle()
    await client.post(f"{CHATS['whatsapp']}/read", json={})
    await simulator.webhooks.settle()

    assert told(webhook) == ["sent", "delivered", "read"]
    last = (await look(client, "whatsapp"))["messages"][-1]
    assert (last["arrival"], last["status"]) == ("here", "read")


async def test_phone_is_off_silently(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook) -> None:
    """Telegram tells nothing of a phone that is off, nor of one that is on again or of what is read."""
    await write(simulator, client, "telegram")
    before = len(webhook.got)
    await client.post(f"{CHATS['telegram']}/state", json={"away": True})
    await answer(client, "telegram")
    await client.post(f"{CHATS['telegram']}/state", json={"away": False})
    await client.post(f"{CHATS['telegram']}/read", json={})
    await simulator.webhooks.settle()

    assert len(webhook.got) == before
    assert (await look(client, "telegram"))["messages"][-1]["arrival"] == "here"


async def test_blocked(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook) -> None:
    """What WhatsApp takes for a customer who has blocked the business never arrives, not even once they unblock it."""
    await write(simulator, client, "whatsapp")
    await client.post(f"{CHATS['whatsapp']}/state", json={"blocked": True, "away": True})
    await answer(client, "whatsapp")
    await client.post(f"{CHATS['whatsapp']}/state", json={"blocked": False, "away": False})
    await client.post(f"{CHATS['whatsapp']}/read", json={})
    await simulator.webhooks.settle()

    assert told(webhook) == ["sent"]
    assert (await look(client, "whatsapp"))["messages"][-1]["arrival"] == "never"


@pytest.mark.parametrize("kind", ["telegram", "bale"])
async def test_press(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, kind: str) -> None:
    """A tapped button goes out as the provider's callback, with the message that had it and its buttons."""
    await write(simulator, client, kind)
    markup = {"inline_keyboard": [[{"text": "بله", "callback_data": "y"}]]}
    message = {"chat_id": 5500112233, "text": "خوب بود؟", "reply_markup": markup}
    await client.post(f"/{kind}/bot{BOT_TOKEN if kind == 'telegram' else BALE_TOKEN}/sendMessage", json=message)

    response = await client.post(f"{CHATS[kind]}/press", json={"data": "y", "title": "بله"})
    await simulator.webhooks.settle()

    query = webhook.got[-1].json["callback_query"]
    assert response.status_code == 202
    assert (query["data"], query["message"]["text"]) == ("y", "خوب بود؟")
    assert query["message"]["reply_markup"] == markup


async def test_by_hand(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook) -> None:
    """A person's answer in the provider's own app shows as theirs; a bot has no such app."""
    await write(simulator, client, "instagram")

    taken = await client.post(f"{CHATS['instagram']}/business", json={"text": "من خودم جواب می‌دهم"})
    await simulator.webhooks.settle()
    refused = await client.post(f"{CHATS['telegram']}/business", json={"text": "من خودم جواب می‌دهم"})

    assert (taken.status_code, refused.status_code) == (202, 404)
    assert webhook.got[-1].json["entry"][0]["messaging"][0]["message"]["is_echo"] is True
    shown = await look(client, "instagram")
    assert (shown["messages"][-1]["by_hand"], shown["messages"][-1]["role"]) == (True, "business")
    assert not shown["exchanges"][-1]["ours"]


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("messages", {"text": "آ" * 40_000}, 413),
        ("press", {"data": ""}, 422),
        ("state", {"away": "perhaps"}, 422),
        ("state", {"dead": True}, 422),
        ("business", {"text": ""}, 422),
    ],
)
async def test_refuses(client: httpx.AsyncClient, what: str, body: Any, status: int) -> None:
    """What no phone does is refused."""
    assert (await client.post(f"{CHATS['whatsapp']}/{what}", json=body)).status_code == status
