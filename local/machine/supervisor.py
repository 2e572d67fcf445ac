"""All parts of one machine together: what was started last is stopped first."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from local.machine.leftovers import Ledger
from local.machine.process import Part, Supervised
from local.machine.state import Home


class Supervisor:
    """Starts parts in a home, and ends them all."""

    def __init__(self, home: Home, say: Callable[[str], None]) -> None:
        self._home = home
        self._say = say
        self._ledger = Ledger(home.path)
        self._stages: dict[int, list[Supervised]] = {}

    def clear_leftovers(self) -> None:
        """Ends what an earlier run left behind; says so when there was something."""
        if found := self._ledger.sweep():
            self._say(f"An earlier run left {', '.join(sorted(found))} behind: ended.")

    async def start(self, part: Part, *, stage: int) -> Supervised:
        """Returns when *part* is ready. Higher stages are stopped before lower ones. Raises CannotStart."""
        supervised = self._add(part, stage)
        await supervised.start()
        return supervised

    async def launch(self, part: Part, *, stage: int) -> Supervised:
        """Starts *part* without waiting for it. Raises CannotStart when there is nothing to start."""
        supervised = self._add(part, stage)
        await supervised.launch()
        return supervised

    async def stop(self, hurry: asyncio.Event) -> None:
        """Stops everything, stage by stage; once *hurry* is set, the stages that are left are killed."""
        for stage in sorted(self._stages, reverse=True):
            await asyncio.gather(*(part.stop(at_once=hurry.is_set()) for part in self._stages[stage]))

    def _add(self, part: Part, stage: int) -> Supervised:
        supervised = Supervised(part, home=self._home.path, ledger=self._ledger, say=self._say)
        self._stages.setdefault(stage, []).append(supervised)
        return supervised


class Progress:
    """One line a step, with its time. To whoever waits in front of the terminal."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    @asynccontextmanager
    async def step(self, what: str) -> AsyncIterator[None]:
        """Says *what* was done when it was, and how long it took."""
        began = time.monotonic()
        yield
        self._say(f"  {what:<44} {time.monotonic() - began:5.1f} s")
