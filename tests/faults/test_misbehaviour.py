"""Providers' misbehaviour: whatever they do to a call, each message ends in the right state and nothing is sent twice.

A row is what one provider does to the first of two messages. All rows happen at once, each to a customer and an account
of its own, so that those who keep a caller waiting for a quarter of a minute do so together.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from local.simulator.scripts import (
    AcceptThenHang,
    CutConnection,
    Dribble,
    Echo,
    Oversized,
    Refuse,
    Respond,
    ServerError,
    Slow,
    Statuses,
    Step,
    TooMany,
    WrongJson,
)
from tests.faults.house import House
from tests.faults.scene import ARRIVED, BOTS, KINDS, META, Fate, Scene

AT_ONCE = 8
HOUR = 3600.0
HTML = "<html><head><title>پروکسی</title></head><body><h1>لطفاً بعداً بیایید</h1></body></html>"
ODD_SHAPES = {
    "a list": "[]",
    "no message": '{"ok":true,"result":true,"messages":[],"message_id":null}',
    "an odd error": '{"ok":"yes","result":[],"error":"none","messages":[{"id":7}]}',
}


@dataclass(frozen=True)
class Row:
    """What a provider does, and what must become of the message.

    *status*: None: it arrives. *copies*, *maybe_twice*: None: whatever the rule allows. *meanwhile*: status and reason
    (a regular expression) while it waits. *silences*: who was told that nothing reaches the customer says no more.
    *awaits*: what isn't so yet.
    """

    name: str
    kinds: tuple[str, ...]
    steps: tuple[Step, ...]
    copies: int | None = 1
    calls: int | None = 1
    maybe_twice: bool | None = False
    status: str | None = None
    reason: str = ""
    meanwhile: tuple[str, str] | None = None
    keeps_waiting: bool = False
    silences: bool = False


def lost_answer(name: str, silent: Step, told: Step, *, keeps_waiting: bool = False) -> list[Row]:
    """The provider takes the message and we can't know it, unless a status or an echo tells."""
    return [
        Row(f"{name}", BOTS, (silent,), copies=2, calls=2, maybe_twice=True, keeps_waiting=keeps_waiting),
        Row(
            f"{name}, never told",
            META,
            (silent,),
            copies=2,
            calls=2,
            maybe_twice=True,
            meanwhile=("unknown", "answer"),
            keeps_waiting=keeps_waiting,
        ),
        Row(f"{name}, told by webhook", META, (told,), keeps_waiting=keeps_waiting),
    ]


def refused(
    kinds: tuple[str, ...], code: int, message: str, subcode: int | None = None, *, silences: bool = False
) -> Row:
    """The provider will never take it."""
    step = Refuse(status=400, code=code, message=message, subcode=subcode)
    reason = f"{code}.*{message}"
    return Row(f"refused: {message}", kinds, (step,), copies=0, status="failed", reason=reason, silences=silences)


def odd_shape(name: str, body: str) -> list[Row]:
    """A 200 that says nothing of the message."""
    silent, told = (Respond(body=body, content_type="application/json", accept=True, silent=s) for s in (True, False))
    return lost_answer(f"JSON of another shape: {name}", silent, told)


def statuses(name: str, *names: str, ends: str, before: bool = False, reason: str = "") -> Row:
    """WhatsApp's statuses, in that order."""
    step = Statuses(names=names, code=131049, title="Not delivered", before_answer=before)
    return Row(f"statuses: {name}", ("whatsapp",), (step,), status=ends, reason=reason)


