"""Customers who have waited for a minute or longer though the bot, or a message of ours, should have reached them."""

from fastapi import APIRouter

from functions.console_api.callers import InTenant, TheConsole
from functions.console_api.pages import CursorText, Limit, Page, cursor_of, read_cursor
from functions.console_api.roles import PREFIX
from shared.store import alarms
from shared.store.alarms import Alarm

router = APIRouter(prefix=f"{PREFIX}/alarms", tags=["alarms"])


@router.get("", summary="Who waits")
async def list_alarms(
    console: TheConsole, member: InTenant, limit: Limit = 50, cursor: CursorText = None
) -> Page[Alarm]:
    """As of now, who waits longest first; empty when all is well."""
    async with console.store.tenant(member.tenant) as db:
        rows = await alarms.list_waiting(db, after=read_cursor(cursor), limit=limit + 1)
    shown = rows[:limit]
    more = cursor_of(shown[-1].since, shown[-1].conversation_id) if len(rows) > limit else None
    return Page(items=shown, next_cursor=more)
