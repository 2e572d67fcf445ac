"""Errors as the world sees them: RFC 9457, small, with what to do in `detail`; never a secret, never a stack.

https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import NotFound, Retryable, TooLarge, XinError

MEDIA_TYPE = "application/problem+json"
DETAIL_CHARACTERS = 400
RETRY_AFTER_SECONDS = 5


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Refused(XinError):
    """A request that is answered with a problem of its own."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that carries *detail*."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail[:DETAIL_CHARACTERS])
    return Response(problem.model_dump_json(), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def answer_with_problems(app: Starlette) -> None:
    """Makes the errors of *app* problems. A bug becomes a 500, and is still raised, for whoever logs it."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(XinError, _ours)
    app.add_exception_handler(Exception, _bug)


async def _http(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return answer(problem.status_code, str(problem.detail), problem.headers)


async def _ours(request: Request, problem: Exception) -> Response:
    match problem:
        case Refused():
            return answer(problem.status, problem.detail, problem.headers)
        case NotFound():
            return answer(404, "There is nothing here.")
        case TooLarge():
            return answer(413, f"{problem}.")
        case Retryable():
            wait = {"Retry-After": str(round(problem.retry_after_seconds or RETRY_AFTER_SECONDS))}
            return answer(503, "Something we lean on is away. Try again in a moment.", wait)
    raise problem


async def _bug(request: Request, problem: Exception) -> Response:
    return answer(500, "This is our mistake, and it has been noted. Try again in a moment.")
