"""Who changed what."""

from fastapi import APIRouter

from functions.console_api.callers import InTenant, TheConsole
from functions.console_api.pages import CursorText, Limit, Page, RowId, page_of, read_cursor
from functions.console_api.roles import PREFIX
from shared.errors import NotFound
from shared.store import audit
from shared.store.audit import AuditEntry

router = APIRouter(prefix=f"{PREFIX}/audit", tags=["audit"])


@router.get("", summary="The audit trail")
async def list_audit(
    console: TheConsole, member: InTenant, limit: Limit = 50, cursor: CursorText = None
) -> Page[AuditEntry]:
    """Newest first."""
    async with console.store.tenant(member.tenant) as db:
        return page_of(await audit.list_newest(db, before=read_cursor(cursor), limit=limit + 1), limit)


@router.get("/{id}", summary="Read an entry")
async def get_audit_entry(console: TheConsole, member: InTenant, entry: RowId) -> AuditEntry:
    """One change."""
    async with console.store.tenant(member.tenant) as db:
        found = await audit.get(db, entry)
    if found is None:
        raise NotFound("no such entry")
    return found
