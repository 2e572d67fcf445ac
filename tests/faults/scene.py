"""One customer of one channel, what the bot has to say to them, and what became of it: for us and for the provider."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel

from events import ReplyComposed
from local.simulator import BotAccount, InstagramAccount, WhatsAppAccount
from local.simulator.calls import Call
from local.simulator.ledger import Sent
from local.simulator.scripts import Step
from shared.store import leases, turns
from shared.store.turns import NewTurn
from tests.faults.house import House

BOTS = ("telegram", "bale")
META = ("whatsapp", "instagram")
KINDS = (*BOTS, *META)
ARRIVED = {"telegram": "accepted", "bale": "accepted", "whatsapp": "delivered", "instagram": "accepted"}
"""The state of what went well, by kind: only WhatsApp tells more than that it took it."""
LONG_SECONDS = 3.0
"""A shorter wait is waited for; a longer one is made to have passed, by moving the rows' times."""
T = TypeVar("T")

# What is still to leave, and how long it has to wait by whichever of the three clocks
WAITING = """
    SELECT state, extract(epoch FROM greatest(p.next_attempt_at, h.blocked_until, c.blocked_until) - clock_timestamp())
      FROM outbound_parts p JOIN channels h ON h.id = p.channel_id JOIN conversations c ON c.id = p.conversation_id
     WHERE p.conversation_id = %s AND p.state IN ('queued', 'sending', 'unknown')
       AND (p.ambiguous < 2 OR p.state = 'sending')
     ORDER BY p.seq, p.ordinal LIMIT 1
"""
UNJOINED = """
    SELECT count(*) FROM provider_events
     WHERE channel_id = %s AND joined_at IS NULL AND kind IN ('status', 'echo', 'read')
"""
PASS = (
    "UPDATE outbound_parts SET next_attempt_at = next_attempt_at - make_interval(secs => %s)"
    " WHERE conversation_id = %s",
    "UPDATE conversations SET blocked_until = blocked_until - make_interval(secs => %s) WHERE id = %s",
    "UPDATE channels SET blocked_until = blocked_until - make_interval(secs => %s)"
    " WHERE id = (SELECT channel_id FROM conversations WHERE id = %s)",
)


class NoTrace(BaseModel):
    """These turns saw nothing."""


async def until(look: Callable[[], Awaitable[T | None]], what: str, *, seconds: float = 30) -> T:
    """The first answer of *look* that counts as true. Fails the test, naming *what*, when none comes in time."""
    limit, pause = time.monotonic() + seconds, 0.02
    while not (found := await look()):
        assert time.monotonic() < limit, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return found


@dataclass
class Channel:
    """A connected channel, and the account at the provider that it stands for."""

    house: House
    kind: str
    id: str
    account: str
    token: str

    @classmethod
    async def connect(cls, house: House, kind: str) -> "Channel":
        """A new account at the provider, connected through the console's API."""
        number = str(house.numbers())
        token = f"{number}:{secrets.token_urlsafe(24)}" if kind in BOTS else secrets.token_urlsafe(24)
        given = {"bot_token": token} if kind in BOTS else {"access_token": token, "app_secret": secrets.token_hex(16)}
        ids = {"whatsapp": {"phone_number_id": number, "waba_id": "4195"}, "instagram": {"account_id": number}}
        body = {"brand_id": house.brand, "kind": kind, "name": f"{kind} {number}"}
        made = await house.owner.post("/channels", json={**body, "secrets": {**given, **ids.get(kind, {})}})
        assert made.status_code == 201, made.text
        told = made.json()
        common = {"webhook_url": told["webhook_url"], **given, **ids.get(kind, {})}
        if kind in BOTS:
            house.simulator.add(BotAccount(kind=kind, secret_token=told["secrets"]["secret_token"], **common))
        else:
            model = WhatsAppAccount if kind == "whatsapp" else InstagramAccount
            house.simulator.add(model(verify_token=told["secrets"]["verify_token"], **common))
        return cls(house, kind, told["id"], f"{kind}-{number}", token)

    def script(self, *steps: Step, chat: str | None = None) -> None:
        """What the provider will do to the next calls."""
        for step in steps:
            self.house.simulator.script(self.account, step, chat=chat)

    def calls(self) -> list[Call]:
        """Whatever called for this account, oldest first."""
        return self.house.simulator.calls.listed(account=self.account)

    def sent(self) -> list[Sent]:
        """What the provider took, oldest first."""
        return self.house.simulator.ledger.sent(account=self.account)

    async def shown(self) -> dict[str, Any]:
        """As the console shows it."""
        return dict((await self.house.owner.get(f"/channels/{self.id}")).json())


@dataclass(frozen=True)
class Fate:
    """What became of one message. *copies*: how often the provider took it; *calls*: how often it was asked to."""

    status: str
    maybe_twice: bool
    reason: str | None
    copies: int = 0
    calls: int = 0


