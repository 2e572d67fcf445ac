"""Whose pages may use a widget. This keeps other sites from using it; it proves nothing about who calls.

A channel's setting `allowed_origins` lists exact origins (`https://shop.example`). `http://127.0.0.1` and
`http://localhost` without a port stand for every port of that host, for work on one's own machine.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import Request

from functions.ingress_web.web import Web
from shared.problems import Refused

ANY_PORT = ("http://127.0.0.1", "http://localhost")
ALLOWED = "xin.origin"
"""In the request's scope: the origin whose scripts may read the answer."""


def check_origin(request: Request, web: Web, origins: Sequence[str] | None) -> None:
    """Lets the asking page read the answer. Raises Refused (403) for a page of another site, or of none."""
    origin = origin_of(request)
    if origin is None or not is_allowed(origin, [web.own_origin, *(origins or ())]):
        raise Refused(403, "This widget may not be used from here. Its channel lists the origins that may.")
    request.scope[ALLOWED] = origin


def origin_of(request: Request) -> str | None:
    """Where the asking page comes from. A browser leaves Origin out of a GET to the page's own origin, not Referer."""
    origin = request.headers.get("origin")
    if origin is None and (referer := request.headers.get("referer")):
        try:
            page = urlsplit(referer)
        except ValueError:
            return None
        return f"{page.scheme}://{page.netloc}"
    return origin


def is_allowed(origin: str, allowed: Sequence[str]) -> bool:
    """Exactly one of *allowed*, or any port of a local one that is listed without a port."""
    host, _, port = origin.rpartition(":")
    local = host in ANY_PORT and host in allowed and re.fullmatch(r"[0-9]{1,5}", port)
    return origin in allowed or bool(local)
