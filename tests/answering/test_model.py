"""The ladder of models against a server that breaks in every way, with limits short enough to wait for."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from shared.answering.model import ModelEndpoint, Models
from shared.answering.policy.rules import Policy
from shared.answering.turn import answer
from shared.answering.values import Limits, Reply
from tests.answering.conftest import FAST, MONDAY_NOON, Library, Listener, asking
from tests.answering.fake_model import FakeModel, Script

QUESTION = "جمعه‌ها باز هستید؟"
GOOD = Script(("فروشگاه جمعه‌ها ", "تعطیل است [1]. ", "شنبه تا چهارشنبه ساعت ۹ تا ۱۸ باز هستیم [1]."))


async def ask(endpoint: ModelEndpoint | None, *, limits: Limits = FAST, **more: Any) -> Reply:
    return await answer(asking(QUESTION), search=Library(), model=endpoint, now=MONDAY_NOON, limits=limits, **more)


def outcomes(reply: Reply) -> list[tuple[str, str]]:
    return [(rung.model, rung.outcome) for rung in reply.trace.rungs]


async def test_words(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """The big model words the answer; the marks of its citations become sources, and the provider counts the tokens."""
    fake.scripts = {"big": GOOD}

    reply = await ask(endpoint)

    assert reply.text == "فروشگاه جمعه‌ها تعطیل است. شنبه تا چهارشنبه ساعت ۹ تا ۱۸ باز هستیم."
    assert (reply.outcome, reply.model) == ("answered", "big")
    assert [source.place for source in reply.sources] == ["ساعت کاری"]
    assert (reply.tokens_in, reply.tokens_out) == (120, 30)
    assert reply.trace.rungs[0].counted
    assert fake.requests[0]["stream_options"] == {"include_usage": True}
    assert fake.headers[0]["authorization"] == "bearer sk-test"


FAILURES = {
    "timeout_first_token": Script((), then="hang"),
    "timeout_call": Script(("فروشگاه جمعه‌ها تعطیل است [1]. شنبه",), then="hang"),
    "broken_stream": Script(("فروشگاه جمعه‌ها تعطیل",), then="cut"),
    "http_429": Script(status=429),
    "http_5xx": Script(status=500),
    "bad_request": Script(status=400),
    "unauthorized": Script(status=401),
    "http_307": Script(status=307),
    "empty": Script((), then="close"),
    "content_filter": Script(("فروشگاه",), then="filter"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_next_rung(fake: FakeModel, endpoint: ModelEndpoint, name: str) -> None:
    """However the big model fails, the small one answers, and the failure has its name in the trace."""
    fake.scripts = {"big": FAILURES[name], "small": GOOD}

    reply = await ask(endpoint)

    assert outcomes(reply) == [("big", name), ("small", "answered")]
    assert reply.model == "small"
    assert "تعطیل است" in reply.text


@pytest.mark.parametrize("then", ["garbage", "nested", "no_finish"])
async def test_unreadable_stream(fake: FakeModel, endpoint: ModelEndpoint, then: str) -> None:
    """A stream that turns to garbage, or ends without saying that it has finished, is a broken one."""
    fake.scripts = {"big": Script(("فروشگاه جمعه‌ها تعطیل",), then=then), "small": GOOD}  # type: ignore[arg-type]

    reply = await ask(endpoint)

    assert outcomes(reply)[0] == ("big", "broken_stream")
    assert reply.model == "small"


async def test_extractive_floor(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """With both models down the customer still gets the documents' own sentence, and the trace names every rung."""
    fake.scripts = {"big": Script(status=503), "small": Script((), then="cut")}

    reply = await ask(endpoint)

    assert outcomes(reply) == [("big", "http_5xx"), ("small", "broken_stream"), ("extractive", "answered")]
    assert "جمعه‌ها تعطیل است" in reply.text
    assert reply.model is None
    assert reply.sources


