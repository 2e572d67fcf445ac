"""schemathesis over the console's and the widget's API of the running product: never a 5xx, never off the description.

The seed is fixed. `XIN_CASES=20` asks for twenty times as many cases, and for the description's every boundary.
"""

from typing import Any, cast

import httpx
import pytest
from pydantic import BaseModel

from functions.console_api.roles import LEAST, PREFIX
from functions.ingress_web.messages import Posted, ReadMark
from functions.ingress_web.sessions import Opening
from functions.ingress_web.site import make_api
from functions.ingress_web.web import Web
from shared.problems import Problem
from tests.counterparties.furnished import Furnished, furnish
from tests.counterparties.guessing import CASES, Described, Guesser
from tests.product import Product

ENDLESS = ("GET", f"{PREFIX}/events")
"""A stream never ends: tests/console_api/test_live_events.py reads it."""
ENDS_SESSIONS = ("POST", f"{PREFIX}/auth/sign-out")
COUNTED = {("POST", f"{PREFIX}/auth/token"), ("PATCH", f"{PREFIX}/me")}
"""A wrong password is counted against everybody at the same address."""
FEW = 3
CONSOLE = sorted(
    LEAST.keys() - {ENDLESS, ENDS_SESSIONS}, key=lambda one: (one[1].split("/")[3], one[0] == "DELETE", one)
)
WIDGET = [
    ("POST", "/sessions"),
    ("GET", "/conversations/{conversation_id}/messages"),
    ("POST", "/conversations/{conversation_id}/messages"),
    ("POST", "/conversations/{conversation_id}/read"),
]


def named(operation: tuple[str, str]) -> str:
    return " ".join(operation)


@pytest.fixture(scope="module")
def shop(product: Product) -> Furnished:
    return furnish(product)


@pytest.fixture(scope="module")
def console(product: Product) -> Described:
    return Described(httpx.get(f"{product.url}/api/openapi.json").json())


def guesser(shop: Furnished, console: Described, role: str, operation: tuple[str, str]) -> Guesser:
    """Whoever has the role, with real ids of what the operation is about; what it deletes is spare."""
    method, path = operation
    collection = path.removeprefix(f"{PREFIX}/").partition("/")[0]
    id = (shop.spare if method == "DELETE" else shop.ids).get(collection)
    real = {"id": id, "brand_id": shop.brand, "brand_ids": [shop.brand], "channel_id": shop.web["id"]}
    real["cursor"] = shop.cursor(path.replace("{id}", str(id)), role) if method == "GET" else None
    return Guesser(
        console, shop.product.url, shop.headers(role), {name: value for name, value in real.items() if value}
    )


def test_no_operation_is_missed(console: Described) -> None:
    """The description of the running product has the operations that are tried below, the stream and signing out."""
    assert console.operations == {*CONSOLE, ENDLESS, ENDS_SESSIONS}


@pytest.mark.parametrize("operation", CONSOLE, ids=named)
def test_console(shop: Furnished, console: Described, operation: tuple[str, str]) -> None:
    """To an owner every operation answers what it describes, whatever is sent; things that are there are found."""
    owner = guesser(shop, console, "owner", operation)

    owner.guess(*operation, cases=FEW if operation in COUNTED else CASES)

    assert 401 not in owner.seen or operation in COUNTED


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_lesser_roles(shop: Furnished, console: Described, role: str) -> None:
    """The same for those who may do less: what they may not do is refused as described."""
    seen: set[int] = set()
    for operation in CONSOLE:
        if operation not in COUNTED:
            lesser = guesser(shop, console, role, operation)
            lesser.guess(*operation, cases=max(1, CASES // 4))
            seen |= lesser.seen.keys()

    assert {200, 403} <= seen


@pytest.mark.parametrize("operation", [one for one in CONSOLE if "/tenants" in one[1]], ids=named)
def test_administrator(shop: Furnished, console: Described, operation: tuple[str, str]) -> None:
    """The same for the platform's administrator and the tenants."""
    admin = guesser(shop, console, "admin", operation)

    admin.guess(*operation, cases=min(CASES, 10))  # each that fits is a tenant more

    assert 403 not in admin.seen


def test_signing_out(shop: Furnished, console: Described) -> None:
    """Signing out answers as described, and the token is spent."""
    leaver = guesser(shop, console, "leaver", ENDS_SESSIONS)

    leaver.guess(*ENDS_SESSIONS, cases=FEW)

    assert {204, 401} <= leaver.seen.keys()


def widget_description() -> dict[str, Any]:
    """What the widget's API would say of itself, with the bodies that it reads on its own and its way to refuse."""
    description = make_api(cast(Web, None)).openapi()
    bodies: dict[str, type[BaseModel]] = {
        "/sessions": Opening,
        "/conversations/{conversation_id}/messages": Posted,
        "/conversations/{conversation_id}/read": ReadMark,
    }
    schemas = description["components"]["schemas"]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            refused = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {"description": "refused", "content": refused}
            if method == "post":
                content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{bodies[path].__name__}"}}}
                operation["requestBody"] = {"required": True, "content": content}
    for model in (Problem, *bodies.values()):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return description


@pytest.fixture(scope="module")
def visitor(shop: Furnished) -> Guesser:
    """A visitor of the shop's site who knows the widget, a session and its conversation."""
    assert shop.visitor
    headers = {"origin": shop.product.url, "authorization": f"Bearer {shop.visitor.token}"}
    real = {
        "widget_id": shop.web["widget_id"],
        "conversation_id": shop.visitor.conversation,
        "resume": shop.visitor.token,
        "visitor_jwt": None,
    }
    return Guesser(Described(widget_description()), shop.web["api_url"], headers, real)


def test_no_operation_of_the_widget_is_missed(visitor: Guesser) -> None:
    """The widget's API has the operations that are tried below, and the stream."""
    assert visitor.described.operations == {*WIDGET, ("GET", "/conversations/{conversation_id}/events")}


@pytest.mark.parametrize("operation", WIDGET, ids=named)
def test_widget(visitor: Guesser, operation: tuple[str, str]) -> None:
    """To a visitor every operation answers with its own shape or with a problem, whatever is sent."""
    visitor.seen.clear()

    visitor.guess(*operation)

    assert visitor.seen.keys() & {200, 202}


def test_a_fault_is_found(product: Product) -> None:
    """An API that answers otherwise than it says is found out: a field is missing, a status is not described."""
    own = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {}}
    answer = {"type": "object", "required": ["gone"], "properties": {"gone": {"type": "string"}}}
    for status in ("200", "201"):
        described = {"description": "", "content": {"application/json": {"schema": answer}}}
        description = {**own, "paths": {"/readyz": {"get": {"responses": {status: described}}}}}
        with pytest.raises((AssertionError, BaseExceptionGroup)):
            Guesser(Described(description), product.url, {}, {}).guess("GET", "/readyz", cases=1)
