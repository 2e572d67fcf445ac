"""Webhook bodies as providers send them, one file each under tests/events/."""

import json
from pathlib import Path
from typing import Any

from shared.providers.catalogue import PROVIDERS
from shared.providers.incoming import Batch

_EVENTS = Path(__file__).parent.parent / "events"


def sample(name: str) -> bytes:
    """*name*: provider/file, without the ending."""
    return (_EVENTS / f"{name}.json").read_bytes()


def loaded(name: str) -> Any:
    """The same, to be changed by a test."""
    return json.loads(sample(name))


def every() -> list[str]:
    """All samples, as `sample` takes them."""
    return sorted(
        f"{path.parent.name}/{path.stem}" for path in _EVENTS.glob("*/*.json") if path.parent.name in PROVIDERS
    )


def parse(kind: str, body: bytes | object) -> Batch:
    """Reads a body as the provider *kind*; anything but bytes is written as JSON first."""
    reader = PROVIDERS[kind].parse
    assert reader is not None
    return reader(body if isinstance(body, bytes) else json.dumps(body).encode())
