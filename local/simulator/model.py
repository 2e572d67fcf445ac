"""An OpenAI-compatible model server: chat completions, whole or streamed, and embeddings.

Source: https://platform.openai.com/docs/api-reference. What it does not do (tools, response formats, several choices)
it refuses, so that nobody takes silence for support.
"""

import base64
import json
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.simulator.accounts import ModelAccount
from local.simulator.connection import Chunks, Hang
from local.simulator.graph import bearer, same
from local.simulator.grounded import DIMENSIONS, answer, embed, split_prompt
from local.simulator.scripts import (
    AcceptThenHang,
    CutConnection,
    HangAtStart,
    HangMidway,
    InventUrl,
    NoCitation,
    Queued,
    Refuse,
    Scripts,
    VeryLong,
    WrongJson,
    act,
)

ACCOUNT = "model"  # what scripts call it; their chat is the model's name
ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
UNSUPPORTED = ("tools", "tool_choice", "functions", "audio", "logprobs")


@dataclass
class ModelRefusal(Exception):
    """An answer with OpenAI's `error` object."""

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    headers: dict[str, str] | None = None

    def response(self) -> Response:
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return JSONResponse({"error": error}, self.status, headers=self.headers)


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat completion request that was understood."""

    model: str
    messages: list[tuple[str, str]]
    stream: bool
    include_usage: bool
    max_words: int | None

    @property
    def prompt_tokens(self) -> int:
        return sum(len(text.split()) + 4 for _, text in self.messages)


class _Dialect:
    def too_many(self, retry_after: int | None) -> Response:
        headers = None if retry_after is None else {"retry-after": str(retry_after)}
        message = "Rate limit reached for requests per minute. Please try again later."
        return ModelRefusal(429, message, "requests", code="rate_limit_exceeded", headers=headers).response()

    def server_error(self, code: int) -> Response:
        message = "The server had an error while processing your request. Sorry about that!"
        return ModelRefusal(code, message, "server_error").response()

    def refused(self, step: Refuse) -> Response:
        return ModelRefusal(step.status, step.message, code=step.details or None).response()


class ModelApi:
    """The server. `asked` keeps the last requests, for tests to look into."""

    def __init__(self, scripts: Scripts, now: Callable[[], float]) -> None:
        self.accounts: list[ModelAccount] = []
        self.asked: list[Asked] = []
        self._scripts = scripts
        self._now = now
        self._dialect = _Dialect()

    def add(self, account: ModelAccount) -> None:
        self.accounts.append(account)

    async def completions(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        try:
            self._check_key(request)
            asked = _asked(await _object(request))
        except ModelRefusal as refusal:
            return refusal.response()
        self.asked = [*self.asked[-99:], asked]
        step = self._scripts.take(ACCOUNT, asked.model)
        match step:
            case HangAtStart() | AcceptThenHang():
                return Hang()
            case HangMidway(after_words=count):
                return self._stream(asked, step, "hang", count) if asked.stream else Hang()
            case CutConnection(when="after_body") if asked.stream:
                return self._stream(asked, step, "cut", 3)
            case WrongJson() if asked.stream:
                return Chunks([b'data: {"id":"chatcmpl-1","choices":[{"delta":{"cont\n\n', b"data: [DONE]\n\n"])
        return await act(step, lambda: self._complete(asked, step), self._dialect)

    async def embeddings(self, request: Request) -> Response:
        """`POST /v1/embeddings`."""
        try:
            self._check_key(request)
            body = await _object(request)
            model, texts, form = _embedded(body)
        except ModelRefusal as refusal:
            return refusal.response()
        return await act(self._scripts.take(ACCOUNT, model), lambda: _vectors(model, texts, form), self._dialect)

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`."""
        try:
            self._check_key(request)
        except ModelRefusal as refusal:
            return refusal.response()
        names = sorted({asked.model for asked in self.asked} | {"simulated"})
        items = [{"id": name, "object": "model", "created": 0, "owned_by": "simulator"} for name in names]
        return JSONResponse({"object": "list", "data": items})

    def _check_key(self, request: Request) -> None:
        key = bearer(request)
        if not key:
            message = "You didn't provide an API key. You need to provide your API key in an Authorization header."
            raise ModelRefusal(401, message)
        if self.accounts and not any(same(key, account.api_key) for account in self.accounts):
            raise ModelRefusal(401, "Incorrect API key provided.", code="invalid_api_key")

    def _complete(self, asked: Asked, step: Queued | None) -> Response:
        if asked.stream:
            return self._stream(asked, step, "well", None)
        text, reason = _shortened(asked, _said(asked, step))
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        return JSONResponse(
            {
                "id": f"chatcmpl-{uuid4().hex}",
                "object": "chat.completion",
                "created": int(self._now()),
                "model": asked.model,
                "choices": [choice],
                "usage": _usage(asked, text),
            }
        )

    def _stream(
        self, asked: Asked, step: Queued | None, end: Literal["well", "hang", "cut"], count: int | None
    ) -> Response:
        text, reason = _shortened(asked, _said(asked, step))
        head = {
            "id": f"chatcmpl-{uuid4().hex}",
            "object": "chat.completion.chunk",
            "created": int(self._now()),
            "model": asked.model,
        }

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            return _sse({**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})

        def chunks() -> Iterator[bytes]:
            yield chunk({"role": "assistant", "content": ""})
            for word in re.findall(r"\s*\S+\s*$|\s*\S+", text)[:count]:
                yield chunk({"content": word})
            if count is not None:
                return
            yield chunk({}, reason)
            if asked.include_usage:
                yield _sse({**head, "choices": [], "usage": _usage(asked, text)})
            yield b"data: [DONE]\n\n"

        return Chunks(chunks(), end=end)


