"""Each rule of the protocol taken away, one at a time, in the shortest walk that then breaks. So the walks can fail."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from types import ModuleType
from uuid import uuid4

import psycopg
import pytest

from local.machine.schema import DatabaseUrls
from shared.store import handover, joining, leases, parts, turns
from tests.store.world import World
from tests.tenants import found, open_store

ASKED = "holder 0 is asked by the tick"
JOINED = "what was told is joined"
TURN = (ASKED, "holder 0 commits and lets go")
SENT_PERHAPS = ("sender 0 claims", "sender 0 calls: lost", "sender 0 records", "parts fall due")


@dataclass(frozen=True)
class Rule:
    """`old` in the statement becomes `new`; after `steps` (and all that still moves) something must have broken."""

    name: str
    module: ModuleType
    statement: str
    old: str
    new: str
    steps: tuple[str, ...]


RULES = [
    Rule(
        "the commit is fenced by the epoch", turns, "ADVANCE", "AND epoch = %(epoch)s AND answered = %(after)s", "",
        (ASKED, "takeover", "release", "holder 1 is asked by the tick", "holder 0 commits", "holder 1 commits"),
    ),
    Rule(
        "a live holder keeps its lease", leases, "TAKE", "interval '20 s'", "interval '-1 s'",
        (ASKED, "holder 1 is asked by the tick"),
    ),
    Rule(
        "a takeover raises the epoch", handover, "TAKE_OVER", "epoch = epoch + 1", "epoch = epoch",
        (ASKED, "takeover", "holder 0 commits"),
    ),
    Rule(
        "what a person covered stays covered", handover, "RELEASE", "greatest(human_through, ", "greatest(0, ",
        ("takeover", "the operator writes", "release", *TURN),
    ),
    Rule(
        "what was cancelled is answered afresh", handover, "RELEASE", "least(answered,", "greatest(answered,",
        (*TURN, "takeover", "release"),
    ),
    Rule(
        "resolve asks what was seen", handover, "RESOLVE", "AND last_in <= coalesce(%(seen)s, last_in)", "",
        ("the operator looks", "the customer writes", "resolve"),
    ),
    Rule(
        "a claim asks who may speak", parts, "HEAD",
        "(%(status)s IN ('bot', 'waiting') AND p.seq > %(human_through)s)",
        "%(human_through)s >= 0 AND %(status)s <> ''",
        (*TURN, *SENT_PERHAPS, "takeover", "sender 0 claims"),
    ),
    Rule(
        "never a third time", parts, "HEAD", "p.ambiguous < 2", "p.ambiguous < 3",
        (*TURN, *SENT_PERHAPS, "sender 0 claims", "sender 0 calls: none", "sender 0 records", "parts fall due",
         "sender 0 claims"),
    ),
    Rule(
        "one send slot a conversation", parts, "HOLD",
        "send_part = %(part)s", "send_part = CASE WHEN %(part)s IS NULL THEN id END",
        (*TURN, "the customer writes", "holder 0 is asked by the newest event", "holder 0 commits and lets go",
         "sender 0 claims", "sender 1 claims"),
    ),
    Rule(
        "a resend that is refused stays doubtful", parts, "LATER",
        "CASE WHEN ambiguous = 0 THEN 'queued' ELSE 'unknown' END", "'queued'",
        (*TURN, *SENT_PERHAPS, "sender 0 claims", "sender 0 calls: later", "sender 0 records", "takeover", "release",
         ASKED, "holder 0 commits"),
    ),
    Rule(
        "states only go up", parts, "ADVANCE", "state <> 'cancelled'", "state <> 'cancelled' OR true",
        (*TURN, "sender 0 claims", "sender 0 calls: ok", "sender 0 records", "a status: delivered", JOINED,
         "a status: failed", JOINED),
    ),
    Rule(
        "the echo of our own words is no person", joining, "OURS", "AND claim > ", "AND claim < 0 AND 0 < ",
        (*TURN, "sender 0 claims", "sender 0 calls: lost", "sender 0 records", "an echo comes", JOINED),
    ),
    Rule(
        "a person's word outside silences the bot", handover, "OUTSIDE", "status = 'human', ", "status = status, ",
        ("a person writes outside", JOINED),
    ),
    Rule(
        "only the clock gives back what was said outside", handover, "RELEASE",
        "AND (NOT %(by_itself)s OR resume_at <= clock_timestamp())", "AND %(by_itself)s IS NOT NULL",
        ("takeover", "an hour passes, and the tick"),
    ),
    Rule(
        "a customer is left in peace", parts, "HEAD", ", c.blocked_until)", ")",
        (*TURN, "sender 0 claims", "sender 0 calls: later, this customer", "sender 0 records", "the operator writes",
         "sender 0 claims"),
    ),
]  # fmt: skip


async def _walk(database: DatabaseUrls, steps: tuple[str, ...]) -> None:
    tenant = await found(database.app)
    async with AsyncExitStack() as stack:
        roles = ("xin_ingress", "xin_orchestrate", "xin_deliver", "xin_console", "xin_tick")
        stores = {role: await stack.enter_async_context(open_store(database.app, role=role)) for role in roles}
        world = World(stores, tenant, Random(1), customer=str(uuid4()))
        await world.write()
        await world.play(*steps)
        await world.settle()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_with_the_rule(database: DatabaseUrls, rule: Rule) -> None:
    """The walk that breaks without the rule is fine with it."""
    try:
        await _walk(database, rule.steps)
    except KeyError:  # with the rule in place the walk's last step can't even be taken
        return


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_without_the_rule(database: DatabaseUrls, monkeypatch: pytest.MonkeyPatch, rule: Rule) -> None:
    """Without the rule something is lost, doubled or said that must not be."""
    statement = getattr(rule.module, rule.statement)
    assert rule.old in statement
    monkeypatch.setattr(rule.module, rule.statement, statement.replace(rule.old, rule.new))
    with pytest.raises((AssertionError, psycopg.Error)):
        await _walk(database, rule.steps)
