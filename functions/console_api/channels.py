"""Channels: where customers reach a brand. Secrets go in and never come out; what we generate is shown once."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, Field

from functions.console_api import channel_secrets
from functions.console_api.callers import InTenant, TheConsole
from functions.console_api.channel_secrets import GeneratedSecrets, GivenSecrets
from functions.console_api.fields import Name, Switch
from functions.console_api.pages import CursorText, Limit, Page, RowId, page_of, read_cursor
from functions.console_api.roles import PREFIX
from shared.store import channel_setup
from shared.store.channel_setup import Changes, ChannelRow, NewChannel

router = APIRouter(prefix=f"{PREFIX}/channels", tags=["channels"])

Kind = Literal["telegram", "bale", "whatsapp", "instagram", "web"]

INGRESS = {
    "telegram": "ingress-telegram",
    "bale": "ingress-telegram",
    "whatsapp": "ingress-whatsapp",
    "instagram": "ingress-instagram",
}


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.path.strip("/")
        or parts.query
        or parts.username
    ):
        raise ValueError("an origin such as https://shop.example.ir, without a path")
    return f"{parts.scheme}://{parts.netloc}".lower()


Origin = Annotated[str, Field(max_length=300), AfterValidator(_origin)]


class ChannelSettings(BaseModel):
    """What may be shown of a channel's set-up. Only the widget has any yet."""

    allowed_origins: Annotated[list[Origin], Field(max_length=50)] | None = None
    """Sites that may show the widget."""
    title: Annotated[str, Field(max_length=80)] | None = None
    """Stands above the chat."""
    greeting: Annotated[str, Field(max_length=500)] | None = None
    """Shown before the visitor has written."""


class ChannelIn(BaseModel):
    """A channel to connect. Which `secrets` it wants depends on `kind`."""

    brand_id: UUID
    kind: Kind
    name: Name
    settings: ChannelSettings = ChannelSettings()
    secrets: GivenSecrets = GivenSecrets()


class ChannelChanges(BaseModel):
    """What to change. Former secrets are accepted for five minutes more, so that a provider can switch over."""

    name: Name | None = None
    enabled: Switch | None = None
    brand_id: UUID | None = None
    settings: ChannelSettings = ChannelSettings()
    secrets: GivenSecrets = GivenSecrets()
    rotate: list[Literal["secret_token", "verify_token", "identity_secret"]] = []
    """Those of ours to make anew; the new ones stand in this answer's `secrets`, once."""


class Channel(ChannelRow):
    """A channel with its health, and where its provider or its widget reaches us."""

    webhook_url: str | None
    """What to tell the provider; null for the widget."""
    api_url: str | None
    """The widget's API; null for the others."""
    widget_id: str | None


class ConnectedChannel(Channel):
    """A channel with the secrets that were generated just now: they are never shown again."""

    secrets: GeneratedSecrets


@router.get("", summary="List channels")
async def list_channels(
    console: TheConsole,
    member: InTenant,
    brand_id: Annotated[UUID | None, Query(description="Only this brand's.")] = None,
    kind: Kind | None = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[Channel]:
    """Newest first."""
    async with console.store.tenant(member.tenant) as db:
        rows = await channel_setup.list_newest(
            db, brand=brand_id, kind=kind, before=read_cursor(cursor), limit=limit + 1
        )
    return page_of([_show(console.settings.public_url, row) for row in rows], limit)


@router.post("", status_code=201, summary="Connect a channel")
async def create_channel(console: TheConsole, member: InTenant, new: ChannelIn) -> ConnectedChannel:
    """The answer holds what has to be told to the provider: the webhook's URL, and the secrets that we generated."""
    sorted_out = channel_secrets.for_new(new.kind, new.secrets)
    row = NewChannel(
        brand_id=new.brand_id,
        kind=new.kind,
        name=new.name,
        account=sorted_out.account,
        settings=new.settings.model_dump(exclude_none=True) | sorted_out.settings,
        secrets=sorted_out.secrets,
    )
    async with console.store.tenant(member.tenant) as db:
        made = await channel_setup.create(db, member.tenant, console.vault, row)
        await member.note(db, "channel.created", made.id, kind=made.kind, name=made.name)
    return _connected(console.settings.public_url, made, sorted_out.generated)


@router.get("/{id}", summary="Read one")
async def get_channel(console: TheConsole, member: InTenant, channel: RowId) -> Channel:
    """Without its secrets."""
    async with console.store.tenant(member.tenant) as db:
        return _show(console.settings.public_url, await channel_setup.get(db, channel))


@router.patch("/{id}", summary="Change one")
async def update_channel(
    console: TheConsole, member: InTenant, channel: RowId, changes: ChannelChanges
) -> ConnectedChannel:
    """New secrets also clear what was wrong with the former ones."""
    async with console.store.tenant(member.tenant) as db:
        kind = (await channel_setup.get(db, channel)).kind
        sorted_out = channel_secrets.for_change(kind, changes.secrets, rotate=changes.rotate)
        wanted = Changes(
            name=changes.name,
            enabled=changes.enabled,
            brand_id=changes.brand_id,
            account=sorted_out.account,
            settings=changes.settings.model_dump(exclude_unset=True) | sorted_out.settings,
            secrets=sorted_out.secrets,
        )
        row = await channel_setup.update(db, member.tenant, channel, console.vault, wanted)
        visible = changes.model_dump(mode="json", exclude_unset=True, exclude={"secrets", "rotate"})
        await member.note(db, "channel.updated", channel, **visible, secrets=sorted(sorted_out.secrets))
    return _connected(console.settings.public_url, row, sorted_out.generated)


@router.delete("/{id}", status_code=204, summary="Remove one")
async def delete_channel(console: TheConsole, member: InTenant, channel: RowId) -> None:
    """With all that was said on it. To pause it, set `enabled` to false."""
    async with console.store.tenant(member.tenant) as db:
        row = await channel_setup.get(db, channel)
        await channel_setup.delete(db, channel)
        await member.note(db, "channel.deleted", channel, kind=row.kind, name=row.name)


def _show(public_url: str, row: ChannelRow) -> Channel:
    return Channel(**row.model_dump(), **_addresses(public_url, row))


def _connected(public_url: str, row: ChannelRow, generated: dict[str, str]) -> ConnectedChannel:
    return ConnectedChannel(**row.model_dump(), **_addresses(public_url, row), secrets=GeneratedSecrets(**generated))


def _addresses(public_url: str, row: ChannelRow) -> dict[str, Any]:
    if row.kind == "web":
        return {"webhook_url": None, "api_url": f"{public_url}/fn/ingress-web", "widget_id": str(row.id)}
    return {"webhook_url": f"{public_url}/fn/{INGRESS[row.kind]}/{row.id}", "api_url": None, "widget_id": None}
