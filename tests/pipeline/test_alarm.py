"""A planted loss is named by conversation in the metrics, the log and the API, until the customer is answered."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.pipeline.desk import Desk
from tests.pipeline.neighbour import Neighbour, found_tenant
from tests.pipeline.provider import Customer, Provider
from tests.pipeline.waiting import until
from tests.product import Product

HOURS, DELIVERY = "ساعت کاری شما چیست؟", "ارسال به شهرهای دیگر چند روز طول می‌کشد؟"
TICK_SECONDS = 10
EARLIER: tuple[LiteralString, ...] = (
    "UPDATE conversations SET open_since = open_since - interval '2 min' WHERE id = %(id)s",
    "UPDATE messages SET created_at = created_at - interval '2 min' WHERE conversation_id = %(id)s",
    "UPDATE turns SET created_at = created_at - interval '2 min' WHERE conversation_id = %(id)s",
    "UPDATE outbound_parts SET created_at = created_at - interval '2 min',"
    " next_attempt_at = next_attempt_at - interval '10 min' WHERE conversation_id = %(id)s",
)
"""What makes a conversation two minutes older, so that nobody waits for them."""


@dataclass(frozen=True)
class House:
    """The running product as its owner sees it: its rows, its metrics, its log, its clock."""

    product: Product

    def change(self, tenant: str, conversation: str, *statements: LiteralString) -> None:
        """Straight in the database, in the tenant's name."""
        ports, secrets = (json.loads((self.product.home / name).read_text()) for name in ("ports.json", "secrets.json"))
        login = {"user": "xin_owner", "password": secrets["postgres xin_owner"], "dbname": "xin"}
        with psycopg.connect(host="127.0.0.1", port=ports["postgres"], **login) as db:
            db.execute("SELECT set_config('app.tenant_id', %s, true)", (tenant,))
            for statement in statements:
                assert db.execute(statement, {"id": conversation}).rowcount

    def metric(self, name: str, **labels: str) -> float | None:
        """A sample at `/metrics`; None when there is none."""
        families = text_string_to_metric_families(httpx.get(f"{self.product.url}/metrics", timeout=10).text)
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return next((sample.value for sample in samples if labels.items() <= sample.labels.items()), None)

    def lines(self, conversation: str) -> list[dict[str, Any]]:
        """What the tick has logged about it."""
        written = (self.product.home / "logs/functions.log").read_text().splitlines()
        found = [json.loads(line) for line in written if conversation in line and line.startswith("{")]
        return [line for line in found if line["service"] == "xin-automation-tick"]

    def beat(self) -> None:
        """The clock's next beat, now."""
        port = json.loads((self.product.home / "ports.json").read_text())["functions"]
        headers = {"ce-specversion": "1.0", "ce-id": str(uuid.uuid4()), "ce-source": "/test"}
        headers["ce-type"] = "dev.knative.sources.ping"
        answer = httpx.post(f"http://127.0.0.1:{port}/automation-tick", headers=headers, timeout=20)
        assert answer.status_code == 204, answer.text


@dataclass(frozen=True)
class Loss:
    """A customer who waits, in whose shop, and whom it must not concern."""

    customer: Customer
    conversation: str
    tenant: str
    desk: Desk
    stranger: Desk


@pytest.fixture(scope="module")
def house(product: Product) -> House:
    return House(product)


@pytest.fixture(scope="module")
def neighbour(product: Product, provider: Provider) -> Neighbour:
    return found_tenant(product, provider)


@pytest.fixture(scope="module")
def bot_token(neighbour: Neighbour, provider: Provider) -> str:
    """The token of the neighbour's bot."""
    account = neighbour.desk.client.get(f"/channels/{neighbour.telegram['id']}").json()["account"]
    return next(token for token in provider.tokens if token.startswith(f"{account}:"))


@pytest.fixture(scope="module")
def lost(house: House, provider: Provider, desk: Desk, neighbour: Neighbour) -> Loss:
    """A message that nobody answers: a holder that never ends has the conversation."""
    customer = provider.customer(house.product.channel("telegram"))
    customer.write(HOURS)
    until(lambda: customer.heard, "the first answer")
    conversation, tenant = desk.conversation_of(customer)["id"], desk.client.get("/me").json()["tenant"]["id"]
    until(lambda: desk.messages(conversation, "bot")[0]["status"] == "accepted", "the end of the first turn")
    held: LiteralString = (
        "UPDATE conversations SET lease_event = 'planted', lease_beat = clock_timestamp() + interval '1 h'"
        " WHERE id = %(id)s"
    )
    house.change(tenant, conversation, held)
    customer.write(DELIVERY)
    house.change(tenant, conversation, *EARLIER)
    return Loss(customer, conversation, tenant, desk, neighbour.desk)


