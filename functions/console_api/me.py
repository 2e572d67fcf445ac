"""Oneself."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from functions.console_api import auth
from functions.console_api.callers import SignedIn, TheConsole
from functions.console_api.fields import MaybeName, NewPassword
from functions.console_api.roles import PREFIX
from shared.problems import Refused
from shared.store import audit, tenants, users

router = APIRouter(prefix=f"{PREFIX}/me", tags=["me"])


class Me(BaseModel):
    """Who is signed in. `tenant` is null for an administrator who named none."""

    id: str
    email: str
    name: str
    role: str
    tenant: "MyTenant | None"


class MyTenant(BaseModel):
    """Where one works."""

    id: str
    name: str


class MyChanges(BaseModel):
    """What to change. A new password asks for the present one, and ends every session."""

    name: MaybeName | None = None
    present_password: str | None = None
    new_password: NewPassword | None = None


@router.get("", summary="Who is signed in")
async def get_me(console: TheConsole, caller: SignedIn) -> Me:
    """The role is the one that counts now."""
    tenant = None
    if caller.tenant is not None:
        async with console.store.tenant(caller.tenant) as db:
            found = await tenants.get(db, caller.tenant)
            tenant = MyTenant(id=str(found.id), name=found.name)
    return Me(
        id=str(caller.account), email=caller.email, name=caller.name, role=caller.role.name.lower(), tenant=tenant
    )


@router.patch("", status_code=204, summary="Change one's name or password")
async def update_me(request: Request, console: TheConsole, caller: SignedIn, changes: MyChanges) -> None:
    """A tenant's people alone; an administrator's account is set up where the platform is installed."""
    tenant = caller.claims.tenant
    if tenant is None:
        raise Refused(403, "An administrator's account is changed where the platform is installed.")
    password_hash = None
    if changes.new_password is not None:
        account = await users.account_of(console.store, tenant, caller.account)
        assert account is not None, "it was just admitted"
        address = request.client.host if request.client else "unknown"
        await auth.check_password(console, address, account, changes.present_password or "")
        password_hash = await console.passwords.hash(changes.new_password)
    async with console.store.tenant(tenant) as db:
        await users.update(db, caller.account, name=changes.name, password_hash=password_hash)
        detail = {"fields": sorted(changes.model_fields_set - {"present_password"})}
        await audit.note(
            db, tenant, actor=caller.email, action="user.updated", subject=f"user {caller.account}", detail=detail
        )
