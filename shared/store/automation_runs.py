"""Runs of rules: each due time is claimed once, and done once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from shared.store.jsonb import jsonb
from shared.store.tenancy import Db

LOCK_DUE = """
    SELECT schedule, timezone, next_due_at, clock_timestamp() FROM automation_rules
     WHERE id = %s AND enabled AND next_due_at <= clock_timestamp() FOR UPDATE
"""

CLAIM = """
    INSERT INTO automation_runs (tenant_id, rule_id, due_at) VALUES (%s, %s, %s)
    ON CONFLICT (rule_id, due_at) DO NOTHING RETURNING id
"""

MOVE_ON = "UPDATE automation_rules SET next_due_at = %s WHERE id = %s"

LOCK_RUN = """
    SELECT r.id, r.tenant_id AS tenant, r.rule_id AS rule, r.due_at, a.name, a.action
      FROM automation_runs r JOIN automation_rules a ON a.id = r.rule_id
     WHERE r.id = %s AND r.state = 'due' FOR UPDATE OF r
"""

FINISH = "UPDATE automation_runs SET state = %s, outcome = %s, finished_at = clock_timestamp() WHERE id = %s"

NOTE = "INSERT INTO audit_log (tenant_id, actor, action, subject, detail) VALUES (%s, %s, 'automation.note', %s, %s)"

NextDue = Callable[[str, str, datetime], datetime]


@dataclass(frozen=True)
class Run:
    """A run that waits to be done."""

    id: UUID
    tenant: UUID
    rule: UUID
    due_at: datetime
    name: str
    action: dict[str, Any]


async def claim(db: Db, tenant: UUID, rule: UUID, *, next_due: NextDue) -> UUID | None:
    """Makes the run of the rule's due time and moves the rule on to the next one after now. None: somebody else did.

    Due times missed in between are not made up for. Raises what *next_due* raises.
    """
    row = await (await db.execute(LOCK_DUE, (rule,))).fetchone()
    if row is None:
        return None
    schedule, timezone, due_at, now = row
    claimed = await (await db.execute(CLAIM, (tenant, rule, due_at))).fetchone()
    await db.execute(MOVE_ON, (next_due(schedule, timezone, now), rule))
    return claimed[0] if claimed else None


async def lock(db: Db, run: UUID) -> Run | None:
    """The run, if it still waits; held until the transaction ends, so that it is done once."""
    cursor = db.cursor(row_factory=class_row(Run))
    return await (await cursor.execute(LOCK_RUN, (run,))).fetchone()


async def finish(db: Db, run: UUID, *, state: str, outcome: str) -> None:
    """*state*: done, skipped or failed; *outcome* is read by people."""
    await db.execute(FINISH, (state, outcome[:500], run))


async def note(db: Db, run: Run, text: str) -> None:
    """Writes a line into the tenant's audit trail."""
    await db.execute(NOTE, (run.tenant, f"automation {run.name}", str(run.rule), jsonb({"text": text})))
