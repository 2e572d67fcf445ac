"""The model server: a model that keeps to its prompt, spoken to by the client that we use, and its misbehaviour."""

import base64
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from local.simulator import Simulator
from local.simulator.grounded import embed
from local.simulator.scripts import (
    CutConnection,
    HangAtStart,
    HangMidway,
    InventUrl,
    NoCitation,
    Queued,
    ServerError,
    TooMany,
    VeryLong,
    WrongJson,
)
from tests.simulator.conftest import MODEL_KEY

PASSAGES = """تو دستیار فروشگاهی. فقط از این متن‌ها پاسخ بده.

[1] ساعات کاری
فروشگاه از شنبه تا چهارشنبه ۹ تا ۱۸ باز است. پنجشنبه‌ها تا ظهر پاسخ می‌دهیم.
[2] بازگشت کالا
کالا را تا ۷ روز پس از تحویل می‌توانید پس بدهید. هزینه‌ی پست با مشتری است.

Opening hours in English are elsewhere."""
TAGGED = """<passage id="4">We ship within 2.5 days. Returns are free for 14 days after delivery.</passage>
<passage id="5">The shop is closed on Fridays.</passage>"""


def ask(question: str, system: str = PASSAGES) -> list[dict[str, str]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": question}]


@pytest.fixture
async def model(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    """The client of our answering code."""
    http = httpx.AsyncClient(trust_env=False)
    async with openai.AsyncOpenAI(
        base_url=f"{url}/model/v1", api_key=MODEL_KEY, max_retries=0, timeout=10, http_client=http
    ) as model:
        yield model


async def said(model: openai.AsyncOpenAI, question: str, system: str = PASSAGES, **more: Any) -> str:
    answer = await model.chat.completions.create(model="simulated", messages=ask(question, system), **more)  # type: ignore[arg-type]
    return str(answer.choices[0].message.content)


async def heard(model: openai.AsyncOpenAI, question: str, words: list[str]) -> None:
    """Streams an answer into *words*."""
    messages: Any = ask(question)
    stream = await model.chat.completions.create(model="simulated", messages=messages, stream=True)
    async for chunk in stream:
        words.append(chunk.choices[0].delta.content or "")  # noqa: PERF401 - what came before a break is kept


@pytest.mark.parametrize(
    ("question", "system", "expected"),
    [
        ("تا چند روز می‌توانم كالا را پس بدهم؟", PASSAGES, "بله، کالا را تا ۷ روز پس از تحویل می‌توانید پس بدهید [2]."),
        ("پنجشنبه باز هستید؟", PASSAGES, "بله، پنجشنبه‌ها تا ظهر پاسخ می‌دهیم [1]."),
        ("Until when can I return it?", TAGGED, "Gladly: Returns are free for 14 days after delivery [4]."),
        ("How fast do you ship?", TAGGED, "Gladly: We ship within 2.5 days [4]."),
        ("آیا اقساط دارید؟", PASSAGES, "متأسفم، در اطلاعاتی که دارم پاسخی برای این پرسش نیست."),
        ("Do you sell planes?", TAGGED, "I'm sorry, the information I have does not answer that."),
    ],
)
async def test_grounded(model: openai.AsyncOpenAI, question: str, system: str, expected: str) -> None:
    """The answer is the prompt's best sentence with its marker, politely, or an admission; always the same."""
    assert await said(model, question, system) == expected


async def test_passages_in_question(model: openai.AsyncOpenAI) -> None:
    """Passages may stand in the user's message; what is left of it is the question."""
    text = "Context:\n[7] The warranty lasts two years.\n[8] We open at nine.\n\nQuestion: how long is the warranty?"

    answer = await model.chat.completions.create(model="simulated", messages=[{"role": "user", "content": text}])

    assert answer.choices[0].message.content == "Gladly: The warranty lasts two years [7]."


async def test_stream(model: openai.AsyncOpenAI) -> None:
    """A stream gives the same text word by word, then why it ended, then the usage when asked for."""
    question = "تا چند روز می‌توانم کالا را پس بدهم؟"
    whole = await model.chat.completions.create(model="simulated", messages=ask(question))  # type: ignore[arg-type]
    stream = await model.chat.completions.create(
        model="simulated",
        messages=ask(question),  # type: ignore[arg-type]
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]

    words = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(words) == whole.choices[0].message.content
    assert len([word for word in words if word]) > 5
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage == whole.usage
    assert whole.usage
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens


async def test_shortened(model: openai.AsyncOpenAI) -> None:
    """max_tokens cuts the answer and says so."""
    answer = await model.chat.completions.create(
        model="simulated",
        messages=ask("پنجشنبه باز هستید؟"),  # type: ignore[arg-type]
        max_tokens=2,
    )

    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.content == "بله، پنجشنبه‌ها"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": [{"role": "user", "content": "x"}]}, None),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"model": "m", "messages": [{"role": "user", "content": 3}]}, "messages.[0].content"),
        ({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{}]}, "tools"),
        (
            {"model": "m", "messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_object"}},
            "response_format",
        ),
        ({"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": 3}, "temperature"),
        ({"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 0}, "max_tokens"),
        ([], None),
    ],
)
async def test_refuses(client: httpx.AsyncClient, body: Any, param: str | None) -> None:
    """A request that makes no sense, or that asks for what isn't simulated, is 400 with OpenAI's error object."""
    headers = {"authorization": f"Bearer {MODEL_KEY}"}
    response = await client.post("/model/v1/chat/completions", json=body, headers=headers)

    assert response.status_code == 400
    assert (response.json()["error"]["type"], response.json()["error"]["param"]) == ("invalid_request_error", param)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": MODEL_KEY}])
