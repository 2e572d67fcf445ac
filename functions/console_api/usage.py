"""What the bot has done, day by day."""

import re
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BeforeValidator

from functions.console_api.callers import InTenant, TheConsole
from functions.console_api.pages import CursorText, Limit, Page, cursor_of, read_number
from functions.console_api.roles import PREFIX
from shared.store import usage
from shared.store.usage import UsageDay

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

router = APIRouter(prefix=f"{PREFIX}/usage", tags=["usage"])


def _day(text: str) -> str:
    if not DAY.fullmatch(text):
        raise ValueError("is no day such as 2026-03-21")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone such as Asia/Tehran") from None
    return name


Day = Annotated[date, BeforeValidator(_day)]
"""Not a number of seconds, which pydantic would take too."""


@router.get("", summary="Turns and tokens a day")
async def list_usage(
    console: TheConsole,
    member: InTenant,
    until: Annotated[Day | None, Query(description="The newest day; today by default.")] = None,
    timezone: Annotated[str, AfterValidator(_zone), Query(max_length=64)] = "Asia/Tehran",
    limit: Limit = 31,
    cursor: CursorText = None,
) -> Page[UsageDay]:
    """A page is `limit` calendar days, newest first; days without a turn are left out."""
    skipped = min(read_number(cursor) or 0, 100_000)
    newest = until or datetime.now(ZoneInfo(timezone)).date()
    last = date.fromordinal(max(1, newest.toordinal() - skipped))
    first = date.fromordinal(max(1, last.toordinal() - limit + 1))
    async with console.store.tenant(member.tenant) as db:
        days = await usage.per_day(db, member.tenant, first=first, last=last, timezone=timezone)
        older = await usage.is_older_than(db, member.tenant, first, timezone=timezone)
    return Page(items=days, next_cursor=cursor_of(skipped + limit) if older else None)
