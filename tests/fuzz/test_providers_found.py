"""What fuzzing found in the readers of providers' words, each at its smallest."""

import json
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from shared.errors import Unreadable
from shared.providers.calling import wait_seconds
from shared.providers.catalogue import PROVIDERS
from shared.store.tenancy import Store
from tests.fuzz.doors import ACCOUNTS, Hook
from tests.providers import samples

LONG = str(random.Random(0).randrange(10**2999, 10**3000))
"""More than a row of an index in Postgres takes, compressed or not."""


def _changed(name: str, *places: Any) -> tuple[str, bytes]:
    """The sample with LONG in one of its places."""
    *path, last = places
    held = body = samples.loaded(name)
    for step in path:
        held = held[step]
    held[last] = LONG if isinstance(held[last], str) else int(LONG)
    return name.split("/")[0], json.dumps(body).encode()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        _changed("telegram/text", "update_id"),
        _changed("telegram/text", "message", "chat", "id"),
        _changed("telegram/edited_message", "edited_message", "message_id"),
        _changed("whatsapp/voice", "entry", 0, "changes", 0, "value", "messages", 0, "from"),
        _changed("whatsapp/echo_from_phone", "entry", 0, "changes", 0, "value", "message_echoes", 0, "id"),
        _changed("instagram/text", "entry", 0, "messaging", 0, "sender", "id"),
        _changed("instagram/echo", "entry", 0, "messaging", 0, "message", "mid"),
    ],
)  # fmt: skip
async def test_long_ids(hooks: Mapping[str, Hook], inside: Store, kind: str, body: bytes) -> None:
    """An id that no provider gives makes the webhook unreadable, not the database away."""
    hook = await hooks[kind].beside(inside, ACCOUNTS.get(kind))

    assert await hook.post(body) == 200


@pytest.mark.parametrize(
    ("kind", "entry"),
    [("whatsapp", []), ("whatsapp", [{}]), ("whatsapp", [{"id": "1", "changes": []}]), ("instagram", [])],
)
def test_empty_webhooks(kind: str, entry: list[Any]) -> None:
    """A genuine webhook without anything that we know is kept all the same: as an event, or as a dead letter."""
    meta = {"whatsapp": "whatsapp_business_account", "instagram": "instagram"}[kind]
    with suppress(Unreadable):
        batch = PROVIDERS[kind].parse(json.dumps({"object": meta, "entry": entry}).encode())  # type: ignore[misc]

        assert batch.messages or batch.events


def test_endless_wait() -> None:
    """A wait that no clock can count is no wait: 429 with such a `retry_after` is as one without."""
    assert wait_seconds(10**400) is None
