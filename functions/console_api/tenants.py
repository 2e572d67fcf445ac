"""Tenants: the platform administrator's own collection."""

from fastapi import APIRouter
from pydantic import BaseModel

from functions.console_api.callers import SignedIn, TheConsole
from functions.console_api.fields import Email, MaybeName, Name, NewPassword
from functions.console_api.pages import CursorText, Limit, Page, RowId, page_of, read_cursor
from functions.console_api.roles import PREFIX
from shared.answering.persona import Persona
from shared.answering.policy.rules import Policy
from shared.store import audit, tenants
from shared.store.tenants import NewTenant, Tenant

router = APIRouter(prefix=f"{PREFIX}/tenants", tags=["tenants"])


class FirstOwner(BaseModel):
    """Who runs the new tenant."""

    email: Email
    password: NewPassword
    name: MaybeName = ""


class TenantIn(BaseModel):
    """A business that joins."""

    name: Name
    owner: FirstOwner


class TenantText(BaseModel):
    """What can be said of a tenant."""

    name: Name


@router.get("", summary="List tenants")
async def list_tenants(
    console: TheConsole, caller: SignedIn, limit: Limit = 50, cursor: CursorText = None
) -> Page[Tenant]:
    """Newest first."""
    async with console.store.platform() as db:
        return page_of(await tenants.list_newest(db, before=read_cursor(cursor), limit=limit + 1), limit)


@router.post("", status_code=201, summary="Add a tenant")
async def create_tenant(console: TheConsole, caller: SignedIn, new: TenantIn) -> Tenant:
    """With its owner, and a brand of its name that has a published persona and policy."""
    wanted = NewTenant(
        name=new.name,
        owner_email=new.owner.email,
        owner_name=new.owner.name,
        owner_password_hash=await console.passwords.hash(new.owner.password),
        persona=Persona().model_dump(mode="json"),
        policy=Policy().model_dump(mode="json"),
    )
    async with tenants.created(console.store, wanted) as (db, tenant, owner):
        await audit.note(
            db,
            tenant.id,
            actor=caller.email,
            action="tenant.created",
            subject=f"tenant {tenant.id}",
            detail={"name": tenant.name, "owner": owner.email},
        )
    return tenant


@router.get("/{id}", summary="Read one")
async def get_tenant(console: TheConsole, caller: SignedIn, tenant: RowId) -> Tenant:
    """One business."""
    async with console.store.platform() as db:
        return await tenants.get(db, tenant)


@router.patch("/{id}", summary="Rename one")
async def update_tenant(console: TheConsole, caller: SignedIn, tenant: RowId, changes: TenantText) -> Tenant:
    """Its brands keep their names."""
    async with console.store.platform() as db:
        renamed = await tenants.rename(db, tenant, name=changes.name)
        await tenants.enter(db, tenant)
        await audit.note(
            db,
            tenant,
            actor=caller.email,
            action="tenant.updated",
            subject=f"tenant {tenant}",
            detail={"name": renamed.name},
        )
    return renamed
