"""Postgres away for a day: nobody's message is lost or answered twice, and everything says what it waits for."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest

from events import MessageReceived, ReplyComposed
from local.machine.state import Home
from local.simulator.scripts import Slow
from shared.store import leases, turns
from shared.store.turns import NewTurn
from tests.conftest import S3
from tests.faults.day import Place, Sending, back_within
from tests.faults.ground import INGRESS, LONGEST_WAIT_SECONDS, ROUNDS
from tests.faults.shop import Outcome, Shop, until
from tests.faults.table import AWAY
from tests.store.world import Empty
from tests.tenants import open_store

DAY_SECONDS = 86_400
TRIES = 3
SLOW_SECONDS = 6
"""So long a provider takes to answer: Postgres is gone by then."""
KINDS = ("telegram", "whatsapp")
SENDERS = {"telegram": ("700910001", "700910002", "700910003"), "whatsapp": ("4915112340001", "4915112340002")}
TAKEN, COMPOSED, FLYING = "700910101", "700910102", {"telegram": "700910103", "whatsapp": "4915112340103"}
STALE = "4915112340104"
RECOVERY_SECONDS = 10
LINES_A_SECOND = 5
DEAD_LETTERS = 5
"""At least: two messages', a reply's that was committed, two replies' that were under way."""

WRITTEN = {
    kind: AWAY.fault(INGRESS[kind], f"customers write on {kind}, which gets a 503 at each try and comes again")
    for kind in KINDS
}
JUST_TAKEN = AWAY.fault(
    "orchestrate", "a message was taken the moment before; its event is refused until it is a dead letter"
)
JUST_COMPOSED = AWAY.fault(
    "deliver", "a reply was committed the moment before; its event is refused until it is a dead letter"
)
UNDER_WAY = {
    "telegram": AWAY.fault("deliver", "telegram has a reply, and Postgres goes before the answer is recorded"),
    "whatsapp": AWAY.fault(
        "deliver", "whatsapp has a reply, and Postgres goes before the answer is recorded; its status comes again"
    ),
}
WINDOW = AWAY.fault(
    "deliver", "a customer of whatsapp's waited for longer than the 24 hours in which it takes free text"
)
LETTERS = AWAY.fault("the broker", "events run out of retries, and the dead-letter sink refuses them as well")
SAYS = AWAY.fault("every function", "is asked whether it is alive, and whether it is ready")
CONSOLE = AWAY.fault("console-api", "an operator opens the inbox")
BEATS = AWAY.fault("automation-tick", "the clock beats")
LOGS = AWAY.fault("every function", "writes its log")
RECOVERY = AWAY.fault("every function", "Postgres comes back")


@dataclass
class Day:
    """What was seen while Postgres was away, and who to look after now that it is back."""

    place: Place
    shops: dict[str, Shop]
    sendings: list[Sending]
    readiness: dict[str, tuple[int, int, dict[str, str]]]
    console: int
    beat: int
    lines_a_second: dict[str, float]
    back_seconds: float
    redelivered: dict[str, list[str]] = field(default_factory=dict)
    """Kind of channel to the types of the letters that its tenant's owner sent again."""


async def commit_a_turn(place: Place, shop: Shop, conversation: UUID) -> None:
    """As orchestrate does it, and then it is cut off."""
    new = NewTurn("دو روز طول می‌کشد.", ["دو روز طول می‌کشد."], "answered", "bot", 0, (), Empty(), None, 0, 0)
    orchestrate = open_store(place.urls.app, role="xin_orchestrate", connections=1)
    async with orchestrate as store, store.tenant(shop.tenant.id) as db:
        lease = await leases.take(db, conversation, event="an event")
        assert lease
        assert await turns.commit(db, shop.tenant.id, shop.tenant.channel, lease, new, correlation="-")
        await leases.release(db, lease)


async def get_under_way(place: Place, shop: Shop) -> None:
    """A customer writes, and is sent a reply whose acceptance the provider is slow to tell."""
    sender = FLYING[shop.line.kind]
    shop.simulator.script(shop.account, Slow(seconds=SLOW_SECONDS), chat=sender)
    url = place.children[INGRESS[shop.line.kind]].url
    assert await shop.line.text(sender, "سلام").post(url) == 200
    await until(lambda: shop.heard(sender), "a reply at the provider")


