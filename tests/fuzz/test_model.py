"""A model server that answers anything: the turn ends with a reply that can be stored, the call with a name for it."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import SecretStr

from shared.answering.model import Called, Message, ModelEndpoint, ModelFailed, Models, call
from shared.answering.turn import answer
from shared.answering.values import Limits
from shared.store.jsonb import dumps
from tests.answering.conftest import MONDAY_NOON, Library, asking
from tests.fuzz import budget, mutating

QUESTION = "جمعه‌ها باز هستید؟"
QUICK = Limits(first_token=0.5, call=0.6, ladder=1.0, search=0.5, stop_poll=0.05)
WORDS = "فروشگاه جمعه‌ها تعطیل است [1]. "
CHUNK = {
    "id": "c1",
    "object": "chat.completion.chunk",
    "created": 1790000000,
    "model": "big",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": WORDS}, "finish_reason": None}],
    "usage": {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150},
}
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 120, "completion_tokens": 30},
}
END = {"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
NAMED = {
    "called", "bad_endpoint", "bad_request", "broken_stream", "content_filter", "empty", "failed", "no_connection",
    "timeout_call", "timeout_first_token", "unauthorized",
}  # fmt: skip


@dataclass
class Liar:
    """An HTTP server on loopback that answers every request with `answer`, byte by byte, and hangs up."""

    answer: bytes = b""
    url: str = ""
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
            )
            await reader.readexactly(length)
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def lying() -> AsyncIterator[Liar]:
    liar = Liar()
    server = await asyncio.start_server(liar.serve, "127.0.0.1", 0)
    liar.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield liar
    finally:
        server.close()


def _said(chance: random.Random) -> bytes:
    """Head and body: a stream or one piece, whole or not."""
    if chance.random() < 0.25:
        return _head(chance, b"application/json") + _bent(WHOLE, chance)
    events = [CHUNK] * chance.randrange(1, 4) + [END]
    lines = [
        b"data: " + (_bent(event, chance) if chance.random() < 0.4 else json.dumps(event).encode()) for event in events
    ]
    lines += [
        chance.choice(
            (b"data: [DONE]", b"data:[DONE]", b": ping", b"event: error\ndata: {}", b"", b"data: null", b"retry: x")
        )
    ]
    body = chance.choice((b"\n\n", b"\n\n", b"\r\n\r\n", b"\n")).join(lines) + b"\n\n"
    if chance.random() < 0.2:
        body = mutating.spoiled_bytes(body, chance)
    said = _head(chance, b"text/event-stream") + body
    return mutating.spoiled_bytes(said, chance) if chance.random() < 0.1 else said


def _bent(value: object, chance: random.Random) -> bytes:
    return mutating.mutated(json.dumps(value).encode(), [json.dumps(END).encode()], chance).replace(b"\n", b" ")


def _head(chance: random.Random, media_type: bytes) -> bytes:
    status = chance.choice(
        (b"200 OK",) * 8 + (b"204 No Content", b"302 Found", b"429 Slow", b"500 No", b"999 ?", b"abc")
    )
    more = chance.choice(
        (
            b"",
            b"",
            b"",
            b"content-encoding: gzip\r\n",
            b"location: http://127.0.0.1:1/\r\n",
            b"content-length: 7\r\n",
            b"x" * 200 + b": y\r\n",
        )
    )
    if chance.random() < 0.1:
        media_type = chance.choice((b"", b"text/html", b"application/json; charset=utf-16", b"\xff"))
    return b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-type: " + media_type + b"\r\n" + more + b"\r\n"


async def test_any_answer() -> None:
    """A call ends with what it used or with a name; a turn ends with a text; both can be stored."""
    seen: Counter[str] = Counter()
    async with lying() as liar, Models() as models:
        endpoint = ModelEndpoint(liar.url, SecretStr("sk-test"), "big")

        async def check(said: bytes) -> None:
            liar.answer = said
            seen[await _outcome(models, endpoint)] += 1
            reply = await answer(
                asking(QUESTION), search=Library(), model=endpoint, now=MONDAY_NOON, limits=QUICK, models=models
            )
            assert reply.text.strip()
            reply.text.encode()
            json.loads(dumps(reply.trace), parse_constant=_refused("a constant that jsonb refuses"))

        await budget.run_through("model server", _said, check)
    assert seen["called"]
    assert seen["broken_stream"]


async def _outcome(models: Models, endpoint: ModelEndpoint) -> str:
    async def take(bit: str) -> bool:
        assert isinstance(bit, str)
        return True

    message: Message = {"role": "user", "content": QUESTION}
    limits = {"first_token": QUICK.first_token, "total": QUICK.call}
    try:
        called = await call(models.client(endpoint), "big", [message], take, **limits)
        outcome = "called"
    except ModelFailed as problem:
        called, outcome = problem.called, problem.reason
    assert outcome in NAMED or outcome.startswith("http_")
    assert isinstance(called, Called)
    assert min(called.tokens_in, called.tokens_out) >= 0
    return outcome


def _refused(why: str) -> Callable[[str], None]:
    def refuse(word: str) -> None:
        raise ValueError(f"{why}: {word}")

    return refuse
