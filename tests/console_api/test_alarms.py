"""Who waits, as a tenant sees it: named by conversation, with what holds it up; nobody else's."""

from typing import Any, LiteralString
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from local.machine.schema import DatabaseUrls
from shared.store import leases, turns
from shared.store.tenancy import Store
from shared.store.turns import NewTurn
from tests.console_api.shops import Shop
from tests.store.world import Empty
from tests.tenants import open_store


class Past:
    """The database as its owner sees it: what happened can be moved back."""

    def __init__(self, shop: Shop, url: str) -> None:
        self._shop = shop
        self._url = url

    async def set(self, *statements: LiteralString, **values: object) -> None:
        """All of them with the same values, on the shop's rows."""
        async with await psycopg.AsyncConnection.connect(self._url) as db:
            await db.execute("SELECT set_config('app.tenant_id', %s, true)", (str(self._shop.tenant),))
            for statement in statements:
                await db.execute(statement, values)

    async def move(self, conversation: UUID, seconds: float) -> None:
        """All of it was so much earlier."""
        back: tuple[LiteralString, ...] = (
            "UPDATE conversations SET open_since = open_since - make_interval(secs => %(s)s) WHERE id = %(id)s",
            "UPDATE messages SET created_at = created_at - make_interval(secs => %(s)s) WHERE conversation_id = %(id)s",
            "UPDATE turns SET created_at = created_at - make_interval(secs => %(s)s) WHERE conversation_id = %(id)s",
            "UPDATE outbound_parts SET created_at = created_at - make_interval(secs => %(s)s)"
            " WHERE conversation_id = %(id)s",
        )
        await self.set(*back, s=seconds, id=conversation)


@pytest.fixture
def past(shop: Shop, owner_url: str) -> Past:
    return Past(shop, owner_url)


@pytest.fixture
async def channel(shop: Shop) -> str:
    return str((await shop.connect("telegram", name="ربات فروشگاه"))["id"])


async def alarm_of(client: httpx.AsyncClient, conversation: UUID) -> dict[str, Any] | None:
    """The conversation's alarm, as this person sees it."""
    answer = await client.get("/alarms", params={"limit": 100})
    assert answer.status_code == 200, answer.text
    return next((one for one in answer.json()["items"] if one["conversation_id"] == str(conversation)), None)


async def test_unanswered(shop: Shop, other_shop: Shop, ingress: Store, past: Past, channel: str) -> None:
    """A message that nobody took is shown with all that leads to it, to its own tenant, until a person has it."""
    conversation = (await shop.hear(ingress, channel)).conversation
    assert await alarm_of(shop.viewer, conversation) is None
    await past.move(conversation, 120)

    alarm = await alarm_of(shop.viewer, conversation)

    assert alarm
    assert (alarm["why"], alarm["seq"], alarm["correlation_id"]) == ("not_taken", 1, "test")
    assert (alarm["channel_id"], alarm["channel_kind"], alarm["channel_name"]) == (channel, "telegram", "ربات فروشگاه")
    assert (alarm["contact_name"], alarm["status"], alarm["reason"]) == ("نرگس", "bot", None)
    assert alarm["seconds"] == pytest.approx(120, abs=10)
    assert await alarm_of(other_shop.owner, conversation) is None

    await shop.operator.post(f"/conversations/{conversation}/takeover")
    assert await alarm_of(shop.viewer, conversation) is None


async def test_undelivered(shop: Shop, ingress: Store, past: Past, channel: str, urls: DatabaseUrls) -> None:
    """An answer that doesn't leave is shown with the provider's own words: of the part, else of the channel."""
    conversation = (await shop.hear(ingress, channel)).conversation
    async with open_store(urls.app, role="xin_orchestrate") as store, store.tenant(shop.tenant) as db:
        lease = await leases.take(db, conversation, event="test")
        assert lease
        new = NewTurn("پاسخ", ["پاسخ"], "answered", "bot", 0, (), Empty(), None, 0, 0)
        await turns.commit(db, shop.tenant, UUID(channel), lease, new, correlation="the-answer")
        await leases.release(db, lease)
    await past.move(conversation, 61)
    await past.set(
        "UPDATE channels SET blocked_until = clock_timestamp() + interval '5 min', last_error = 'Unauthorized'"
        " WHERE id = %(id)s",
        id=channel,
    )

    alarm = await alarm_of(shop.viewer, conversation)
    assert alarm
    assert (alarm["why"], alarm["reason"]) == ("channel_blocked", "Unauthorized")
    assert (alarm["seq"], alarm["correlation_id"]) == (2, "the-answer")

    await past.set(
        "UPDATE outbound_parts SET state = 'failed', reason = 'Bad Request: chat not found'"
        " WHERE conversation_id = %(id)s",
        id=conversation,
    )
    alarm = await alarm_of(shop.viewer, conversation)
    assert alarm
    assert (alarm["why"], alarm["reason"]) == ("refused", "Bad Request: chat not found")


async def test_pages(other_shop: Shop, ingress: Store, owner_url: str) -> None:
    """However many wait, all of them can be read, who waits longest first."""
    past, channel = Past(other_shop, owner_url), str((await other_shop.connect("telegram"))["id"])
    waiting = []
    for number in range(5):
        conversation = (await other_shop.hear(ingress, channel, sender=uuid4().hex)).conversation
        await past.move(conversation, 100 + number)
        waiting.insert(0, str(conversation))

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await other_shop.viewer.get("/alarms", params={"limit": 2, **cursor})).json()
        seen += [item["conversation_id"] for item in page["items"] if item["channel_id"] == channel]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == waiting
