"""ingress-web: the widget's API. Opens sessions, takes in what visitors write, and shows them what was answered."""

from starlette.types import ASGIApp

from functions.ingress_web.web import NAME, Web
from shared.hosting import Function

function = Function(NAME, opens=Web.open)
function.when_closing(lambda web: web.closing.set())


@function.serves
def site(web: Web) -> ASGIApp:
    """`/sessions` and `/conversations/{id}/…`."""
    from functions.ingress_web.site import make_site  # FastAPI is half of this function's import time

    return make_site(web)


handle = function.target()