@dataclass
class Scene:
    """A customer and their conversation. *said*: the bot's words, in order."""

    channel: Channel
    customer: str
    conversation: UUID = field(default_factory=uuid4)
    said: list[str] = field(default_factory=list)

    @classmethod
    async def open(cls, house: House, kind: str, *, channel: Channel | None = None) -> "Scene":
        """Somebody new writes on a channel, by default one of their own."""
        scene = cls(channel or await Channel.connect(house, kind), f"49151{house.numbers()}")
        await scene.hear()
        return scene

    @property
    def house(self) -> House:
        return self.channel.house

    async def hear(self, text: str = "سلام، سفارشم کی می‌رسد؟") -> None:
        """The customer writes, and the webhook takes it."""
        channel = self.channel
        phone = self.house.simulator.phone
        written = await phone.write(channel.kind, channel.account, self.customer, text, name="نرگس")
        assert written.delivery
        assert written.delivery.delivered, written.delivery
        found = await self.house.run(
            "SELECT c.id FROM conversations c JOIN contacts t ON t.id = c.contact_id"
            " WHERE c.channel_id = %s AND %s IN (t.external_id, t.reply_to)",
            channel.id,
            self.customer,
        )
        self.conversation = found[0][0]

    async def compose(self, *texts: str) -> None:
        """The bot has answers, each to a message of its own; none has left. No word comes twice."""
        for text in (f"{text} ({len(self.said) + 1})" for text in texts):
            if self.said:
                await self.hear()
            async with self.house.orchestrate.tenant(UUID(self.house.tenant)) as db:
                lease = await leases.take(db, self.conversation, event=str(uuid4()))
                assert lease, "nobody else answers here"
                new = NewTurn(text, [text], "answered", "bot", 0, (), NoTrace(), None, 0, 0)
                tenant, channel = UUID(self.house.tenant), UUID(self.channel.id)
                assert await turns.commit(db, tenant, channel, lease, new, correlation="-")
                assert await leases.release(db, lease) is None
            self.said.append(text)

    async def nudge(self, *, wait: bool = False) -> None:
        """Tells deliver to look; with *wait* until it has looked."""
        event = ReplyComposed(tenant=UUID(self.house.tenant), conversation=self.conversation)
        await (self.house.hand(event) if wait else self.house.publish(event))

    async def answer(self, *texts: str) -> None:
        """The bot answers, and deliver is told."""
        await self.compose(*texts)
        await self.nudge()

    async def fates(self, *, calls: int = 0) -> list[Fate]:
        """What became of each of the bot's messages, in order; whose the *calls* were only the caller knows."""
        answer = await self.house.owner.get(f"/conversations/{self.conversation}/messages", params={"limit": 100})
        assert answer.status_code == 200, answer.text
        messages = [item for item in answer.json()["items"] if item["role"] == "bot"]
        assert [message["text"] for message in messages] == self.said
        shown = [Fate(message["status"], message["maybe_twice"], message["reason"]) for message in messages]
        copies = [sent.text for sent in self.channel.sent() if sent.chat == self.customer]
        return [
            replace(fate, copies=copies.count(text), calls=calls) for fate, text in zip(shown, self.said, strict=True)
        ]

    async def waiting(self) -> list[Fate]:
        """The same, once the provider was asked and the first has to wait."""

        async def look() -> list[Fate] | None:
            waiting = await self.waits()
            return await self.fates() if self.channel.calls() and waiting and waiting[0] != "sending" else None

        return await until(look, "an answer that makes us wait")

    async def status(self) -> str:
        """The conversation's."""
        return str((await self.house.owner.get(f"/conversations/{self.conversation}")).json()["status"])

    async def pass_time(self, seconds: float) -> None:
        """So many seconds later, as far as the rows are concerned."""
        for statement in PASS:
            await self.house.run(statement, seconds, self.conversation)

    async def waits(self) -> tuple[str, float] | None:
        """What the head of the queue is, and the seconds that it has to wait; None: nothing is to leave any more."""
        rows = await self.house.run(WAITING, self.conversation)
        return (rows[0][0], float(rows[0][1] or 0)) if rows else None

    async def rest(self) -> None:
        """Returns when nothing is to leave any more; long waits pass at once, after all news has been heard."""

        async def at_rest() -> bool:
            waiting = await self.waits()
            if waiting is None:
                return True
            state, seconds = waiting
            if state != "sending" and seconds > LONG_SECONDS:
                await self.news()
                if await self.waits() is not None:
                    await self.pass_time(seconds)
                    await self.nudge()
            return False

        await until(at_rest, "an end of all sending", seconds=60)
        await self.news()

    async def news(self) -> None:
        """Returns when what the provider tells of itself has come in and been joined."""
        await self.house.simulator.webhooks.settle()

        async def joined() -> bool:
            return bool((await self.house.run(UNJOINED, self.channel.id))[0][0] == 0)

        await until(joined, "the joining of what the provider told")
