"""Customers who have waited for a minute or longer while the bot should have answered."""

from fastapi import APIRouter

from functions.console_api.callers import InTenant, TheConsole
from functions.console_api.pages import Limit, Page
from functions.console_api.roles import PREFIX
from shared.store import inbox
from shared.store.inbox import Alarm

router = APIRouter(prefix=f"{PREFIX}/alarms", tags=["alarms"])


@router.get("", summary="Who waits")
async def list_alarms(console: TheConsole, member: InTenant, limit: Limit = 50) -> Page[Alarm]:
    """Who waits longest comes first. There is no second page: the list is empty when all is well."""
    async with console.store.tenant(member.tenant) as db:
        return Page(items=await inbox.waiting(db, limit=limit))
