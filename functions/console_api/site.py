"""The API as one application: its collections, its errors, its description."""

import json
import re
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from functions.console_api import (
    alarms,
    audit,
    auth,
    automations,
    brands,
    channels,
    conversations,
    dead_letters,
    knowledge,
    live_events,
    me,
    personas,
    policies,
    tenants,
    turns,
    usage,
    users,
)
from functions.console_api.bodies import LimitedBodies
from functions.console_api.callers import admit
from functions.console_api.console import NAME, Console
from shared.edge import Edge
from shared.problems import MEDIA_TYPE, Problem, answer_with_problems

PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong, and what to do",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}

DESCRIPTION = """
What operators, owners and the platform's administrator do. Sign in at `auth/token`, and send the access token as a
bearer token. Lists answer `{items, next_cursor}`; ids are opaque strings; errors are RFC 9457 problems. An
administrator acts inside one tenant at a time by naming it in `X-Xin-Tenant`.
"""

COLLECTIONS: tuple[APIRouter, ...] = (
    me.router,
    conversations.router,
    turns.router,
    alarms.router,
    live_events.router,
    knowledge.router,
    channels.router,
    brands.router,
    personas.router,
    policies.router,
    automations.router,
    users.router,
    dead_letters.router,
    usage.router,
    audit.router,
    tenants.router,
)


PAGES = re.compile(r"Page_([A-Za-z]+)_(?=[\"/])")
"""What pydantic calls a page of something, where it means the schema and not the text."""


class Api(FastAPI):
    """FastAPI with our errors, and readable names, in its description."""

    def openapi(self) -> dict[str, Any]:
        """OpenAPI 3.1, with Problem among the schemas."""
        if self.openapi_schema is None:
            schema = super().openapi()
            schema = json.loads(PAGES.sub(r"\1Page", json.dumps(schema)))
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            self.openapi_schema = schema
        return self.openapi_schema


def make_site(console: Console) -> ASGIApp:
    """The application around *console*."""
    return Edge(NAME, LimitedBodies(make_api(console)))


def make_api(console: Console) -> FastAPI:
    """The application without its edge."""
    api = Api(
        title="Xin ChatBot: console",
        version="1",
        description=DESCRIPTION.strip(),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        responses=PROBLEM,
    )
    api.state.console = console
    answer_with_problems(api)
    api.include_router(auth.public)
    for router in (auth.router, *COLLECTIONS):
        api.include_router(router, dependencies=[Depends(admit)])
    return api


def operation_id(route: APIRoute) -> str:
    """The function's own name: generated clients call it so."""
    return route.name
