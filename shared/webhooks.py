"""The door that every provider's webhook comes through: authenticate, read, store, tell the broker, answer.

The answers are those of DESIGN: 401 before anything is read or stored, 200 once the rows are committed, 503 while they
can't be, 200 and a dead letter for what is genuine but unreadable. Only the providers differ, in shared/providers.
"""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Self
from uuid import UUID

import psycopg
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from events import Context, MessageReceived, StatusReceived
from shared import failpoints, telemetry
from shared.errors import Forged, Retryable, TooLarge, Unreadable
from shared.hosting import read_body
from shared.live import Live
from shared.providers.catalogue import Provider
from shared.providers.incoming import Batch, Incoming, ProviderEvent
from shared.publishing import Publisher
from shared.security.vault import Sealed, Vault
from shared.settings import Settings
from shared.store import channels, dead_letters, taking_in
from shared.store.channels import OpenChannel
from shared.store.taking_in import NewEvent, NewMessage, Taken
from shared.store.tenancy import Store
from shared.text.persian import clean

BODY_BYTES = 3 * 1024 * 1024
CHANNEL_SECONDS = 5
"""How long an opened channel is kept in memory: a rotated secret is taken within that time."""


@dataclass(frozen=True)
class IngressApp:
    """What an ingress function keeps open."""

    store: Store
    publisher: Publisher
    live: Live
    vault: Vault

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, function: str) -> AsyncIterator[Self]:
        """Raises MissingSetting: no secret, no service."""
        async with AsyncExitStack() as stack:
            yield cls(
                store=await stack.enter_async_context(Store.open(settings, role="xin_ingress")),
                publisher=await stack.enter_async_context(Publisher.of(settings, function)),
                live=await stack.enter_async_context(Live.open(settings, function)),
                vault=Vault(settings.encryption_keys),
            )


