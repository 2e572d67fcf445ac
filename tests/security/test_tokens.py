"""Tokens prove who is signed in, and nothing else passes for one."""

import base64
import json
import time
from uuid import uuid4

import jwt
import pytest

from shared.errors import Forged
from shared.security.tokens import LIFE_SECONDS, Claims, Tokens

OLD, NEW = bytes(32), bytes(range(32))
TOKENS = Tokens({"new": NEW, "old": OLD})
CLAIMS = Claims(account=uuid4(), tenant=uuid4(), role="operator", session_version=3)


def payload(**changes: object) -> dict[str, object]:
    now = int(time.time())
    made = {"iss": "xin", "sub": str(uuid4()), "tenant": None, "role": "owner", "sv": 1, "purpose": "access"}
    return {**made, "iat": now, "exp": now + 60, **changes}


def signed(content: dict[str, object], key: bytes = NEW, kid: str | None = "new", algorithm: str = "HS256") -> str:
    return jwt.encode(content, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def test_round_trip() -> None:
    """What was issued is read, with its session version, and lives as long as it says."""
    read = TOKENS.read(TOKENS.issue(CLAIMS, "access"), "access")

    assert (read.account, read.tenant, read.role, read.session_version) == (
        CLAIMS.account, CLAIMS.tenant, "operator", 3,
    )  # fmt: skip
    assert read.expires_at - read.issued_at == LIFE_SECONDS["access"] == 900


def test_administrator() -> None:
    """An administrator's token belongs to no tenant."""
    claims = Claims(account=uuid4(), tenant=None, role="admin", session_version=1)

    assert TOKENS.read(TOKENS.issue(claims, "refresh"), "refresh").tenant is None


def test_rotation() -> None:
    """The first key signs, and names itself; what an older one signed is still read until that key is gone."""
    before = Tokens({"old": OLD}).issue(CLAIMS, "access")

    assert jwt.get_unverified_header(TOKENS.issue(CLAIMS, "access"))["kid"] == "new"
    assert TOKENS.read(before, "access").account == CLAIMS.account
    with pytest.raises(Forged):
        Tokens({"new": NEW}).read(before, "access")


def test_expired() -> None:
    """A token is worth nothing after its time."""
    with pytest.raises(Forged):
        TOKENS.read(TOKENS.issue(CLAIMS, "access", now=time.time() - 901), "access")


def test_purpose() -> None:
    """A refresh token opens nothing, an access token renews nothing."""
    with pytest.raises(Forged):
        TOKENS.read(TOKENS.issue(CLAIMS, "refresh"), "access")
    with pytest.raises(Forged):
        TOKENS.read(TOKENS.issue(CLAIMS, "access"), "refresh")


def unsigned() -> str:
    """A token of the algorithm `none`."""
    parts = ({"alg": "none", "kid": "new"}, payload())
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        unsigned(),
        signed(payload(), key=bytes([9] * 32)),
        signed(payload(), key=OLD),
        signed(payload(), kid="unknown"),
        signed(payload(), kid=None),
        signed(payload(), algorithm="HS512", key=NEW * 2),
        signed(payload(iss="somebody")),
        signed(payload(sub="not an id")),
        signed(payload(purpose=None)),
        signed(payload(tenant=7)),
        signed({name: value for name, value in payload().items() if name != "exp"}),
        signed({name: value for name, value in payload().items() if name != "sv"}),
        signed(payload())[:-2],
    ],
)
def test_forged(token: str) -> None:
    """Another key, another algorithm, another issuer, a missing claim: all of it is refused alike."""
    with pytest.raises(Forged):
        TOKENS.read(token, "access")
