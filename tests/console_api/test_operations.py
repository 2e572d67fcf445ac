"""Automations, dead letters, usage and traces: what keeps a tenant running."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from events import Context, KnowledgeUploaded, to_http
from functions.console_api.console import Console
from shared.store import dead_letters, turns
from shared.store.leases import take
from shared.store.tenancy import Store
from shared.store.turns import NewTurn
from tests.console_api.broker import Broker
from tests.console_api.shops import Shop
from tests.store.world import Empty
from tests.tenants import open_store

RULE = {"name": "گزارش صبح", "schedule": "30 8 * * *", "action": {"do": "note", "text": "صبح به خیر"}}


async def test_automation(shop: Shop) -> None:
    """A rule knows when it is due next, in its own time zone; switched off it is never due."""
    made = (await shop.owner.post("/automations", json=RULE)).json()
    due = datetime.fromisoformat(made["next_due_at"])
    assert (due.astimezone(UTC).hour, due.astimezone(UTC).minute) == (5, 0), "half past eight in Tehran"
    assert timedelta(0) < due - datetime.now(UTC) <= timedelta(days=1)

    path = f"/automations/{made['id']}"
    off = (await shop.owner.patch(path, json={"enabled": False})).json()
    moved = (await shop.owner.patch(path, json={"enabled": True, "timezone": "UTC"})).json()

    assert off["next_due_at"] is None
    assert datetime.fromisoformat(moved["next_due_at"]).astimezone(UTC).hour == 8
    assert (await shop.viewer.get(path)).json() == moved
    assert (await shop.viewer.get(f"{path}/runs")).json() == {"items": [], "next_cursor": None}
    assert (await shop.owner.delete(path)).status_code == 204
    assert (await shop.owner.get(path)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": "every morning"},
        {"schedule": "0 0 31 2 *"},
        {"timezone": "Asia/Atlantis"},
        {"timezone": "../../etc/passwd"},
        {"action": {"do": "shell", "text": "rm"}},
        {"name": " "},
    ],
)
async def test_rules_that_make_no_sense(shop: Shop, change: dict[str, Any]) -> None:
    """A schedule that is never due, a zone or an action that there isn't: refused, with the field's name."""
    answer = await shop.owner.post("/automations", json={**RULE, **change})

    assert answer.status_code == 422
    assert answer.json()["errors"]


async def keep(
    console: Console, tenant: UUID | None, *, event_type: str | None, payload: bytes, **attributes: str
) -> str:
    """A letter of the tenant or of nobody; returns its id."""
    reason = str(uuid4())
    async with console.store.tenant(tenant) if tenant else console.store.connection() as db:
        await dead_letters.keep(
            db,
            tenant=tenant,
            source="/xin/test",
            reason=reason,
            payload=payload,
            event_id=str(uuid4()),
            event_type=event_type,
            attributes=attributes,
            correlation_id="c-1",
        )
    async with console.store.tenant(tenant) if tenant else console.store.platform() as db:
        letters = await dead_letters.list_newest(db, before=None, limit=20)
    return str(next(letter.id for letter in letters if letter.reason == reason))


async def test_redeliver(shop: Shop, console: Console, broker: Broker) -> None:
    """A letter that holds an event of ours is published again under a new id, whichever way it had travelled."""
    event = KnowledgeUploaded(tenant=shop.tenant, asset=uuid4())
    headers, body = to_http(event, Context.start("/xin/test"))
    structured = json.dumps(
        {"specversion": "1.0", "id": "1", "source": "/x", "type": event.type, "data": {"asset": str(event.asset)}}
    )
    for payload in (body, structured.encode()):
        letter = await keep(console, shop.tenant, event_type=event.type, payload=payload)

        answer = await shop.owner.post(f"/dead-letters/{letter}/redeliver")

        assert answer.status_code == 200
        sent = (await broker.told("knowledge.uploaded.v1", event.asset))[-1]
        assert sent["id"] == answer.json()["event_id"] != headers["ce-id"]
        assert (sent["tenantid"], sent["correlationid"]) == (str(shop.tenant), "c-1")
        assert (await shop.owner.get(f"/dead-letters/{letter}")).json()["redelivered_at"]


async def test_webhook_letters(shop: Shop, console: Console) -> None:
    """A provider's body is shown and can be removed, but only the provider can send it again."""
    letter = await keep(console, shop.tenant, event_type=None, payload='{"پیام": 1}'.encode())
    binary = await keep(console, shop.tenant, event_type=None, payload=b"\xff\xfe\x00")

    shown = (await shop.owner.get(f"/dead-letters/{letter}")).json()
    refused = await shop.owner.post(f"/dead-letters/{letter}/redeliver")

    assert (shown["payload"], shown["payload_size"]) == ('{"پیام": 1}', 15)
    assert (await shop.owner.get(f"/dead-letters/{binary}")).json()["payload"] == "//4A"
    assert refused.status_code == 409
    assert "provider" in refused.json()["detail"]
    assert (await shop.owner.delete(f"/dead-letters/{letter}")).status_code == 204
    assert (await shop.owner.get(f"/dead-letters/{letter}")).status_code == 404


