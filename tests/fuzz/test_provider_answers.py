"""Reading what a provider answers to a send: whatever it is, the message was sent, or one of four things happened."""

import json
import random
from dataclasses import dataclass
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from shared.providers import graph, instagram, telegram, whatsapp
from shared.providers.catalogue import PROVIDERS
from shared.providers.outgoing import Ambiguous, ChannelRefused, Later, NotSent, Refused, Sent, Verdict
from tests.fuzz import budget, hostile, mutating
from tests.fuzz.strategies import TEXTS, VALUES, as_many
from tests.providers.ways_out import CREDENTIALS, CUSTOMERS, PART, REMOTE, TEXT, TOKEN

OUTCOMES = (Later, Refused, ChannelRefused, Ambiguous)
ANSWERS = [
    json.dumps(answer).encode()
    for answer in (
        {"ok": True, "result": {"message_id": 7, "chat": {"id": 42, "type": "private"}, "date": 1790000000}},
        {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 5",
            "parameters": {"retry_after": 5},
        },
        {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"},
        {
            "messaging_product": "whatsapp",
            "contacts": [{"input": "49", "wa_id": "49"}],
            "messages": [{"id": "wamid.1"}],
        },
        {"recipient_id": "1535148674817116", "message_id": "aWdfZA1"},
        {
            "error": {
                "message": "(#131056) Pair rate limit hit",
                "type": "OAuthException",
                "code": 131056,
                "fbtrace_id": "A",
            }
        },
        {
            "error": {
                "message": "no",
                "code": 10,
                "error_subcode": 2534022,
                "is_transient": True,
                "error_data": {"details": "x"},
            }
        },
    )
]
STATUSES = (200, 200, 201, 204, 301, 302, 400, 401, 403, 404, 409, 413, 418, 429, 429, 500, 502, 503, 504, 599)


@dataclass(frozen=True)
class Answer:
    """What the provider says."""

    kind: str
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


def _an_answer(chance: random.Random) -> Answer:
    body = mutating.mutated(chance.choice(ANSWERS), ANSWERS, chance) if chance.random() < 0.9 else chance.randbytes(20)
    waits = (
        "5",
        "0",
        "-1",
        "nan",
        "inf",
        "1e999",
        "",
        "۵",
        "Wed, 21 Oct 2026 07:28:00 GMT",
        "9" * 400,
        hostile.text(chance),
    )
    headers = [(b"retry-after", chance.choice(waits).encode(errors="replace"))] if chance.random() < 0.4 else []
    headers += [(b"content-type", chance.choice((b"application/json", b"text/html; charset=x", b"\xff", b"")))]
    headers += [(b"content-encoding", chance.choice((b"gzip", b"br", b"x")))] if chance.random() < 0.05 else []
    return Answer(chance.choice(REMOTE), chance.choice(STATUSES), body, tuple(headers))


async def test_any_answer() -> None:
    """Sent with an id, or one of the outgoing classes with a reason that says why and never the token."""

    async def check(answer: Answer) -> None:
        def answering(_: httpx.Request) -> httpx.Response:
            return httpx.Response(answer.status, headers=list(answer.headers), stream=httpx.ByteStream(answer.body))

        provider = PROVIDERS[answer.kind]
        async with httpx.AsyncClient(transport=httpx.MockTransport(answering)) as client:
            sender = provider.sender(
                client, "http://provider", provider.credentials.model_validate(CREDENTIALS[answer.kind])
            )
            try:
                sent = await sender.send(CUSTOMERS[answer.kind], TEXT, part=PART)
            except NotSent as problem:
                _is_told(problem)
            else:
                assert isinstance(sent, Sent)
                assert sent.provider_id
                assert answer.status < 300, "what was refused is not sent"
            await sender.typing(CUSTOMERS[answer.kind], message="wamid.IN")

    await budget.run_through("provider answers", _an_answer, check)


def _is_told(problem: NotSent) -> None:
    assert type(problem) in OUTCOMES
    assert problem.reason
    assert len(problem.reason) <= 300
    assert TOKEN not in problem.reason
    if isinstance(problem, Later):
        assert problem.wait_seconds is None or 0 <= problem.wait_seconds < float("inf")
        assert problem.scope in ("part", "pair", "channel")


@as_many("provider verdicts", 0.1)
@given(
    code=st.none() | st.integers(),
    subcode=st.none() | st.integers(),
    status=st.integers(100, 999),
    said=TEXTS,
    error=VALUES,
)
def test_tables(code: int | None, subcode: int | None, status: int, said: str, error: Any) -> None:
    """Every code, status and sentence has a verdict, known or not, and an error can always be described."""
    _judged(code, subcode, status, said)
    assert isinstance(graph.describe(error if isinstance(error, dict) else {"code": code, "message": error}), str)


def test_codes() -> None:
    """The same for codes near those of the tables."""
    known = [code for rule in (*whatsapp.ERRORS, *instagram.ERRORS) for code in rule.codes]

    def make(chance: random.Random) -> tuple[int | None, int | None, int, str]:
        code = chance.choice((chance.choice(known), chance.choice(known) + 1, chance.randrange(-1, 10**6), None))
        rule = chance.choice(telegram.ERRORS)
        return (
            code,
            chance.choice((None, 2534022, 0)),
            chance.choice(STATUSES),
            f"Bad Request: {rule.says} {hostile.text(chance)}",
        )

    budget.run("provider verdicts", make, lambda case: _judged(*case))


def _judged(code: int | None, subcode: int | None, status: int, said: str) -> None:
    assert isinstance(telegram.judge(status, said), Verdict)
    for rules in (whatsapp.ERRORS, instagram.ERRORS):
        rule = graph.judge(rules, code, subcode)
        assert rule is None or isinstance(rule.verdict, Verdict)
    assert isinstance(graph.by_status(status), Verdict)
