"""Tokens, sealed secrets, cursors and places: what comes back to us altered is refused in one known way."""

import base64
import json
import random
from typing import Any
from uuid import UUID

import jwt

from functions.console_api.live_events import _STREAM_ID as STREAM_ID
from functions.console_api.pages import cursor_of, read_cursor, read_number
from functions.ingress_web.kept import Kept
from functions.ingress_web.origins import is_allowed
from functions.ingress_web.stream import place_of
from shared.errors import Forged
from shared.event_streams import order
from shared.problems import Refused
from shared.security.tokens import Claims, Tokens
from shared.security.vault import Ciphertext, Sealed, Vault
from tests.answering.conftest import MONDAY_NOON
from tests.fuzz import budget, hostile, mutating

KEYS = {"new": bytes(range(32)), "old": bytes(32)}
TOKENS, VAULT = Tokens(KEYS), Vault(KEYS)
ACCOUNT = UUID("7e000000-0000-4000-8000-000000000003")
CLAIMS = Claims(ACCOUNT, ACCOUNT, "owner", 1)
PLACE = "tenant/channel/name"


def test_tokens() -> None:
    """A token is read exactly when it is one of ours, unaltered and for that purpose; else it is Forged."""
    budget.run("tokens", _a_token, _is_read)


def _a_token(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.1:
        return TOKENS.issue(CLAIMS, "access")
    if kind < 0.4:
        return mutating.spoiled_bytes(TOKENS.issue(CLAIMS, "access").encode(), chance).decode("latin-1")
    if kind < 0.5:
        return hostile.text(chance)
    payload: dict[str, Any] = {**_payload(), chance.choice(list(_payload())): hostile.value(chance)}
    if kind < 0.8:
        header = {
            "kid": chance.choice(("new", "old", "none", None, 7, ["new"], {"a": 1})),
            "alg": chance.choice(("HS256", "none", "RS256", 7)),
        }
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, payload)]
        return b".".join([*parts, chance.choice((b"", b"x", b"AAAA"))]).decode()
    return _signed(payload)


def _payload() -> dict[str, Any]:
    content: dict[str, Any] = jwt.decode(TOKENS.issue(CLAIMS, "access"), options={"verify_signature": False})
    return content


def _signed(payload: Any) -> str:
    """Under our own key, whatever it says: a key that leaked must not crash us."""
    try:
        return jwt.api_jws.encode(json.dumps(payload).encode(), KEYS["new"], "HS256", headers={"kid": "new"})
    except (TypeError, ValueError):
        return "x"


def _is_read(token: str) -> None:
    try:
        claims = TOKENS.read(token, "access")
    except Forged:
        return
    assert isinstance(claims.account, UUID)
    assert isinstance(claims.tenant, UUID | None)
    assert {type(claims.session_version), type(claims.issued_at), type(claims.expires_at)} == {int}


def test_vault() -> None:
    """A sealed secret opens whole and in its place, or is Sealed."""
    budget.run("vault", _a_ciphertext, _is_opened)


def _a_ciphertext(chance: random.Random) -> tuple[Ciphertext, str, bool]:
    sealed = VAULT.seal("رمز", belongs_to=PLACE)
    kind = chance.random()
    if kind < 0.1:
        return sealed, PLACE, True
    if kind < 0.2:
        return sealed, f"{PLACE}{hostile.text(chance).encode(errors='replace').decode()}x", False
    if kind < 0.3:
        return Ciphertext(hostile.text(chance) or "old", sealed.data), PLACE, False
    data = chance.randbytes(chance.randrange(40)) if kind < 0.5 else sealed.data[: chance.randrange(len(sealed.data))]
    if kind > 0.7:
        data = mutating.spoiled_bytes(sealed.data, chance)
    return Ciphertext(sealed.key_id, data), PLACE, data == sealed.data


def _is_opened(case: tuple[Ciphertext, str, bool]) -> None:
    sealed, place, whole = case
    try:
        assert VAULT.open(sealed, belongs_to=place) == "رمز"
        assert whole
    except Sealed:
        assert not whole


def test_cursors() -> None:
    """A cursor is one of ours or refused with 422."""
    budget.run("cursors", _a_cursor, _is_a_place)


def _a_cursor(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.3:
        return mutating.spoiled_bytes(cursor_of(MONDAY_NOON, ACCOUNT).encode(), chance).decode("latin-1")[:200]
    if kind < 0.5:
        return hostile.text(chance)[:200]
    inside = [hostile.value(chance), hostile.value(chance)] if kind < 0.7 else [chance.choice(MOMENTS), str(ACCOUNT)]
    if kind > 0.9:
        inside = [chance.choice(("0", "-1", "7", "٧", "²", "9" * 19, "1e3", "0x1", ""))]
    return base64.urlsafe_b64encode(json.dumps(inside).encode()).decode().rstrip("=")[:200]


MOMENTS = (
    "2026-11-24T10:00:00+00:00", "2026-11-24", "2026-W48-2", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "2026-11-24T10:00:00+24:00", "24:00", "", "now", "infinity",
)  # fmt: skip


def _is_a_place(cursor: str) -> None:
    refusals: list[Refused] = []
    try:
        before = read_cursor(cursor)
        assert before is not None
        assert isinstance(before[1], UUID)
    except Refused as problem:
        refusals.append(problem)
    try:
        number = read_number(cursor)
        assert number is not None
        assert 0 <= number < 10**18
    except Refused as problem:
        refusals.append(problem)
    assert {problem.status for problem in refusals} <= {422}


def test_places() -> None:
    """Whatever Last-Event-ID says is a seq, an entry that can be looked for, or a place that was lost."""
    budget.run("places in a stream", _an_id, _is_somewhere)


def _an_id(chance: random.Random) -> str:
    numbers = ("0", "7", "1790000000000", "9" * 18, "9" * 19, "9" * 20, "9" * 40, "-1", "٧", "²", "1.5", "", " 7")
    if chance.random() < 0.6:
        return f"{chance.choice(numbers)}{chance.choice(('-', '', '–', '--'))}{chance.choice(numbers)}"
    return hostile.text(chance)


def _is_somewhere(last: str) -> None:
    place = place_of(last, 3)
    entries = [("1790000000000-0", "message.created", {"id": "a", "seq": 1}), ("1790000000001-0", "typing", {})]
    kept = Kept(entries)
    if isinstance(place, int):
        assert place == 3 or 0 <= place < 10**18
        kept.behind(place)
    elif kept.has(place):
        kept.created(through=place)
    if STREAM_ID.fullmatch(last):
        assert order(last) >= (0, 0)
    assert not is_allowed(last, ["https://shop.example", "http://localhost"])
