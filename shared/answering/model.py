"""One call to a language model, through the `openai` client at any compatible base URL.

Every way in which a call can fail gets a name (`ModelFailed.reason`), for the trace and for whoever is on call. The
client never retries by itself: the ladder in `ladder.py` is ours, and its time is short.

Reference: https://developers.openai.com/api/reference/resources/chat (streaming chat completions)
"""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, cast

from pydantic import SecretStr

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk


class Message(TypedDict):
    """As the API takes it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class ModelEndpoint:
    """Where a tenant's words come from. `base_url` includes `/v1`; whoever stored it checked where it leads."""

    base_url: str
    api_key: SecretStr
    model: str
    small_model: str | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """Best first, each once."""
        return tuple(dict.fromkeys(m for m in (self.model, self.small_model) if m))

    def only_small(self) -> "ModelEndpoint | None":
        """What is left when the budget for the big model is spent; None without a small one."""
        return replace(self, model=self.small_model, small_model=None) if self.small_model else None


class ModelFailed(Exception):
    """A call that brought no answer: why, and what it cost all the same."""

    def __init__(self, reason: str, called: "Called | None" = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.called = called or Called()


@dataclass(frozen=True)
class Called:
    """What a call used."""

    tokens_in: int = 0
    tokens_out: int = 0
    counted: bool = False
    first_token_ms: int | None = None
    was_cut: bool = False
    """The endpoint stopped at its own limit, in the middle of a sentence."""


class Models:
    """The connections that all endpoints share. Close it when the process ends."""

    def __init__(self) -> None:
        self._http: httpx2.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends every connection."""
        if self._http:
            await self._http.aclose()
            self._http = None

    def client(self, endpoint: ModelEndpoint) -> "AsyncOpenAI":
        """Cheap after the first: the import takes a second, the certificates half a megabyte. Raises ModelFailed."""
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        if self._http is None:
            # No redirects: a tenant's endpoint must not lead us, with its key, to an address that nobody checked.
            self._http = DefaultAsyncHttpxClient(
                follow_redirects=False,
                headers={"accept-encoding": "identity"},
                event_hooks={"response": [_keep_small]},
            )
        try:
            client = AsyncOpenAI(
                base_url=endpoint.base_url,
                api_key=endpoint.api_key.get_secret_value() or "none",
                max_retries=0,
                http_client=self._http,
            )
        except Exception as problem:  # a URL that is none has an error of the HTTP library's own
            raise ModelFailed("bad_endpoint") from problem
        client.organization = client.project = None  # the environment's are not for a tenant's endpoint
        return client


_LARGEST_ANSWER = 2_000_000
"""Bytes. A long answer with all its framing is a tenth of it."""


async def _keep_small(response: "httpx2.Response") -> None:
    """A hook of the HTTP client: an endpoint that answers without end must not fill our memory."""
    import httpx2

    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("compressed, though we asked for plain bytes", request=response.request)
    whole = response.stream

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = _LARGEST_ANSWER
            async for part in cast(httpx2.AsyncByteStream, whole):
                left -= len(part)
                if left < 0:
                    raise httpx2.ReadError("the answer is too long", request=response.request)
                yield part

        async def aclose(self) -> None:
            await cast(httpx2.AsyncByteStream, whole).aclose()

    response.stream = Bounded()


Take = Callable[[str], Awaitable[bool]]
"""Gets each bit of text as it comes; says whether more is wanted."""


async def call(
    client: "AsyncOpenAI", model: str, messages: Sequence[Message], take: Take, *, first_token: float, total: float
) -> Called:
    """Streams one completion into *take*. Seconds from now. Raises ModelFailed, and what *take* raises."""
    return await _Call(client, model, messages, take).run(min(first_token, total), total)


class _Call:
    def __init__(self, client: "AsyncOpenAI", model: str, messages: Sequence[Message], take: Take) -> None:
        self._client, self._model, self._messages, self._take = client, model, messages, take
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._first_token_ms: int | None = None
        self._accepted = self._finished = self._was_cut = False
        self._received = 0
        self._usage: tuple[int, int] | None = None

    async def run(self, first_token: float, total: float) -> Called:
        try:
            self._call_ends = self._started + total
            async with (
                asyncio.timeout_at(self._started + first_token) as self._deadline,
                aclosing(self._bits()) as bits,
            ):
                async for bit in bits:
                    if not await self._take(bit):
                        break
        except TimeoutError:
            is_first = self._first_token_ms is None and first_token < total
            raise ModelFailed("timeout_first_token" if is_first else "timeout_call", self._called()) from None
        return self._called()

    async def _bits(self) -> AsyncGenerator[str, None]:
        """The text as it comes. Raises ModelFailed for everything that the endpoint can do wrong."""
        from httpx2 import HTTPError
        from openai import OpenAIError

        try:
            stream: AsyncStream[ChatCompletionChunk] = await self._client.chat.completions.create(
                model=self._model,
                messages=cast(Any, self._messages),
                stream=True,
                stream_options={"include_usage": True},
                timeout=None,
            )
            self._accepted = True
            async with stream:
                if "json" in stream.response.headers.get("content-type", ""):  # some gateways can't stream
                    yield self._whole(json.loads(await stream.response.aread()))
                else:
                    async for chunk in stream:
                        if bit := self._bit(chunk):
                            yield bit
        except OpenAIError as problem:
            raise ModelFailed(_name(problem, accepted=self._accepted), self._called()) from problem
        except (
            HTTPError,
            ValueError,
            TypeError,
            AttributeError,
            LookupError,
            RecursionError,
        ) as problem:  # nothing of it was validated
            raise ModelFailed("broken_stream", self._called()) from problem
        if not self._finished:
            raise ModelFailed("broken_stream" if self._received else "empty", self._called())

    def _bit(self, chunk: Any) -> str:
        """The text in a chunk, and a note of what else it says."""
        if usage := getattr(chunk, "usage", None):
            self._usage = _counted(usage.prompt_tokens, usage.completion_tokens)
        bits = ""
        for choice in getattr(chunk, "choices", None) or []:
            delta = choice.delta
            if getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None):
                self._heard()
            if isinstance(bit := getattr(delta, "content", None), str) and bit:
                bits += self._counting(bit)
            if reason := choice.finish_reason:
                self._end(reason)
        return bits

    def _whole(self, body: Any) -> str:
        """The text of an answer that came in one piece."""
        choice = body["choices"][0]
        if usage := body.get("usage"):
            self._usage = _counted(usage.get("prompt_tokens"), usage.get("completion_tokens"))
        self._end(choice.get("finish_reason") or "stop")
        text = choice["message"]["content"]
        if not isinstance(text, str) or not text:
            raise ModelFailed("empty", self._called())
        return self._counting(text)

    def _counting(self, bit: str) -> str:
        self._heard()
        self._received += len(bit)
        return bit

    def _end(self, reason: str) -> None:
        if reason == "content_filter":
            raise ModelFailed("content_filter", self._called())
        self._finished = True
        self._was_cut = reason == "length"

    def _heard(self) -> None:
        if self._first_token_ms is None:
            self._first_token_ms = round((self._clock() - self._started) * 1000)
            self._deadline.reschedule(self._call_ends)

    def _called(self) -> Called:
        asked = sum(len(m["content"]) for m in self._messages) if self._accepted else 0
        tokens_in, tokens_out = self._usage or (estimate(asked), estimate(self._received))
        return Called(
            tokens_in, tokens_out, counted=bool(self._usage), first_token_ms=self._first_token_ms, was_cut=self._was_cut
        )


def estimate(characters: int) -> int:
    """Tokens that a provider would count for so many characters, roughly: Persian takes about three a token."""
    return math.ceil(characters / 3)


def _counted(tokens_in: object, tokens_out: object) -> tuple[int, int] | None:
    if isinstance(tokens_in, int) and isinstance(tokens_out, int) and min(tokens_in, tokens_out) >= 0:
        return tokens_in, tokens_out
    return None


def _name(problem: Exception, *, accepted: bool) -> str:
    """What an operator reads in the trace."""
    from openai import APIConnectionError, APIStatusError

    if isinstance(problem, APIStatusError):
        status = problem.status_code
        if status in (400, 404, 413, 422):
            return "bad_request"
        if status in (401, 403):
            return "unauthorized"
        return "http_5xx" if status >= 500 else f"http_{status}"
    if accepted:
        return "broken_stream"
    return "no_connection" if isinstance(problem, APIConnectionError) else "failed"
