"""Policies: by which rules a brand's bot answers."""

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator

from functions.console_api import voices
from functions.console_api.callers import InTenant, TheConsole
from functions.console_api.pages import CursorText, Limit, Page, RowId
from functions.console_api.roles import PREFIX
from functions.console_api.voices import BrandFilter, StatusFilter
from shared.answering.policy.rules import Policy
from shared.store.voices import POLICIES, Version

router = APIRouter(prefix=f"{PREFIX}/policies", tags=["policies"])


def _strict(body: Any) -> Any:
    """A misspelt field is an error when a person writes it, and so is a value that only resembles the right one."""
    return Policy.model_validate_json(json.dumps(body), strict=True, extra="forbid")


Body = Annotated[Policy, BeforeValidator(_strict)]


class PolicyDraft(BaseModel):
    """A new version for a brand. What `body` leaves out has our defaults."""

    brand_id: UUID
    body: Body = Policy()


class PolicyChanges(BaseModel):
    """Fields of `body` that are given replace those of the draft."""

    body: Body


@router.get("", summary="List versions")
async def list_policies(
    console: TheConsole,
    member: InTenant,
    brand_id: BrandFilter = None,
    status: StatusFilter = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[Version]:
    """Newest first. The one that speaks for a brand has the status `published`."""
    return await voices.list_versions(
        POLICIES, console, member, brand=brand_id, status=status, limit=limit, cursor=cursor
    )


@router.post("", status_code=201, summary="Write a draft")
async def create_policy(console: TheConsole, member: InTenant, new: PolicyDraft) -> Version:
    """It speaks for nobody until it is published."""
    return await voices.draft(POLICIES, console, member, new.brand_id, new.body)


@router.get("/{id}", summary="Read a version")
async def get_policy(console: TheConsole, member: InTenant, version: RowId) -> Version:
    """Any version, whatever its status."""
    return await voices.read(POLICIES, console, member, version)


@router.patch("/{id}", summary="Change a draft")
async def update_policy(console: TheConsole, member: InTenant, version: RowId, changes: PolicyChanges) -> Version:
    """409 for what was published: make a new draft of it."""
    return await voices.change(POLICIES, console, member, version, changes.body)


@router.post("/{id}/publish", summary="Publish a version")
async def publish_policy(console: TheConsole, member: InTenant, version: RowId) -> Version:
    """It speaks from the next message on; what spoke before is archived. An archived version may return so."""
    return await voices.publish(POLICIES, console, member, version)


@router.delete("/{id}", status_code=204, summary="Remove a draft")
async def delete_policy(console: TheConsole, member: InTenant, version: RowId) -> None:
    """409 for what was published: it is part of the record."""
    await voices.delete(POLICIES, console, member, version)