async def test_letters_that_fit_nothing(shop: Shop, console: Console) -> None:
    """An event whose data is bad stays a letter: sending it again would not help, and the answer says so."""
    letter = await keep(console, shop.tenant, event_type=KnowledgeUploaded.type, payload=b"[]")

    answer = await shop.owner.post(f"/dead-letters/{letter}/redeliver")

    assert answer.status_code == 409
    assert (await shop.owner.get(f"/dead-letters/{letter}")).json()["redelivered_at"] is None


async def test_broker_away(shop: Shop, console: Console, broker: Broker) -> None:
    """While the broker is away a letter isn't marked as sent again."""
    payload = json.dumps({"asset": str(uuid4())}).encode()
    letter = await keep(console, shop.tenant, event_type=KnowledgeUploaded.type, payload=payload)

    broker.refuses = True
    answer = await shop.owner.post(f"/dead-letters/{letter}/redeliver")
    broker.refuses = False

    assert answer.status_code == 503
    assert (await shop.owner.get(f"/dead-letters/{letter}")).json()["redelivered_at"] is None


async def test_nobodys_letters(shop: Shop, admin: httpx.AsyncClient, console: Console, broker: Broker) -> None:
    """Letters of no tenant are the administrator's alone."""
    asset = uuid4()
    payload = json.dumps({"asset": str(asset)}).encode()
    letter = await keep(console, None, event_type=KnowledgeUploaded.type, payload=payload, tenantid=str(shop.tenant))
    inside = {"X-Xin-Tenant": str(shop.tenant)}

    assert (await shop.owner.get(f"/dead-letters/{letter}")).status_code == 404
    assert (await admin.get(f"/dead-letters/{letter}", headers=inside)).status_code == 404
    assert letter in (await admin.get("/dead-letters")).text
    assert (await admin.post(f"/dead-letters/{letter}/redeliver")).status_code == 200
    assert await broker.told("knowledge.uploaded.v1", asset)
    assert (await admin.delete(f"/dead-letters/{letter}")).status_code == 204


@pytest.fixture
async def answered(shop: Shop, ingress: Store, console: Console) -> str:
    """A turn of the bot's, today; returns its id."""
    channel = (await shop.connect("telegram"))["id"]
    taken = await shop.hear(ingress, channel)
    url = console.settings.database_url.get_secret_value()
    async with open_store(url, role="xin_orchestrate") as store, store.tenant(shop.tenant) as db:
        lease = await take(db, taken.conversation, event="test")
        assert lease is not None
        new = NewTurn("پاسخ", ["پاسخ"], "answered", "bot", 0, (), Empty(), "gpt", 100, 20)
        turn = await turns.commit(db, shop.tenant, UUID(channel), lease, new, correlation="c-9")
    return str(turn)


async def test_trace(shop: Shop, answered: str) -> None:
    """A turn's trace is one look away from its message."""
    trace = (await shop.viewer.get(f"/turns/{answered}")).json()

    assert (trace["outcome"], trace["model"], trace["tokens_in"], trace["correlation_id"]) == (
        "answered",
        "gpt",
        100,
        "c-9",
    )
    messages = (await shop.viewer.get(f"/conversations/{trace['conversation_id']}/messages")).json()["items"]
    assert messages[-1]["turn_id"] == answered


async def test_usage(shop: Shop, answered: str, owner_url: str) -> None:
    """Turns and tokens are counted by day, in the asked time zone, and pages go back to the first day."""
    today = (await shop.viewer.get("/usage")).json()["items"][0]
    assert today["outcomes"]["answered"] == today["turns"] >= 1
    assert (today["tokens_in"], today["tokens_out"]) == (100 * today["turns"], 20 * today["turns"])

    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as db:
        await db.execute("SELECT set_config('app.tenant_id', %s, false)", (str(shop.tenant),))
        await db.execute("UPDATE turns SET created_at = '2026-03-20T22:00Z' WHERE id = %s", (answered,))

    async def day(timezone: str) -> list[str]:
        params = {"until": "2026-03-22", "timezone": timezone, "limit": "5"}
        return [item["day"] for item in (await shop.viewer.get("/usage", params=params)).json()["items"]]

    assert await day("Asia/Tehran") == ["2026-03-21"], "half past one on the first of Farvardin"
    assert await day("UTC") == ["2026-03-20"]
    days: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"limit": 100} | ({"cursor": cursor} if cursor else {})
        page = (await shop.viewer.get("/usage", params=params)).json()
        days += [item["day"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert "2026-03-21" in days
    assert days == sorted(set(days), reverse=True)
    assert (await shop.viewer.get("/usage", params={"timezone": "Mars"})).status_code == 422
    for until in ("0", "1790000000", "2026-03-21T00:00", "tomorrow", "2026-13-01"):
        assert (await shop.viewer.get("/usage", params={"until": until})).status_code == 422