GO_AWAY = Respond(status=429, body=HTML, headers={"retry-after": "1"})
BAD_GATEWAY = Respond(status=502, body=HTML)
LOST = CutConnection(when="after_body", silent=True)
TABLE: list[Row] = [
    # The answer is lost
    *lost_answer("accepted, then no answer", AcceptThenHang(silent=True), AcceptThenHang(), keeps_waiting=True),
    *lost_answer(
        "answer in drops, too slow", Dribble(seconds=40, silent=True), Dribble(seconds=40), keeps_waiting=True
    ),
    *lost_answer("accepted, then cut", LOST, CutConnection(when="after_body")),
    *lost_answer("cut amid the answer", CutConnection(when="midway", silent=True), CutConnection(when="midway")),
    *lost_answer("half a JSON text", WrongJson(silent=True), WrongJson()),
    *lost_answer("an empty 200", Respond(accept=True, silent=True), Respond(accept=True)),
    *[row for name, body in ODD_SHAPES.items() for row in odd_shape(name, body)],
    Row("cut, nothing taken", KINDS, (CutConnection(when="before"),), calls=2, maybe_twice=True),
    Row("cut before the body was read", KINDS, (CutConnection(when="before_headers"),), calls=2, maybe_twice=None),
    Row("a proxy's page under 200", KINDS, (Respond(body=HTML),), calls=2, maybe_twice=True),
    Row("a gateway that gave up, 504", KINDS, (Respond(status=504, body=HTML),), calls=2, maybe_twice=True),
    Row("lost twice", KINDS, (LOST, LOST), copies=2, calls=2, maybe_twice=True, status="unknown", reason="answer"),
    Row(
        "lost, then told to wait",
        KINDS,
        (LOST, TooMany(retry_after=1)),
        copies=2,
        calls=3,
        maybe_twice=True,
        meanwhile=("unknown", "answer|429"),
    ),
    # The answer is right, only odd
    Row("answer in drops", KINDS, (Dribble(seconds=1),)),
    Row("a slow answer", KINDS, (Slow(seconds=1),)),
    Row("a huge answer", KINDS, (Oversized(mebibytes=8),), copies=None, calls=None, maybe_twice=None),
    # Not now
    Row("429 with a wait", KINDS, (TooMany(retry_after=1),), calls=2, meanwhile=("queued", "429|613|130429")),
    Row("429 without", KINDS, (TooMany(),), calls=2, meanwhile=("queued", "429|613|130429")),
    Row("429 of a proxy", KINDS, (GO_AWAY,), calls=2, meanwhile=("queued", "429")),
    *[
        Row(f"{code} in the provider's words", ("telegram", "bale", "whatsapp"), (ServerError(code=code),), calls=2)
        for code in (500, 503)
    ],
    *[
        Row(f"{code} in HTML", KINDS, (Respond(status=code, body=HTML),), calls=2, meanwhile=("queued", str(code)))
        for code in (500, 503)
    ],
    Row("a gateway's 502", KINDS, (BAD_GATEWAY,), calls=2, maybe_twice=True, meanwhile=("queued", "502")),
    Row(
        "a gateway's 502, and the message was taken",
        KINDS,
        (BAD_GATEWAY.model_copy(update={"accept": True, "silent": True}),),
        copies=2,
        calls=2,
        maybe_twice=True,
    ),
    Row("500 four times", KINDS, (Respond(status=500, body=HTML),) * 4, calls=5),
    *[
        Row(
            f"redirected, {code}",
            KINDS,
            (Respond(status=code, headers={"location": "?again=1"}),),
            calls=2,
            meanwhile=("queued", str(code)),
        )
        for code in (302, 307)
    ],
    # Never
    refused(BOTS, 400, "Bad Request: message is too long"),
    refused(BOTS, 403, "Forbidden: user is deactivated", silences=True),
    refused(("whatsapp",), 131047, "Re-engagement message"),
    refused(("whatsapp",), 131026, "Message undeliverable", silences=True),
    refused(("whatsapp",), 100, "Invalid parameter"),
    refused(("instagram",), 10, "outside of allowed window", 2534022),
    refused(("instagram",), 551, "This person isn't available right now", silences=True),
    # Meta says that it failed, and it has not
    Row("1-1357046, echoed", ("instagram",), (ServerError(accept=True),)),
    Row(
        "1-1357046, no echo",
        ("instagram",),
        (ServerError(accept=True, silent=True),),
        copies=2,
        calls=2,
        maybe_twice=True,
        meanwhile=("unknown", "1357046"),
    ),
    Row("1-1357046, not taken", ("instagram",), (ServerError(),), calls=2, maybe_twice=True),
    Row("echo before the answer", ("instagram",), (Echo(when="before"),)),
    Row("no echo at all", ("instagram",), (Echo(when="never"),)),
    # What WhatsApp tells later
    statuses("failed later", "sent", "failed", ends="failed", reason="131049"),
    statuses("failed at once", "failed", ends="failed", before=True, reason="131049"),
    statuses("before the answer", "sent", "delivered", ends="delivered", before=True),
    statuses("backwards", "read", "delivered", "sent", ends="read"),
    statuses("backwards, before the answer", "read", "delivered", "sent", ends="read", before=True),
    statuses("repeated", "sent", "sent", "delivered", "delivered", ends="delivered"),
    statuses("read without delivered", "sent", "read", ends="read"),
    statuses("failed on one device", "failed", "delivered", ends="delivered"),
    statuses("failed on the other", "delivered", "failed", ends="delivered"),
    statuses("none", ends="accepted"),
]
CASES = [pytest.param(kind, row, id=f"{kind}: {row.name}") for row in TABLE for kind in row.kinds]


