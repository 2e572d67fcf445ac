"""Where a turn is made: reads what is open, has it answered, commits it while the lease is still ours."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from uuid import UUID

import psycopg

from events import Context, MessageReceived, ReplyComposed
from functions.orchestrate.endpoints import Endpoints
from shared import failpoints, telemetry
from shared.answering.model import Models
from shared.answering.persona import Persona
from shared.answering.policy.rules import Policy
from shared.answering.turn import EXTRACTIVE, answer
from shared.answering.values import Ask, Reply, Said, Search, Speak
from shared.errors import XinError
from shared.knowledge.search import Searcher
from shared.live import Live
from shared.providers.catalogue import PROVIDERS
from shared.publishing import Publisher
from shared.security.vault import Vault
from shared.settings import Settings
from shared.store import conversations, leases, turns
from shared.store.conversations import Open
from shared.store.leases import Lease
from shared.store.tenancy import Store
from shared.store.turns import NewTurn

BEAT_SECONDS = 5
QUESTION_CHARACTERS = 8000
"""Of a burst, the newest."""
QUIET_SECONDS = 5.0
"""A policy may wait for quiet before it answers a burst, but no longer than this."""
SINGLE_MESSAGES = 5
"""Of a burst that as a whole found nothing, so many are looked up one by one."""
SOURCE = "/xin/orchestrate"


class Holding:
    """The lease while a turn is made: beats, and knows when it was lost."""

    def __init__(self, store: Store, tenant: UUID, lease: Lease, *, event: str) -> None:
        self._store = store
        self._tenant = tenant
        self._lease = lease
        self._event = event
        self._task: asyncio.Task[None] | None = None
        self._lost = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.rest()

    def is_lost(self) -> bool:
        """Whether the conversation is somebody else's now."""
        return self._lost

    async def rest(self) -> None:
        """No beat comes after this."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _beat(self) -> None:
        while not self._lost:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with self._store.tenant(self._tenant) as db:
                    self._lost = not await leases.beat(db, self._lease, event=self._event)
            except (XinError, psycopg.Error) as problem:  # away for a beat: the next one tells
                telemetry.logger("orchestrate").warning("a beat missed", extra={"reason": type(problem).__name__})


@dataclass(frozen=True)
class Desk:
    """What orchestrate keeps open."""

    store: Store
    publisher: Publisher
    live: Live
    searcher: Searcher
    endpoints: Endpoints
    models: Models
    turns_in_flight: int
    busy: defaultdict[UUID, int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Raises MissingSetting."""
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(Store.open(settings, role="xin_orchestrate", connections=12))
            yield cls(
                store=store,
                publisher=await stack.enter_async_context(Publisher.of(settings, "orchestrate")),
                live=await stack.enter_async_context(Live.open(settings, "orchestrate")),
                searcher=await stack.enter_async_context(Searcher.open(settings, store)),
                endpoints=Endpoints(settings, store, Vault(settings.encryption_keys)),
                models=await stack.enter_async_context(Models()),
                turns_in_flight=settings.turns_in_flight,
            )

    async def turn(
        self, tenant: UUID, lease: Lease, found: Open | None, holding: Holding, context: Context
    ) -> Lease | None:
        """Answers (after, n], which is *found* where it was read already.

        Returns the lease for what has come meanwhile, or None when nothing is left.
        """
        if found is None:
            async with self.store.tenant(tenant) as db:
                found = await conversations.read_open(db, lease)
        policy = Policy.model_validate(found.desk.policy or {})
        if (quiet := self._missing_quiet(policy, found)) > 0:
            await asyncio.sleep(quiet)
            async with self.store.tenant(tenant) as db:
                newer = await leases.go_on(db, lease)
                if newer is None:
                    return None
                lease, found = newer, await conversations.read_open(db, newer)
        # What follows belongs to the message that is answered, also when the tick had to ask for it.
        answers = {"correlation_id": found.waiting[-1].correlation}
        with telemetry.about(**answers, conversation=lease.conversation):
            reply = await self._answer(tenant, lease, found, policy, holding)
            await failpoints.reached("orchestrate.composed")
            await holding.rest()  # a beat after the release would take the lease back
            return await self._commit(tenant, lease, found, reply, context.model_copy(update=answers))

    async def leave_to_another(self, event: MessageReceived, lease: Lease, context: Context) -> None:
        """No time for a whole turn is left: frees the lease and asks for another handler."""
        async with self.store.tenant(event.tenant) as db:
            await leases.give_up(db, lease)
        nudge = MessageReceived(tenant=event.tenant, conversation=lease.conversation, seq=lease.n)
        self.publisher.soon(nudge, context.follow(SOURCE))

    async def _answer(self, tenant: UUID, lease: Lease, found: Open, policy: Policy, holding: Holding) -> Reply:
        desk = found.desk
        ask = Ask(
            question=_question(found),
            history=tuple(Said(message.role, message.text) for message in found.before),  # type: ignore[arg-type]
            persona=Persona.model_validate(desk.persona or {}),
            persona_version=desk.persona_version or 0,
            policy=policy,
            policy_version=desk.policy_version or 0,
            status=lease.status,  # type: ignore[arg-type]
            misses=lease.misses,
            brand_id=desk.brand,
            language_hint=desk.language,
            kind=found.waiting[-1].kind,
        )
        started = time.monotonic()
        self.busy[tenant] += 1
        try:
            crowded = self.busy[tenant] > self.turns_in_flight  # then no model: the house must not fill with one tenant
            model = None if crowded else await self.endpoints.of(tenant)
            search = self.searcher.of(tenant, desk.brand)
            reply = await answer(
                ask,
                search=search,
                model=model,
                now=datetime.now(UTC),
                speak=self._speaker(tenant, lease, holding) if desk.kind == "web" else None,
                stop=holding.is_lost,
                models=self.models,
            )
            return await _answer_to_one(ask, found, search) or reply if _hides_a_question(reply, found) else reply
        finally:
            self.busy[tenant] -= 1
            if not self.busy[tenant]:
                del self.busy[tenant]
            telemetry.TURN_SECONDS.observe(time.monotonic() - started)

    async def _commit(self, tenant: UUID, lease: Lease, found: Open, reply: Reply, context: Context) -> Lease | None:
        new = NewTurn(
            text=reply.text,
            texts=PROVIDERS[found.desk.kind].split(reply.text),
            outcome=reply.outcome,
            status=reply.status,
            misses=reply.misses,
            sources=reply.sources,
            trace=reply.trace,
            model=reply.model,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
        )
        log = telemetry.logger("orchestrate")
        async with self.store.tenant(tenant) as db:
            turn = await turns.commit(db, tenant, found.desk.channel, lease, new, correlation=context.correlation_id)
            # S5 in S4's transaction: the row is locked, so no message can come between the two.
            following = await leases.release(db, lease) if turn else None
        await failpoints.reached("orchestrate.committed")
        if turn is None:
            log.info("turn dropped: taken over meanwhile")
            return None
        log.info("turn", extra={"turn": str(turn), "outcome": reply.outcome, "n": lease.n, "model": reply.model})
        telemetry.TURNS.labels(reply.outcome, reply.model or "none").inc()
        composed = ReplyComposed(tenant=tenant, conversation=lease.conversation)
        self.publisher.soon(composed, context.follow(SOURCE))
        told = {"conversation_id": lease.conversation, "id": turn, "role": "bot", "text": reply.text[:500]}
        self.live.tell(tenant, "message.created", {**told, "outcome": reply.outcome, "status": reply.status})
        return following

    def _speaker(self, tenant: UUID, lease: Lease, holding: Holding) -> Speak:
        """Shows the widget each checked sentence, tagged so that a client can tell it from what came later."""

        async def speak(text: str) -> None:
            if not holding.is_lost():
                said = {"epoch": lease.epoch, "n": lease.n, "text": text}
                self.live.stream(tenant, lease.conversation, "message.delta", said)

        return speak

    @staticmethod
    def _missing_quiet(policy: Policy, found: Open) -> float:
        """Seconds until the customer has been quiet for as long as the policy wants."""
        wanted = min(policy.quiet_ms / 1000, QUIET_SECONDS)
        return wanted - min(message.age_seconds for message in found.waiting) if wanted else 0


def _hides_a_question(reply: Reply, found: Open) -> bool:
    """Whether words alone found nothing in a burst as a whole. A model that read it and passed has understood it."""
    read = any(rung.outcome == "no_answer" and rung.model != EXTRACTIVE for rung in reply.trace.rungs)
    return reply.outcome == "abstained" and len(found.waiting) > 1 and not read


def _question(found: Open) -> str:
    """The unanswered messages, joined; of too much the newest."""
    return "\n".join(message.text for message in found.waiting if message.text)[-QUESTION_CHARACTERS:]


async def _answer_to_one(ask: Ask, found: Open, search: Search) -> Reply | None:
    """The answer to the newest message of a burst that has one by itself: «ببخشید», «یه سوال داشتم» stood around it."""
    said = [Said("customer", message.text) for message in found.waiting]
    for place in list(range(len(said)))[: -SINGLE_MESSAGES - 1 : -1]:
        alone = replace(ask, question=said[place].text, history=(*ask.history, *said[:place]))
        reply = await answer(alone, search=search, model=None, now=datetime.now(UTC))
        if reply.outcome == "answered":
            return reply
    return None
