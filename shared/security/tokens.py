"""Who is signed in: JSON Web Tokens (RFC 7519), HS256, with the key's id in the header so that keys can rotate.

A token carries the session version of its account. Whoever accepts one compares it with the row: signing out, a new
password and a removal end every session at once.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import jwt

from shared.errors import Forged

Purpose = Literal["access", "refresh"]

ISSUER = "xin"
LIFE_SECONDS: Mapping[Purpose, int] = {"access": 900, "refresh": 7 * 24 * 3600}


@dataclass(frozen=True)
class Claims:
    """Whose token it is. *tenant* is None for the platform's administrator. On the role the row decides."""

    account: UUID
    tenant: UUID | None
    role: str
    session_version: int
    issued_at: int = 0
    expires_at: int = 0


class Tokens:
    """Issues and reads. *keys*: id to 32 bytes, the signing one first; all of them verify."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = keys
        self._newest = next(iter(keys))

    def issue(self, claims: Claims, purpose: Purpose, *, now: float | None = None) -> str:
        """A token that lives as long as LIFE_SECONDS says, from *now* on."""
        issued = int(time.time() if now is None else now)
        payload = {
            "iss": ISSUER,
            "sub": str(claims.account),
            "tenant": str(claims.tenant) if claims.tenant else None,
            "role": claims.role,
            "sv": claims.session_version,
            "purpose": purpose,
            "iat": issued,
            "exp": issued + LIFE_SECONDS[purpose],
        }
        return jwt.encode(payload, self._keys[self._newest], algorithm="HS256", headers={"kid": self._newest})

    def read(self, token: str, purpose: Purpose) -> Claims:
        """Raises Forged: not ours, altered, expired, or made for another purpose."""
        try:
            key = self._keys[str(jwt.get_unverified_header(token).get("kid"))]
            payload = jwt.decode(
                token, key, algorithms=["HS256"], issuer=ISSUER, options={"require": ["exp", "iat", "sub", "iss"]}
            )
            if payload["purpose"] != purpose:
                raise Forged(f"this is no {purpose} token")
            return Claims(
                account=UUID(payload["sub"]),
                tenant=UUID(payload["tenant"]) if payload["tenant"] else None,
                role=str(payload["role"]),
                session_version=int(payload["sv"]),
                issued_at=int(payload["iat"]),
                expires_at=int(payload["exp"]),
            )
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, AttributeError) as problem:
            raise Forged("the token is not valid") from problem
