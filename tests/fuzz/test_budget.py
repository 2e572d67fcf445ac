"""The fuzzing itself: enough of it, the same every time, and able to find something."""

import random

import pytest

from tests.fuzz import budget, mutating
from tests.providers import samples


def test_enough() -> None:
    """A run of the suite holds a hundred thousand cases at least, and no parser goes without."""
    assert sum(budget.CASES.values()) >= budget.LEAST
    assert min(budget.CASES.values()) > 0


def test_same_cases() -> None:
    """A seed makes the same case again, and another seed another one."""
    bodies = [samples.sample("telegram/text")]

    def made(seed: int) -> list[bytes]:
        chance = random.Random(seed)
        return [mutating.mutated(bodies[0], bodies, chance) for _ in range(20)]

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_failure_names_its_case() -> None:
    """What fails says with which seed and on which bytes, so that it can be run again alone."""

    def check(case: bytes) -> None:
        raise KeyError("id")

    with pytest.raises(
        AssertionError, match=rf"seed {budget.SEED}/files in the limited process/0: KeyError.*\ncase: b'x'"
    ):
        budget.run("files in the limited process", lambda chance: b"x", check)
    budget.ran.pop("files in the limited process")


def test_slow_case_fails() -> None:
    """A case that takes too long fails like one that raises."""

    def check(case: int) -> None:
        sum(range(case))

    with pytest.raises(AssertionError, match="took"):
        budget.run("files in the limited process", lambda chance: 10**6, check, seconds=0.001)
    budget.ran.pop("files in the limited process")
