"""Knowledge: the documents that the bot may answer from, and a search in them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from events import KnowledgeUploaded
from functions.console_api.bodies import allow
from functions.console_api.callers import InTenant, Member, TheConsole
from functions.console_api.console import Console
from functions.console_api.fields import Name, SaidText
from functions.console_api.pages import CursorText, Limit, Page, RowId, id_of, page_of, read_cursor
from functions.console_api.roles import PREFIX
from functions.console_api.uploads import UploadForm
from shared import failpoints
from shared.edge import Correlation
from shared.errors import TooLarge, XinError
from shared.knowledge.documents import FILE_BYTES, FILE_MB, KINDS, REASONS
from shared.knowledge.objects import knowledge_key
from shared.problems import Refused
from shared.store import brands, knowledge
from shared.store.knowledge import Asset, Upload
from shared.store.tenancy import Db

router = APIRouter(prefix=f"{PREFIX}/knowledge", tags=["knowledge"])

FORM_BYTES = FILE_BYTES + 256 * 1024


def _form(**others: Any) -> dict[str, Any]:
    """What OpenAPI is told of an upload: the file, and *others* beside it."""
    file = {"type": "string", "format": "binary", "description": f"{KINDS}; {FILE_MB} MB."}
    schema = {"type": "object", "required": ["file"], "properties": {"file": file, **others}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


NEW_DOCUMENT = _form(
    title={"type": "string", "description": "What sources are shown as."},
    brand_ids={
        "type": "array",
        "items": {"type": "string"},
        "description": "Brands that may answer from it; none means all.",
    },
)
NEW_VERSION = _form()


class Progress(BaseModel):
    """How far the newest version has been indexed."""

    position: int
    total: int | None


class Document(BaseModel):
    """A document. `status`, `reason`, `dense` and `progress` are of its newest version; the active one answers."""

    id: UUID
    title: str
    name: str
    """The file's name."""
    brand_ids: list[UUID]
    status: Literal["pending", "indexing", "ready", "failed"]
    reason: str | None
    dense: Literal["off", "pending", "ready"]
    progress: Progress
    version: int
    active_version: int | None
    size: int
    media_type: str
    created_at: datetime
    updated_at: datetime


class Uploaded(BaseModel):
    """Where the document is found from now on."""

    id: UUID
    duplicate: bool
    """The same bytes were there already; nothing was added."""


KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"model": Uploaded, "description": "The same bytes were there already: the id of their document"}
}


class DocumentChanges(BaseModel):
    """What to change without a new file."""

    title: Name | None = None
    brand_ids: Annotated[list[UUID], Field(max_length=100)] | None = None


class EarlierMessage(BaseModel):
    """An earlier message of the conversation."""

    role: Literal["customer", "bot", "operator", "system", "user", "assistant"]
    text: Annotated[str, Field(max_length=20_000)]


class SearchQuery(BaseModel):
    """What to look for, as a customer would ask; `history` is what was said before, oldest first."""

    query: SaidText
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    history: Annotated[list[EarlierMessage], Field(max_length=50)] = []


class FoundPassage(BaseModel):
    """A passage that the bot could answer from. `place`: its headings, or its page."""

    asset_id: UUID
    chunk_id: UUID
    title: str
    place: str
    text: str
    score: float


class FoundPassages(BaseModel):
    """Best first. `confidence`, 0 to 1, is what a policy's `min_confidence` is compared with."""

    items: list[FoundPassage]
    confidence: float


@router.get("", summary="List documents")
async def list_knowledge(
    console: TheConsole, member: InTenant, limit: Limit = 50, cursor: CursorText = None
) -> Page[Document]:
    """Newest first."""
    async with console.store.tenant(member.tenant) as db:
        rows = await knowledge.list_recent(db, before=read_cursor(cursor), limit=limit + 1)
    return page_of([_show(row) for row in rows], limit)


@router.post("", status_code=202, summary="Upload a document", responses=KNOWN, openapi_extra=NEW_DOCUMENT)
async def create_knowledge(
    request: Request, response: Response, console: TheConsole, member: InTenant, correlation: Correlation
) -> Uploaded:
    """It answers once its `status` is ready. The same bytes again: 200, and the id of the document they are in."""
    form = await _open(request)
    asset = uuid4()
    upload = await _store(console, member, form, asset, 1, correlation)
    try:
        async with console.store.tenant(member.tenant) as db:
            kept = await knowledge.create(
                db,
                asset,
                upload,
                title=_title(form),
                brands=await _brands(db, form.fields.get("brand_ids", ())),
                created_by=member.user,
            )
            if kept == asset:
                await member.note(db, "knowledge.uploaded", asset, name=upload.name, size=upload.size)
    except BaseException:
        await _drop(console, upload.key)
        raise
    if kept != asset:
        await _drop(console, upload.key)
        response.status_code = 200
        return Uploaded(id=kept, duplicate=True)
    await _announce(console, member, asset, correlation)
    return Uploaded(id=asset, duplicate=False)


@router.post("/search", summary="Search as the bot does")
async def search_knowledge(console: TheConsole, member: InTenant, query: SearchQuery) -> FoundPassages:
    """In all of the tenant's documents, whatever their brands."""
    found = await console.searcher.search(member.tenant, query.query, limit=query.limit, history=query.history)
    items = [FoundPassage.model_validate(passage, from_attributes=True) for passage in found.passages]
    return FoundPassages(items=items, confidence=found.confidence)


