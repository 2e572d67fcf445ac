"""Errors as the world sees them: RFC 9457, small, with what to do in `detail`; never a secret, never a stack.

https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import Forged, NotFound, Permanent, Retryable, TooLarge, XinError
from shared.store.conflicts import Conflict
from shared.store.handover import Changed

MEDIA_TYPE = "application/problem+json"
DETAIL_CHARACTERS = 300
FIELD_CHARACTERS = 60
MESSAGE_CHARACTERS = 120
FIELDS_BYTES = 500
"""Of all wrong fields together."""
RETRY_AFTER_SECONDS = 5


class Person(BaseModel):
    """Somebody of the tenant."""

    id: str
    name: str


class FieldProblem(BaseModel):
    """What is wrong with one value that was sent."""

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None
    """The fields that were wrong, where fields were."""
    error: str | None = None
    """The OAuth2 word, at the token endpoint."""
    owner: Person | None = None
    """Who holds the conversation, where somebody does."""


class Refused(XinError):
    """A request that is answered with a problem of its own."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        error: str | None = None,
        owner: Person | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.error = error
        self.owner = owner


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The answer with *detail*, and with *more* members of Problem."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail[:DETAIL_CHARACTERS], **more)
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def answer_with_problems(app: Starlette) -> None:
    """Makes every error of *app* a problem. A bug becomes a 500, and is still raised, for whoever logs it."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(XinError, _ours)
    app.add_exception_handler(psycopg.DataError, _unstorable)
    app.add_exception_handler(UnicodeEncodeError, _unstorable)
    app.add_exception_handler(psycopg.IntegrityError, _in_the_way)
    app.add_exception_handler(Exception, _bug)


_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method. The header Allow says which it takes.",
    413: "The body is too large for this address.",
}


async def _http(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return answer(problem.status_code, _DETAILS.get(problem.status_code, str(problem.detail)), problem.headers)


async def _invalid(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    detail = "What was sent does not fit: see `errors`, correct it and send it again."
    return answer(422, detail, errors=_wrong_fields(problem.errors()))


def _wrong_fields(errors: Iterable[Mapping[str, Any]]) -> list[FieldProblem]:
    """At least the first, as many as a small answer holds. Values aren't repeated: one of them may be a password."""
    wrong: list[FieldProblem] = []
    left = FIELDS_BYTES
    for error in errors:
        place = ".".join(str(step) for step in error["loc"][1:]) or str(error["loc"][0])
        one = FieldProblem(field=place[:FIELD_CHARACTERS], message=error["msg"][:MESSAGE_CHARACTERS])
        left -= len(one.model_dump_json().encode())
        if wrong and left < 0:
            break
        wrong.append(one)
    return wrong


async def _ours(request: Request, problem: Exception) -> Response:
    match problem:
        case Refused():
            return answer(problem.status, problem.detail, problem.headers, error=problem.error, owner=problem.owner)
        case NotFound():
            return answer(404, "There is none with such an id. It may have been deleted.")
        case Conflict() | Changed():
            return answer(409, f"{problem}.")
        case TooLarge():
            return answer(413, f"{problem}.")
        case Forged():
            return answer(401, "Sign in again.", {"WWW-Authenticate": "Bearer"})
        case Retryable():
            wait = {"Retry-After": str(round(problem.retry_after_seconds or RETRY_AFTER_SECONDS))}
            return answer(503, "Something we lean on is away. Try again in a moment.", wait)
        case Permanent():
            return answer(422, f"{problem}.")
    raise problem


async def _bug(request: Request, problem: Exception) -> Response:
    return answer(500, "This is our mistake, and it has been noted. Try again in a moment.")


async def _unstorable(request: Request, problem: Exception) -> Response:
    return answer(422, "A value holds characters or a number that can't be stored. Correct it and send it again.")


async def _in_the_way(request: Request, problem: Exception) -> Response:
    return answer(409, "Somebody changed the same thing at this moment. Look at it again, then repeat what is missing.")
