"""Rules of a tenant: what the clock does for it. Their runs are claimed and done by automation-tick."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from pydantic import BaseModel

from shared.errors import NotFound
from shared.store.jsonb import jsonb
from shared.store.pages import Before, page
from shared.store.tenancy import Db

COLUMNS = "id, name, schedule, timezone, action, enabled, next_due_at, created_at"

LIST = f"""
    SELECT {COLUMNS} FROM automation_rules
     WHERE (%(before_at)s::timestamptz IS NULL OR (created_at, id) < (%(before_at)s, %(before_id)s::uuid))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""  # noqa: S608

GET = f"SELECT {COLUMNS} FROM automation_rules WHERE id = %s"  # noqa: S608

CREATE = f"""
    INSERT INTO automation_rules (tenant_id, name, schedule, timezone, action, enabled, next_due_at)
    VALUES (%(tenant)s, %(name)s, %(schedule)s, %(timezone)s, %(action)s, %(enabled)s, %(next_due_at)s)
    RETURNING {COLUMNS}
"""  # noqa: S608

REPLACE = f"""
    UPDATE automation_rules SET name = %(name)s, schedule = %(schedule)s, timezone = %(timezone)s, action = %(action)s,
           enabled = %(enabled)s, next_due_at = %(next_due_at)s
     WHERE id = %(rule)s RETURNING {COLUMNS}
"""  # noqa: S608

DELETE = "DELETE FROM automation_rules WHERE id = %s RETURNING id"

RUNS = """
    SELECT id, due_at, state, outcome, finished_at FROM automation_runs WHERE rule_id = %s ORDER BY due_at DESC LIMIT %s
"""


class RuleText(BaseModel):
    """What a rule says."""

    name: str
    schedule: str
    timezone: str
    action: dict[str, Any]
    enabled: bool
    next_due_at: datetime | None


class Rule(RuleText):
    """A rule of the tenant; `next_due_at` is None while it is switched off."""

    id: UUID
    created_at: datetime


class AutomationRun(BaseModel):
    """One time that a rule was due."""

    id: UUID
    due_at: datetime
    state: str
    outcome: str | None
    finished_at: datetime | None


async def list_newest(db: Db, *, before: Before, limit: int) -> list[Rule]:
    """Newest first."""
    cursor = db.cursor(row_factory=class_row(Rule))
    return await (await cursor.execute(LIST, page(before, limit))).fetchall()


async def get(db: Db, rule: UUID) -> Rule:
    """Raises NotFound."""
    return await _one(db, GET, (rule,))


async def create(db: Db, tenant: UUID, text: RuleText) -> Rule:
    """The rule as stored."""
    return await _one(db, CREATE, {**_values(text), "tenant": tenant})


async def replace(db: Db, rule: UUID, text: RuleText) -> Rule:
    """Raises NotFound."""
    return await _one(db, REPLACE, {**_values(text), "rule": rule})


async def delete(db: Db, rule: UUID) -> None:
    """With its runs. Raises NotFound."""
    if await (await db.execute(DELETE, (rule,))).fetchone() is None:
        raise NotFound("no such automation")


async def runs(db: Db, rule: UUID, *, limit: int) -> list[AutomationRun]:
    """The newest ones first."""
    cursor = db.cursor(row_factory=class_row(AutomationRun))
    return await (await cursor.execute(RUNS, (rule, limit))).fetchall()


def _values(text: RuleText) -> dict[str, Any]:
    return {**text.model_dump(), "action": jsonb(text.action)}


async def _one(db: Db, statement: str, values: Any) -> Rule:
    cursor = db.cursor(row_factory=class_row(Rule))
    row = await (await cursor.execute(statement, values)).fetchone()
    if row is None:
        raise NotFound("no such automation")
    return row
