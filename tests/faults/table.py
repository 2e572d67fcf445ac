"""The tables of docs/reliability.md, written by the tests that ran: `XIN_WRITE_RELIABILITY=1 pytest tests/faults`.

A test names its fault when its file is loaded, and says at its end what it saw. Without that variable the page must say
the very same, so a behaviour that changed fails its own test until the page is written anew and read.
"""

import fcntl
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from shared.failpoints import Point

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs/reliability.md"
WRITE = "XIN_WRITE_RELIABILITY"
POINTS: tuple[str, ...] = get_args(Point)
HEAD = ("| point | fault | seen afterwards |", "|---|---|---|")


@dataclass(frozen=True)
class Fault:
    """A row's beginning: where, and what happens there."""

    table: str
    point: str
    what: str

    def saw(self, result: object) -> None:
        """The row's end. Raises AssertionError when the page says something else."""
        row = f"| {self.point} | {self.what} | {result} |"
        if os.environ.get(WRITE):
            _write(self, row)
        assert row in PAGE.read_text("utf-8").splitlines(), f"{PAGE.name} does not say: {row}  ({WRITE}=1 writes it)"

    @property
    def beginning(self) -> str:
        """What makes it this row."""
        return f"| {self.point} | {self.what} |"


@dataclass
class Table:
    """The faults of a heading of the page."""

    heading: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, point: str, what: str) -> Fault:
        """One more. Raises AssertionError for one that is there already."""
        named = Fault(self.heading, point, what)
        assert named not in self.faults, f"twice: {named.beginning}"
        self.faults.append(named)
        return named

    def in_order(self) -> list[Fault]:
        """As the page lists them: points in the order of a message's way, of each point as test files name them."""
        return sorted(
            self.faults, key=lambda fault: POINTS.index(fault.point) if fault.point in POINTS else len(POINTS)
        )


KILLED = Table("## Killed at a labelled point")
HELD = Table("## Held at a labelled point")
PARTS = Table("## A part killed under load")
AWAY = Table("## Postgres away for a day")
TABLES = (KILLED, HELD, PARTS, AWAY)


def load_all() -> None:
    """Every test file names its faults."""
    for path in sorted(FOLDER.glob("test_*.py")):
        importlib.import_module(f"{__package__}.{path.stem}")


def rows(page: str, heading: str) -> list[str]:
    """The table's rows below *heading*."""
    below = page.partition(f"{heading}\n")[2].partition("\n## ")[0]
    return [line for line in below.splitlines() if line.startswith("|") and line not in HEAD]


@contextmanager
def _alone() -> Iterator[None]:
    """Several processes run tests, and there is one page."""
    with (FOLDER / "table.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(fault: Fault, row: str) -> None:
    load_all()
    table = next(table for table in TABLES if table.heading == fault.table)
    with _alone():
        page = PAGE.read_text("utf-8")
        before = rows(page, fault.table)
        kept = {known.beginning: line for line in before for known in table.faults if line.startswith(known.beginning)}
        kept[fault.beginning] = row
        lines = [*HEAD, *(kept[known.beginning] for known in table.in_order() if known.beginning in kept)]
        start, _, rest = page.partition(f"{fault.table}\n")
        prose = [line for line in rest.partition("\n## ")[0].splitlines() if not line.startswith("|")]
        others = rest.partition("\n## ")
        text = "\n".join(prose).strip()
        below = f"{fault.table}\n\n{text}\n\n" + "\n".join(lines) + "\n"
        fresh = PAGE.with_suffix(".new")
        fresh.write_text(start + below + (others[1] + others[2] if others[1] else ""), "utf-8")
        fresh.replace(PAGE)
