"""Signs of life: while an answer takes a while, the customer sees that somebody is typing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

FELT_SECONDS = 0.7
"""A shorter wait needs no sign."""
AGAIN_SECONDS = 4
"""Telegram shows typing for five seconds. https://core.telegram.org/bots/api#sendchataction"""


@asynccontextmanager
async def signs_of_life(give: Callable[[], None], *, stop: Callable[[], bool]) -> AsyncIterator[None]:
    """Calls *give* once the wait is felt, and again while it lasts and *stop* does not say otherwise."""

    async def giving() -> None:
        await asyncio.sleep(FELT_SECONDS)
        while not stop():
            give()
            await asyncio.sleep(AGAIN_SECONDS)

    task = asyncio.create_task(giving())
    try:
        yield
    finally:
        task.cancel()