@dataclass(frozen=True)
class Play:
    """How a row went: what became of both messages, and what the operator saw in between."""

    afflicted: Fate
    follower: Fate
    meanwhile: Fate | None
    sent: list[str]
    conversation: str


async def play(house: House, kind: str, row: Row) -> Play:
    """Plays *row* to its end, and an hour longer."""
    scene = await Scene.open(house, kind)
    channel = scene.channel
    channel.script(*row.steps)
    await scene.answer("سفارش شما فردا می‌رسد", "هزینهٔ ارسال رایگان است")
    meanwhile = (await scene.waiting())[0] if row.meanwhile else None
    await scene.rest()
    calls = len(channel.calls())
    await scene.pass_time(HOUR)
    await scene.nudge(wait=True)
    assert len(channel.calls()) == calls, "what is at an end is left alone"
    afflicted, follower = await scene.fates(calls=calls - (not row.silences))
    sent = [sent.text for sent in channel.sent()]
    return Play(afflicted, follower, meanwhile, sent, await scene.status())


@pytest.fixture(scope="module")
async def plays(request: pytest.FixtureRequest, house: House) -> AsyncIterator[dict[str, asyncio.Task[Play]]]:
    """The rows that were asked for, all under way."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def in_turn(kind: str, row: Row) -> Play:
        async with AsyncExitStack() as stack:
            if not row.keeps_waiting:
                await stack.enter_async_context(turn)
            return await play(house, kind, row)

    wanted = [item for item in request.session.items if getattr(item, "function", None) is test_end]
    asked = sorted((item.callspec.params for item in wanted), key=lambda p: not p["row"].keeps_waiting)
    tasks = {f"{p['kind']}: {p['row'].name}": asyncio.create_task(in_turn(p["kind"], p["row"])) for p in asked}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize(("kind", "row"), CASES)
async def test_end(plays: dict[str, asyncio.Task[Play]], kind: str, row: Row) -> None:
    """The message ends as it should, at most one copy of it was taken unless it says so, and the next one followed."""
    played = await plays[f"{kind}: {row.name}"]

    end = played.afflicted
    assert end.copies <= 1 + end.maybe_twice, "taken twice, and it does not say so"
    assert end.status == (row.status or ARRIVED[kind])
    assert re.search(row.reason, end.reason or "") if row.reason else end.reason is None
    assert row.copies in (None, end.copies)
    assert row.calls in (None, end.calls)
    assert row.maybe_twice in (None, end.maybe_twice)
    if row.meanwhile:
        assert played.meanwhile
        assert played.meanwhile.status == row.meanwhile[0]
        assert re.search(row.meanwhile[1], played.meanwhile.reason or "")
    followed = ("failed", 0) if row.silences else (ARRIVED[kind], 1)
    assert (played.follower.status, played.follower.copies) == followed
    assert not played.follower.maybe_twice
    assert played.sent == sorted(played.sent, key=lambda text: text[-2]), "in order"
    assert played.conversation == "bot", "nothing that a provider does is a person's word"
