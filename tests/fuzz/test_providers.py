"""Reading webhooks: whatever the body, a batch that our database keeps, or Unreadable."""

import hashlib
import hmac
import json
import random
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from pydantic import ValidationError

from shared.errors import Forged, Unreadable
from shared.providers.catalogue import PROVIDERS
from shared.providers.incoming import Incoming, ProviderEvent
from shared.providers.web import WidgetMessage, incoming
from tests.fuzz import budget, hostile, mutating
from tests.fuzz.strategies import VALUES, as_many, bent
from tests.providers import samples

KINDS = ("telegram", "bale", "whatsapp", "instagram")
BODIES = {
    kind: [samples.sample(name) for name in samples.every() if name.startswith(kind.replace("bale", "telegram"))]
    for kind in KINDS
}
BY_HYPOTHESIS = 0.02
"""Of a parser's cases; the rest comes from the mutator, which is faster."""


@pytest.mark.parametrize("kind", KINDS)
def test_mutated(kind: str) -> None:
    """A changed sample is read or Unreadable, twice alike, and whatever is read can be stored."""
    budget.run(
        f"{kind}.parse",
        lambda chance: mutating.mutated(chance.choice(BODIES[kind]), BODIES[kind], chance),
        _reads(kind),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_bent(kind: str) -> None:
    """The same for changes that Hypothesis makes, and shrinks where one fails."""

    @as_many(f"{kind}.parse", BY_HYPOTHESIS)
    @given(body=bent(BODIES[kind]))
    def check(body: bytes) -> None:
        _reads(kind)(body)

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_any_json(kind: str) -> None:
    """The same for JSON that has nothing to do with a webhook, whole or under its envelope's names."""

    @as_many(f"{kind}.parse", BY_HYPOTHESIS)
    @given(value=VALUES, inside=VALUES)
    def check(value: Any, inside: Any) -> None:
        entry = {"id": inside, "changes": value, "messaging": value, "standby": [value]}
        meta = {"whatsapp": "whatsapp_business_account"}.get(kind, kind)
        for body in (
            value,
            {"update_id": 1, "message": value, "callback_query": inside},
            {"object": meta, "entry": [entry, inside]},
        ):
            _reads(kind)(json.dumps(body).encode())

    check()


def _reads(kind: str) -> Any:
    parse = PROVIDERS[kind].parse
    assert parse

    def check(body: bytes) -> None:
        try:
            batch = parse(body)
        except Unreadable:
            return
        items: list[Incoming | ProviderEvent] = [*batch.messages, *batch.events]
        for item in items:
            _is_storable(item)
        again = parse(body)
        assert [one.key for one in again.messages] == [one.key for one in batch.messages]
        assert [one.key for one in again.events] == [one.key for one in batch.events]

    return check


def _is_storable(item: Incoming | ProviderEvent) -> None:
    assert item.key
    assert "\0" not in json.dumps(item.payload, ensure_ascii=False).encode().decode()
    moment = item.sent_at if isinstance(item, Incoming) else item.at
    assert moment is None or moment.tzinfo is not None
    if isinstance(item, Incoming):
        assert item.sender
        _are_plain(item.key, item.sender, item.kind, item.text, item.name, item.language, item.account, item.reply_to)
    else:
        assert item.state in (None, "sent", "delivered", "read", "failed")
        assert item.part is None or UUID(item.part)
        _are_plain(item.key, item.provider_id, item.kind, item.text, item.reason, item.recipient, item.account)


def _are_plain(*texts: str | None) -> None:
    for text in texts:
        assert text is None or (isinstance(text, str) and b"\0" not in text.encode())


def test_verify() -> None:
    """Exactly a right proof is taken: anything else is Forged, whatever its letters."""
    budget.run("verify and handshake", _a_proof, _proves)


def _a_proof(chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(KINDS)
    secrets = [chance.choice(("s3cret", "رمز", "x" * 64, "")), "second"][: chance.randrange(3)]
    body = chance.choice(BODIES[kind])
    secret = chance.choice([*secrets, "another"])
    right = secret if kind in ("telegram", "bale") else _signature(secret, body)
    claim = chance.choice((right, right, right, right[:-1], f"{right}x", right.upper(), "", None, hostile.text(chance)))
    names = ["x-telegram-bot-api-secret-token", "x-bale-bot-api-secret-token", "x-hub-signature-256", "authorization"]
    return {
        "kind": kind,
        "body": body,
        "secrets": secrets,
        "headers": {chance.choice(names): claim} if claim is not None else {},
        "query": {"secret_token": claim} if claim is not None and chance.random() < 0.1 else {},
        "handshake": _a_handshake(chance, secrets),
    }


def _a_handshake(chance: random.Random, secrets: list[str]) -> tuple[dict[str, str], str]:
    token = secrets[0] if secrets else "token"
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"}
    if chance.random() < 0.6:
        query[chance.choice(list(query))] = hostile.text(chance)
    if chance.random() < 0.2:
        query.pop(chance.choice(list(query)))
    return query, token


def _proves(case: dict[str, Any]) -> None:
    provider, given = PROVIDERS[case["kind"]], {name: case[name] for name in ("headers", "query", "secrets")}
    assert provider.verify
    assert _accepted(lambda: provider.verify(case["body"], **given)) == _is_right(case)
    if provider.handshake is not None:
        query, token = case["handshake"]
        whole = query.get("hub.mode") == "subscribe" and token and query.get("hub.verify_token") == token
        wanted = bool(whole and query.get("hub.challenge"))
        assert _accepted(lambda: provider.handshake(query, token)) == wanted


def _is_right(case: dict[str, Any]) -> bool:
    secrets = [secret for secret in case["secrets"] if secret]
    if case["kind"] in ("telegram", "bale"):
        names = ["x-telegram-bot-api-secret-token"] + ["x-bale-bot-api-secret-token"] * (case["kind"] == "bale")
        claims = [case["headers"].get(name) for name in names]
        claims += [case["query"].get("secret_token")] * (case["kind"] == "bale")
        return any(claim in secrets for claim in claims)
    return case["headers"].get("x-hub-signature-256") in [_signature(secret, case["body"]) for secret in secrets]


def _accepted(call: Any) -> bool:
    try:
        call()
    except Forged:
        return False
    return True


def _signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_widget_message() -> None:
    """What a widget posts becomes a message that can be stored, or a ValidationError."""
    budget.run("widget message", _posted, _becomes_a_message)


def _posted(chance: random.Random) -> Any:
    posted: dict[str, Any] = {"client_msg_id": "m1", "type": "text", "text": hostile.text(chance)}
    for name in chance.sample([*posted, "more"], chance.randrange(3)):
        posted[name] = hostile.value(chance)
    return posted if chance.random() < 0.95 else hostile.value(chance)


def _becomes_a_message(body: Any) -> None:
    try:
        posted = WidgetMessage.model_validate(body)
    except ValidationError:
        return
    _is_storable(incoming(posted, session="s", visitor="v", at=datetime(2026, 11, 24, tzinfo=UTC)))
