"""Waiting for something to come true, with a limit."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T | None], what: str, *, seconds: float = 20) -> T:
    """The first answer of *look* that counts as true. Fails the test, naming *what*, when none comes in time."""
    limit = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < limit, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.03)
    return found
