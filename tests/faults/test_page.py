"""docs/reliability.md says what the tests saw, all of it and nothing else."""

import os
from typing import get_args

import pytest

from shared.failpoints import Point
from tests.faults import table
from tests.faults.table import HELD, KILLED, PAGE, TABLES, Table


@pytest.fixture(scope="module", autouse=True)
def _all_faults() -> None:
    table.load_all()


@pytest.mark.parametrize("point", get_args(Point))
def test_every_point(point: str) -> None:
    """A function is killed at every labelled point: a new point without a test does not pass."""
    assert [fault for fault in KILLED.faults if fault.point == point]


@pytest.mark.skipif(table.WRITE in os.environ, reason="it is being written")
@pytest.mark.parametrize("one", TABLES, ids=lambda one: one.heading.removeprefix("## "))
def test_whole(one: Table) -> None:
    """Each fault that a test names has its row, in order, and no row is left of a fault that none names any more."""
    beginnings = [fault.beginning for fault in one.in_order()]
    rows = table.rows(PAGE.read_text("utf-8"), one.heading)
    assert beginnings
    assert [next((b for b in beginnings if row.startswith(b)), row) for row in rows] == beginnings


def test_points_exist() -> None:
    """What is held or killed is held or killed at a point that a function passes."""
    assert {fault.point for one in (KILLED, HELD) for fault in one.faults} <= set(get_args(Point))