async def settle(place: Place, shop: Shop) -> None:
    """Lets time pass and the clock beat until nothing of the shop's is open any more."""
    for _ in range(ROUNDS):

        async def queues_are_empty() -> bool:
            return await place.count("xin_broker_queue_length") == 0

        await until(queues_are_empty, "an idle broker", seconds=60)
        await shop.age(LONGEST_WAIT_SECONDS)
        if not (due := await shop.due()):
            return
        assert await place.tick() == 204
        await asyncio.sleep(0.2)
    raise AssertionError(f"never done: {due}")


async def letters(day: Day, shop: Shop) -> list[dict[str, Any]]:
    """Dead letters as the tenant's owner sees them."""
    async with shop.signed_in(day.place.children["console-api"].url) as owner:
        return list((await owner.get("/dead-letters")).json()["items"])


@pytest.fixture(scope="module")
async def day(
    home: Home, valkey: str, object_store: S3, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Day]:
    """The whole of it: before, the day, and afterwards."""
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(Place.open(home, valkey, object_store, tmp_path_factory.mktemp("day")))
        async with place.database() as database:
            shops = {kind: await place.shop(database, kind) for kind in KINDS}
            taken = await shops["telegram"].hear(TAKEN, "سلام")
            composed = await shops["telegram"].hear(COMPOSED, "سلام")
            stale = await shops["whatsapp"].hear(STALE, "سلام")
            await commit_a_turn(place, shops["telegram"], composed)
            await asyncio.gather(*(get_under_way(place, shop) for shop in shops.values()))
        await place.stop_postgres()
        day = await away(place, shops, taken, composed, stale)
        database = await stack.enter_async_context(place.database())
        day.shops = {kind: replace(shop, database=database) for kind, shop in shops.items()}
        await afterwards(day, stale)
        yield day


async def away(place: Place, shops: dict[str, Shop], taken: UUID, composed: UUID, stale: UUID) -> Day:
    """From the moment that Postgres is gone until it is back."""
    began, before = time.monotonic(), place.lines()
    telegram, whatsapp = (shops[kind].tenant.id for kind in KINDS)
    await place.publish(MessageReceived(tenant=telegram, conversation=taken, seq=1))
    await place.publish(ReplyComposed(tenant=telegram, conversation=composed))
    await place.publish(MessageReceived(tenant=whatsapp, conversation=stale, seq=1))
    sendings = [
        Sending(shops[kind].line.text(sender, "سلام"), place.children[INGRESS[kind]].url)
        for kind in KINDS
        for sender in SENDERS[kind]
    ]
    providers = [asyncio.create_task(sending.persist()) for sending in sendings]
    operator = {"Authorization": shops["telegram"].signed_in("").headers["Authorization"]}
    readiness, console, beat = await asyncio.gather(
        place.readiness(), place.ask("console-api", "/api/v1/conversations", headers=operator), place.tick()
    )
    await until(lambda: min(len(sending.answers) for sending in sendings) >= TRIES, "some tries", seconds=90)

    async def all_given_up() -> bool:
        names = ("xin_broker_dead_lettered_total", "xin_broker_parked_total")
        return min([await place.count(name) for name in names]) >= DEAD_LETTERS

    await until(all_given_up, "what nobody takes put aside", seconds=90)
    seconds = time.monotonic() - began
    lines = {name: (count - before[name]) / seconds for name, count in place.lines().items()}
    await place.start_postgres()
    back_seconds = await back_within(place, 60)
    await asyncio.gather(*providers)
    return Day(place, shops, sendings, readiness, console.status_code, beat, lines, back_seconds)


async def afterwards(day: Day, stale: UUID) -> None:
    """A day has passed; what was told of is told again, what was put aside comes back; an owner sends letters again."""
    whatsapp = day.shops["whatsapp"]
    past = "UPDATE messages SET sent_at = now() - interval '25 hours', created_at = now() - interval '25 hours'"
    await whatsapp.database.execute(f"{past} WHERE conversation_id = %s", (stale,))
    for shop in day.shops.values():
        await shop.age(DAY_SECONDS)

    async def told() -> bool:
        statement = "SELECT 1 FROM provider_events WHERE joined_at IS NOT NULL AND channel_id = %s"
        return len(await whatsapp.rows(statement, whatsapp.tenant.channel)) >= 2

    await until(told, "whatsapp's statuses", seconds=60)

    async def none_parked() -> bool:
        return await day.place.count("xin_broker_parked_now") == 0

    await until(none_parked, "what was put aside taken", seconds=60)
    for kind, shop in day.shops.items():
        await settle(day.place, shop)
        day.redelivered[kind] = []
        async with shop.signed_in(day.place.children["console-api"].url) as owner:
            for letter in await letters(day, shop):
                answer = await owner.post(f"/dead-letters/{letter['id']}/redeliver")
                assert answer.status_code == 200, answer.text
                day.redelivered[kind].append(letter["event_type"])
        await settle(day.place, shop)


