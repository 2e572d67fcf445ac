"""What a message costs in a full house: a thousand tenants and a million messages, beside one tenant and none.

Both run at the same time and are written to in turn, so that the machine's moods meet both. Every message opens a
conversation. In the full house each goes to the next tenant, whose channel nothing has in memory any more.
"""

import json
from statistics import median

from tests.bench import crowd
from tests.bench.load import answered, new_chats
from tests.bench.report import row
from tests.bench.stage import Bench

WARM_MESSAGES = 200
MESSAGES = 300
ROUNDS = 5


async def growth(small: Bench, large: Bench) -> None:
    """The median of some rounds each."""
    with large.on() as running:
        await answered(running.telegram, large.provider, new_chats(10))
    with large.on("tests.bench.stores_only"):
        paths = await crowd.fill(large.home, json.loads((large.home / "ports.json").read_text())["postgres"])
    with small.on() as empty, large.on() as full:
        took: dict[str, list[float]] = {"empty": [], "full": []}
        await answered(empty.telegram, small.provider, new_chats(WARM_MESSAGES))
        await answered(full.telegram, large.provider, new_chats(WARM_MESSAGES), paths)
        for turn in range(ROUNDS):
            chats = new_chats(MESSAGES)
            took["empty"].append(await answered(empty.telegram, small.provider, chats))
            chats = new_chats(MESSAGES)
            start = turn * MESSAGES % len(paths)
            took["full"].append(await answered(full.telegram, large.provider, chats, paths[start:] + paths[:start]))
    cost = {house: median(seconds) * 1000 / MESSAGES for house, seconds in took.items()}
    row("cost_growth", cost["full"], "ms/message", cost["empty"])
