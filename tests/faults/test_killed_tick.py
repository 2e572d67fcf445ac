"""A real SIGKILL while the tick looks around: what it had not done the next tick does, what it had done counts once."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx

from events import AutomationDue, MessageReceived
from shared.store.jsonb import jsonb
from tests.faults.shop import Outcome, Shop, until
from tests.faults.stage import Stage
from tests.faults.table import KILLED

pytest_plugins = ("tests.faults.plugin",)

LOOKED = KILLED.fault("automation-tick.looked", "automation-tick is killed before it has nudged an untaken message")
CLAIMED = KILLED.fault(
    "automation-tick.claimed", "automation-tick is killed when it has claimed a rule's run; the clock goes on"
)
DONE = KILLED.fault(
    "automation-tick.done", "automation-tick is killed when it has done a run; the broker delivers it again"
)
KEPT = KILLED.fault(
    "automation-tick.kept", "automation-tick is killed when it has kept a dead letter; the broker delivers it again"
)
SENDER = "700400500"
NOTE = "انبار را بشمارید"


async def due_rule(shop: Shop) -> None:
    """A rule that is due now, and then in a day."""
    statement = (
        "INSERT INTO automation_rules (tenant_id, name, schedule, action, next_due_at)"
        " VALUES (%s, 'شمارش', '0 9 * * *', %s, %s)"
    )
    action = jsonb({"do": "note", "text": NOTE})
    await shop.database.execute(statement, (shop.tenant.id, action, datetime.now(UTC) - timedelta(minutes=1)))


async def what_was_done(shop: Shop) -> tuple[int, int]:
    """Runs that are done, and notes that were written."""
    done = await shop.rows(
        "SELECT count(*) FROM automation_runs WHERE tenant_id = %s AND state = 'done'", shop.tenant.id
    )
    notes = await shop.rows(
        "SELECT count(*) FROM audit_log WHERE detail ->> 'text' = %s AND tenant_id = %s", NOTE, shop.tenant.id
    )
    return done[0][0], notes[0][0]


async def test_looked(stage: Stage) -> None:
    """A tick that died is a tick that was lost: ten seconds."""
    shop = await stage.shop()
    await shop.hear(SENDER, "سلام")
    await shop.age(31)
    async with stage.dying("automation-tick", "automation-tick.looked") as child:
        assert await stage.tick(child.url) == 0
    assert shop.heard(SENDER) == []

    await stage.settle(shop)

    outcome = await shop.outcome(SENDER)
    assert outcome == Outcome(1, 1, 1)
    LOOKED.saw(outcome)


async def test_claimed(stage: Stage) -> None:
    """A run that was claimed and told to nobody is found, and done once."""
    shop = await stage.shop()
    await due_rule(shop)
    async with stage.dying("automation-tick", "automation-tick.claimed") as child:
        assert await stage.tick(child.url) == 0
    assert await what_was_done(shop) == (0, 0)

    await stage.settle(shop)

    assert await what_was_done(shop) == (1, 1)
    CLAIMED.saw("one run done, one note written")


async def test_done(stage: Stage) -> None:
    """A run that was done is left alone when its event comes again."""
    shop = await stage.shop()
    await due_rule(shop)
    async with stage.dying("automation-tick", "automation-tick.done"):
        assert await stage.tick() == 204
        await until(lambda: stage.courier.undelivered(AutomationDue), "the run's worker killed")
    assert await what_was_done(shop) == (1, 1)

    await stage.redeliver()
    await stage.settle(shop)

    assert await what_was_done(shop) == (1, 1)
    DONE.saw("one run done, one note written")


async def test_kept(stage: Stage) -> None:
    """A dead letter that comes again under its id is kept once."""
    shop = await stage.shop()
    conversation = await shop.hear(SENDER, "سلام")
    letter = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": str(uuid4()),
        "ce-type": MessageReceived.type,
        "ce-source": "/xin/test",
        "ce-subject": str(conversation),
        "ce-tenantid": str(shop.tenant.id),
        "ce-knativeerrorcode": "503",
        "ce-knativeerrordest": "http://orchestrate",
    }

    async def bury(url: str) -> int:
        async with httpx.AsyncClient() as client:
            try:
                return (await client.post(f"{url}/dead-letters", headers=letter, content=b"{}")).status_code
            except httpx.TransportError:
                return 0

    async with stage.dying("automation-tick", "automation-tick.kept") as child:
        assert await bury(child.url) == 0

    assert await bury((await stage.survivor("automation-tick")).url) == 204

    letters = "SELECT count(*) FROM dead_letters WHERE tenant_id = %s"
    assert await shop.rows(letters, shop.tenant.id) == [(1,)]
    await stage.settle(shop)
    assert await shop.outcome(SENDER) == Outcome(1, 1, 1)
    KEPT.saw("one letter kept; the message it spoke of: one turn, one copy")
