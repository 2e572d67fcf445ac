"""What a tenant has used, day by day: counted from its turns."""

from datetime import date
from uuid import UUID

from psycopg.rows import class_row
from pydantic import BaseModel

from shared.store.tenancy import Db, one

PER_DAY = """
    SELECT day, sum(turns)::bigint AS turns, jsonb_object_agg(outcome, turns) AS outcomes,
           sum(tokens_in)::bigint AS tokens_in, sum(tokens_out)::bigint AS tokens_out
      FROM (SELECT (created_at AT TIME ZONE %(timezone)s)::date AS day, outcome, count(*) AS turns,
                   sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out
              FROM turns
             WHERE tenant_id = %(tenant)s
               AND created_at >= (%(first)s::date)::timestamp AT TIME ZONE %(timezone)s
               AND created_at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(timezone)s
             GROUP BY 1, 2) counted
     GROUP BY day ORDER BY day DESC
"""

OLDER = """
    SELECT EXISTS (SELECT 1 FROM turns
                    WHERE tenant_id = %(tenant)s AND created_at < (%(day)s::date)::timestamp AT TIME ZONE %(timezone)s)
"""


class UsageDay(BaseModel):
    """One day in the asked time zone. *outcomes*: how many turns ended how."""

    day: date
    turns: int
    outcomes: dict[str, int]
    tokens_in: int
    tokens_out: int


async def per_day(db: Db, tenant: UUID, *, first: date, last: date, timezone: str) -> list[UsageDay]:
    """Newest first, days without a turn left out. *timezone*: an IANA name that Postgres knows."""
    cursor = db.cursor(row_factory=class_row(UsageDay))
    await cursor.execute(PER_DAY, {"tenant": tenant, "first": first, "last": last, "timezone": timezone})
    return await cursor.fetchall()


async def is_older_than(db: Db, tenant: UUID, day: date, *, timezone: str) -> bool:
    """Whether there is a turn from before *day*."""
    row = await (await db.execute(OLDER, {"tenant": tenant, "day": day, "timezone": timezone})).fetchone()
    return bool(one(row))
