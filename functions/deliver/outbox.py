"""The way out: claims a part, sends it, records what became of it, and goes on until nothing is due."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

import psycopg

from functions.deliver.senders import RECONCILE_SECONDS, Senders, Way
from shared import failpoints, telemetry
from shared.answering.policy.rules import Handover
from shared.errors import Retryable, XinError
from shared.live import Live
from shared.providers.catalogue import PROVIDERS
from shared.providers.outgoing import Ambiguous, ChannelRefused, Later, Refused, Sent
from shared.security.vault import Vault
from shared.settings import Settings
from shared.store import channels, conversations, joining, parts
from shared.store.joining import Changed, SaidOutside
from shared.store.parts import Claim, Wait
from shared.store.tenancy import DatabaseAway, Db, Store

CLAIM_SECONDS = 5
"""From the claim to the first byte; later than that the claim goes back unsent."""
CALL_SECONDS = 15
BACKOFF_SECONDS = (2, 5, 15, 60, 300)
CLAIMING_SECONDS = 12
"""For so long a handler claims part after part: its last call must end before its own time does."""
RECORDING_SECONDS = 20
"""Since the claim. The slot lapses after 30 s, and the last try may wait some seconds for a connection."""
RECORD_AGAIN_SECONDS = 0.3
CLOSE_SECONDS = 3
FRESH_SECONDS = 1.0
"""A channel opened so lately was opened with the newest token."""
TYPING_SECONDS = 3
MOST_PAIR_SECONDS = 3600
WAKES_A_SECOND = 25
"""All that a provider made wait would come back at the same moment, and be made to wait again."""
TIMER_SECONDS = 120
"""A longer wait is left to the tick."""


Outcome = Sent | Later | Refused | ChannelRefused | Ambiguous


@dataclass(frozen=True)
class Outbox:
    """What deliver keeps open."""

    store: Store
    live: Live
    senders: Senders
    timers: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    sending: set[asyncio.Task[None] | None] = field(default_factory=set)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Raises MissingSetting: no secret, no service."""
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(Store.open(settings, role="xin_deliver", connections=12))
            live = await stack.enter_async_context(Live.open(settings, "deliver"))
            senders = await stack.enter_async_context(
                Senders.open(settings, store, Vault(settings.encryption_keys), live)
            )
            outbox = cls(store, live, senders)
            stack.push_async_callback(outbox._close)
            yield outbox

    async def drain(self, tenant: UUID, conversation: UUID) -> None:
        """Sends part after part until none is due. Raises NotFound for a conversation that isn't the tenant's."""
        until = time.monotonic() + CLAIMING_SECONDS
        with telemetry.about(conversation=conversation):
            async with self.store.tenant(tenant) as db:
                claimed = await parts.claim(db, conversation, reconcile_seconds=RECONCILE_SECONDS)
            while isinstance(claimed, Claim):
                more = time.monotonic() < until and not self.closing.is_set()
                claimed = await self._send(tenant, claimed, time.monotonic(), more=more)
            if isinstance(claimed, Wait):
                self._wake(tenant, conversation, claimed.seconds)

    async def join(self, tenant: UUID, channel: UUID) -> None:
        """Applies what the provider told to the parts that it speaks of; a person who spoke outside takes over."""
        async with self.store.tenant(tenant) as db:
            joined: list[Changed | SaidOutside] = [*await joining.join(db, channel)]
            echoes = await joining.open_echoes(db, channel)
        for echo in echoes:
            async with self.store.tenant(tenant) as db:
                if found := await joining.join_echo(db, echo, resume_minutes=Handover().resume_minutes):
                    joined.append(found)
        await failpoints.reached("deliver.joined")
        for one in joined:
            self._show_joined(tenant, one)

    async def show_typing(self, tenant: UUID, conversation: UUID) -> None:
        """Best effort: whoever is away, the answer comes all the same."""
        try:
            async with self.store.tenant(tenant) as db:
                addressee = await conversations.awaiting(db, conversation)
            if addressee is not None and not self.senders.wait_seconds(addressee.channel):
                async with asyncio.timeout(TYPING_SECONDS):
                    way = await self.senders.of(tenant, addressee.channel)
                    await way.typing(tenant, addressee)
        except (XinError, TimeoutError) as problem:
            telemetry.logger("deliver").warning("no typing shown", extra={"reason": type(problem).__name__})

    async def _send(self, tenant: UUID, claimed: Claim, claimed_at: float, *, more: bool) -> Claim | Wait | None:
        """Calls the provider and records what came of it.

        Returns the next claim, taken in the same transaction; without *more*, a moment's wait for another handler.
        """
        with telemetry.about(correlation_id=claimed.correlation, part=claimed.part):
            await failpoints.reached("deliver.claimed")
            outcome = await self._call(tenant, claimed, claimed_at)
            await failpoints.reached("deliver.answered")
            state, following = await self._settle(tenant, claimed, outcome, claimed_at, more=more)
            await failpoints.reached("deliver.recorded")
            telemetry.PARTS.labels(claimed.kind, state).inc()
            told = {"state": state, "attempt": claimed.attempts, "reason": getattr(outcome, "reason", None)}
            telemetry.logger("deliver").info("part", extra=told)
        self._show(tenant, claimed.conversation, claimed.message, state)
        return following

    async def _settle(
        self, tenant: UUID, claimed: Claim, outcome: Outcome, claimed_at: float, *, more: bool
    ) -> tuple[parts.State, Claim | Wait | None]:
        """Records the outcome and claims what follows. Again while the slot lasts: nobody else knows what was said."""
        while True:
            try:
                async with self.store.tenant(tenant) as db:
                    state = await self._record(claimed, outcome, db)
                    if not more:
                        return state, Wait(0)
                    return state, await parts.claim(db, claimed.conversation, reconcile_seconds=RECONCILE_SECONDS)
            except (DatabaseAway, psycopg.OperationalError):
                if time.monotonic() - claimed_at > RECORDING_SECONDS:
                    raise
                await asyncio.sleep(RECORD_AGAIN_SECONDS)

    async def _call(self, tenant: UUID, claimed: Claim, claimed_at: float) -> Outcome:
        try:
            way = await self.senders.of(tenant, claimed.channel)
        except Retryable as problem:  # our database for a moment: no fault of the channel's
            return Later(f"the channel can't be opened now: {problem}")
        except XinError as problem:
            return Later(
                f"the channel can't be opened: {problem}", scope="channel", wait_seconds=channels.BROKEN_SECONDS
            )
        if reason := _closed_to_us(claimed):
            return Refused(reason)
        if wait := self.senders.wait_seconds(claimed.channel):
            return Later("the provider wants the channel to wait", wait_seconds=wait)
        if time.monotonic() - claimed_at > CLAIM_SECONDS:
            return Later("the claim was too old to begin", wait_seconds=0)
        outcome = await self._try(way, tenant, claimed)
        if isinstance(outcome, ChannelRefused) and self.senders.forget(claimed.channel) > FRESH_SECONDS:
            with suppress(XinError):  # its token may have been replaced since it was opened
                if time.monotonic() - claimed_at < CLAIM_SECONDS:
                    outcome = await self._try(await self.senders.of(tenant, claimed.channel), tenant, claimed)
        return outcome

    async def _try(self, way: Way, tenant: UUID, claimed: Claim) -> Outcome:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await way.send(tenant, claimed)
        except TimeoutError:
            return Ambiguous("no answer in time")
        except Later as outcome:
            if outcome.scope == "channel":  # at once: who has claimed meanwhile must not call
                self.senders.pause(claimed.channel, _seconds(claimed, outcome))
            return outcome
        except (Refused, ChannelRefused, Ambiguous) as outcome:
            return outcome

    async def _record(self, claimed: Claim, outcome: Outcome, db: Db) -> parts.State:
        match outcome:
            case Sent(provider_id=provider_id):
                await parts.record_accepted(db, claimed, provider_id)
                await joining.join(db, claimed.channel, provider_id=provider_id)
                return "accepted"
            case Later(reason=reason, scope=scope, perhaps_taken=perhaps):
                seconds = _seconds(claimed, outcome)
                await parts.record_later(db, claimed, seconds=seconds, reason=reason, perhaps_taken=perhaps)
                if scope == "channel":
                    await channels.block(db, claimed.channel, seconds=seconds, reason=reason)
                elif scope == "pair":
                    await parts.block_pair(db, claimed.conversation, seconds=seconds)
                return "queued"
            case ChannelRefused(reason=reason):
                await parts.record_later(db, claimed, seconds=0, reason=reason)  # a new token unblocks the channel
                await channels.block(db, claimed.channel, seconds=channels.BROKEN_SECONDS, reason=reason)
                return "queued"
            case Refused(reason=reason, contact_unreachable=unreachable):
                await parts.record_failed(db, claimed, reason=reason)
                if unreachable:
                    await channels.mark_unreachable(db, claimed.conversation)
                return "failed"
            case Ambiguous(reason=reason):
                wait = RECONCILE_SECONDS[claimed.kind]
                await parts.record_unknown(db, claimed, seconds=wait, reason=reason)
                return "unknown"

    def _show_joined(self, tenant: UUID, joined: Changed | SaidOutside) -> None:
        if isinstance(joined, Changed):
            self._show(tenant, joined.conversation, joined.message, joined.state)
            return
        telemetry.logger("deliver").info("taken over outside", extra={"conversation": str(joined.conversation)})
        said = {"id": joined.spoken.message, "seq": joined.spoken.seq, "role": "operator", "text": joined.text[:500]}
        self.live.tell(tenant, "message.created", {"conversation_id": joined.conversation, **said})
        taken = {"conversation_id": joined.conversation, "status": "human"}
        self.live.tell(tenant, "conversation.updated", taken)

    def _show(self, tenant: UUID, conversation: UUID, message: UUID, state: str) -> None:
        data = {"conversation_id": conversation, "id": message, "status": state}
        self.live.tell(tenant, "message.status", data)

    def _wake(self, tenant: UUID, conversation: UUID, seconds: float) -> None:
        """Comes back when the head is due. The tick would, too, but up to ten seconds later."""
        if seconds > TIMER_SECONDS or conversation in self.timers or self.closing.is_set():
            return

        spread = random.uniform(0, len(self.timers) / WAKES_A_SECOND)  # noqa: S311

        async def later() -> None:
            await asyncio.sleep(seconds + 0.01 + spread)
            del self.timers[conversation]  # from here on it may be set anew, and is not cut off
            self.sending.add(asyncio.current_task())
            try:
                await self.drain(tenant, conversation)
            except Exception as problem:
                telemetry.logger("deliver").warning("woken in vain", extra={"reason": type(problem).__name__})
            finally:
                self.sending.discard(asyncio.current_task())

        self.timers[conversation] = asyncio.create_task(later())

    async def _close(self) -> None:
        """No new claims; what waits is left to the next start, what is being sent may end."""
        self.closing.set()
        for timer in self.timers.values():
            timer.cancel()
        if self.sending:
            await asyncio.wait({task for task in self.sending if task}, timeout=CLOSE_SECONDS)


def _seconds(claimed: Claim, outcome: Later) -> float:
    """What the provider asked for; else ours, growing with the attempts, for a customer as WhatsApp wants it: 4ⁿ."""
    if outcome.wait_seconds is not None:
        return outcome.wait_seconds
    if outcome.scope == "pair":
        return float(min(4**claimed.attempts, MOST_PAIR_SECONDS))
    return BACKOFF_SECONDS[min(claimed.attempts, len(BACKOFF_SECONDS)) - 1]


def _closed_to_us(claimed: Claim) -> str | None:
    """Why the customer can't be written to, without asking: the provider may take it first and fail it later."""
    if claimed.unreachable:
        return "The customer can't be reached: they blocked this channel or left. They can be answered once they write."
    hours = PROVIDERS[claimed.kind].window_hours
    if hours is None or claimed.silent_hours is None or claimed.silent_hours <= hours:
        return None
    return (
        f"The customer last wrote more than {hours} hours ago, and this channel takes no free text after that. "
        "They can be answered as soon as they write again."
    )