def _said(asked: Asked, step: Queued | None) -> str:
    question, passages = split_prompt(asked.messages)
    text = answer(question, passages)
    match step:
        case NoCitation():
            return re.sub(r"\s*\[\d+\]", "", text)
        case InventUrl(url=url):
            return f"{text} {url}"
        case VeryLong(words=count):
            return " ".join([text] * (count // max(1, len(text.split())) + 1))
    return text


def _shortened(asked: Asked, text: str) -> tuple[str, str]:
    """The text within `max_tokens` (a word counts as one), and why it ends."""
    parts = text.split(" ")
    if asked.max_words is None or len(parts) <= asked.max_words:
        return text, "stop"
    return " ".join(parts[: asked.max_words]), "length"


def _usage(asked: Asked, text: str) -> dict[str, int]:
    spent = len(text.split())
    return {
        "prompt_tokens": asked.prompt_tokens,
        "completion_tokens": spent,
        "total_tokens": asked.prompt_tokens + spent,
    }


def _sse(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"null")
    except ValueError as problem:
        raise ModelRefusal(400, "We could not parse the JSON body of your request.") from problem
    if not isinstance(body, dict):
        raise ModelRefusal(400, "We could not parse the JSON body of your request.")
    return body


def _model_of(body: dict[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise ModelRefusal(400, "you must provide a model parameter")
    return model


def _asked(body: dict[str, Any]) -> Asked:
    model = _model_of(body)
    for name in UNSUPPORTED:
        if body.get(name):
            raise ModelRefusal(400, f"Unsupported parameter: '{name}'.", param=name, code="unsupported_parameter")
    if (body.get("response_format") or {"type": "text"}).get("type") != "text" or body.get("n", 1) != 1:
        raise ModelRefusal(400, "Unsupported value.", param="response_format", code="unsupported_value")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise ModelRefusal(400, message, param="messages", code="empty_array")
    temperature = body.get("temperature")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
        raise ModelRefusal(400, "Invalid 'temperature': expected a number from 0 to 2.", param="temperature")
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ModelRefusal(400, "Invalid 'max_tokens': expected a value >= 1.", param="max_tokens")
    return Asked(
        model,
        [_message(place, message) for place, message in enumerate(messages)],
        bool(body.get("stream")),
        bool((body.get("stream_options") or {}).get("include_usage")),
        limit,
    )


def _message(place: int, message: Any) -> tuple[str, str]:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ROLES:
        name = f"messages[{place}].role"
        raise ModelRefusal(400, f"Invalid value: '{role}'.", param=name, code="invalid_value")
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    if not isinstance(content, str):
        name = f"messages.[{place}].content"
        raise ModelRefusal(400, f"Invalid type for '{name}': expected a string or an array.", param=name)
    return role, content


def _embedded(body: dict[str, Any]) -> tuple[str, list[str], str]:
    model = _model_of(body)
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 0 < len(texts) <= 2048 or not all(isinstance(t, str) and t for t in texts):
        raise ModelRefusal(400, "'$.input' is invalid.", param="input")
    if body.get("dimensions", DIMENSIONS) != DIMENSIONS:
        raise ModelRefusal(400, "This model does not support specifying dimensions.", param="dimensions")
    form = body.get("encoding_format", "float")
    if form not in {"float", "base64"}:
        raise ModelRefusal(400, "Invalid value for 'encoding_format'.", param="encoding_format")
    return model, texts, form


def _vectors(model: str, texts: list[str], form: str) -> Response:
    def written(vector: list[float]) -> list[float] | str:
        return base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *vector)).decode() if form == "base64" else vector

    items = [
        {"object": "embedding", "index": place, "embedding": written(embed(text))} for place, text in enumerate(texts)
    ]
    tokens = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": items, "model": model, "usage": usage})