@router.get("/{id}", summary="Read one")
async def get_knowledge(console: TheConsole, member: InTenant, asset: RowId) -> Document:
    """How far it is, and why it failed if it did."""
    async with console.store.tenant(member.tenant) as db:
        return _show(await knowledge.get(db, asset))


@router.put("/{id}", status_code=202, summary="Upload a new version", responses=KNOWN, openapi_extra=NEW_VERSION)
async def replace_knowledge(
    request: Request,
    response: Response,
    console: TheConsole,
    member: InTenant,
    asset: RowId,
    correlation: Correlation,
) -> Uploaded:
    """The former version answers until the new one is ready. The same bytes again: 200, and nothing changes."""
    form = await _open(request)
    async with console.store.tenant(member.tenant) as db:
        version = await knowledge.next_version(db, asset)
    upload = await _store(console, member, form, asset, version, correlation)
    try:
        async with console.store.tenant(member.tenant) as db:
            same = await knowledge.find_same(db, upload.sha256) == asset
            if not same:
                await knowledge.add_version(db, asset, version, upload)
                await member.note(db, "knowledge.replaced", asset, name=upload.name, version=version)
    except BaseException:
        await _drop(console, upload.key)
        raise
    if same:
        await _drop(console, upload.key)
        response.status_code = 200
        return Uploaded(id=asset, duplicate=True)
    await _announce(console, member, asset, correlation)
    return Uploaded(id=asset, duplicate=False)


@router.patch("/{id}", summary="Change its title or brands")
async def update_knowledge(
    console: TheConsole, member: InTenant, asset: RowId, correlation: Correlation, changes: DocumentChanges
) -> Document:
    """It is indexed again, and answers meanwhile."""
    async with console.store.tenant(member.tenant) as db:
        for brand in changes.brand_ids or ():
            await brands.get(db, brand)
        await knowledge.edit(db, asset, title=changes.title, brands=changes.brand_ids)
        await member.note(db, "knowledge.updated", asset, **changes.model_dump(mode="json", exclude_none=True))
        shown = _show(await knowledge.get(db, asset))
    await _announce(console, member, asset, correlation)
    return shown


@router.delete("/{id}", status_code=204, summary="Remove one")
async def delete_knowledge(console: TheConsole, member: InTenant, asset: RowId, correlation: Correlation) -> None:
    """It stops answering at once; its file and its vectors go in the background."""
    async with console.store.tenant(member.tenant) as db:
        await knowledge.delete(db, asset)
        await member.note(db, "knowledge.deleted", asset)
    await _announce(console, member, asset, correlation, kind="knowledge.removed")


async def _open(request: Request) -> UploadForm:
    allow(request, FORM_BYTES)
    form = UploadForm(request)
    with _size_told():
        await form.open()
    return form


@contextmanager
def _size_told() -> Iterator[None]:
    """Raises Refused that says how large a file may be, wherever on its way it turned out to be larger."""
    try:
        yield
    except TooLarge:
        raise Refused(413, REASONS["too_large"]) from None
    except HTTPException as problem:
        if problem.status_code != 413:
            raise
        raise Refused(413, REASONS["too_large"]) from None


async def _store(
    console: Console, member: Member, form: UploadForm, asset: UUID, version: int, correlation: str
) -> Upload:
    """Streams the file into the object store. Raises ObjectsAway, Refused."""
    key = knowledge_key(member.tenant, asset, version)
    async with console.store.tenant(member.tenant) as db:
        await knowledge.expect(db, asset, version)
    with _size_told():
        stored = await console.objects.put_stream(key, form.chunks(), limit=FILE_BYTES)
    await failpoints.reached("console-api.object_stored")
    return Upload(
        key=key,
        name=form.name,
        media_type=form.media_type,
        size=stored.size,
        sha256=stored.sha256,
        correlation=correlation,
    )


async def _drop(console: Console, key: str) -> None:
    """Removes a file that nothing points to. If even that fails, what was expected is removed within the hour."""
    try:
        await console.objects.delete(key)
    except XinError:
        return


async def _announce(
    console: Console, member: Member, asset: UUID, correlation: str, *, kind: str = "knowledge.changed"
) -> None:
    await failpoints.reached("console-api.upload_stored")
    await console.nudge(KnowledgeUploaded(tenant=member.tenant, asset=asset), correlation)
    console.live.tell(member.tenant, kind, {"id": asset})


def _title(form: UploadForm) -> str:
    from shared.knowledge.ingestion import title_of

    given = " ".join(form.fields.get("title", ())).strip()
    return given[:200] or title_of(form.name)


async def _brands(db: Db, values: Sequence[str]) -> list[UUID]:
    """Fields repeat, or hold several with commas. Raises NotFound for a brand that isn't the tenant's."""
    ids = [id_of(text.strip()) for value in values for text in value.split(",") if text.strip()]
    for brand in ids:
        await brands.get(db, brand)
    return ids


def _show(asset: Asset) -> Document:
    return Document(
        id=asset.id,
        title=asset.title,
        name=asset.name,
        brand_ids=asset.brands,
        status=asset.status,
        reason=asset.reason,
        dense=asset.dense,
        progress=Progress(position=asset.position, total=asset.total),
        version=asset.version,
        active_version=asset.active_version,
        size=asset.size,
        media_type=asset.media_type,
        created_at=asset.created_at,
        updated_at=asset.updated_at,
    )
