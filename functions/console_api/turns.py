"""The trace of a turn: what the bot saw before it answered."""

from fastapi import APIRouter

from functions.console_api.callers import InTenant, TheConsole
from functions.console_api.pages import RowId
from functions.console_api.roles import PREFIX
from shared.errors import NotFound
from shared.store import turns
from shared.store.turns import Turn

router = APIRouter(prefix=f"{PREFIX}/turns", tags=["turns"])


@router.get("/{id}", summary="Read a trace")
async def get_turn(console: TheConsole, member: InTenant, turn: RowId) -> Turn:
    """Persona, policy, prompt and index version, passages with their scores, model, tokens, timings."""
    async with console.store.tenant(member.tenant) as db:
        found = await turns.get(db, turn)
    if found is None:
        raise NotFound("no such turn")
    return found
