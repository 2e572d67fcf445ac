"""A shop with a widget on its page: its visitors, and the ways in which it answers them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from functions.deliver.outbox import Outbox
from shared.answering.persona import Persona
from shared.store import handover, leases, turns
from shared.store.jsonb import jsonb
from shared.store.tenancy import Db, Store
from shared.store.turns import NewTurn
from tests.tenants import Tenant, found

ORIGIN = "https://shop.example"


@dataclass
class Broker:
    """ASGI: takes events as a broker would, and remembers their types and subjects."""

    events: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Request(scope).headers
        self.events.append((headers["ce-type"], headers["ce-subject"]))
        await Response(status_code=202)(scope, receive, send)

    async def told(self, kind: str, *, times: int = 1) -> list[str]:
        """The subjects of a kind of event, once there are so many, or after two seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                while len(self._of(kind)) < times:
                    await asyncio.sleep(0.01)
        return self._of(kind)

    def _of(self, kind: str) -> list[str]:
        return [subject for told, subject in self.events if told == kind]


class NoTrace(BaseModel):
    """These turns saw nothing."""


@dataclass(frozen=True)
class House:
    """How the other functions reach the database, each under its own role, and deliver's way out."""

    database: str
    stores: dict[str, Store]
    outbox: Outbox


@dataclass(frozen=True)
class Shop:
    """One tenant's widget. *url* is ingress-web's."""

    tenant: Tenant
    url: str
    house: House

    @classmethod
    async def open(cls, url: str, house: House) -> "Shop":
        """A new tenant whose widget may be used from ORIGIN."""
        shop = cls(await found(house.database, kind="web"), url, house)
        async with shop._as("xin_console") as db:
            await db.execute(
                "UPDATE channels SET settings = %s WHERE id = %s",
                (jsonb({"allowed_origins": [ORIGIN]}), shop.tenant.channel),
            )
            await db.execute(
                "INSERT INTO personas (tenant_id, brand_id, version, status, body) VALUES (%s, %s, 1, 'published', %s)",
                (shop.tenant.id, shop.tenant.brand, jsonb(Persona(name="سپیده"))),
            )
        return shop

    def _as(self, role: str) -> AbstractAsyncContextManager[Db]:
        return self.house.stores[role].tenant(self.tenant.id)

    async def visit(self, client: httpx.AsyncClient, **more: Any) -> "Visitor":
        """Somebody opens the widget, from an address of their own."""
        headers = {"Origin": ORIGIN, "X-Forwarded-For": f"2001:db8::{secrets.token_hex(2)}:{secrets.token_hex(2)}"}
        body = {"widget_id": str(self.tenant.channel), "page": {"url": f"{ORIGIN}/p/1", "lang": "fa"}, **more}
        answer = await client.post(f"{self.url}/sessions", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        opened = answer.json()
        return Visitor(self, client, opened["session_token"], UUID(opened["conversation_id"]), opened)

    async def compose(self, conversation: UUID, text: str) -> None:
        """The bot commits an answer to what is open; it is queued and has not left."""
        async with self._as("xin_orchestrate") as db:
            lease = await leases.take(db, conversation, event=str(uuid4()))
            assert lease
            new = NewTurn(text, [text], "answered", "bot", 0, (), NoTrace(), None, 0, 0)
            await turns.commit(db, self.tenant.id, self.tenant.channel, lease, new, correlation="-")
            await leases.release(db, lease)

    async def send(self, conversation: UUID) -> None:
        """What is queued leaves."""
        await self.house.outbox.drain(self.tenant.id, conversation)

    async def answer(self, conversation: UUID, text: str) -> None:
        """The bot answers, at once."""
        await self.compose(conversation, text)
        await self.send(conversation)

    async def reply(self, conversation: UUID, text: str) -> None:
        """A person answers, at once."""
        async with self._as("xin_console") as db:
            place = self.tenant.id, conversation
            await handover.reply(db, *place, who=self.tenant.person, text=text, texts=[text], correlation="-")
        await self.send(conversation)

    async def run(self, statement: str, *values: Any, role: str = "xin_ingress") -> list[tuple[Any, ...]]:
        """What *statement* finds, if it finds anything, among this tenant's rows."""
        async with self._as(role) as db:
            cursor = await db.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []


@dataclass(frozen=True)
class Visitor:
    """A visitor with a session. *opened*: what opening it was answered with."""

    shop: Shop
    client: httpx.AsyncClient
    token: str
    conversation: UUID
    opened: dict[str, Any]

    @property
    def path(self) -> str:
        return f"{self.shop.url}/conversations/{self.conversation}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Origin": ORIGIN, "Authorization": f"Bearer {self.token}"}

    async def post(self, text: str, key: str | None = None) -> httpx.Response:
        """Writes *text*."""
        body = {"client_msg_id": key or str(uuid4()), "type": "text", "text": text}
        return await self.client.post(f"{self.path}/messages", json=body, headers=self.headers)

    async def say(self, text: str) -> int:
        """Writes *text*; its seq."""
        answer = await self.post(text)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["seq"])

    async def get(self, what: str = "messages", **query: Any) -> httpx.Response:
        """Reads *what* of the conversation."""
        return await self.client.get(f"{self.path}/{what}", params=query, headers=self.headers)

    async def texts(self) -> list[str]:
        """What the visitor sees when they load the page."""
        return [item["text"] for item in (await self.get()).json()["items"]]

    @asynccontextmanager
    async def follow(self, last: str | None = None, **query: Any) -> AsyncIterator["Stream"]:
        """The stream, from *last* or from `after=` on."""
        headers = self.headers | ({"Last-Event-ID": last} if last is not None else {})
        async with self.client.stream("GET", f"{self.path}/events", params=query, headers=headers) as answer:
            assert answer.status_code == 200
            yield Stream(answer, last or "")


@dataclass(frozen=True)
class StreamEvent:
    """One server-sent event; *id* is the last that was given, on it or before."""

    id: str
    name: str
    data: str


class Stream:
    """Reads server-sent events as a browser does."""

    def __init__(self, answer: httpx.Response, last: str) -> None:
        self.answer = answer
        self.last = last
        self.retry = 0
        self._lines = answer.aiter_lines()

    async def next(self) -> StreamEvent | None:
        """The next event; None when the stream has ended."""
        name, data = "message", ""
        async for line in self._lines:
            field_name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line and data:
                return StreamEvent(self.last, name, data)
            if field_name == "id":
                self.last = value
            elif field_name == "event":
                name = value
            elif field_name == "data":
                data += value
            elif field_name == "retry":
                self.retry = int(value)
        return None

    async def named(self, name: str) -> StreamEvent:
        """The next event of that name."""
        while (event := await self.next()) is not None:
            if event.name == name:
                return event
        raise AssertionError(f"the stream ended before {name}")
