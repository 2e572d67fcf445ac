"""`GET /conversations/{id}/events`: server-sent events, from wherever the visitor's widget had got to."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Query

from functions.ingress_web.asking import OwnSession, TheWeb
from functions.ingress_web.following import Following, Place
from functions.ingress_web.messages import LARGEST_SEQ
from shared.event_streams import EventStream

router = APIRouter(prefix="/conversations/{conversation_id}")

STREAM_ID = re.compile(r"\d{1,19}-\d{1,19}")
SEQ = re.compile(r"\d{1,18}")


@router.get("/events", response_class=EventStream)
async def follow_conversation(
    web: TheWeb,
    session: OwnSession,
    after: Annotated[int, Query(ge=0, le=LARGEST_SEQ)] = 0,
    last_event_id: Annotated[str, Header(alias="Last-Event-ID")] = "",
) -> EventStream:
    """`Last-Event-ID` goes before `after`: it is what was seen last. One that can't be read counts as lost."""
    following = Following(web, session, place_of(last_event_id, after))
    return EventStream(following.lines())


def place_of(last_event_id: str, after: int) -> Place:
    """Where to go on: behind the seq of a message, or behind an entry of the stream."""
    if not last_event_id:
        return after
    if SEQ.fullmatch(last_event_id):
        return int(last_event_id)
    return last_event_id if STREAM_ID.fullmatch(last_event_id) else "lost"
