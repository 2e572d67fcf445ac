"""Brands: who a tenant is to its customers."""

from fastapi import APIRouter
from pydantic import BaseModel

from functions.console_api.callers import InTenant, TheConsole
from functions.console_api.fields import Name
from functions.console_api.pages import CursorText, Limit, Page, RowId, page_of, read_cursor
from functions.console_api.roles import PREFIX
from shared.answering.persona import Persona
from shared.answering.policy.rules import Policy
from shared.store import brands, voices
from shared.store.brands import Brand

router = APIRouter(prefix=f"{PREFIX}/brands", tags=["brands"])


class BrandText(BaseModel):
    """What can be said of a brand. Customers see its persona's name, not this one."""

    name: Name


@router.get("", summary="List brands")
async def list_brands(
    console: TheConsole, member: InTenant, limit: Limit = 50, cursor: CursorText = None
) -> Page[Brand]:
    """Newest first. A brand's persona and policy are found by `brand_id` in their collections."""
    async with console.store.tenant(member.tenant) as db:
        return page_of(await brands.list_newest(db, before=read_cursor(cursor), limit=limit + 1), limit)


@router.post("", status_code=201, summary="Add a brand")
async def create_brand(console: TheConsole, member: InTenant, new: BrandText) -> Brand:
    """With a published persona and policy of our defaults, so that its channels answer at once."""
    persona, policy = Persona().model_dump(mode="json"), Policy().model_dump(mode="json")
    async with console.store.tenant(member.tenant) as db:
        brand = await brands.create(db, member.tenant, name=new.name)
        await voices.start(db, member.tenant, brand.id, persona=persona, policy=policy, by=member.user)
        await member.note(db, "brand.created", brand.id, name=brand.name)
    return brand


@router.get("/{id}", summary="Read one")
async def get_brand(console: TheConsole, member: InTenant, brand: RowId) -> Brand:
    """One of the tenant's brands."""
    async with console.store.tenant(member.tenant) as db:
        return await brands.get(db, brand)


@router.patch("/{id}", summary="Rename one")
async def update_brand(console: TheConsole, member: InTenant, brand: RowId, changes: BrandText) -> Brand:
    """Its channels, persona and policy stay."""
    async with console.store.tenant(member.tenant) as db:
        changed = await brands.rename(db, brand, name=changes.name)
        await member.note(db, "brand.updated", brand, name=changed.name)
    return changed


@router.delete("/{id}", status_code=204, summary="Remove one")
async def delete_brand(console: TheConsole, member: InTenant, brand: RowId) -> None:
    """409 while a channel speaks for it."""
    async with console.store.tenant(member.tenant) as db:
        await brands.delete(db, brand)
        await member.note(db, "brand.deleted", brand)