@pytest.fixture(scope="module")
def stuck(house: House, provider: Provider, desk: Desk, neighbour: Neighbour, bot_token: str) -> Iterator[Loss]:
    """An answer that doesn't leave: the provider has revoked the bot's token."""
    customer = provider.customer(neighbour.telegram)
    del provider.tokens[bot_token]
    customer.write("سلام")
    found = until(lambda: neighbour.desk.find(contact_name=customer.name), "the conversation")
    assert found

    def refused() -> bool:
        answers = neighbour.desk.messages(found["id"], "bot")
        return bool(answers) and bool(answers[0]["reason"])

    until(refused, "the provider's refusal")
    tenant = neighbour.desk.client.get("/me").json()["tenant"]["id"]
    house.change(tenant, found["id"], *EARLIER)
    yield Loss(customer, found["id"], tenant, neighbour.desk, desk)
    provider.tokens[bot_token] = "telegram"


def alarm_of(desk: Desk, conversation: str) -> dict[str, Any] | None:
    """The conversation's alarm, as the API shows it to this tenant."""
    return next((one for one in desk.items("/alarms") if one["conversation_id"] == conversation), None)


def is_named(house: House, loss: Loss) -> None:
    """In the metrics within a tick; then the same in the log and the API, and to nobody else."""
    labels = {"tenant": loss.tenant, "conversation": loss.conversation}
    seconds = until(lambda: house.metric("xin_unanswered_seconds", **labels), "a series", seconds=TICK_SECONDS + 10)
    assert seconds
    assert seconds >= 120
    assert (house.metric("xin_unanswered_conversations") or 0) >= 1
    assert (house.metric("xin_unanswered_oldest_seconds") or 0) >= 120
    assert time.time() - (house.metric("xin_tick_looked_timestamp_seconds") or 0) < 3 * TICK_SECONDS

    alarm = alarm_of(loss.desk, loss.conversation)
    assert alarm
    assert alarm["contact_name"] == loss.customer.name
    assert alarm["seconds"] >= 120
    (line,) = house.lines(loss.conversation)
    assert (line["level"], line["message"], line["tenant"]) == ("ERROR", "a customer waits", loss.tenant)
    told = ("seq", "correlation_id", "why")
    assert [line[name] for name in told] == [alarm[name] for name in told]
    assert (line["channel"], line["seconds"] >= 120) == (alarm["channel_id"], True)
    assert alarm_of(loss.stranger, loss.conversation) is None


def is_cleared(house: House, loss: Loss) -> None:
    """With the next look it is over, everywhere."""
    house.beat()
    assert house.metric("xin_unanswered_seconds", conversation=loss.conversation) is None
    assert alarm_of(loss.desk, loss.conversation) is None
    over = house.lines(loss.conversation)[-1]
    assert (over["level"], over["message"]) == ("INFO", "a customer waits no more")
    assert over["seconds"] >= 120


def test_lost_message(house: House, lost: Loss, stuck: Loss) -> None:
    """A message that nobody answers is named everywhere until it is let go, and is answered then."""
    is_named(house, lost)
    alarm = alarm_of(lost.desk, lost.conversation)
    assert alarm
    asked = lost.desk.messages(lost.conversation, "customer")[-1]
    assert (alarm["why"], alarm["seq"]) == ("being_answered", asked["seq"])
    assert len(lost.customer.heard) == 1

    free: LiteralString = "UPDATE conversations SET lease_event = NULL, lease_beat = NULL WHERE id = %(id)s"
    house.change(lost.tenant, lost.conversation, free)
    house.beat()

    until(lambda: len(lost.customer.heard) == 2, "the answer, late")
    until(
        lambda: lost.desk.messages(lost.conversation, "bot")[-1]["status"] == "accepted", "the record of its delivery"
    )
    is_cleared(house, lost)


def test_stuck_answer(house: House, stuck: Loss, neighbour: Neighbour, provider: Provider, bot_token: str) -> None:
    """An answer that was given and can't leave is named just the same, until the channel is repaired."""
    is_named(house, stuck)
    alarm = alarm_of(stuck.desk, stuck.conversation)
    assert alarm
    assert (alarm["why"], alarm["channel_name"]) == ("channel_blocked", "ربات")
    assert "Unauthorized" in alarm["reason"]
    assert stuck.customer.heard == []

    provider.tokens[bot_token] = "telegram"
    changed = neighbour.desk.client.patch(
        f"/channels/{neighbour.telegram['id']}", json={"secrets": {"bot_token": bot_token}}
    )
    assert changed.is_success, changed.text
    house.beat()

    until(lambda: stuck.customer.heard, "the answer, late")
    until(
        lambda: stuck.desk.messages(stuck.conversation, "bot")[-1]["status"] == "accepted", "the record of its delivery"
    )
    is_cleared(house, stuck)
