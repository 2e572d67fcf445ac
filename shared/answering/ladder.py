"""Big model, small model, in the time there is. What both fail at is left to the extractive answerer.

A rung fails by an error, by time, or because the policy refuses its words. Sentences leave while the model still
writes; once a rung that has spoken fails, the next ones keep silent until the whole reply replaces what was said.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from shared.answering.model import Called, Message, ModelEndpoint, ModelFailed, Models, call
from shared.answering.policy.after import Checker
from shared.answering.sentences import PieceStream
from shared.answering.values import Limits, PolicyHit, Rung, Speak

_LONGEST = 24_000
"""Characters taken from one call, thoughts included; a model that goes on has lost its way."""


class Voice:
    """Says checked pieces to whoever watches. That nobody hears them fails no turn: the reply itself is stored."""

    def __init__(self, speak: Speak | None) -> None:
        self._speak = speak
        self.has_spoken = False
        self.failure: str | None = None

    async def say(self, piece: str) -> None:
        """Passes *piece* on, unless silenced."""
        if self._speak is None:
            return
        self.has_spoken = True
        try:
            await self._speak(piece)
        except Exception as problem:  # a stream is a convenience, whatever happened to it
            self.failure = f"speak: {type(problem).__name__}"
            self.silence()

    def silence(self) -> None:
        """From here on nothing is passed on."""
        self._speak = None


@dataclass
class Climbed:
    """How far the models came."""

    text: str = ""
    model: str | None = None
    cited: tuple[tuple[str, tuple[int, ...]], ...] = ()
    no_answer: bool = False
    """A model read the passages and says that they don't hold the answer."""
    rungs: list[Rung] = field(default_factory=list)
    fired: list[PolicyHit] = field(default_factory=list)


async def climb(
    endpoint: ModelEndpoint,
    models: Models,
    messages: Sequence[Message],
    new_checker: Callable[[], Checker],
    voice: Voice,
    *,
    limits: Limits,
    stop: Callable[[], bool] | None = None,
) -> Climbed:
    """Tries each model once. Never raises for a failing model: the rungs say what happened."""
    climbed = Climbed()
    ends = time.monotonic() + limits.ladder
    for model in endpoint.models:
        left = ends - time.monotonic()
        if left <= 0:
            climbed.rungs.append(Rung(model=model, outcome="timeout_ladder"))
        elif stop and stop():
            climbed.rungs.append(Rung(model=model, outcome="stopped"))
        else:
            attempt = _Attempt(models, endpoint, model, new_checker(), voice)
            within = Limits(first_token=limits.first_token, call=min(limits.call, left), stop_poll=limits.stop_poll)
            climbed.rungs.append(await attempt.run(messages, within, stop))
            climbed.fired += attempt.checker.fired
            if attempt.outcome in ("answered", "no_answer"):
                climbed.model = model
                climbed.no_answer = attempt.outcome == "no_answer"
                climbed.text, climbed.cited = attempt.text, tuple(attempt.checker.cited)
                break
            if voice.has_spoken:
                voice.silence()
    return climbed


class _Attempt:
    def __init__(self, models: Models, endpoint: ModelEndpoint, model: str, checker: Checker, voice: Voice) -> None:
        self._models, self._endpoint, self._model, self._voice = models, endpoint, model, voice
        self.checker = checker
        self.text = ""
        self.outcome = ""
        self._stream = PieceStream()
        self._received = 0

    async def run(self, messages: Sequence[Message], limits: Limits, stop: Callable[[], bool] | None) -> Rung:
        began = time.monotonic()
        try:
            client = self._models.client(self._endpoint)
            called = await unless_stopped(
                call(client, self._model, messages, self._take, first_token=limits.first_token, total=limits.call),
                stop,
                poll=limits.stop_poll,
            )
            left = self._stream.rest()
            await self._pass(left[:-1] if called.was_cut and self.text else left)
            self.outcome = self._verdict()
        except ModelFailed as failed:
            called, self.outcome = failed.called, failed.reason
        return Rung(
            model=self._model,
            outcome=self.outcome,
            ms=round((time.monotonic() - began) * 1000),
            first_token_ms=called.first_token_ms,
            tokens_in=called.tokens_in,
            tokens_out=called.tokens_out,
            counted=called.counted,
        )

    async def _take(self, bit: str) -> bool:
        self._received += len(bit)
        await self._pass(self._stream.feed(bit))
        return not (self.checker.rejected or self.checker.is_full or self._received > _LONGEST)

    async def _pass(self, pieces: list[str]) -> None:
        for piece in pieces:
            if said := self.checker.take(piece):
                self.text += said
                await self._voice.say(said)

    def _verdict(self) -> str:
        if self.checker.rejected:
            return f"policy_{self.checker.rejected}"
        if self.checker.no_answer and not self.checker.cited:
            return "no_answer"
        if not self.text.strip():
            return "policy_nothing_left" if self._received else "empty"
        if self.checker.must_cite and not self.checker.cited:
            return "policy_no_source"
        return "answered"


async def unless_stopped(work: Awaitable[Called], stop: Callable[[], bool] | None, *, poll: float) -> Called:
    """The result of *work*; while it runs, *stop* is asked every *poll* seconds. Raises ModelFailed("stopped")."""
    if stop is None:
        return await work
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=poll)
            if not task.done() and stop():
                raise ModelFailed("stopped")
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
