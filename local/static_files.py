"""The built pages as a browser gets them: how long a file may be kept, and what a page may do.

Which headers, and why: https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HASHED = re.compile(r"/assets/[^/]+-[A-Za-z0-9_-]{8}\.[a-z0-9]+")
"""How Vite names a file after its content: such a name never means anything else."""
FOREVER = "public, max-age=31536000, immutable"
ASK_FIRST = "no-cache"
A_WHILE = "public, max-age=300"
"""For the loader, which every page of a shop asks for under one name."""

PagePolicy = Callable[[Request], Awaitable[str]]


def content_policy(*, framed_by: Sequence[str] | None, connects_to: Sequence[str] = ()) -> str:
    """A Content-Security-Policy for pages that bring all they need, and send to nobody but *connects_to* and ourselves.

    *framed_by*: the sites that may show the page in a frame; None: all.
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
    """ASGI: the files below *directory*, and `index.html` where a folder is asked for. *policy* is asked for each page."""

    def __init__(self, directory: Path, policy: PagePolicy) -> None:
        self._files = StaticFiles(directory=directory, html=True, check_dir=False)
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers GET and HEAD; 404 for whatever isn't a file below the directory."""
        path = scope["path"]
        try:
            response = await self._files.get_response(self._files.get_path(scope), scope)
        except HTTPException as problem:
            status = 405 if problem.status_code == 405 else 404
            response = PlainTextResponse("", status, headers=problem.headers)
        if response.status_code in (200, 206, 304):
            response.headers["Cache-Control"] = FOREVER if HASHED.search(path) else ASK_FIRST
            if path.endswith(("/", ".html")):
                response.headers["Content-Security-Policy"] = await self._policy(Request(scope))
        await response(scope, receive, send)


class Loader:
    """ASGI: the one script that other people's pages load."""

    def __init__(self, directory: Path) -> None:
        self._files = StaticFiles(directory=directory, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers GET and HEAD."""


def guarded(application: ASGIApp) -> ASGIApp:
    """*application*, whose every answer is taken for what it says it is, and tells other sites little of our addresses."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
            await send(message)

        await application(scope, receive, send_on)

    return answer


