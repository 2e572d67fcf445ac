"""Who sends for a channel: its provider's sender with the channel's own credentials, or the widget's stream."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, Self
from uuid import UUID

import httpx
from redis.exceptions import RedisError

from shared import telemetry
from shared.errors import NotFound
from shared.live import Live
from shared.providers.catalogue import PROVIDERS
from shared.providers.outgoing import Sender, Sent
from shared.security.vault import Vault
from shared.settings import Settings
from shared.store import channels
from shared.store.channels import OpenChannel
from shared.store.conversations import Addressee
from shared.store.parts import Claim
from shared.store.tenancy import Store

RECONCILE_SECONDS = {kind: float(provider.reconcile_seconds) for kind, provider in PROVIDERS.items()}
API_URLS = {
    "telegram": ("telegram_api_url", "telegram"),
    "bale": ("bale_api_url", "bale"),
    "whatsapp": ("graph_api_url", "graph"),
    "instagram": ("instagram_api_url", "instagram"),
}
"""A kind's setting, and its path at the simulator."""
SHOWING_SECONDS = 2
CHANNEL_SECONDS = 30
"""How long a channel's opened credentials are kept in memory."""


class Way(Protocol):
    """Sends one claimed part. Raises what shared/providers/outgoing.py names."""

    async def send(self, tenant: UUID, claimed: Claim) -> Sent: ...

    async def typing(self, tenant: UUID, addressee: Addressee) -> None:
        """Best effort."""


class Senders:
    """The ways out of every channel, opened when they are needed."""

    def __init__(self, settings: Settings, store: Store, vault: Vault, live: Live, client: httpx.AsyncClient) -> None:
        self._store = store
        self._vault = vault
        self._live = live
        self._client = client
        self._ways: dict[UUID, tuple[float, Way]] = {}
        self._settings = settings
        self._paused: dict[UUID, float] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, store: Store, vault: Vault, live: Live) -> AsyncIterator[Self]:
        """One HTTP client for all of them."""
        limits = httpx.Limits(max_keepalive_connections=32)
        async with httpx.AsyncClient(limits=limits) as client:
            yield cls(settings, store, vault, live, client)

    async def of(self, tenant: UUID, channel: UUID) -> Way:
        """Raises NotFound, Sealed, DatabaseAway."""
        until, way = self._ways.get(channel, (0.0, None))
        if way is None or until < time.monotonic():
            async with self._store.tenant(tenant) as db:
                opened = await channels.open_channel(db, channel, self._vault)
            if opened is None:
                raise NotFound("no such channel")
            way = self._make(opened)
            self._ways[channel] = (time.monotonic() + CHANNEL_SECONDS, way)
        return way

    def forget(self, channel: UUID) -> float:
        """The next part opens the channel anew. Returns how many seconds ago it was opened, 0 if it wasn't open."""
        until, way = self._ways.pop(channel, (0.0, None))
        return time.monotonic() - (until - CHANNEL_SECONDS) if way is not None else 0.0

    def pause(self, channel: UUID, seconds: float) -> None:
        """This process calls the channel's provider no more for so long. Other processes learn it from the row."""
        self._paused[channel] = max(self._paused.get(channel, 0), time.monotonic() + seconds)

    def wait_seconds(self, channel: UUID) -> float:
        """How long the provider still wants the channel to wait; 0 when it doesn't."""
        left = self._paused.get(channel, 0) - time.monotonic()
        if left <= 0:
            self._paused.pop(channel, None)
        return max(left, 0)

    def _make(self, opened: OpenChannel) -> Way:
        kind = opened.channel.kind
        if kind == "web":
            return ToWidget(self._live)
        provider = PROVIDERS[kind]
        values: dict[str, object] = {"phone_number_id": opened.channel.account, "account_id": opened.channel.account}
        values |= {name: newest[0] for name, newest in opened.secrets.items()}
        credentials = provider.credentials.model_validate(values)
        return ToProvider(provider.sender(self._client, self._url(opened), credentials))

    def _url(self, opened: OpenChannel) -> str:
        name, simulated = API_URLS[opened.channel.kind]
        chosen = name in self._settings.model_fields_set
        if opened.channel.settings.get("simulated") and self._settings.simulator_url and not chosen:
            return f"{self._settings.simulator_url}/{simulated}"
        return str(getattr(self._settings, name))


class ToProvider:
    """Over the provider's API."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def send(self, tenant: UUID, claimed: Claim) -> Sent:
        """Raises NotSent."""
        return await self._sender.send(claimed.recipient, claimed.text, part=str(claimed.part))

    async def typing(self, tenant: UUID, addressee: Addressee) -> None:
        """As the provider shows it."""
        await self._sender.typing(addressee.recipient, message=addressee.message)


class ToWidget:
    """Into the conversation's stream, which every replica of ingress-web tails. Twice sent shows once: it has an id."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def send(self, tenant: UUID, claimed: Claim) -> Sent:
        """Also while Redis is away: what is recorded as sent stands in the rows, where ingress-web then looks."""
        message = {
            "id": claimed.message,
            "seq": claimed.seq,
            "role": claimed.role,
            "text": claimed.whole,
            "at": claimed.said_at.isoformat(),
            "sources": claimed.sources,
            "epoch": claimed.epoch,
            "n": claimed.n,
        }
        try:
            async with asyncio.timeout(SHOWING_SECONDS):
                await self._live.deliver(tenant, claimed.conversation, "message.created", message)
        except (RedisError, OSError, TimeoutError) as problem:
            telemetry.logger("deliver").warning("not shown live", extra={"reason": type(problem).__name__})
        return Sent(str(claimed.part))

    async def typing(self, tenant: UUID, addressee: Addressee) -> None:
        """Into the stream, where it is lost without harm."""
        self._live.stream(tenant, addressee.conversation, "typing", {"role": "bot"})
