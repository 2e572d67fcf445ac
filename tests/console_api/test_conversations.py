"""The inbox, and a person's part in a conversation."""

import asyncio
from uuid import UUID, uuid4

import httpx
import pytest

from functions.console_api.console import Console
from shared.live import conversation_stream, tenant_stream
from shared.store import parts
from shared.store.inbox import fold
from shared.store.tenancy import Store
from tests.console_api.broker import Broker
from tests.console_api.shops import Shop


@pytest.fixture(scope="module")
async def channel(shop: Shop) -> str:
    return str((await shop.connect("telegram"))["id"])


@pytest.fixture
async def conversation(shop: Shop, ingress: Store, channel: str) -> UUID:
    """A new customer has asked something."""
    return (await shop.hear(ingress, channel)).conversation


async def test_inbox(shop: Shop, ingress: Store, channel: str) -> None:
    """The inbox shows who wrote what last and how much is unanswered, the latest first, a page at a time."""
    first = await shop.hear(ingress, channel, "سفارش من کجاست؟", sender="نرگس")
    await shop.hear(ingress, channel, "ساعت کاری شما چند است؟")
    await shop.hear(ingress, channel, "کسی هست؟", sender="نرگس")

    page = (await shop.viewer.get("/conversations", params={"limit": 1})).json()
    following = (await shop.viewer.get("/conversations", params={"limit": 1, "cursor": page["next_cursor"]})).json()

    (top,) = page["items"]
    assert (top["id"], top["last_text"], top["unread"]) == (str(first.conversation), "کسی هست؟", 2)
    assert (top["contact_name"], top["status"], top["channel_kind"]) == ("نرگس", "bot", "telegram")
    assert following["items"][0]["last_text"] == "ساعت کاری شما چند است؟"


async def test_filters(shop: Shop, ingress: Store, channel: str, conversation: UUID) -> None:
    """The inbox can be limited to a status and to a channel; a status that isn't one is refused."""
    assert (await shop.operator.post(f"/conversations/{conversation}/takeover")).status_code == 200

    human = (await shop.viewer.get("/conversations", params={"status": "human", "channel_id": channel})).json()
    nowhere = (await shop.viewer.get("/conversations", params={"channel_id": str(uuid4())})).json()

    assert str(conversation) in [item["id"] for item in human["items"]]
    assert {item["status"] for item in human["items"]} == {"human"}
    assert nowhere == {"items": [], "next_cursor": None}
    assert (await shop.viewer.get("/conversations", params={"status": "lost"})).status_code == 422


async def test_messages_in_pages(shop: Shop, ingress: Store, channel: str) -> None:
    """The newest page comes first, each in the order it was said; nothing is missed and nothing twice, either way."""
    for number in range(5):
        taken = await shop.hear(ingress, channel, f"پیام {number}", sender="پرحرف")
    path = f"/conversations/{taken.conversation}/messages"

    newest = (await shop.viewer.get(path, params={"limit": 2})).json()
    older = (await shop.viewer.get(path, params={"limit": 2, "cursor": newest["next_cursor"]})).json()
    oldest = (await shop.viewer.get(path, params={"limit": 2, "cursor": older["next_cursor"]})).json()
    behind = (await shop.viewer.get(path, params={"after": 1, "limit": 3})).json()
    rest = (await shop.viewer.get(path, params={"after": 1, "limit": 3, "cursor": behind["next_cursor"]})).json()

    assert [[item["seq"] for item in page["items"]] for page in (newest, older, oldest)] == [[4, 5], [2, 3], [1]]
    assert oldest["next_cursor"] is None
    assert [[item["seq"] for item in page["items"]] for page in (behind, rest)] == [[2, 3, 4], [5]]
    assert rest["next_cursor"] is None
    assert newest["items"][0]["role"] == "customer"
    assert newest["items"][0]["status"] is None


async def test_reply(shop: Shop, broker: Broker, console: Console, conversation: UUID) -> None:
    """An operator's reply takes the conversation over, is queued for delivery, and every screen hears of it."""
    before = await console.live.newest(tenant_stream(shop.tenant))

    answer = await shop.operator.post(f"/conversations/{conversation}/messages", json={"text": "  در راه است.  "})

    assert answer.status_code == 201
    said = answer.json()
    assert (said["text"], said["role"], said["status"]) == ("در راه است.", "operator", "queued")
    assert said["author"]["name"] == "operator یک"
    shown = (await shop.viewer.get(f"/conversations/{conversation}")).json()
    assert (shown["status"], shown["owner_name"], shown["unread"]) == ("human", "operator یک", 0)
    assert len(await broker.told("reply.composed.v1", conversation)) == 1
    await console.live.said()
    heard = await console.live.read(tenant_stream(shop.tenant), before, wait_seconds=0)
    assert [kind for _, kind, _ in heard] == ["message.created", "conversation.updated"]
    assert heard[0][2]["text"] == "در راه است."
    listed = (await shop.viewer.get(f"/conversations/{conversation}/messages")).json()["items"]
    assert listed[-1] == said


async def test_long_reply(shop: Shop, console: Console, conversation: UUID) -> None:
    """A reply over the channel's limit leaves in several parts, and is one message."""
    answer = await shop.operator.post(
        f"/conversations/{conversation}/messages", json={"text": "پاسخی بسیار بلند. " * 400}
    )

    assert answer.status_code == 201
    async with console.store.tenant(shop.tenant) as db:
        query = "SELECT count(*) FROM outbound_parts WHERE message_id = %s"
        row = await (await db.execute(query, (answer.json()["id"],))).fetchone()
    assert row is not None
    assert row[0] >= 2


