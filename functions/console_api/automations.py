"""Automations: what the clock does for a tenant."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from functions.console_api.callers import InTenant, TheConsole
from functions.console_api.fields import Name, SaidText, Switch
from functions.console_api.pages import CursorText, Limit, Page, RowId, page_of, read_cursor
from functions.console_api.roles import PREFIX
from shared.automation.schedule import next_due
from shared.errors import Unreadable
from shared.store import automations
from shared.store.automations import AutomationRun, Rule, RuleText

router = APIRouter(prefix=f"{PREFIX}/automations", tags=["automations"])

Schedule = Annotated[str, Field(min_length=9, max_length=100, examples=["0 9 * * sat-wed"])]
Zone = Annotated[str, Field(min_length=1, max_length=64)]


class Note(BaseModel):
    """Writes a line into the audit trail."""

    model_config = ConfigDict(extra="forbid")

    do: Literal["note"]
    text: SaidText


class Automation(BaseModel):
    """A rule as stored. `next_due_at` is null while it is switched off."""

    id: UUID
    name: str
    schedule: str
    timezone: str
    action: Note
    enabled: bool
    next_due_at: datetime | None
    created_at: datetime


class AutomationIn(BaseModel):
    """A rule: five cron fields, read in its own time zone."""

    name: Name
    schedule: Schedule
    timezone: Zone = "Asia/Tehran"
    action: Note
    enabled: Switch = True


class AutomationChanges(BaseModel):
    """What to change."""

    name: Name | None = None
    schedule: Schedule | None = None
    timezone: Zone | None = None
    action: Note | None = None
    enabled: Switch | None = None


@router.get("", summary="List rules")
async def list_automations(
    console: TheConsole, member: InTenant, limit: Limit = 50, cursor: CursorText = None
) -> Page[Automation]:
    """Newest first."""
    async with console.store.tenant(member.tenant) as db:
        rows = await automations.list_newest(db, before=read_cursor(cursor), limit=limit + 1)
    return page_of([_show(row) for row in rows], limit)


@router.post("", status_code=201, summary="Add a rule")
async def create_automation(console: TheConsole, member: InTenant, new: AutomationIn) -> Automation:
    """It is due for the first time at `next_due_at`."""
    text = _rule(new)
    async with console.store.tenant(member.tenant) as db:
        rule = await automations.create(db, member.tenant, text)
        await member.note(db, "automation.created", rule.id, name=rule.name, schedule=rule.schedule)
    return _show(rule)


@router.get("/{id}", summary="Read a rule")
async def get_automation(console: TheConsole, member: InTenant, rule: RowId) -> Automation:
    """One of the tenant's rules."""
    async with console.store.tenant(member.tenant) as db:
        return _show(await automations.get(db, rule))


@router.patch("/{id}", summary="Change a rule")
async def update_automation(
    console: TheConsole, member: InTenant, rule: RowId, changes: AutomationChanges
) -> Automation:
    """Its next time is computed anew from now."""
    given = changes.model_dump(exclude_none=True)
    async with console.store.tenant(member.tenant) as db:
        before = await automations.get(db, rule)
        text = _rule(AutomationIn.model_validate({**before.model_dump(), **given}))
        changed = await automations.replace(db, rule, text)
        await member.note(db, "automation.updated", rule, fields=sorted(given))
    return _show(changed)


@router.delete("/{id}", status_code=204, summary="Remove a rule")
async def delete_automation(console: TheConsole, member: InTenant, rule: RowId) -> None:
    """With the record of its runs."""
    async with console.store.tenant(member.tenant) as db:
        await automations.delete(db, rule)
        await member.note(db, "automation.deleted", rule)


@router.get("/{id}/runs", summary="When it ran")
async def list_automation_runs(
    console: TheConsole, member: InTenant, rule: RowId, limit: Limit = 50
) -> Page[AutomationRun]:
    """The newest runs; there is no second page."""
    async with console.store.tenant(member.tenant) as db:
        await automations.get(db, rule)
        return Page(items=await automations.runs(db, rule, limit=limit))


def _rule(new: AutomationIn) -> RuleText:
    """Raises RequestValidationError for a schedule that is never due or a zone that isn't one."""
    try:
        due = next_due(new.schedule, new.timezone, datetime.now(UTC))
    except Unreadable as problem:
        error = {"loc": ("body", "schedule"), "msg": str(problem), "type": "value_error"}
        raise RequestValidationError([error]) from None
    return RuleText(**new.model_dump(), next_due_at=due if new.enabled else None)


def _show(rule: Rule) -> Automation:
    return Automation.model_validate(rule.model_dump())
