"""The built pages as a browser gets them: how long a file may be kept, and what a page may do.

https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HASHED = re.compile(r"/assets/[^/]+-[A-Za-z0-9_-]{8}\.[a-z0-9]+")
"""Files that Vite names after their content: such a name never means anything else."""
LOADER = "/embed.js"
LOADER_SECONDS = 300
"""Every page of a shop asks for it, always under the same name."""

PagePolicy = Callable[[Request], Awaitable[str]]
"""The Content-Security-Policy of the page that is asked for."""


def content_policy(*, framed_by: Sequence[str] | None, connects_to: Sequence[str] = ()) -> str:
    """For pages that bring all they need, and talk to nobody but us and *connects_to*.

    *framed_by*: who may show the page in a frame; empty: nobody, None: anybody.
    """
    rules = {
        "default-src": "'self'",
        "connect-src": " ".join(["'self'", *connects_to]),
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    if framed_by is not None:
        rules["frame-ancestors"] = " ".join(framed_by) or "'none'"
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class Pages:
    """ASGI: GET and HEAD of the files below *directory*, and of `index.html` where a folder is asked for."""

    def __init__(self, directory: Path, policy: PagePolicy) -> None:
        self._files = StaticFiles(directory=directory, html=True, check_dir=False)
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """404 for whatever isn't a file below the directory, however the path is written."""
        try:
            response = await self._files.get_response(self._files.get_path(scope), scope)
        except HTTPException as problem:
            response = PlainTextResponse("Not found", problem.status_code, headers=problem.headers)
        else:
            response.headers.update(await self._headers(Request(scope)))
        await response(scope, receive, send)

    async def _headers(self, request: Request) -> dict[str, str]:
        path = request.scope["path"]
        if path == LOADER:
            kept = f"public, max-age={LOADER_SECONDS}"
            return {"Cache-Control": kept, "Cross-Origin-Resource-Policy": "cross-origin"}
        if HASHED.search(path):
            return {"Cache-Control": "public, max-age=31536000, immutable"}
        asked_again = {"Cache-Control": "no-cache"}
        if not path.endswith(("/", ".html")):
            return asked_again
        return {**asked_again, "Content-Security-Policy": await self._policy(request)}


def guarded(application: ASGIApp) -> ASGIApp:
    """*application*, whose answers are what they say they are, and whose pages tell other sites only our origin."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
            await send(message)

        await application(scope, receive, send_on)

    return answer
