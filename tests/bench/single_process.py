"""The baseline of the pipeline: one hand-written process that takes the same durable steps, without a broker.

It stores the message, answers 200, takes the lease, searches, answers extractively, commits the turn, claims the part,
calls the provider and records what it said: the same statements, the same search, the same answer, and nothing between.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from local.functions import LOOPBACK, running
from shared.answering.persona import Persona
from shared.answering.policy.rules import Policy
from shared.answering.turn import answer
from shared.answering.values import Ask
from shared.knowledge.search import Searcher
from shared.providers import telegram
from shared.security.vault import Vault
from shared.serving import server
from shared.settings import Settings
from shared.store import channels, conversations, leases, parts, taking_in, turns
from shared.store.parts import Claim
from shared.store.taking_in import NewMessage
from shared.store.tenancy import Store
from shared.store.turns import NewTurn
from tests.bench.stage import announce

HOME = Path(os.environ.get("XIN_HOME", "."))
AT_ONCE = 32


class Pipeline:
    """ASGI: every step of a message in one place."""

    def __init__(
        self, stores: dict[str, Store], searcher: Searcher, client: httpx.AsyncClient, settings: Settings
    ) -> None:
        self.stores = stores
        self.searcher = searcher
        self.client = client
        self.settings = settings
        self.turns = asyncio.Semaphore(AT_ONCE)
        self.tasks: set[asyncio.Task[None]] = set()
        self.opened: channels.OpenChannel | None = None
        self.sender: telegram.TelegramSender | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["method"] == "POST":
            await self.take(scope, body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def take(self, scope: Any, body: bytes) -> None:
        opened = await self.channel(UUID(scope["path"].rpartition("/")[2]))
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        telegram.verify(body, headers=headers, query={}, secrets=opened.all("secret_token"))
        tenant, channel = opened.channel.tenant, opened.channel.id
        incoming = telegram.parse(body).messages[0]
        new = NewMessage(incoming.sender, incoming.key, incoming.kind, incoming.text, payload=incoming.payload)
        async with self.stores["xin_ingress"].connection() as db:
            taken = await taking_in.store_message(db, tenant, channel, new, correlation=incoming.key)
        task = asyncio.create_task(self.reply(tenant, channel, taken.conversation, incoming.key))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def reply(self, tenant: UUID, channel: UUID, conversation: UUID, event: str) -> None:
        async with self.turns:
            async with self.stores["xin_orchestrate"].tenant(tenant) as db:
                lease = await leases.take(db, conversation, event=event)
                if lease is None:
                    return
                found = await conversations.read_open(db, lease)
            ask = Ask(
                question=found.waiting[-1].text,
                history=(),
                persona=Persona.model_validate(found.desk.persona),
                persona_version=1,
                policy=Policy.model_validate(found.desk.policy),
                policy_version=1,
                status="bot",
                misses=0,
                brand_id=found.desk.brand,
            )
            said = await answer(
                ask, search=self.searcher.of(tenant, found.desk.brand), model=None, now=datetime.now(UTC)
            )
            new = NewTurn(said.text, [said.text], said.outcome, "bot", 0, said.sources, said.trace, None, 0, 0)
            async with self.stores["xin_orchestrate"].tenant(tenant) as db:
                await turns.commit(db, tenant, channel, lease, new, correlation=event)
            async with self.stores["xin_orchestrate"].tenant(tenant) as db:
                await leases.release(db, lease)
            async with self.stores["xin_deliver"].tenant(tenant) as db:
                claimed = await parts.claim(db, conversation, reconcile_seconds={"telegram": 0})
            if not isinstance(claimed, Claim):
                return
            assert self.sender
            sent = await self.sender.send(claimed.recipient, claimed.text, part=str(claimed.part))
            async with self.stores["xin_deliver"].tenant(tenant) as db:
                await parts.record_accepted(db, claimed, sent.provider_id)

    async def channel(self, channel: UUID) -> channels.OpenChannel:
        if self.opened is None:
            tenant = await channels.resolve(self.stores["xin_ingress"], channel)
            assert tenant
            async with self.stores["xin_ingress"].tenant(tenant) as db:
                self.opened = await channels.open_channel(db, channel, Vault(self.settings.encryption_keys))
            assert self.opened
            credentials = telegram.TelegramCredentials.model_validate({"bot_token": self.opened.newest("bot_token")})
            self.sender = telegram.TelegramSender(self.client, self.settings.telegram_api_url, credentials)
        return self.opened


async def main() -> None:
    """In the place of the functions."""
    settings = Settings.load()
    async with AsyncExitStack() as stack:
        roles = ("xin_ingress", "xin_orchestrate", "xin_deliver")
        stores = {r: await stack.enter_async_context(Store.open(settings, role=r, connections=12)) for r in roles}
        searcher = await stack.enter_async_context(Searcher.open(settings, stores["xin_orchestrate"]))
        client = await stack.enter_async_context(httpx.AsyncClient())
        one = server(Pipeline(stores, searcher, client, settings), host=LOOPBACK, port=settings.port)
        await stack.enter_async_context(running({}, settings, one))
        announce(HOME)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
