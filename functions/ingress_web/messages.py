"""What a visitor writes, what was said so far, and how far they have read."""

import asyncio
import math
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, field_validator
from redis.exceptions import RedisError

from events import Context, MessageReceived, StatusReceived
from functions.ingress_web.asking import OwnSession, TheWeb, read_json
from functions.ingress_web.rates import Allowance
from functions.ingress_web.web import NAME, SOURCE, Web
from shared import failpoints, telemetry
from shared.edge import Correlation
from shared.problems import Refused
from shared.providers.web import WidgetMessage, incoming
from shared.store import taking_in, web_sessions
from shared.store.taking_in import NewMessage, Taken
from shared.store.web_sessions import Session
from shared.text.persian import clean

router = APIRouter(prefix="/conversations/{conversation_id}")

TEXT_CHARACTERS = 4000
LARGEST_SEQ = 2**62
PER_SESSION = (Allowance(20, 2),)
"""Ten a second on average: people send three lines at once."""
SHOW_SECONDS = 1


class Posted(WidgetMessage):
    """What a visitor wrote, cleaned of what no reader sees."""

    @field_validator("text")
    @classmethod
    def _readable(cls, text: str) -> str:
        text = clean(text)
        if not text.strip():
            raise ValueError("there is nothing to read in it")
        if len(text) > TEXT_CHARACTERS:
            raise ValueError(f"at most {TEXT_CHARACTERS} characters")
        return text


class Stored(BaseModel):
    """Where the message stands. *duplicate*: it had been sent before, and nothing changed."""

    id: UUID
    seq: int
    duplicate: bool


class Message(BaseModel):
    """One message. *sources*: what a bot's answer stands on, empty where it abstained."""

    id: UUID
    seq: int
    role: str
    text: str
    at: datetime
    sources: list[dict[str, Any]]


class MessagePage(BaseModel):
    """Messages, oldest first."""

    items: list[Message]


class Unread(BaseModel):
    """How many messages of ours the visitor has not seen."""

    unread: int


class ReadMark(BaseModel):
    """*seq*: of the newest message that was seen."""

    seq: Annotated[int, Field(ge=0, le=LARGEST_SEQ)]


@router.post("/messages", status_code=202)
async def post_message(request: Request, web: TheWeb, session: OwnSession, correlation: Correlation) -> Stored:
    """202 once it is committed; the answer comes over the stream. One `client_msg_id` is one message."""
    posted = await read_json(request, Posted)
    wait = await web.rates.wait_seconds(f"messages/{session.id}", posted.client_msg_id, PER_SESSION)
    if wait:
        retry = {"Retry-After": str(math.ceil(wait))}
        raise Refused(429, "Too many messages at once. Wait a moment and send it again.", headers=retry)
    at = datetime.now(UTC)
    taken = await _store(web, session, posted, at, correlation)
    await failpoints.reached("ingress-web.stored")
    telemetry.logger(NAME).info("message", extra={"seq": taken.seq, "duplicate": taken.duplicate})
    if not taken.duplicate:
        await _show(web, session, posted, taken, at)
    event = MessageReceived(tenant=session.tenant, conversation=taken.conversation, seq=taken.seq)
    web.publisher.soon(event, Context.start(SOURCE, correlation_id=correlation))
    return Stored(id=taken.message, seq=taken.seq, duplicate=taken.duplicate)


@router.get("/messages")
async def list_messages(
    web: TheWeb,
    session: OwnSession,
    after: Annotated[int, Query(ge=0, le=LARGEST_SEQ)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> MessagePage:
    """The first *limit* messages above the seq *after*."""
    async with web.store.tenant(session.tenant) as db:
        rows = await web_sessions.shown(db, session.conversation, after=after, limit=limit)
    return MessagePage(items=[Message.model_validate(row, from_attributes=True) for row in rows])


@router.post("/read")
async def mark_read(request: Request, web: TheWeb, session: OwnSession, correlation: Correlation) -> Unread:
    """Noted on the conversation, and told like a provider's read mark: stored, and joined by deliver with each part.

    One event a part, under the part's own id: a mark that is repeated, or overtakes its part's record, does no harm.
    """
    mark = await read_json(request, ReadMark)
    async with web.store.tenant(session.tenant) as db:
        marked = await web_sessions.mark_read(db, session.conversation, seq=mark.seq)
    if marked.events:
        event = StatusReceived(tenant=session.tenant, channel=session.channel)
        web.publisher.soon(event, Context.start(SOURCE, correlation_id=correlation))
    return Unread(unread=marked.unread)


async def _store(web: Web, session: Session, posted: Posted, at: datetime, correlation: str) -> Taken:
    message = incoming(posted, session=str(session.id), visitor=session.visitor, at=at)
    new = NewMessage(
        sender=message.sender,
        provider_id=message.key,
        kind=message.kind,
        text=message.text,
        payload=message.payload,
        sent_at=message.sent_at,
    )
    async with web.store.connection() as db:
        return await taking_in.store_message(db, session.tenant, session.channel, new, correlation=correlation)


async def _show(web: Web, session: Session, posted: Posted, taken: Taken, at: datetime) -> None:
    """Before the visitor is answered and anybody is asked to answer: a question stands in the stream before its answer.

    A Redis that is away or hangs keeps nobody waiting: the message stands in its row.
    """
    message = {"id": taken.message, "seq": taken.seq, "role": "customer", "text": posted.text}
    shortened = {"conversation_id": taken.conversation, **message, "text": posted.text[:500]}
    web.live.tell(session.tenant, "message.created", shortened)
    own = {**message, "at": at.isoformat(), "client_msg_id": posted.client_msg_id, "sources": []}
    try:
        async with asyncio.timeout(SHOW_SECONDS):
            await web.live.deliver(session.tenant, taken.conversation, "message.created", own)
    except (RedisError, OSError) as problem:
        telemetry.logger(NAME).warning("nothing shown live", extra={"reason": type(problem).__name__})
