"""Conversations: the inbox, what was said, and a person's part in it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from events import MessageReceived, ReplyComposed
from functions.console_api.callers import InTenant, Member, TheConsole
from functions.console_api.console import Console
from functions.console_api.fields import SaidText
from functions.console_api.notices import tell
from functions.console_api.pages import CursorText, Limit, Page, RowId, cursor_of, page_of, read_cursor, read_number
from functions.console_api.roles import PREFIX
from shared import failpoints
from shared.answering.notices import Transition
from shared.edge import Correlation
from shared.problems import Person, Refused
from shared.providers.catalogue import PROVIDERS
from shared.store import handover, inbox, users
from shared.store.handover import OwnedByAnother
from shared.store.inbox import Conversation, ConversationStatus
from shared.store.tenancy import Db

router = APIRouter(prefix=f"{PREFIX}/conversations", tags=["conversations"])


class Message(BaseModel):
    """One message, and what became of it."""

    id: UUID
    seq: int
    role: str
    """customer, bot, operator or system."""
    kind: str
    text: str
    at: datetime
    status: str | None
    """queued, sending, accepted, sent, delivered, read, failed, unknown or cancelled; null for what came in.
    Of a message in several parts it is the one to worry about."""
    reason: str | None
    """Why it failed or waits."""
    maybe_twice: bool
    """It may have reached the customer twice: the provider's answer to the first try was lost."""
    turn_id: UUID | None
    author: Person | None
    """Who of the tenant's people wrote it."""
    sources: list[dict[str, Any]]


class MessagePage(BaseModel):
    """Messages, oldest first. `next_cursor` leads to the ones before them, or, with `after`, to the ones behind."""

    items: list[Message]
    next_cursor: str | None = None


class Reply(BaseModel):
    """What an operator says."""

    text: SaidText


class Resolve(BaseModel):
    """`seen`: the seq of the newest message on the operator's screen."""

    seen: Annotated[int, Field(ge=0, le=2**62)] | None = None


