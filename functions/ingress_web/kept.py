"""What a conversation's stream still holds: hundreds of entries at most, among them the messages of the last day."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.event_streams import order
from shared.live import Entry

NOTHING = "0-0"
"""The id before every entry."""


@dataclass(frozen=True)
class Said:
    """A message, with the JSON that tells of it."""

    id: str
    seq: int
    data: str


class Kept:
    """Entries, oldest first."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._created = [(place, said_in(data)) for place, kind, data in entries if kind == "message.created"]

    @property
    def newest(self) -> str:
        """The id to go on from."""
        return self._entries[-1][0] if self._entries else NOTHING

    def has(self, entry: str) -> bool:
        """Whether everything behind *entry* is still there."""
        if not self._entries or "-" not in entry:
            return False
        return order(self._entries[0][0]) <= order(entry) <= order(self.newest)

    def created(self, *, through: str | None = None) -> list[Said]:
        """The messages up to the id *through*, or all."""
        return [said for place, said in self._created if through is None or order(place) <= order(through)]

    def behind(self, seq: int) -> list[tuple[str, Said]]:
        """The messages that came only after the one with *seq*, whatever their own seq; none when that isn't kept."""
        index = next((index for index, (_, one) in enumerate(self._created) if one.seq == seq), None)
        if index is None:
            return []
        before = {one.id for _, one in self._created[: index + 1]}
        return [(place, one) for place, one in self._created[index + 1 :] if one.id not in before]


def said_in(data: dict[str, Any]) -> Said:
    """The message in an entry's data."""
    return Said(str(data["id"]), int(data["seq"]), json.dumps(data, ensure_ascii=False))
