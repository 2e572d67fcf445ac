"""How many cases each parser gets, and the loop that runs them.

A case is made from a seed of its own, so that one that fails can be run again alone: its seed stands in the failure.
"""

import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

FACTOR = float(os.environ.get("XIN_CASES", "1"))
SEED = int(os.environ.get("XIN_SEED", "1"))
LEAST = 100_000
SHOWN = 2000

CASES = {
    # providers
    "telegram.parse": 18_000,
    "bale.parse": 2_000,
    "whatsapp.parse": 16_000,
    "instagram.parse": 16_000,
    "verify and handshake": 6_000,
    "widget message": 4_000,
    "provider answers": 2_000,
    "provider verdicts": 6_000,
    # events
    "events.from_request": 6_000,
    "broker events": 6_000,
    "broker manifests": 150,
    # text
    "text.persian": 3_000,
    "text.splitting": 3_000,
    "text.terms": 1_000,
    "answering.wishes": 800,
    "answering.extractive": 300,
    "answering.after": 800,
    "answering.sentences": 1_000,
    "telegram html": 4_000,
    # files and forms
    "decoded files": 2_000,
    "markdown": 200,
    "files in the limited process": 16,
    "upload forms": 1_000,
    # single values
    "tokens": 2_000,
    "vault": 2_000,
    "cursors": 4_000,
    "places in a stream": 2_000,
    "schedules": 1_000,
    # through a function's door
    "webhooks": 2_000,
    "webhooks without proof": 400,
    "widget api": 250,
    "console api": 500,
    "event doors": 600,
    "model server": 80,
}

ran: dict[str, int] = {}
"""Cases run in this process, by parser."""


def cases(parser: str) -> int:
    """How many *parser* gets in this run."""
    return max(1, round(CASES[parser] * FACTOR))


def count(parser: str, times: int = 1) -> None:
    """Notes cases that are run."""
    ran[parser] = ran.get(parser, 0) + times


def seeds(parser: str, share: float = 1.0) -> Iterator[tuple[str, random.Random]]:
    """A seed and its generator for every case; *share* of the parser's cases. Counts them."""
    for number in range(max(1, round(cases(parser) * share))):
        seed = f"{SEED}/{parser}/{number}"
        count(parser)
        yield seed, random.Random(seed)


@contextmanager
def told(seed: str, case: Any) -> Iterator[None]:
    """Names the case when the block fails."""
    try:
        yield
    except Exception as problem:
        raise AssertionError(f"seed {seed}: {type(problem).__name__}: {problem}\ncase: {_shown(case)}") from problem


def run(parser: str, make: Callable[[random.Random], Any], check: Callable[[Any], None], seconds: float = 1.0) -> None:
    """Makes and checks every case of *parser*; none may take longer than *seconds* of this process's time."""
    for seed, chance in seeds(parser):
        case = make(chance)
        with told(seed, case):
            began = time.process_time()
            check(case)
            took = time.process_time() - began
            assert took < seconds, f"took {took:.2f} s"


async def run_through(
    parser: str, make: Callable[[random.Random], Any], check: Callable[[Any], Awaitable[None]], share: float = 1.0
) -> None:
    """The same for a check that waits."""
    for seed, chance in seeds(parser, share):
        case = make(chance)
        with told(seed, case):
            await check(case)


def _shown(case: Any) -> str:
    text = repr(case)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"
