"""console-api: what operators, owners and the platform's administrator do, over HTTP and one live stream."""

from starlette.types import ASGIApp

from functions.console_api.console import NAME, Console
from shared.hosting import Function

function = Function(NAME, opens=Console.open)
function.when_closing(lambda console: console.closing.set())


@function.serves
def site(console: Console) -> ASGIApp:
    """Everything under `/api/v1/`, and `/api/openapi.json`."""
    from functions.console_api.site import make_site  # FastAPI is half of this function's import time

    return make_site(console)


handle = function.target()
