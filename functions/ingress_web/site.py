"""The widget's API as one application."""

from fastapi import FastAPI
from starlette.types import ASGIApp

from functions.ingress_web import messages, sessions, stream
from functions.ingress_web.cross_origin import CrossOrigin
from functions.ingress_web.web import NAME, Web
from shared.edge import Edge
from shared.problems import answer_with_problems


def make_site(web: Web) -> ASGIApp:
    """The application around *web*."""
    return Edge(NAME, CrossOrigin(make_api(web)))


def make_api(web: Web) -> FastAPI:
    """The application without its edge. Its description is for tests alone: the widget's API is nobody else's."""
    api = FastAPI(openapi_url=None, redirect_slashes=False)
    api.state.web = web
    answer_with_problems(api)
    for router in (sessions.router, messages.router, stream.router):
        api.include_router(router)
    return api
