"""Dead letters: what could not be handled, to look at, send again or remove."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ValidationError

from events import EVENTS, Context, Event
from functions.console_api.callers import Caller, SignedIn, TheConsole
from functions.console_api.console import NAME, SOURCE, Console
from functions.console_api.pages import CursorText, Limit, Page, RowId, page_of, read_cursor
from functions.console_api.roles import PREFIX
from shared import telemetry
from shared.edge import Correlation
from shared.errors import NotFound
from shared.problems import Refused
from shared.store import audit, dead_letters
from shared.store.tenancy import Db

router = APIRouter(prefix=f"{PREFIX}/dead-letters", tags=["dead letters"])

KINDS: dict[str, type[Event]] = {event.type: event for event in EVENTS}
SHOWN_BYTES = 20_000


class DeadLetter(BaseModel):
    """A kept letter. A webhook's body has no `event_type`: it is shown, and can't be sent again."""

    id: UUID
    source: str
    event_id: str | None
    event_type: str | None
    reason: str
    attributes: dict[str, Any]
    payload: str
    """Its beginning as text, or base64 where it is no text."""
    payload_size: int
    correlation_id: str | None
    redelivered_at: datetime | None
    created_at: datetime


class Redelivered(BaseModel):
    """The letter was published again."""

    event_id: str
    """The new event's."""


@router.get("", summary="List letters")
async def list_dead_letters(
    console: TheConsole, caller: SignedIn, limit: Limit = 50, cursor: CursorText = None
) -> Page[DeadLetter]:
    """Newest first. An administrator who names no tenant sees those that belong to nobody."""
    async with _letters(console, caller) as db:
        rows = await dead_letters.list_newest(db, before=read_cursor(cursor), limit=limit + 1)
    return page_of([_show(row) for row in rows], limit)


@router.get("/{id}", summary="Read a letter")
async def get_dead_letter(console: TheConsole, caller: SignedIn, letter: RowId) -> DeadLetter:
    """With the beginning of its body."""
    async with _letters(console, caller) as db:
        return _show(await _get(db, letter))


@router.post("/{id}/redeliver", summary="Send a letter again")
async def redeliver_dead_letter(
    console: TheConsole, caller: SignedIn, letter: RowId, correlation: Correlation
) -> Redelivered:
    """Publishes the event under a new id. 409 for what is no event of ours."""
    async with _letters(console, caller) as db:
        found = await _get(db, letter)
    context = Context.start(SOURCE, correlation_id=found.correlation_id or correlation)
    await console.publisher.publish(_event_of(found), context)
    async with _letters(console, caller) as db:
        await dead_letters.mark_redelivered(db, letter)
        await _note(db, caller, "dead_letter.redelivered", letter)
    return Redelivered(event_id=context.id)


@router.delete("/{id}", status_code=204, summary="Remove a letter")
async def delete_dead_letter(console: TheConsole, caller: SignedIn, letter: RowId) -> None:
    """For good."""
    async with _letters(console, caller) as db:
        if not await dead_letters.delete(db, letter):
            raise NotFound("no such letter")
        await _note(db, caller, "dead_letter.deleted", letter)


@asynccontextmanager
async def _letters(console: Console, caller: Caller) -> AsyncIterator[Db]:
    """The tenant's letters, or the platform's own."""
    async with console.store.tenant(caller.tenant) if caller.tenant else console.store.platform() as db:
        yield db


async def _get(db: Db, letter: UUID) -> dead_letters.DeadLetter:
    found = await dead_letters.get(db, letter)
    if found is None:
        raise NotFound("no such letter")
    return found


async def _note(db: Db, caller: Caller, action: str, letter: UUID) -> None:
    """What belongs to no tenant has no audit trail but the log."""
    if caller.tenant is None:
        telemetry.logger(NAME).warning(action, extra={"actor": caller.email, "letter": str(letter)})
        return
    await audit.note(db, caller.tenant, actor=caller.email, action=action, subject=f"dead letter {letter}")


def _event_of(letter: dead_letters.DeadLetter) -> Event:
    """The event it holds, whether it came in the binary or the structured mode. Raises Refused."""
    if letter.event_type is None:
        raise Refused(409, "This is a provider's webhook, not an event of ours: only the provider can send it again.")
    model = KINDS.get(letter.event_type)
    if model is None:
        raise Refused(409, "This release knows no event of that type, so nobody would take it.")
    tenant = letter.tenant_id or letter.attributes.get("tenantid")
    try:
        data = json.loads(letter.payload)
        if isinstance(data, dict) and "specversion" in data:
            data = data.get("data")
        return model.model_validate({**data, "tenant": tenant})
    except (ValidationError, ValueError, TypeError):
        raise Refused(409, "The event's data does not fit its type, so sending it again would not help.") from None


def _show(letter: dead_letters.DeadLetter) -> DeadLetter:
    beginning = letter.payload[:SHOWN_BYTES]
    try:
        text = beginning.decode(errors="strict" if len(letter.payload) <= SHOWN_BYTES else "ignore")
    except UnicodeDecodeError:
        text = base64.b64encode(beginning).decode()
    kept = letter.model_dump(exclude={"tenant_id", "payload"})
    return DeadLetter(**kept, payload=text, payload_size=len(letter.payload))
