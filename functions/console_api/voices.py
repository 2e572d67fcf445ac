"""What personas and policies share: drafts are written, one version is published, former ones stay on record."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from functions.console_api.callers import Member
from functions.console_api.console import Console
from functions.console_api.pages import Page, page_of, read_cursor
from shared.store.voices import Status, Version, Versions

BrandFilter = Annotated[UUID | None, Query(description="Only this brand's.")]
StatusFilter = Annotated[Status | None, Query(description="Only versions in this state.")]


async def list_versions(
    versions: Versions,
    console: Console,
    member: Member,
    *,
    brand: UUID | None,
    status: Status | None,
    limit: int,
    cursor: str | None,
) -> Page[Version]:
    """One page, newest first."""
    async with console.store.tenant(member.tenant) as db:
        rows = await versions.list_newest(db, brand=brand, status=status, before=read_cursor(cursor), limit=limit + 1)
    return page_of(rows, limit)


async def read(versions: Versions, console: Console, member: Member, version: UUID) -> Version:
    """Raises NotFound."""
    async with console.store.tenant(member.tenant) as db:
        return await versions.get(db, version)


async def draft(versions: Versions, console: Console, member: Member, brand: UUID, body: BaseModel) -> Version:
    """A new draft; its body is stored whole, so that a later default of ours changes nothing. Raises NotFound."""
    async with console.store.tenant(member.tenant) as db:
        made = await versions.draft(db, member.tenant, brand, body=body.model_dump(mode="json"), by=member.user)
        await member.note(db, f"{versions.noun}.drafted", made.id, brand=brand, version=made.version)
    return made


async def change(versions: Versions, console: Console, member: Member, version: UUID, body: BaseModel) -> Version:
    """Top-level fields that *body* has set replace the draft's. Raises NotFound, Conflict, RequestValidationError."""
    given = body.model_dump(mode="json", exclude_unset=True)
    async with console.store.tenant(member.tenant) as db:
        before = await versions.get(db, version)
        whole = _whole(type(body), {**before.body, **given})
        changed = await versions.change(db, version, body=whole)
        await member.note(db, f"{versions.noun}.changed", version, fields=sorted(given))
    return changed


async def publish(versions: Versions, console: Console, member: Member, version: UUID) -> Version:
    """The former version is archived. Raises NotFound."""
    async with console.store.tenant(member.tenant) as db:
        published = await versions.publish(db, version)
        await member.note(
            db, f"{versions.noun}.published", version, brand=published.brand_id, version=published.version
        )
    return published


async def delete(versions: Versions, console: Console, member: Member, version: UUID) -> None:
    """Drafts only. Raises NotFound, Conflict."""
    async with console.store.tenant(member.tenant) as db:
        await versions.delete(db, version)
        await member.note(db, f"{versions.noun}.deleted", version)


def _whole(model: type[BaseModel], body: dict[str, Any]) -> dict[str, Any]:
    """A rule may span fields: what fits alone need not fit together."""
    try:
        return model.model_validate(body).model_dump(mode="json")
    except ValidationError as problem:
        raise RequestValidationError(
            [{**error, "loc": ("body", "body", *error["loc"])} for error in problem.errors(include_input=False)]
        ) from None
