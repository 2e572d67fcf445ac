"""Who asks, and with what: the session behind the bearer token, the conversation that is theirs, the body they sent."""

from typing import Annotated, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from functions.ingress_web.origins import ALLOWED, check_origin, origin_of
from functions.ingress_web.web import Web
from shared import telemetry
from shared.errors import NotFound
from shared.hosting import read_body
from shared.problems import Refused
from shared.store import web_sessions
from shared.store.web_sessions import Session

BODY_BYTES = 64 * 1024

B = TypeVar("B", bound=BaseModel)


def web_of(request: Request) -> Web:
    """What the function keeps open."""
    web: Web = request.app.state.web
    return web


TheWeb = Annotated[Web, Depends(web_of)]


async def session_of(request: Request, web: TheWeb) -> Session:
    """Raises Refused: 401 without a session that lives, 403 from a page that may not use its widget."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    session = await web_sessions.find(web.store, token.strip()) if scheme.lower() == "bearer" else None
    if session is None:
        # Any page may read this: it tells of nobody, and unread the widget would take it for an outage.
        request.scope[ALLOWED] = origin_of(request)
        raise Refused(
            401, "Open a session: this token is missing or no longer known.", headers={"WWW-Authenticate": "Bearer"}
        )
    check_origin(request, web, session.origins)
    return session


async def own_session(conversation_id: str, session: Annotated[Session, Depends(session_of)]) -> Session:
    """The session, where the conversation in the path is its own. Raises NotFound for every other."""
    if conversation_id.lower() != str(session.conversation):
        raise NotFound("no such conversation")
    telemetry.logger("context").thread_safe_append_keys(
        tenant=str(session.tenant), channel=str(session.channel), conversation=str(session.conversation)
    )
    return session


OwnSession = Annotated[Session, Depends(own_session)]


async def read_json(request: Request, model: type[B]) -> B:
    """The body as *model*. Raises TooLarge, Refused for what isn't JSON, and RequestValidationError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "Send JSON, with the header Content-Type: application/json.")
    body = await read_body(request, BODY_BYTES)
    try:
        return model.model_validate_json(body)
    except ValidationError as problem:
        errors = problem.errors(include_url=False, include_input=False, include_context=False)
        raise RequestValidationError([{**error, "loc": ("body", *error["loc"])} for error in errors]) from None