async def test_key(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Without the key nothing is answered."""
    for path in ("chat/completions", "embeddings"):
        response = await client.post(f"/model/v1/{path}", json={}, headers=headers)
        assert response.status_code == 401
    assert (await client.get("/model/v1/models", headers=headers)).status_code == 401


@pytest.mark.parametrize("form", ["float", "base64"])
async def test_embeddings(model: openai.AsyncOpenAI, form: Any) -> None:
    """Vectors of 64 dimensions and length one, equal for Arabic and Persian spelling, near for shared words."""
    texts = ["ساعت كاري فروشگاه", "ساعت کاری فروشگاه", "بازگشت کالا"]

    answer = await model.embeddings.create(model="simulated", input=texts, encoding_format=form)

    first, second, third = (
        [float(value) for value in item.embedding]
        if isinstance(item.embedding, list)
        else list(memoryview(base64.b64decode(item.embedding)).cast("f"))
        for item in answer.data
    )
    assert len(first) == 64
    assert math.isclose(math.hypot(*first), 1, rel_tol=1e-5)
    assert first == second
    assert sum(a * b for a, b in zip(first, third, strict=True)) < 0.9
    assert first == pytest.approx(embed(texts[0]), rel=1e-5)


async def test_refuses_embedding(client: httpx.AsyncClient) -> None:
    """An empty text or another number of dimensions is refused."""
    headers = {"authorization": f"Bearer {MODEL_KEY}"}
    for body in ({"input": ""}, {"input": []}, {"input": [1]}, {"input": "x", "dimensions": 8}):
        response = await client.post("/model/v1/embeddings", json={"model": "m", **body}, headers=headers)
        assert response.status_code == 400


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (TooMany(retry_after=2), openai.RateLimitError),
        (ServerError(code=500), openai.InternalServerError),
        (HangAtStart(), openai.APITimeoutError),
        (CutConnection(when="before"), openai.APIConnectionError),
        (WrongJson(), json.JSONDecodeError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_fails(
    simulator: Simulator, model: openai.AsyncOpenAI, step: Queued, error: type[Exception], stream: bool
) -> None:
    """Each failure reaches the client as the error that the real one causes; the next call works."""
    simulator.script("model", step)

    caller = model.with_options(timeout=0.25) if isinstance(step, HangAtStart) else model
    with pytest.raises(error):
        await (heard(caller, "ساعت کاری؟", []) if stream else said(caller, "ساعت کاری؟"))
    assert await said(model, "ساعت کاری؟")


@pytest.mark.parametrize(
    ("step", "error"),
    [(HangMidway(after_words=2), httpx.ReadTimeout), (CutConnection(when="after_body"), httpx.HTTPError)],
)
async def test_breaks_midway(
    simulator: Simulator, model: openai.AsyncOpenAI, step: Queued, error: type[Exception]
) -> None:
    """A stream may stop after some words: it hangs, or it breaks."""
    simulator.script("model", step, chat="simulated")
    words: list[str] = []

    with pytest.raises((error, openai.APIError)):
        await heard(model.with_options(timeout=0.5), "پنجشنبه باز هستید؟", words)

    assert "".join(words).startswith("بله، پنجشنبه‌ها")
    assert "[1]" not in "".join(words)


async def test_misleads(simulator: Simulator, model: openai.AsyncOpenAI) -> None:
    """It can leave its markers out, make a link up and go on and on."""
    for step in (NoCitation(), InventUrl(url="https://fake.example/off"), VeryLong(words=3_000)):
        simulator.script("model", step)

    uncited, invented, long = [await said(model, "پنجشنبه باز هستید؟") for _ in range(3)]

    assert uncited == "بله، پنجشنبه‌ها تا ظهر پاسخ می‌دهیم."
    assert invented.endswith("[1]. https://fake.example/off")
    assert len(long.split()) >= 3_000


async def test_other_model_unharmed(simulator: Simulator, model: openai.AsyncOpenAI) -> None:
    """A step ordered for one model's name leaves the others alone, so that fallbacks can be tried."""
    simulator.script("model", ServerError(), chat="big")

    assert await said(model, "ساعت کاری؟")
    with pytest.raises(openai.InternalServerError):
        await model.chat.completions.create(model="big", messages=ask("ساعت کاری؟"))  # type: ignore[arg-type]
    assert [asked.model for asked in simulator.model.asked] == ["simulated", "big"]
