"""The Bot API's envelope, and its words for what goes wrong."""

from typing import Any

from starlette.responses import JSONResponse, Response

from local.simulator.bots import Flavour
from local.simulator.scripts import Refuse

NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a"
    " current content and reply markup of the message"
)
TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


def done(result: Any, description: str | None = None) -> Response:
    answer = {"ok": True, "result": result}
    if description:
        answer["description"] = description
    return JSONResponse(answer)


def failed(code: int, description: str, parameters: dict[str, Any] | None = None) -> Response:
    answer: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        answer["parameters"] = parameters
    return JSONResponse(answer, code)


class BotDialect:
    """Ordered failures in the Bot API's words."""

    def __init__(self, flavour: Flavour) -> None:
        self._too_many = flavour.too_many

    def too_many(self, retry_after: int | None) -> Response:
        if retry_after is None:
            return failed(429, self._too_many)
        return failed(429, f"{self._too_many}: retry after {retry_after}", {"retry_after": retry_after})

    def server_error(self, code: int) -> Response:
        return failed(code, {500: "Internal Server Error", 502: "Bad Gateway"}.get(code, "Service Unavailable"))

    def refused(self, step: Refuse) -> Response:
        return failed(step.code, step.message)