async def test_owned_by_another(shop: Shop, conversation: UUID) -> None:
    """Whoever comes second is told who has the conversation, and changes nothing."""
    await shop.operator.post(f"/conversations/{conversation}/takeover")

    for step in ("takeover", "messages"):
        answer = await shop.owner.post(f"/conversations/{conversation}/{step}", json={"text": "من هم هستم"})
        assert answer.status_code == 409
        assert answer.json()["owner"]["name"] == "operator یک"
        assert "operator یک" in answer.json()["detail"]

    assert len((await shop.viewer.get(f"/conversations/{conversation}/messages")).json()["items"]) == 1


async def test_two_at_once(shop: Shop, conversation: UUID) -> None:
    """Of two who reply at the same moment one is heard and the other is refused."""
    answers = await asyncio.gather(
        *(
            who.post(f"/conversations/{conversation}/messages", json={"text": "سلام"})
            for who in (shop.owner, shop.operator)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_release(shop: Shop, broker: Broker, conversation: UUID) -> None:
    """A released conversation is the bot's again, who is told that there is something to answer."""
    await shop.operator.post(f"/conversations/{conversation}/takeover")

    released = await shop.operator.post(f"/conversations/{conversation}/release")

    assert (released.status_code, released.json()["status"], released.json()["owner_id"]) == (200, "bot", None)
    (event,) = await broker.told("message.received.v1", conversation)
    assert event["data"] == {"conversation": str(conversation), "seq": 1}
    again = await shop.operator.post(f"/conversations/{conversation}/release")
    assert again.status_code == 409


async def test_resolve(shop: Shop, ingress: Store, channel: str) -> None:
    """Closing is refused while there is a message that the operator hasn't seen; a new message opens it again."""
    taken = await shop.hear(ingress, channel, sender="تازه")
    await shop.hear(ingress, channel, "یک چیز دیگر", sender="تازه")
    path = f"/conversations/{taken.conversation}/resolve"

    assert (await shop.operator.post(path, json={"seen": 1})).status_code == 409
    closed = await shop.operator.post(path, json={"seen": 2})
    assert (closed.status_code, closed.json()["status"]) == (200, "resolved")

    await shop.hear(ingress, channel, "راستی", sender="تازه")
    assert (await shop.viewer.get(f"/conversations/{taken.conversation}")).json()["status"] == "bot"
    assert (await shop.operator.post(path)).json()["status"] == "resolved"


async def test_widget_is_told(shop: Shop, ingress: Store, console: Console) -> None:
    """A takeover voids what the bot was saying in a widget: the epoch is told to the conversation's stream."""
    widget = await shop.connect("web", settings={"allowed_origins": ["https://sepid.example"]})
    taken = await shop.hear(ingress, widget["id"])
    stream = conversation_stream(shop.tenant, taken.conversation)

    await shop.operator.post(f"/conversations/{taken.conversation}/takeover")
    await shop.operator.post(f"/conversations/{taken.conversation}/release")

    await console.live.said()
    heard = await console.live.read(stream, "0-0", wait_seconds=0)
    assert [(kind, data) for _, kind, data in heard] == [("message.retracted", {"epoch": 1})]


async def test_delivery_shows(shop: Shop, deliver: Store, conversation: UUID) -> None:
    """What the provider made of a reply is the message's status."""
    said = (await shop.operator.post(f"/conversations/{conversation}/messages", json={"text": "بله"})).json()
    async with deliver.tenant(shop.tenant) as db:
        claimed = await parts.claim(db, conversation, reconcile_seconds={"telegram": 0.0})
        assert isinstance(claimed, parts.Claim)
        await parts.record_failed(db, claimed, reason="the customer blocked the bot")

    shown = (await shop.viewer.get(f"/conversations/{conversation}/messages")).json()["items"][-1]

    assert (shown["id"], shown["status"], shown["reason"]) == (said["id"], "failed", "the customer blocked the bot")


def test_fold() -> None:
    """A message of several parts shows the one to worry about."""
    assert fold(["delivered", "failed"]) == "failed"
    assert fold(["read", "queued"]) == "queued"
    assert fold(["read", "delivered"]) == "delivered"
    assert fold(None) is None


async def test_empty_reply(shop: Shop, conversation: UUID) -> None:
    """Nothing said is no reply, and neither is what the database can't keep."""
    for text in ("", "   ", "a\0b", "x" * 20_001):
        answer = await shop.operator.post(f"/conversations/{conversation}/messages", json={"text": text})
        assert answer.status_code == 422, text[:10]


async def test_admin_does_not_speak(admin: httpx.AsyncClient, shop: Shop, conversation: UUID) -> None:
    """The platform's administrator may look and resolve in a tenant, but never talks to its customers."""
    inside = {"X-Xin-Tenant": str(shop.tenant)}

    spoken = await admin.post(f"/conversations/{conversation}/messages", json={"text": "سلام"}, headers=inside)
    taken = await admin.post(f"/conversations/{conversation}/takeover", headers=inside)
    resolved = await admin.post(f"/conversations/{conversation}/resolve", headers=inside)

    assert (spoken.status_code, taken.status_code, resolved.status_code) == (403, 403, 200)