async def test_nobody_listens(endpoint: ModelEndpoint) -> None:
    """An address where nothing listens costs no waiting."""
    nowhere = ModelEndpoint("http://127.0.0.1:1/v1", endpoint.api_key, "big")

    reply = await ask(nowhere)

    assert outcomes(reply)[0] == ("big", "no_connection")
    assert reply.outcome == "answered"


async def test_ladder_limit(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """Both models together get no more time than the ladder has; what is left for the second is what the first left."""
    fake.scripts = {"big": Script(("فروشگاه",), then="hang"), "small": Script(("فروشگاه",), then="hang")}
    began = time.monotonic()

    reply = await ask(endpoint, limits=Limits(first_token=0.3, call=0.4, ladder=0.6, stop_poll=0.02))

    assert time.monotonic() - began < 1.5
    assert outcomes(reply) == [("big", "timeout_call"), ("small", "timeout_call"), ("extractive", "answered")]
    assert reply.trace.rungs[1].ms < 390


@pytest.mark.parametrize("url", ["http://[", "ftp://x/v1", "no url at all", ""])
async def test_bad_endpoint(endpoint: ModelEndpoint, url: str) -> None:
    """A base URL that is none costs the model, not the answer."""
    reply = await ask(ModelEndpoint(url, endpoint.api_key, "big"))

    assert outcomes(reply)[0][1] in ("bad_endpoint", "no_connection")
    assert reply.outcome == "answered"


@pytest.mark.parametrize("whole", [True, False])
async def test_endless_answer(fake: FakeModel, endpoint: ModelEndpoint, whole: bool) -> None:
    """An endpoint that answers with megabytes is hung up on."""
    fake.scripts = {"big": Script(("و" * 3_000_000,), whole=whole), "small": GOOD}
    patient = Limits(first_token=5, call=5, ladder=10, stop_poll=0.02)

    reply = await ask(endpoint, limits=patient)

    assert outcomes(reply) == [("big", "broken_stream"), ("small", "answered")]


async def test_never_retries(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """One request a rung: the client's own retries would eat the time of the next rung."""
    fake.scripts = {"big": Script(status=500), "small": Script(status=429)}

    await ask(endpoint)

    assert [request["model"] for request in fake.requests] == ["big", "small"]


async def test_failed_calls_cost(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """A call that broke half way was paid for: its tokens are estimated and stand in the reply's sum."""
    fake.scripts = {"big": Script(("فروشگاه جمعه‌ها تعطیل",), then="cut"), "small": GOOD}

    reply = await ask(endpoint)

    big = reply.trace.rungs[0]
    assert big.tokens_in > 100
    assert not big.counted
    assert reply.tokens_in == big.tokens_in + 120


async def test_whole_answer(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """A gateway that ignores `stream` and answers in one body is understood."""
    fake.scripts = {"big": Script(GOOD.bits, whole=True)}

    assert (await ask(endpoint)).model == "big"


async def test_thinking_is_not_said(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """Thoughts aloud, in tags or in a field of their own, never reach the customer."""
    fake.scripts = {"big": Script(("<thi", "nk>هر عددی ۴۲.", " بله.</think>", *GOOD.bits), thoughts=("فکر",))}

    reply = await ask(endpoint)

    assert reply.model == "big"
    assert reply.text.startswith("فروشگاه")


async def test_cut_at_its_limit(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """A model that ran out of tokens leaves an unfinished sentence: it is not sent."""
    fake.scripts = {"big": Script(("فروشگاه جمعه‌ها تعطیل است [1]. شنبه تا چهارشنبه ساعت",), then="length")}

    assert (await ask(endpoint)).text == "فروشگاه جمعه‌ها تعطیل است."


async def test_streaming(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """What is spoken while the model writes is, put together, the reply's text."""
    fake.scripts = {"big": Script(tuple(" ".join(GOOD.bits)))}
    listener = Listener()

    reply = await ask(endpoint, speak=listener)

    assert len(listener.heard) == 2
    assert listener.text == reply.text


async def test_speaks_before_the_end(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """A sentence leaves as soon as the next one begins, not when the model is done."""
    fake.scripts = {"big": Script(("فروشگاه جمعه‌ها تعطیل است [1]. شنبه",), then="hang"), "small": Script(status=500)}
    listener = Listener()

    await ask(endpoint, speak=listener)

    assert listener.heard == ["فروشگاه جمعه‌ها تعطیل است."]


async def test_silent_after_failing(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """A rung that failed in mid-speech silences the next: two beginnings after each other would be nonsense."""
    fake.scripts = {"big": Script(("جمعه‌ها تعطیل است [1]. شنبه",), then="cut"), "small": GOOD}
    listener = Listener()

    reply = await ask(endpoint, speak=listener)

    assert reply.model == "small"
    assert listener.heard in ([], ["جمعه‌ها تعطیل است."])  # the cut may overtake the first bytes


async def test_deaf_listener(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """A stream that can't be written to is noted and changes nothing about the reply."""
    fake.scripts = {"big": GOOD}

    async def speak(_: str) -> None:
        raise ConnectionError("the stream is away")

    reply = await ask(endpoint, speak=speak)

    assert reply.model == "big"
    assert reply.trace.failures == ("speak: ConnectionError",)


async def test_stop_hangs_up(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """When the lease is lost the call in flight is ended, the next model is not asked and nothing more is spoken."""
    fake.scripts = {"big": Script((), then="hang")}
    limits = Limits(first_token=20, call=20, ladder=20, stop_poll=0.01)
    began = time.monotonic()

    reply = await ask(endpoint, limits=limits, stop=lambda: bool(fake.requests))

    assert time.monotonic() - began < 5
    assert outcomes(reply)[:2] == [("big", "stopped"), ("small", "stopped")]
    await until(lambda: fake.hung_up == 1)


async def test_cancelling_hangs_up(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """A handler that is cancelled leaves no call behind."""
    fake.scripts = {"big": Script((), then="hang")}
    limits = Limits(first_token=20, call=20, ladder=20, stop_poll=0.01)
    task = asyncio.create_task(ask(endpoint, limits=limits, stop=lambda: False))
    await until(lambda: bool(fake.requests))

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: fake.hung_up == 1)


async def test_enough_is_enough(fake: FakeModel, endpoint: ModelEndpoint) -> None:
    """A model that talks on is hung up on once the answer is as long as it may be."""
    fake.scripts = {"big": Script(("فروشگاه جمعه‌ها تعطیل است [1]. ",) * 400)}
    policy = Policy.model_validate({"answer": {"max_chars": 100}})

    reply = await answer(
        asking(QUESTION, policy=policy), search=Library(), model=endpoint, now=MONDAY_NOON, limits=FAST
    )

    assert len(reply.text) <= 100
    assert reply.text.endswith("است.")
    assert "length" in [hit.rule for hit in reply.trace.fired]


async def test_shared_connections(fake: FakeModel, endpoint: ModelEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lent connections serve turn after turn; the environment's organisation is not told to a tenant's endpoint."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-ours")
    fake.scripts = {"big": GOOD}
    async with Models() as models:
        for _ in range(2):
            assert (await ask(endpoint, models=models)).model == "big"

    assert all("openai-organization" not in headers for headers in fake.headers)


def test_spent_budget(endpoint: ModelEndpoint) -> None:
    """Where the big model's budget is spent the small one is left, and without a small one none."""
    cheap = endpoint.only_small()
    assert cheap is not None
    assert cheap.models == ("small",)
    assert cheap.only_small() is None


async def until(condition: Callable[[], bool], limit: float = 3) -> None:
    """Waits for *condition*, asked again and again, for *limit* seconds at most."""
    ends = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        await asyncio.sleep(0.01)