@router.get("", summary="The inbox")
async def list_conversations(
    console: TheConsole,
    member: InTenant,
    status: ConversationStatus | None = None,
    channel_id: Annotated[UUID | None, Query(description="Only this channel's.")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[Conversation]:
    """The one where something happened last comes first."""
    async with console.store.tenant(member.tenant) as db:
        rows = await inbox.list_recent(
            db, status=status, channel=channel_id, before=read_cursor(cursor), limit=limit + 1
        )
    return page_of(rows, limit, lambda row: row.updated_at)


@router.get("/{id}", summary="Read one")
async def get_conversation(console: TheConsole, member: InTenant, conversation: RowId) -> Conversation:
    """As in the inbox."""
    async with console.store.tenant(member.tenant) as db:
        return await inbox.get(db, conversation)


@router.get("/{id}/messages", summary="What was said")
async def list_messages(
    console: TheConsole,
    member: InTenant,
    conversation: RowId,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="Only messages above this seq.")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> MessagePage:
    """The newest page, or with `after` the first one above that seq."""
    place = read_number(cursor)
    async with console.store.tenant(member.tenant) as db:
        if after is not None:
            rows = await inbox.messages(db, conversation, after=max(after, place or 0), limit=limit + 1)
            shown, more = rows[:limit], len(rows) > limit
        else:
            rows = await inbox.messages(db, conversation, before=place, limit=limit + 1)
            shown, more = rows[-limit:], len(rows) > limit
    edge = shown[-1 if after is not None else 0].seq if more else None
    return MessagePage(items=[_show(row) for row in shown], next_cursor=cursor_of(edge) if edge is not None else None)


@router.post("/{id}/messages", status_code=201, summary="Answer as a person")
async def create_message(
    console: TheConsole, member: InTenant, conversation: RowId, correlation: Correlation, reply: Reply
) -> Message:
    """Takes the conversation over. 409, naming who, when somebody else holds it."""
    who = member.speaking()
    async with console.store.tenant(member.tenant) as db:
        place = await inbox.place(db, conversation)
        texts = PROVIDERS[place.kind].split(reply.text)
        try:
            said = await handover.reply(
                db, member.tenant, conversation, who=who, text=reply.text, texts=texts, correlation=correlation
            )
        except OwnedByAnother as problem:
            raise await _held(db, problem) from None
        message = await inbox.message(db, conversation, said.message)
        await member.note(db, "conversation.replied", conversation, seq=said.seq)
    await failpoints.reached("console-api.replied")
    await console.nudge(ReplyComposed(tenant=member.tenant, conversation=conversation), correlation)
    shown = _show(message)
    data = {"conversation_id": conversation, **shown.model_dump(mode="json", exclude={"sources"})}
    console.live.tell(member.tenant, "message.created", data)
    await _tell(console, member, place, status="human", owner=who, epoch=said.epoch)
    return shown


@router.post("/{id}/takeover", summary="Take it over")
async def take_over_conversation(
    console: TheConsole, member: InTenant, conversation: RowId, correlation: Correlation
) -> Conversation:
    """The bot is silent from here on; a customer who was promised a person is told that one is here.

    409, naming who, when somebody else holds it.
    """
    who = member.speaking()
    async with console.store.tenant(member.tenant) as db:
        place = await inbox.place(db, conversation)
        try:
            taken = await handover.take_over(db, conversation, who=who)
        except OwnedByAnother as problem:
            raise await _held(db, problem) from None
        told = taken.before != "human" and await tell(
            db,
            member.tenant,
            conversation,
            Transition("taken_over", promised=taken.before == "waiting"),
            correlation=correlation,
        )
        await member.note(db, "conversation.taken_over", conversation)
        shown = await inbox.get(db, conversation)
    if told:
        await console.nudge(ReplyComposed(tenant=member.tenant, conversation=conversation), correlation)
    await _tell(console, member, place, status="human", owner=who, epoch=taken.epoch)
    return shown


@router.post("/{id}/release", summary="Give it back to the bot")
async def release_conversation(
    console: TheConsole, member: InTenant, conversation: RowId, correlation: Correlation
) -> Conversation:
    """The bot answers what is newer than the operator's last word, or says that it is back. 409 when nobody has it."""
    async with console.store.tenant(member.tenant) as db:
        place = await inbox.place(db, conversation)
        released = await handover.release(db, conversation)
        told = await tell(
            db,
            member.tenant,
            conversation,
            Transition("released", pending=released.pending, spoken=released.spoken),
            correlation=correlation,
        )
        await member.note(db, "conversation.released", conversation)
        shown = await inbox.get(db, conversation)
    event = MessageReceived(tenant=member.tenant, conversation=conversation, seq=max(1, released.newest))
    await console.nudge(event, correlation)
    if told:
        await console.nudge(ReplyComposed(tenant=member.tenant, conversation=conversation), correlation)
    await _tell(console, member, place, status="bot", owner=None, epoch=place.epoch)
    return shown


@router.post("/{id}/resolve", summary="Close it")
async def resolve_conversation(
    console: TheConsole,
    member: InTenant,
    conversation: RowId,
    correlation: Correlation,
    resolve: Resolve | None = None,
) -> Conversation:
    """409 when a message newer than `seen` has come. A customer's next message opens it again."""
    async with console.store.tenant(member.tenant) as db:
        place = await inbox.place(db, conversation)
        epoch = await handover.resolve(db, conversation, seen=resolve.seen if resolve else None)
        told = await tell(db, member.tenant, conversation, Transition("resolved"), correlation=correlation)
        await member.note(db, "conversation.resolved", conversation)
        shown = await inbox.get(db, conversation)
    if told:
        await console.nudge(ReplyComposed(tenant=member.tenant, conversation=conversation), correlation)
    await _tell(console, member, place, status="resolved", owner=None, epoch=epoch)
    return shown


async def _held(db: Db, problem: OwnedByAnother) -> Refused:
    owner = await users.get(db, problem.owner)
    name = (owner.name or owner.email) if owner else "somebody"
    detail = f"{name} has this conversation. Ask them to release it."
    return Refused(409, detail, owner=Person(id=str(problem.owner), name=name))


async def _tell(
    console: Console, member: Member, place: inbox.Place, *, status: str, owner: UUID | None, epoch: int
) -> None:
    """To every screen of the tenant; a widget drops what the bot was saying below *epoch*."""
    data = {"conversation_id": place.conversation, "status": status, "owner_id": owner}
    console.live.tell(member.tenant, "conversation.updated", data)
    if place.kind == "web" and epoch > place.epoch:
        console.live.stream(member.tenant, place.conversation, "message.retracted", {"epoch": epoch})


def _show(row: inbox.Message) -> Message:
    author = Person(id=str(row.author_id), name=row.author_name or "") if row.author_id else None
    status = inbox.fold(row.states)
    kept = row.model_dump(exclude={"states", "author_id", "author_name", "reason"})
    reason = row.reason if status in ("failed", "unknown", "queued") else None
    return Message(**kept, author=author, status=status, reason=reason)
