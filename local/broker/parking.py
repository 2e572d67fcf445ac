"""What its dead-letter sink would not take either: kept here, and brought back at every start and every minute."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial

from local.broker.events import Event, unpacked
from local.broker.journal import Away, Command, Journal
from local.broker.lane import Lane

EVERY_SECONDS = 60.0
PAGE = 64

_log = logging.getLogger("xin-broker")


class Parking:
    """One stream for all Triggers; an entry says whose it is."""

    def __init__(self, key: str, journal: Journal) -> None:
        self.key = key
        self._journal = journal

    def park(self, trigger: str, letter: Event) -> Command:
        """The command that adds *letter*, the dead letter of *trigger*."""
        envelope, data = letter.packed()
        return ("XADD", self.key, "*", "t", trigger, "e", envelope, "d", data)

    async def run(self, lanes: Mapping[str, tuple[Lane, int]], every_seconds: float) -> None:
        """Brings letters back until cancelled. *lanes*: a Trigger's dead-letter lane, the tries it counts as used."""
        while True:
            try:
                await self._bring_back(lanes)
            except Away as problem:
                _log.warning("can't look after parked events: %s", problem)
            await asyncio.sleep(every_seconds)

    async def _bring_back(self, lanes: Mapping[str, tuple[Lane, int]]) -> None:
        if (last := await self._journal.newest(self.key)) is None:
            return
        cursor = "0-0"
        while page := await self._journal.entries(self.key, f"({cursor}", last, count=PAGE):
            for entry_id, fields in page:
                cursor = entry_id.decode()
                trigger = fields[b"t"].decode()
                if trigger not in lanes:  # its Trigger is gone: kept until it is there again
                    continue
                lane, tries = lanes[trigger]
                letter = unpacked(fields[b"e"], fields[b"d"])
                await self._journal.commit(
                    lane.keep(letter, tries),
                    ("XDEL", self.key, cursor),
                    told=partial(_arrived, lane, letter, tries),
                )


def _arrived(lane: Lane, letter: Event, tries: int, replies: Sequence[bytes]) -> None:
    lane.arrived(replies[0], letter, tries)
