"""The tick's rounds: rows say what stayed open, events say "look now" under a new id each time."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from cloudevents.http import CloudEvent

from events import AutomationDue, Context, Event, KnowledgeUploaded, MessageReceived, ReplyComposed, StatusReceived
from functions.automation_tick.alarm import Alarm
from shared import failpoints, telemetry
from shared.automation.schedule import next_due
from shared.errors import Permanent
from shared.publishing import Publisher
from shared.settings import Settings
from shared.store import automation_runs, dead_letters, handover, work
from shared.store.tenancy import Store
from shared.store.work import Due

SOURCE = "/xin/automation-tick"
LIMIT = 500
PRUNE_SECONDS = 3600
PATIENCE_SECONDS = 30
"""A message that nobody took for so long is nudged. The first look after a start has none: who had it may be gone."""


@dataclass
class Rounds:
    """What automation-tick keeps open."""

    store: Store
    publisher: Publisher
    alarm: Alarm
    patience_seconds: float = 0
    pruned_at: float = field(default_factory=time.monotonic)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Raises MissingSetting."""
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(Store.open(settings, role="xin_tick", connections=4))
            publisher = await stack.enter_async_context(Publisher.of(settings, "automation-tick"))
            yield cls(store, publisher, Alarm(store))

    async def nudge_open_work(self) -> None:
        """One look; one event for each thing that stayed open. Raises Retryable when the broker is away."""
        due = await work.due(self.store, limit=LIMIT, patience_seconds=self.patience_seconds)
        self.patience_seconds = PATIENCE_SECONDS
        await failpoints.reached("automation-tick.looked")
        for item in due:
            if item.kind == "rule":
                await self._claim(item)
            elif event := _nudge(item):
                telemetry.NUDGES.labels(item.kind).inc()
                await self.publisher.publish(event, Context.start(SOURCE))

    async def let_the_bot_go_on(self) -> None:
        """Where a person spoke in the provider's own app and has been silent since: nobody else releases those."""
        for tenant, conversation in await work.resumes(self.store, limit=LIMIT):
            async with self.store.tenant(tenant) as db:
                released = await handover.resume(db, conversation)
            if released is not None:
                told = {"tenant": str(tenant), "conversation": str(conversation)}
                telemetry.logger("automation-tick").info("the bot goes on", extra=told)
            if released is not None and released.pending:
                event = MessageReceived(tenant=tenant, conversation=conversation, seq=released.newest)
                self.publisher.soon(event, Context.start(SOURCE))

    async def prune_hourly(self) -> None:
        """Removes what nobody will ask for again."""
        if time.monotonic() - self.pruned_at > PRUNE_SECONDS:
            self.pruned_at = time.monotonic()
            gone = await work.prune(self.store)
            telemetry.logger("automation-tick").info("pruned", extra={"rows": gone})

    async def run(self, tenant: UUID, run: UUID) -> None:
        """Does what the run's rule says, in the transaction that marks it done."""
        async with self.store.tenant(tenant) as db:
            waiting = await automation_runs.lock(db, run)
            if waiting is None:
                return
            match waiting.action:
                case {"do": "note", "text": str(text)}:
                    await automation_runs.note(db, waiting, text)
                    await automation_runs.finish(db, run, state="done", outcome="noted")
                case _:
                    await automation_runs.finish(db, run, state="failed", outcome="this action is not known")
        await failpoints.reached("automation-tick.done")

    async def keep(self, letter: CloudEvent) -> None:
        """Under its tenant where the row that it names is that tenant's, else for the platform's administrator."""
        attributes = {name: str(value) for name, value in letter.get_attributes().items()}
        reason = (
            f"{attributes.get('knativeerrordest', 'a subscriber')} answered {attributes.get('knativeerrorcode', '?')}"
        )
        tenant, subject = _uuid(attributes.get("tenantid")), _uuid(attributes.get("subject"))
        if tenant is not None:
            async with self.store.tenant(tenant) as db:
                if not await work.belongs(db, subject):
                    tenant = None
        async with self.store.tenant(tenant) if tenant else self.store.connection() as db:
            await dead_letters.keep(
                db,
                tenant=tenant,
                source=attributes["source"],
                reason=reason,
                payload=_bytes(letter),
                event_id=attributes["id"],
                event_type=attributes["type"],
                attributes=attributes,
                correlation_id=attributes.get("correlationid"),
            )
        await failpoints.reached("automation-tick.kept")

    async def _claim(self, item: Due) -> None:
        try:
            async with self.store.tenant(item.tenant) as db:
                run = await automation_runs.claim(db, item.tenant, item.id, next_due=next_due)
        except Permanent as problem:
            telemetry.logger("automation-tick").error(
                "rule not claimed", extra={"rule": str(item.id), "reason": str(problem)}
            )
            return
        await failpoints.reached("automation-tick.claimed")
        if run is not None:
            event = AutomationDue(tenant=item.tenant, run=run)
            self.publisher.soon(event, Context.start(SOURCE))


def _nudge(item: Due) -> Event | None:
    match item.kind:
        case "message":
            return MessageReceived(tenant=item.tenant, conversation=item.id, seq=1)
        case "part":
            return ReplyComposed(tenant=item.tenant, conversation=item.id)
        case "event":
            return StatusReceived(tenant=item.tenant, channel=item.id)
        case "job":
            return KnowledgeUploaded(tenant=item.tenant, asset=item.id)
        case "run":
            return AutomationDue(tenant=item.tenant, run=item.id)
    return None


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _bytes(letter: CloudEvent) -> bytes:
    data = letter.get_data()
    if isinstance(data, bytes):
        return data
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return text.encode(errors="backslashreplace")  # half a surrogate pair goes back to how JSON wrote it
