"""What console-api keeps open, and how a router gets at it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from events import Context, Event
from functions.console_api.attempts import FailedSignIns
from shared.knowledge.objects import Objects
from shared.knowledge.search import Searcher
from shared.live import Live
from shared.publishing import Publisher
from shared.security.passwords import Passwords
from shared.security.tokens import Tokens
from shared.security.vault import Vault
from shared.settings import Settings
from shared.store.tenancy import Store

NAME = "console-api"
SOURCE = f"/xin/{NAME}"


@dataclass(frozen=True)
class StreamPace:
    """How often a live stream does what nobody asked for."""

    keep_alive_seconds: float = 15
    session_seconds: float = 2
    """How long a session that was found good counts as such: a removed operator sees nothing later than this."""


@dataclass
class Console:
    """One for the whole process. *closing* is set when it is about to end, so that streams end too."""

    settings: Settings
    store: Store
    publisher: Publisher
    live: Live
    vault: Vault
    tokens: Tokens
    passwords: Passwords
    failed: FailedSignIns
    objects: Objects
    searcher: Searcher
    pace: StreamPace = StreamPace()
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    entered: dict[tuple[UUID, UUID, int], None] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Raises MissingSetting: no signing key, no service."""
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(Store.open(settings, role="xin_console"))
            console = cls(
                settings=settings,
                store=store,
                publisher=await stack.enter_async_context(Publisher.of(settings, NAME)),
                live=await stack.enter_async_context(Live.open(settings, NAME)),
                vault=Vault(settings.encryption_keys),
                tokens=Tokens(settings.signing_keys),
                passwords=Passwords(),
                failed=await stack.enter_async_context(FailedSignIns.open(settings)),
                objects=Objects.of(settings),
                searcher=await stack.enter_async_context(Searcher.open(settings, store)),
            )
            yield console
            console.closing.set()

    async def nudge(self, event: Event, correlation: str) -> None:
        """Tells the broker what was committed; while it is away, the tick finds it."""
        self.publisher.soon(event, Context.start(SOURCE, correlation_id=correlation))
