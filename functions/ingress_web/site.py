"""The widget's API as one application."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from functions.ingress_web import messages, sessions, stream
from functions.ingress_web.edge import Edge
from functions.ingress_web.web import Web
from shared.problems import answer, answer_with_problems


def make_site(web: Web) -> ASGIApp:
    """The application around *web*."""
    api = FastAPI(openapi_url=None, redirect_slashes=False)
    api.state.web = web
    answer_with_problems(api)
    api.add_exception_handler(RequestValidationError, _invalid)
    for router in (sessions.router, messages.router, stream.router):
        api.include_router(router)
    return Edge(api)


async def _invalid(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    return answer(422, f"{first['loc'][-1]}: {first['msg']}")
