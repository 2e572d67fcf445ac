"""What ingress-web keeps open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from functions.ingress_web.rates import Rates
from shared.live import Live
from shared.publishing import Publisher
from shared.settings import Settings
from shared.store.tenancy import Store
from shared.webhooks import IngressApp

NAME = "ingress-web"
SOURCE = f"/xin/{NAME}/web"


@dataclass(frozen=True)
class Pace:
    """How a stream spends its time, in seconds."""

    keep_alive: float = 15
    wait: float = 5
    """For the next entry: a Redis that died is noticed within it."""
    life: tuple[float, float] = (480, 600)
    """At least and at most: not all streams that began together end together."""


@dataclass(frozen=True)
class Web:
    """One for the whole process. *closing* is set when it is about to end, so that streams end too."""

    store: Store
    publisher: Publisher
    live: Live
    rates: Rates
    own_origin: str
    """Where the chat app is served from: it speaks from there, whichever site it is embedded in."""
    pace: Pace = Pace()
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, *, pace: Pace = Pace()) -> AsyncIterator[Self]:
        """Raises MissingSetting."""
        public = urlsplit(settings.public_url)
        own_origin = f"{public.scheme}://{public.netloc}"
        async with IngressApp.open(settings, NAME) as app, Rates.open(settings) as rates:
            web = cls(app.store, app.publisher, app.live, rates, own_origin, pace)
            try:
                yield web
            finally:
                web.closing.set()
