"""Waiting for a condition, with a limit."""

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], object], within_seconds: float = 10.0) -> None:
    """Returns when *condition* holds; fails the test when it doesn't in time. An OSError counts as not yet."""
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            if condition():
                return
        except OSError as error:
            problem = f" ({error})"
        else:
            problem = ""
        assert time.monotonic() < deadline, f"not within {within_seconds} s: {condition}{problem}"
        await asyncio.sleep(0.02)
