"""Who may tell us something: secrets, signatures and Meta's handshake fail closed."""

import hashlib
import hmac

import pytest
from starlette.datastructures import Headers

from shared.errors import Forged
from shared.providers.catalogue import PROVIDERS
from tests.providers.samples import sample

SECRET, NEXT = "Zx9_secret-of-the-channel", "Zx9_its-successor"
BODY = sample("whatsapp/text")
BOT_APIS, META = ("telegram", "bale"), ("whatsapp", "instagram")


def proof(kind: str, secret: str, body: bytes = BODY) -> dict[str, str]:
    """The header a genuine sender would add."""
    if kind in BOT_APIS:
        return {"X-Telegram-Bot-Api-Secret-Token": secret}
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def verify(kind: str, headers: dict[str, str], secrets: list[str], *, body: bytes = BODY, query=None) -> None:
    check = PROVIDERS[kind].verify
    assert check is not None
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    check(body, headers=Headers(raw=raw), query=query or {}, secrets=secrets)


@pytest.mark.parametrize("kind", BOT_APIS + META)
def test_genuine(kind):
    """
    Each of several secrets is accepted, so that a rotation loses nothing.
    """
    verify(kind, proof(kind, SECRET), [SECRET])
    verify(kind, proof(kind, SECRET), [NEXT, SECRET])


@pytest.mark.parametrize("kind", BOT_APIS + META)
@pytest.mark.parametrize("secrets", [[NEXT], [], [""]])
def test_wrong_or_missing_secret(kind, secrets):
    """
    A proof under another secret is forged, and a channel without a secret, or with an empty one, refuses everybody.
    """
    with pytest.raises(Forged):
        verify(kind, proof(kind, SECRET), secrets)
    with pytest.raises(Forged):
        verify(kind, proof(kind, ""), secrets)
    with pytest.raises(Forged):
        verify(kind, {}, secrets)


@pytest.mark.parametrize("kind", BOT_APIS + META)
@pytest.mark.parametrize("claim", ["", "رمز", "sha256=رمز", "\udcff", SECRET[:-1], SECRET + "x", "sha256="])
def test_odd_claims(kind, claim):
    """
    Any text in the header, of any script, is Forged and never another error.
    """
    name = next(iter(proof(kind, SECRET)))
    check = PROVIDERS[kind].verify
    assert check is not None
    with pytest.raises(Forged):
        check(BODY, headers={name.lower(): claim}, query={}, secrets=[SECRET])


@pytest.mark.parametrize("kind", META)
def test_signature_is_over_bytes(kind):
    """
    One changed byte, or the same JSON written differently, is another body.
    """
    with pytest.raises(Forged):
        verify(kind, proof(kind, SECRET), [SECRET], body=BODY.rstrip())
    with pytest.raises(Forged):
        verify(kind, {"X-Hub-Signature-256": proof(kind, SECRET)["X-Hub-Signature-256"].upper()}, [SECRET])


def test_bale_has_no_header_of_its_own():
    """
    Bale advises a secret in the URL: that, and either header, proves it. Telegram's must stand in the header.
    """
    verify("bale", {}, [SECRET], query={"secret_token": SECRET})
    verify("bale", {"X-Bale-Bot-Api-Secret-Token": SECRET}, [SECRET])
    with pytest.raises(Forged):
        verify("bale", {}, [SECRET], query={"secret_token": NEXT})
    with pytest.raises(Forged):
        verify("telegram", {}, [SECRET], query={"secret_token": SECRET})


ASKED = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "رمزِ ما"}


@pytest.mark.parametrize("kind", META)
def test_handshake(kind):
    """
    Meta gets its challenge back for our token.
    """
    handshake = PROVIDERS[kind].handshake
    assert handshake is not None
    assert handshake(ASKED, "رمزِ ما") == "1158201444"


@pytest.mark.parametrize(
    ("changes", "token"),
    [
        ({}, "other"),
        ({}, ""),
        ({"hub.verify_token": ""}, ""),
        ({"hub.mode": "unsubscribe"}, "رمزِ ما"),
        ({"hub.challenge": ""}, "رمزِ ما"),
    ],
)
def test_handshake_refused(changes, token):
    """
    A wrong or empty token, another mode or no challenge gets nothing back.
    """
    handshake = PROVIDERS["whatsapp"].handshake
    assert handshake is not None
    with pytest.raises(Forged):
        handshake(ASKED | changes, token)
    with pytest.raises(Forged):
        handshake({}, token)
