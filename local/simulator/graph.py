"""What WhatsApp and Instagram share: Meta's Graph API, its paths, its Bearer tokens, its error object.

Sources: https://developers.facebook.com/docs/graph-api/guides/error-handling and the two platforms' error code pages.
"""

import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

VERSIONS = frozenset({"v24.0", "v25.0", "v26.0"})
WINDOW_SECONDS = 24 * 3600.0
SESSION_ENDED = (
    "Error validating access token: The session has been invalidated because the user changed their password or"
    " Facebook has changed the session for security reasons."
)
NO_SUCH_OBJECT = (
    "Unsupported post request. Object with ID '{}' does not exist, cannot be loaded due to missing permissions, or does"
    " not support this operation. Please read the Graph API documentation at"
    " https://developers.facebook.com/docs/graph-api"
)


@dataclass
class GraphRefusal(Exception):
    """An answer with an `error` object."""

    status: int
    code: int
    message: str
    type: str = "OAuthException"
    subcode: int | None = None
    details: str = ""
    headers: dict[str, str] | None = None

    def response(self, product: str | None = None) -> Response:
        """*product* is WhatsApp's `messaging_product`, which stands in its `error_data`."""
        error: dict[str, Any] = {"message": self.message, "type": self.type, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if product and self.details:
            error["error_data"] = {"messaging_product": product, "details": self.details}
        error["fbtrace_id"] = f"A{secrets.token_urlsafe(16)}"
        return JSONResponse({"error": error}, self.status, headers=self.headers)


def bearer(request: Request) -> str:
    """The token that came with the request, or an empty text."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def same(claimed: str, secret: SecretStr) -> bool:
    return hmac.compare_digest(claimed.encode(), secret.get_secret_value().encode())


def check_token(claimed: str, expected: SecretStr, *, revoked: bool, status: int) -> None:
    """Raises GraphRefusal with code 190. WhatsApp answers 401, graph.instagram.com 400."""
    if not claimed or not same(claimed, expected):
        raise GraphRefusal(status, 190, "Invalid OAuth access token - Cannot parse access token")
    if revoked:
        raise GraphRefusal(status, 190, SESSION_ENDED, subcode=460)


def check_version(version: str) -> None:
    """Raises GraphRefusal for a version that is not served."""
    if version not in VERSIONS:
        raise GraphRefusal(400, 2500, f"Unknown path components: /{version[:32]}")


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of the body. Raises GraphRefusal."""
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as problem:
        raise GraphRefusal(400, 100, "(#100) Invalid parameter", details="The body is not valid JSON") from problem
    if not isinstance(body, dict):
        raise GraphRefusal(400, 100, "(#100) Invalid parameter", details="The body is not a JSON object")
    return body


def utf8(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def escaped(payload: dict[str, Any]) -> bytes:
    """The form that Meta signs and sends: everything outside ASCII as `\\u…`, slashes with a backslash."""
    return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode()
