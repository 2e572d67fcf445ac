"""One turn: policy, retrieval, persona and model, policy again, reply.

`answer` always comes back with a reply that can be sent. A failing model costs a rung of the ladder, a failing search
calls a person; what happened stands in the trace. It waits on nothing but the search, the model and whoever listens.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from shared.answering import extractive
from shared.answering.asked import asked_for
from shared.answering.ladder import Climbed, Voice, climb
from shared.answering.model import ModelEndpoint, Models
from shared.answering.persona import Persona, Wording
from shared.answering.policy.after import Checker, check, shorten
from shared.answering.policy.before import Before, State, decide, reply_language
from shared.answering.policy.opening import next_opening, say_when
from shared.answering.policy.rules import Policy
from shared.answering.prompt import PROMPT_VERSION, messages
from shared.answering.values import (
    Ask,
    Cited,
    Considered,
    Found,
    Limits,
    Outcome,
    Passage,
    PolicyHit,
    Reply,
    Rung,
    Search,
    Source,
    Speak,
    Status,
    Timings,
    Trace,
)

EXTRACTIVE = "extractive"


async def answer(
    ask: Ask, *, search: Search, model: ModelEndpoint | None, now: datetime, speak: Speak | None = None,
    stop: Callable[[], bool] | None = None, limits: Limits | None = None, models: Models | None = None,
) -> Reply:  # fmt: skip
    """What to say to *ask* at *now* (aware).

    *speak* gets the checked pieces while a model writes; together they are the reply's text, unless a rung failed after
    it had spoken. *stop* says that the turn is no longer ours: no model is called any more. *models* lends connections.
    """
    turn = _Turn(ask, now, Voice(speak), stop, limits or Limits())
    before = decide(ask.policy, ask.question, turn.state, now)
    turn.fired += before.fired
    if before.action != "answer":
        return turn.settle(before)
    found: Found | None = None
    if before.retrieval.enabled:
        found = await turn.look_up(search, before.retrieval.limit)
        if found is None:
            return turn.hand_over(before, asked=False)
        if not found.passages or found.confidence < before.retrieval.min_confidence:
            return turn.miss(before)
    passages = tuple(found.passages) if found else ()
    if model is not None:
        climbed = await turn.word(model, models, passages)
        if climbed.no_answer:
            return turn.miss(before)
        if climbed.text:
            return turn.answered(climbed.text, climbed.cited, climbed.model)
    return turn.quote(passages) or turn.miss(before)


class _Turn:
    """What a turn gathers on its way to a reply."""

    def __init__(self, ask: Ask, now: datetime, voice: Voice, stop: Callable[[], bool] | None, limits: Limits) -> None:
        self.ask, self.now, self.voice, self.stop, self.limits = ask, now, voice, stop, limits
        self.language = reply_language(
            ask.persona, ask.policy, ask.question, hint=ask.language_hint, history=ask.history
        )
        self.fired: list[PolicyHit] = []
        self.rungs: list[Rung] = []
        self.failures: list[str] = []
        self.passages: Sequence[Passage] = ()
        self.index_version = ""
        self.confidence = self.support = 0.0
        self.began = time.monotonic()
        self.search_ms = self.wording_ms = 0

    @property
    def state(self) -> State:
        ask = self.ask
        readable = ask.kind == "text" or bool(ask.question.strip())
        last = next((said for said in reversed(ask.history) if said.role != "customer"), None)
        offers = {ask.persona.say(ask.persona.abstain_text, "fa"), ask.persona.say(ask.persona.abstain_text, "en")}
        return State(readable, offered=last is not None and last.text.strip() in offers)

    async def look_up(self, search: Search, limit: int) -> Found | None:
        """None when the search failed: the failure is noted."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.limits.search):
                found = await search(asked_for(self.ask.question), self.ask.history, limit)
        except TimeoutError:
            self.failures.append("search: timeout")
            return None
        except Exception as problem:  # whatever it is, the customer gets a reply and the trace its name
            self.failures.append(f"search: {type(problem).__name__}")
            return None
        finally:
            self.search_ms = _ms_since(began)
        self.passages, self.index_version, self.confidence = found.passages, found.index_version, found.confidence
        return found

    async def word(self, model: ModelEndpoint, models: Models | None, passages: Sequence[Passage]) -> Climbed:
        """Lets the models try."""
        ask = self.ask
        told = messages(
            ask.persona, self.language, ask.question, ask.history, passages, max_chars=ask.policy.answer.max_chars
        )
        guarded = told[0]["content"]

        def new_checker() -> Checker:
            return Checker(ask.policy, passages, self.language, guarded=guarded, question=ask.question)

        began = time.monotonic()
        lent = models or Models()
        try:
            climbed = await climb(model, lent, told, new_checker, self.voice, limits=self.limits, stop=self.stop)
        finally:
            if models is None:
                await lent.aclose()
            self.wording_ms = _ms_since(began)
        self.rungs += climbed.rungs
        self.fired += climbed.fired
        return climbed

    def quote(self, passages: Sequence[Passage]) -> Reply | None:
        """The answer without a model, in the persona's frame; None where no sentence fits well enough."""
        began = time.monotonic()
        ask = self.ask
        quoted = extractive.quote(asked_for(ask.question), passages)
        self.support = quoted.support if quoted else 0.0
        text = ""
        if quoted and _fits(quoted.support, self.confidence, ask.policy):
            after = check(ask.policy, quoted.text, [passages[quoted.index]], language=self.language, quoted=True)
            self.fired += after.fired
            text = "" if after.rejected else after.text
        self.rungs.append(
            Rung(model=EXTRACTIVE, outcome="answered" if text else "no_answer", ms=_ms_since(began), counted=True)
        )
        if not quoted or not text:
            return None
        return self.answered(self._framed(text), ((text, (quoted.index,)),), None)

    def _framed(self, text: str) -> str:
        persona = self.ask.persona
        opening, closing = persona.say(persona.opening, self.language), persona.say(persona.closing, self.language)
        framed = "\n".join(filter(None, (opening, text, closing)))
        return framed if len(framed) <= self.ask.policy.answer.max_chars else text

    def settle(self, before: Before) -> Reply:
        """What the policy decided without looking anything up."""
        persona, misses = self.ask.persona, self.ask.misses
        match before.action:
            case "handover":
                return self.hand_over(before, asked=True)
            case "closed":
                return self._closed()
            case "unreadable":
                return self.miss(before, persona.text_only_text)
            case "refuse":
                own = self._say(before.topic.answer) if before.topic and before.topic.answer else ""
                return self._reply(own or self._say(persona.refuse_text), "refused", self.ask.status, misses)
            case "thank":
                return self._reply(self._say(persona.thanks_text), "greeted", self.ask.status, misses)
            case _:
                return self._reply(self._say(persona.greeting), "greeted", self.ask.status, misses)

    def miss(self, before: Before, wording: Wording | None = None) -> Reply:
        """No answer: says so and offers a person; one too many in a row calls one."""
        persona, misses = self.ask.persona, self.ask.misses + 1
        if self.ask.status == "waiting":
            return self._reply(self._say(wording or persona.waiting_text), "abstained", "waiting", misses)
        if misses >= self.ask.policy.handover.after_misses:
            self.fired.append(PolicyHit(stage="after", rule="misses", detail=str(misses)))
            return self.hand_over(before, asked=False)
        return self._reply(self._say(wording or persona.abstain_text), "abstained", "bot", misses)

    def hand_over(self, before: Before, *, asked: bool) -> Reply:
        """A person is promised, and the customer told so; outside the hours also told when."""
        if not before.is_open:
            return self._closed()
        wording = self.ask.persona.handover_text if asked else self.ask.persona.waiting_text
        return self._reply(self._say(wording), "handed_over", "waiting", 0)

    def _closed(self) -> Reply:
        hours = self.ask.policy.hours
        opens = say_when(next_opening(hours, self.now) if hours else None, self.now, self.language)
        return self._reply(self._say(self.ask.persona.closed_text, opens=opens), "handed_over", "waiting", 0)

    def answered(self, text: str, cited: Sequence[tuple[str, tuple[int, ...]]], model: str | None) -> Reply:
        """An answer, with the passages it really stands on."""
        return self._reply(text, "answered", self.ask.status, 0, cited=cited, model=model)

    def _say(self, wording: Wording, **places: str) -> str:
        return self.ask.persona.say(wording, self.language, **places)

    def _reply(
        self, text: str, outcome: Outcome, status: Status, misses: int, *,
        cited: Sequence[tuple[str, tuple[int, ...]]] = (), model: str | None = None,
    ) -> Reply:  # fmt: skip
        used = list(dict.fromkeys(n for _, numbers in cited for n in numbers))
        if self.voice.failure:
            self.failures.append(self.voice.failure)
        return Reply(
            text=shorten(text.strip() or self._say(Persona().abstain_text), self.ask.policy.answer.max_chars),
            outcome=outcome,
            status=status,
            misses=misses,
            language=self.language,
            sources=_sources([self.passages[n] for n in used]),
            trace=self._trace(cited, used),
            model=model,
            tokens_in=sum(rung.tokens_in for rung in self.rungs),
            tokens_out=sum(rung.tokens_out for rung in self.rungs),
        )

    def _trace(self, cited: Sequence[tuple[str, tuple[int, ...]]], used: Sequence[int]) -> Trace:
        return Trace(
            persona_version=self.ask.persona_version,
            policy_version=self.ask.policy_version,
            prompt_version=PROMPT_VERSION,
            index_version=self.index_version,
            question=self.ask.question,
            language=self.language,
            at=self.now.isoformat(),
            confidence=self.confidence,
            support=self.support,
            passages=tuple(_considered(passage, cited=n in used) for n, passage in enumerate(self.passages)),
            citations=tuple(
                Cited(sentence=sentence, chunk_ids=tuple(self.passages[n].chunk_id for n in numbers))
                for sentence, numbers in cited
            ),
            fired=tuple(self.fired),
            rungs=tuple(self.rungs),
            failures=tuple(self.failures),
            timings_ms=Timings(search=self.search_ms, wording=self.wording_ms, total=_ms_since(self.began)),
        )


_LEAST_SUPPORT = 0.15
"""Below it a quotation has nothing to do with the question, however sure the search is."""


def _fits(support: float, confidence: float, policy: Policy) -> bool:
    """Two looks at the same thing, each with its own blind spot; together they tell better than either."""
    return support >= _LEAST_SUPPORT and (support + confidence) / 2 >= policy.retrieval.min_fit


def _considered(passage: Passage, *, cited: bool) -> Considered:
    return Considered(
        chunk_id=passage.chunk_id,
        asset_id=passage.asset_id,
        title=passage.title,
        place=passage.place,
        score=passage.score,
        cited=cited,
        text=passage.text if cited else "",
    )


def _sources(passages: Sequence[Passage]) -> tuple[Source, ...]:
    """Each place once, in the order of first use."""
    return tuple(dict.fromkeys(Source(asset_id=p.asset_id, title=p.title, place=p.place) for p in passages))


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


__all__ = ["EXTRACTIVE", "Ask", "Found", "Limits", "Passage", "Reply", "Search", "Speak", "answer"]
