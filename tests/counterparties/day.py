"""A day in a shop, short: it makes every function publish whatever it publishes."""

import hashlib
import hmac
import json
from typing import Any
from uuid import uuid4

import httpx
from psycopg import AsyncConnection

from tests.console_api.shops import Shop
from tests.counterparties.emulator import Emulator
from tests.counterparties.house import House, Travelled, until
from tests.providers.samples import loaded

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
QUIET_MS = 900
"""Long enough for a sign of life to leave first."""
SITE = "https://shop.example"


async def live_it(house: House, shop: Shop, emulator: Emulator, owner_url: str) -> list[Travelled]:
    """Everything that has travelled when the day is over."""
    await _take_your_time(shop)
    await _telegram(house, shop, emulator)
    await _meta(house, shop)
    await _widget(house, shop)
    await _person(house, shop)
    await _document(house, shop)
    await _rule(house, shop, owner_url)
    return list(house.broker.travelled)


async def _take_your_time(shop: Shop) -> None:
    """The bot waits for quiet before it answers."""
    body = {"brand_id": str(shop.brand), "body": {"quiet_ms": QUIET_MS}}
    draft = (await shop.owner.post("/policies", json=body)).json()
    assert (await shop.owner.post(f"/policies/{draft['id']}/publish")).status_code == 200


async def _telegram(house: House, shop: Shop, emulator: Emulator) -> None:
    """A customer of a bot writes, sees that somebody types, and is answered."""
    token = "7100:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
    channel = await shop.connect("telegram", secrets={"bot_token": token})
    async with house.door("ingress-telegram") as ingress, httpx.AsyncClient(trust_env=False) as client:
        told = {"url": f"{ingress}/{channel['id']}", "secret_token": channel["secrets"]["secret_token"]}
        await client.post(f"{emulator.url}/bot{token}/setWebhook", json=told)
        await emulator.write(token, 5500112233, "سلام، سفارش ۱۲۳۴۵ کجاست؟")
    await until(lambda: emulator.called("sendChatAction", token), "typing shown")
    await until(lambda: emulator.called("sendMessage", token), "the answer sent")


async def _meta(house: House, shop: Shop) -> None:
    """WhatsApp tells a message, and a status of something else; Instagram the same, by an echo."""
    for kind, samples in {
        "whatsapp": ("text", "read_with_pricing"),
        "instagram": ("text", "echo"),
    }.items():
        account = {"whatsapp": "106540352242922", "instagram": "17841400000000001"}[kind]
        ours = {"whatsapp": "phone_number_id", "instagram": "account_id"}[kind]
        given = {"access_token": "EAAx", "app_secret": "s3", ours: account}
        given |= {"waba_id": "419500000000001"} if kind == "whatsapp" else {}
        channel = await shop.connect(kind, secrets=given)
        for sample in samples:
            body = json.dumps(loaded(f"{kind}/{sample}")).encode()
            signature = hmac.new(b"s3", body, hashlib.sha256).hexdigest()
            headers = {"x-hub-signature-256": f"sha256={signature}", "traceparent": TRACEPARENT}
            async with house.client(f"ingress-{kind}") as client:
                answer = await client.post(f"/{channel['id']}", content=body, headers=headers)
            assert answer.status_code == 200


async def _widget(house: House, shop: Shop) -> None:
    """A visitor writes, is answered, and reads the answer."""
    channel = await shop.connect("web", settings={"allowed_origins": [SITE]})
    async with house.client("ingress-web") as client:
        client.headers["origin"] = SITE
        opened = (await client.post("/sessions", json={"widget_id": channel["id"]})).json()
        client.headers["authorization"] = f"Bearer {opened['session_token']}"
        place = f"/conversations/{opened['conversation_id']}"
        written = {"client_msg_id": str(uuid4()), "type": "text", "text": "ساعت کاری شما چیست؟"}
        assert (await client.post(f"{place}/messages", json=written)).status_code == 202
        answered = _handled(house, "ir.xinbot.reply.composed.v1", opened["conversation_id"])
        await until(answered, "the visitor answered")
        (message,) = (await client.get(f"{place}/messages", params={"after": 1})).json()["items"]
        assert (await client.post(f"{place}/read", json={"seq": message["seq"]})).json() == {"unread": 0}
    await until(lambda: house.of("ir.xinbot.status.received.v1", "/xin/ingress-web"), "the read mark told")


async def _person(house: House, shop: Shop) -> None:
    """A person answers the visitor and gives the conversation back."""
    (conversation, *_) = (await shop.operator.get("/conversations")).json()["items"]
    place = f"/conversations/{conversation['id']}"
    assert (await shop.operator.post(f"{place}/messages", json={"text": "من در خدمتم"})).status_code == 201
    assert (await shop.operator.post(f"{place}/release")).status_code == 200
    for kind in ("reply.composed", "message.received"):
        await until(lambda kind=kind: house.of(f"ir.xinbot.{kind}.v1", "/xin/console-api"), f"the console's {kind}")


async def _document(house: House, shop: Shop) -> None:
    """A document is uploaded and indexed."""
    files = {"file": ("ساعت کاری.md", "# ساعت کاری\n\nشنبه تا پنجشنبه از ۹ تا ۲۱.\n".encode(), "text/markdown")}
    uploaded = (await shop.owner.post("/knowledge", files=files)).json()
    await until(_handled(house, "ir.xinbot.knowledge.uploaded.v1", uploaded["id"]), "the document indexed")
    assert (await shop.owner.get(f"/knowledge/{uploaded['id']}")).json()["status"] == "ready"


async def _rule(house: House, shop: Shop, owner_url: str) -> None:
    """A rule falls due, and the clock finds it."""
    rule = {"name": "گزارش", "schedule": "0 9 * * *", "action": {"do": "note", "text": "یادآوری"}}
    made = (await shop.owner.post("/automations", json=rule)).json()
    async with await AsyncConnection.connect(owner_url, autocommit=True) as db:
        await db.execute("SELECT set_config('app.tenant_id', %s, false)", (str(shop.tenant),))
        await db.execute(
            "UPDATE automation_rules SET next_due_at = now() - interval '1 s' WHERE id = %s", (made["id"],)
        )
    await house.tick()
    (due,) = await until(lambda: house.of("ir.xinbot.automation.due.v1"), "the run claimed")
    assert due.answers == (204,)


def _handled(house: House, kind: str, subject: str) -> Any:
    """Asks whether an event of a kind about *subject* came and was taken."""
    return lambda: [one for one in house.of(kind) if one.headers["ce-subject"] == subject and one.answers == (204,)]
