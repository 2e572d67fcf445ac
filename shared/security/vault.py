"""Secrets at rest: AES-GCM, bound to what they belong to, so that a ciphertext moved to another row does not open.

Keys have ids and rotate: the first of XIN_SECRET_KEYS encrypts, every one of them opens.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import Permanent

NONCE_BYTES = 12


class Sealed(Permanent):
    """A secret does not open: its key is not among ours, or it was made for another place."""


@dataclass(frozen=True)
class Ciphertext:
    """What is stored: the id of the key, and nonce and ciphertext in one."""

    key_id: str
    data: bytes


class Vault:
    """Seals and opens. *keys*: id to 32 bytes, the sealing one first."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = next(iter(keys))

    def seal(self, secret: str, *, belongs_to: str) -> Ciphertext:
        """*belongs_to* names the place, such as "tenant/channel/name"; opening asks for the same."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._keys[self._newest].encrypt(nonce, secret.encode(), belongs_to.encode())
        return Ciphertext(self._newest, nonce + sealed)

    def open(self, sealed: Ciphertext, *, belongs_to: str) -> str:
        """Raises Sealed."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise Sealed(f"no key {sealed.key_id!r} in XIN_SECRET_KEYS")
        try:
            return key.decrypt(sealed.data[:NONCE_BYTES], sealed.data[NONCE_BYTES:], belongs_to.encode()).decode()
        except (InvalidTag, ValueError):  # cut off inside the nonce, it is a ValueError
            raise Sealed("a secret was made for another place, or altered") from None