class Webhooks:
    """ASGI: `POST /<channel id>` for the channels of *providers*, and Meta's handshake on GET."""

    def __init__(self, app: IngressApp, function: str, providers: Iterable[Provider], *, unknown_status: int) -> None:
        """*unknown_status* answers a channel id that we don't have: what makes that provider stop, and not retry."""
        self._app = app
        self._function = function
        self._providers = {provider.kind: provider for provider in providers}
        self._unknown_status = unknown_status
        self._log = telemetry.logger(function)
        self._opened: dict[UUID, tuple[float, OpenChannel | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        context = Context.start(f"/xin/{self._function}")
        with (
            telemetry.about(correlation_id=context.correlation_id),
            telemetry.span(self._function, "webhook", request.headers.get("traceparent", "")) as traceparent,
        ):
            context = context.model_copy(update={"traceparent": traceparent})
            outcome, response = await self._answer(request, path.strip("/"), context)
        telemetry.WEBHOOKS.labels(self._function, outcome).inc()
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str, context: Context) -> tuple[str, Response]:
        if request.method not in ("POST", "GET"):
            return "wrong_verb", Response(status_code=405, headers={"Allow": "GET, POST"})
        try:
            opened = await self._open(path)
            if opened is None:
                self._log.warning("unknown channel")
                return "unknown_channel", Response(status_code=self._unknown_status)
            provider = self._providers[opened.channel.kind]
            if request.method == "GET":
                return self._handshake(request, provider, opened)
            return await self._take(request, provider, opened, context)
        except TooLarge as problem:
            return "too_large", Response(str(problem), 413)
        except Forged as problem:
            self._log.warning("forged webhook", extra={"reason": str(problem)})
            return "forged", Response(status_code=401)
        except Sealed as problem:  # nothing is authentic without it; the provider comes again when the key is back
            self._log.error("a channel's secret does not open", extra={"reason": str(problem)})
            return "retry", Response(status_code=503, headers={"Retry-After": "60"})
        except Retryable as problem:
            self._log.error("webhook not taken", extra={"reason": str(problem)})
            return "retry", Response(status_code=503, headers={"Retry-After": "5"})

    def _handshake(self, request: Request, provider: Provider, opened: OpenChannel) -> tuple[str, Response]:
        if provider.handshake is None:
            return "wrong_verb", Response(status_code=405, headers={"Allow": "POST"})
        for token in opened.all("verify_token"):
            with suppress(Forged):
                return "handshake", PlainTextResponse(provider.handshake(request.query_params, token))
        return "forged", Response(status_code=403)

    async def _take(
        self, request: Request, provider: Provider, opened: OpenChannel, context: Context
    ) -> tuple[str, Response]:
        assert provider.verify
        assert provider.parse
        verify = partial(
            provider.verify,
            headers=request.headers,
            query=request.query_params,
            secrets=opened.all(provider.secret),
        )
        if not provider.signs_body:
            verify(b"")
        body = await read_body(request, BODY_BYTES)
        if provider.signs_body:
            verify(body)
        channel = opened.channel
        with telemetry.about(tenant=channel.tenant, channel=channel.id):
            try:
                batch = provider.parse(body)
            except Unreadable as problem:
                await self._keep(opened, body, str(problem), context)
                return "unreadable", Response(status_code=200)
            try:
                await self._store(opened, batch, context)
            except psycopg.DataError as problem:  # what no column holds: it would be the same the next time
                await self._keep(opened, body, f"the database refuses it ({type(problem).__name__})", context)
                return "unreadable", Response(status_code=200)
            return "taken", Response(status_code=200)

    async def _store(self, opened: OpenChannel, batch: Batch, context: Context) -> None:
        channel = opened.channel
        await failpoints.reached("ingress.authenticated")
        ours, events = _sort(batch, channel.account)
        taken: list[tuple[Incoming, Taken]] = []
        async with self._app.store.connection() as db:
            for message in ours:
                new = _new_message(message)
                row = await taking_in.store_message(
                    db, channel.tenant, channel.id, new, correlation=context.correlation_id
                )
                taken.append((message, row))
        if events:
            async with self._app.store.tenant(channel.tenant) as db:
                await taking_in.store_events(db, channel.tenant, channel.id, events)
        await failpoints.reached("ingress.stored")
        self._tell(channel, taken, bool(events), context)

    def _tell(
        self, channel: channels.Channel, taken: list[tuple[Incoming, Taken]], events: bool, context: Context
    ) -> None:
        source = f"/xin/{self._function}/{channel.kind}"
        newest = {row.conversation: row.seq for _, row in taken}
        for conversation, seq in newest.items():
            event = MessageReceived(tenant=channel.tenant, conversation=conversation, seq=seq)
            self._app.publisher.soon(event, context.follow(source))
        if events:
            status = StatusReceived(tenant=channel.tenant, channel=channel.id)
            self._app.publisher.soon(status, context.follow(source))
        for message, row in taken:
            self._log.info("message", extra={"conversation": str(row.conversation), "seq": row.seq})
            if not row.duplicate:
                data = {"conversation_id": row.conversation, "id": row.message, "seq": row.seq, "role": "customer"}
                self._app.live.tell(channel.tenant, "message.created", {**data, "text": message.text[:500]})

    async def _open(self, path: str) -> OpenChannel | None:
        try:
            channel = UUID(path)
        except ValueError:
            return None
        until, opened = self._opened.get(channel, (0.0, None))
        if until > time.monotonic():
            return opened
        tenant = await channels.resolve(self._app.store, channel)
        opened = None
        if tenant is not None:
            async with self._app.store.tenant(tenant) as db:
                opened = await channels.open_channel(db, channel, self._app.vault)
                await channels.mark_seen(db, channel)
        if opened is not None and (opened.channel.kind not in self._providers or not opened.channel.enabled):
            opened = None
        if opened is not None:  # an unknown id is looked up each time: the memory stays as large as the real channels
            self._opened[channel] = (time.monotonic() + CHANNEL_SECONDS, opened)
        return opened

    async def _keep(self, opened: OpenChannel, body: bytes, reason: str, context: Context) -> None:
        channel = opened.channel
        self._log.warning("dead letter", extra={"reason": reason})
        async with self._app.store.tenant(channel.tenant) as db:
            await dead_letters.keep(
                db,
                tenant=channel.tenant,
                source=f"/xin/{self._function}/{channel.kind}",
                reason=reason,
                payload=body,
                attributes={"channel": channel.id},
                correlation_id=context.correlation_id,
            )


def _sort(batch: Batch, account: str | None) -> tuple[list[Incoming], list[NewEvent]]:
    """The messages to us, and everything else. A batch of Meta's may hold what was written to another account of the
    same app: it is kept, and not answered here."""
    ours = [message for message in batch.messages if message.account in (None, account)]
    strays = [
        NewEvent(f"stray:{message.key}", "other_account", None, None, {"raw": message.payload})
        for message in batch.messages
        if message.account not in (None, account)
    ]
    return ours, [*(_new_event(event) for event in batch.events), *strays]


def _new_message(message: Incoming) -> NewMessage:
    return NewMessage(
        sender=message.sender,
        provider_id=message.key,
        kind=message.kind,
        text=clean(message.text),
        reply_to=message.reply_to,
        name=message.name,
        language=message.language,
        payload=message.payload,
        sent_at=message.sent_at,
    )


def _new_event(event: ProviderEvent) -> NewEvent:
    told = {
        "state": event.state,
        "reason": event.reason,
        "verdict": event.verdict and event.verdict.value,
        "recipient": event.recipient,
        "text": event.text,
        "at": event.at,
    }
    return NewEvent(
        key=event.key,
        kind=event.kind,
        provider_id=event.provider_id,
        part=UUID(event.part) if event.part else None,
        payload={**told, "raw": event.payload},
    )
