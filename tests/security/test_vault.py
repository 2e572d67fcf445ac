"""Secrets at rest open whole and in their own place, or not at all."""

import pytest

from shared.security.vault import Ciphertext, Sealed, Vault

VAULT = Vault({"new": bytes(range(32)), "old": bytes(32)})
PLACE = "tenant/channel/bot_token"
SEALED = VAULT.seal("رمز", belongs_to=PLACE)


def test_round_trip() -> None:
    """What was sealed opens in its place, also under a key that no longer seals."""
    former = Vault({"old": bytes(32)}).seal("رمز", belongs_to=PLACE)

    assert VAULT.open(SEALED, belongs_to=PLACE) == VAULT.open(former, belongs_to=PLACE) == "رمز"


@pytest.mark.parametrize(
    ("sealed", "place"),
    [
        (SEALED, "another tenant/channel/bot_token"),
        (Ciphertext("old", SEALED.data), PLACE),
        (Ciphertext("gone", SEALED.data), PLACE),
        (Ciphertext("new", SEALED.data[:-1]), PLACE),
        (Ciphertext("new", SEALED.data[:12]), PLACE),
        (Ciphertext("new", SEALED.data[:5]), PLACE),
        (Ciphertext("new", b""), PLACE),
    ],
)
def test_sealed(sealed: Ciphertext, place: str) -> None:
    """Moved, altered, cut off at whatever byte or under another key, it is Sealed."""
    with pytest.raises(Sealed):
        VAULT.open(sealed, belongs_to=place)
