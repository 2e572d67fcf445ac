"""A tenant's people."""

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from events import MessageReceived
from functions.console_api.callers import InTenant, Member, TheConsole
from functions.console_api.console import Console
from functions.console_api.fields import Email, MaybeName, NewPassword, Switch
from functions.console_api.pages import CursorText, Limit, Page, RowId, page_of, read_cursor
from functions.console_api.roles import PREFIX
from shared.edge import Correlation
from shared.errors import NotFound
from shared.store import handover, users
from shared.store.users import User, UserRole

router = APIRouter(prefix=f"{PREFIX}/users", tags=["users"])


class NewUser(BaseModel):
    """Somebody who is to work here."""

    email: Email
    name: MaybeName = ""
    role: UserRole = "operator"
    password: NewPassword


class UserChanges(BaseModel):
    """What to change. A new password, a new role and `disabled` end all sessions of theirs at once."""

    name: MaybeName | None = None
    role: UserRole | None = None
    disabled: Switch | None = None
    password: NewPassword | None = None


@router.get("", summary="List people")
async def list_users(console: TheConsole, member: InTenant, limit: Limit = 50, cursor: CursorText = None) -> Page[User]:
    """Newest first."""
    async with console.store.tenant(member.tenant) as db:
        return page_of(await users.list_newest(db, before=read_cursor(cursor), limit=limit + 1), limit)


@router.post("", status_code=201, summary="Add somebody")
async def create_user(console: TheConsole, member: InTenant, new: NewUser) -> User:
    """409 when the address has an account here already."""
    password_hash = await console.passwords.hash(new.password)
    async with console.store.tenant(member.tenant) as db:
        user = await users.create(
            db, member.tenant, email=new.email, name=new.name, role=new.role, password_hash=password_hash
        )
        await member.note(db, "user.created", user.id, email=user.email, role=user.role)
    return user


@router.get("/{id}", summary="Read one")
async def get_user(console: TheConsole, member: InTenant, user: RowId) -> User:
    """One of the tenant's people."""
    async with console.store.tenant(member.tenant) as db:
        found = await users.get(db, user)
    if found is None:
        raise NotFound("no such user")
    return found


@router.patch("/{id}", summary="Change one")
async def update_user(
    console: TheConsole, member: InTenant, user: RowId, correlation: Correlation, changes: UserChanges
) -> User:
    """Whom nobody lets in any more gives their conversations back to the bot. 409 for the last owner."""
    password_hash = await console.passwords.hash(changes.password) if changes.password else None
    async with console.store.tenant(member.tenant) as db:
        changed = await users.update(
            db, user, name=changes.name, role=changes.role, disabled=changes.disabled, password_hash=password_hash
        )
        visible = changes.model_dump(exclude_none=True, exclude={"password"})
        await member.note(db, "user.updated", user, **visible, new_password=password_hash is not None)
        left = await handover.release_all_of(db, user) if changes.disabled or changes.role == "viewer" else {}
    await _give_back(console, member, left, correlation)
    return changed


@router.delete("/{id}", status_code=204, summary="Remove one")
async def delete_user(console: TheConsole, member: InTenant, user: RowId, correlation: Correlation) -> None:
    """They are out at once and their conversations the bot's; what they wrote stays. 409 for the last owner."""
    async with console.store.tenant(member.tenant) as db:
        left = await handover.release_all_of(db, user)
        await users.delete(db, user)
        await member.note(db, "user.deleted", user)
    await _give_back(console, member, left, correlation)


async def _give_back(
    console: Console, member: Member, left: Mapping[UUID, handover.Released], correlation: str
) -> None:
    for conversation, released in left.items():
        told = {"conversation_id": conversation, "status": "bot", "owner_id": None}
        console.live.tell(member.tenant, "conversation.updated", told)
        if released.pending:
            event = MessageReceived(tenant=member.tenant, conversation=conversation, seq=released.newest)
            await console.nudge(event, correlation)
