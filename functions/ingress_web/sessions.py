"""`POST /sessions`: a visitor comes, or comes back."""

import math
import secrets
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from functions.ingress_web.asking import TheWeb, read_json
from functions.ingress_web.origins import check_origin
from functions.ingress_web.rates import Allowance
from functions.ingress_web.web import Web
from functions.ingress_web.widgets import find_widget
from shared.answering.persona import Language, Persona
from shared.problems import Refused
from shared.store import web_sessions
from shared.store.web_sessions import Widget
from shared.text.persian import clean

router = APIRouter()

PER_ADDRESS = (Allowance(10, 0.9), Allowance(500, 600))
"""Ten a second (a little less, so that who keeps the pace isn't refused for the network's jitter), and 500 held: a
session counts for ten minutes, since a whole office may share an address."""
RIGHT_TO_LEFT = ("fa",)


class Page(BaseModel):
    """The page that the widget is on."""

    url: Annotated[str, Field(max_length=4000)] = ""
    lang: Annotated[str, Field(max_length=40)] = ""
    """BCP 47."""


class Opening(BaseModel):
    """What the widget knows when it opens."""

    widget_id: str
    page: Page = Page()
    resume: Annotated[str, Field(max_length=200)] | None = None
    """The token of an earlier visit."""
    visitor_jwt: str | None = None


class Config(BaseModel):
    """What the widget shows before anything was said."""

    title: str
    language: Language
    rtl: bool
    greeting: str


class SessionOpened(BaseModel):
    """The conversation and the token for it. *last_seq*: of the newest message in it, 0 when there is none."""

    session_token: str
    conversation_id: UUID
    last_seq: int
    config: Config


@router.post("/sessions")
async def open_session(request: Request, web: TheWeb) -> SessionOpened:
    """Goes on with the conversation of *resume* where that is still known, else begins one."""
    opening = await read_json(request, Opening)
    widget = await find_widget(web, opening.widget_id)
    check_origin(request, web, widget.origins)
    if opening.visitor_jwt is not None:
        raise Refused(422, "visitor_jwt: verified visitors are not enabled for this widget. Leave it out.")
    config = _config(widget, opening.page.lang)
    return await _resume(web, widget, opening, config) or await _begin(request, web, widget, opening, config)


async def _resume(web: Web, widget: Widget, opening: Opening, config: Config) -> SessionOpened | None:
    session = await web_sessions.find(web.store, opening.resume) if opening.resume else None
    if session is None or session.channel != widget.channel:
        return None
    async with web.store.tenant(session.tenant) as db:
        last = await web_sessions.newest_shown(db, session.conversation)
    assert opening.resume
    return SessionOpened(
        session_token=opening.resume, conversation_id=session.conversation, last_seq=last, config=config
    )


async def _begin(request: Request, web: Web, widget: Widget, opening: Opening, config: Config) -> SessionOpened:
    address = request.client.host if request.client else "-"
    wait = await web.rates.wait_seconds(f"sessions/{address}", secrets.token_hex(8), PER_ADDRESS)
    if wait:
        retry = {"Retry-After": str(math.ceil(wait))}
        raise Refused(429, "Too many visitors from this address. Try again later.", headers=retry)
    language = clean(opening.page.lang).partition("-")[0].lower() or None
    attributes = {"page_url": clean(opening.page.url)} if opening.page.url else {}
    async with web.store.tenant(widget.tenant) as db:
        opened = await web_sessions.open_session(
            db, widget.tenant, widget.channel, language=language, attributes=attributes
        )
    return SessionOpened(session_token=opened.token, conversation_id=opened.conversation, last_seq=0, config=config)


def _config(widget: Widget, page_language: str) -> Config:
    """The persona's language where it has chosen one, else the page's, else Persian."""
    persona = Persona.model_validate(widget.persona or {})
    wanted = page_language.partition("-")[0].lower() if persona.language == "auto" else persona.language
    language: Language = "en" if wanted == "en" else "fa"
    return Config(
        title=widget.brand,
        language=language,
        rtl=language in RIGHT_TO_LEFT,
        greeting=persona.say(persona.greeting, language),
    )