@pytest.mark.parametrize("kind", KINDS)
async def test_written_meanwhile(day: Day, kind: str) -> None:
    """No try is acknowledged before the message is stored; then it is answered once."""
    url = day.place.children[INGRESS[kind]].url
    tried = [sending.answers for sending in day.sendings if sending.url == url]
    assert all(set(answers[:-1]) == {503} and answers[-1] == 200 for answers in tried)

    outcomes = {await day.shops[kind].outcome(sender) for sender in SENDERS[kind]}

    assert outcomes == {Outcome(1, 1, 1, ("delivered",) if kind == "whatsapp" else ("accepted",))}
    WRITTEN[kind].saw(f"each: {outcomes.pop()}")


async def test_just_taken(day: Day) -> None:
    """A message whose event became a dead letter was in its row all the time."""
    outcome = await day.shops["telegram"].outcome(TAKEN)
    assert outcome == Outcome(1, 1, 1)
    JUST_TAKEN.saw(outcome)


async def test_just_composed(day: Day) -> None:
    """So was a reply."""
    outcome = await day.shops["telegram"].outcome(COMPOSED)
    assert outcome == Outcome(1, 1, 1)
    JUST_COMPOSED.saw(outcome)


@pytest.mark.parametrize("kind", KINDS)
async def test_under_way(day: Day, kind: str) -> None:
    """What was being sent is ambiguous: settled by a status where there is one, else sent once more and marked."""
    outcome = await day.shops[kind].outcome(FLYING[kind])
    told = kind == "whatsapp"
    assert outcome == (Outcome(1, 1, 1, ("delivered",)) if told else Outcome(1, 1, 2, maybe_twice=True))
    UNDER_WAY[kind].saw(outcome)


async def test_window(day: Day) -> None:
    """What a provider takes no more is not lost without a word: it is answered, refused, and says why."""
    shop = day.shops["whatsapp"]
    outcome = await shop.outcome(STALE)
    assert outcome == Outcome(1, 1, 0, ("failed",))
    reason = "SELECT reason FROM outbound_parts WHERE conversation_id = %s AND author = 'bot'"
    ((said,),) = await shop.rows(reason, await shop.conversation(STALE))
    assert "24 hours" in said
    WINDOW.saw(f"{outcome}: the operator reads why")


async def test_dead_letters(day: Day) -> None:
    """What nobody could take is kept, shown to its tenant, and sent again without saying anything twice."""
    assert sorted(day.redelivered["telegram"]) == [MessageReceived.type, ReplyComposed.type, ReplyComposed.type]
    assert sorted(day.redelivered["whatsapp"]) == [MessageReceived.type, ReplyComposed.type]
    for shop in day.shops.values():
        assert all(letter["redelivered_at"] for letter in await letters(day, shop))
    LETTERS.saw("parked, then kept as dead letters; sent again from the console they change nothing")


async def test_readiness(day: Day) -> None:
    """Every function lives on, and says that it is Postgres that it waits for."""
    for name, (alive, ready, parts) in day.readiness.items():
        assert (alive, ready) == (200, 503), name
        assert [part for part, said in parts.items() if said != "ok"] == ["postgres"], name
    SAYS.saw("alive, and not ready: it names postgres and nothing else")


async def test_console(day: Day) -> None:
    """An operator is told to come again."""
    assert day.console == 503
    CONSOLE.saw("503")


async def test_tick(day: Day) -> None:
    """A beat is refused, not swallowed."""
    assert day.beat == 503
    BEATS.saw("503")


async def test_logs(day: Day) -> None:
    """An outage does not fill the disk with itself."""
    assert max(day.lines_a_second.values()) < LINES_A_SECOND, day.lines_a_second
    LOGS.saw(f"fewer than {LINES_A_SECOND} lines a second")


async def test_recovery(day: Day) -> None:
    """Who has waited for a database looks for it often enough to find it when it is back."""
    assert day.back_seconds < RECOVERY_SECONDS
    RECOVERY.saw(f"ready within {RECOVERY_SECONDS} seconds")
