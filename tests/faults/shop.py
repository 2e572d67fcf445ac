"""A tenant of one test's own, its provider's side, and what one may see afterwards: in the rows and at the provider."""

import asyncio
import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg.rows import TupleRow

from local.simulator import BotAccount, InstagramAccount, Simulator, WhatsAppAccount
from local.simulator.accounts import Account
from shared.security.tokens import Claims, Tokens
from shared.store import taking_in
from shared.store.jsonb import jsonb
from shared.store.taking_in import NewMessage
from tests.faults.incoming import Line
from tests.tenants import Tenant, found, open_store

T = TypeVar("T")
SuperUser = psycopg.AsyncConnection[TupleRow]
"""Sees every tenant's rows; for looking, and for letting time pass."""

KEYS = "test:" + base64.b64encode(bytes(32)).decode()
"""The key that tests/tenants.py seals with, as the functions' environment wants it."""
SITE = "https://sepid.example"
"""Where the widget of a shop stands."""
LIMIT_SECONDS = 30.0
NUMBERS = ("no", "one", "two", "three", "four", "five")

AGEING = (
    "UPDATE conversations SET open_since = open_since - %(by)s, lease_beat = lease_beat - %(by)s,"
    " send_until = send_until - %(by)s, blocked_until = blocked_until - %(by)s, resume_at = resume_at - %(by)s",
    "UPDATE outbound_parts SET next_attempt_at = next_attempt_at - %(by)s",
    "UPDATE channels SET blocked_until = blocked_until - %(by)s",
    "UPDATE provider_events SET created_at = created_at - %(by)s",
    "UPDATE ingestion_jobs SET updated_at = updated_at - %(by)s, lease_until = lease_until - %(by)s",
    "UPDATE deletions SET created_at = created_at - %(by)s",
    "UPDATE automation_runs SET created_at = created_at - %(by)s",
)
DUE = "SELECT kind FROM due_work(1000, interval '0 s') WHERE tenant_id = %s ORDER BY kind"
COUNT = """
    SELECT (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id AND m.role = 'customer') AS stored,
           (SELECT count(*) FROM turns t WHERE t.conversation_id = c.id) AS turns, c.status
      FROM conversations c WHERE c.id = %s
"""
PARTS = """
    SELECT p.text, p.state, p.maybe_twice FROM outbound_parts p
     WHERE p.conversation_id = %s AND p.author = ANY(%s) ORDER BY p.seq, p.ordinal
"""


async def until(look: Callable[[], Any], what: str, *, seconds: float = LIMIT_SECONDS) -> Any:
    """The first answer of *look*, which may be async, that counts as true. Fails, naming *what*, when none comes."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            while True:
                answer = look()
                if found := await answer if asyncio.iscoroutine(answer) else answer:
                    return found
                await asyncio.sleep(0.01)
    except TimeoutError:
        assert not limit.expired(), f"not within {seconds:.0f} s: {what}"
        raise


@dataclass(frozen=True)
class Outcome:
    """What became of a conversation: in the rows, and at the provider."""

    stored: int
    """Messages of the customer."""
    turns: int
    copies: int
    """What the customer got of all that was said."""
    states: tuple[str, ...] = ("accepted",)
    """Of each part of it."""
    maybe_twice: bool = False

    def __str__(self) -> str:
        """For the table."""
        told = [f"{_many(self.stored, 'message')} stored", _many(self.turns, "turn"), _many(self.copies, "copy")]
        if self.maybe_twice:
            told.append("marked maybe twice")
        if set(self.states) != {"accepted"}:
            told.append(", ".join(self.states) if self.states else "nothing to send")
        return ", ".join(told)


def _many(number: int, thing: str) -> str:
    word = NUMBERS[number] if number < len(NUMBERS) else str(number)
    several = {"copy": "copies"}.get(thing, f"{thing}s")
    return f"{word} {thing if number == 1 else several}"


@dataclass(frozen=True)
class Shop:
    """A tenant with one channel of *kind*, whose provider is the simulator."""

    tenant: Tenant
    line: Line
    account: str
    """What the simulator calls the channel's account."""
    database: SuperUser
    url: str
    """The database as functions sign in."""
    simulator: Simulator

    @classmethod
    async def open(cls, database: SuperUser, url: str, simulator: Simulator, kind: str, hooks: str) -> "Shop":
        """*hooks*: where the channel's ingress function takes webhooks."""
        words = {name: secrets.token_hex(8) for name in ("secret_token", "app_secret", "access_token", "verify_token")}
        number = str(secrets.randbelow(9 * 10**9) + 10**9)
        words |= {"bot_token": f"{number}:{secrets.token_hex(16)}"}
        tenant = await found(url, kind=kind, secrets=words)
        account = {"whatsapp": number, "instagram": number}.get(kind)
        settings = jsonb({"allowed_origins": [SITE]} if kind == "web" else {})
        values = (account, settings, tenant.channel)
        await database.execute("UPDATE channels SET account = %s, settings = %s WHERE id = %s", values)
        channel = {**words, "id": str(tenant.channel), "phone_number_id": number, "waba_id": "1", "account_id": number}
        known = _account(kind, channel, f"{hooks}/{tenant.channel}")
        if known is not None:
            simulator.add(known)
        return cls(tenant, Line(kind, channel), known.key if known else "", database, url, simulator)

    # What is there

    async def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Of whatever tenant."""
        return [tuple(row) for row in await (await self.database.execute(statement, values)).fetchall()]

    async def conversation(self, sender: str) -> UUID | None:
        """The customer's, once there is one."""
        statement = "SELECT c.id FROM conversations c JOIN contacts t ON t.id = c.contact_id"
        where = "WHERE t.channel_id = %s AND t.external_id = %s"
        found = await self.rows(f"{statement} {where}", self.tenant.channel, sender)
        return found[0][0] if found else None

    def heard(self, sender: str) -> list[str]:
        """Every text that the provider has taken for the customer, in order."""
        return [sent.text for sent in self.simulator.ledger.sent(account=self.account, chat=sender)]

    async def outcome(self, sender: str, *, authors: tuple[str, ...] = ("bot", "operator")) -> Outcome:
        """Of all that *authors* said to the customer; other texts don't count."""
        conversation = await self.conversation(sender)
        if conversation is None:
            return Outcome(0, 0, 0, ())
        ((stored, turns, _),) = await self.rows(COUNT, conversation)
        parts = await self.rows(PARTS, conversation, list(authors))
        texts = {text for text, _, _ in parts}
        copies = sum(text in texts for text in self.heard(sender))
        return Outcome(stored, turns, copies, tuple(state for _, state, _ in parts), any(twice for *_, twice in parts))

    async def status(self, sender: str) -> str:
        """bot, waiting, human or resolved."""
        ((_, _, status),) = await self.rows(COUNT, await self.conversation(sender))
        return str(status)

    async def due(self) -> list[str]:
        """What kinds of work the tick would find open now, if it had no patience."""
        return [kind for (kind,) in await self.rows(DUE, self.tenant.id)]

    # What may happen

    async def hear(self, sender: str, text: str) -> UUID:
        """A customer's message, stored with nobody told; its conversation."""
        new = NewMessage(sender=sender, provider_id=uuid4().hex, kind="text", text=text, language="fa")
        async with open_store(self.url, role="xin_ingress", connections=1) as store, store.connection() as db:
            taken = await taking_in.store_message(db, self.tenant.id, self.tenant.channel, new, correlation="-")
        return taken.conversation

    def signed_in(self, url: str) -> httpx.AsyncClient:
        """The tenant's person, before the console's API at *url*."""
        claims = Claims(self.tenant.person, self.tenant.id, "owner", session_version=1)
        token = Tokens({"test": bytes(32)}).issue(claims, "access")
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=60)

    async def age(self, seconds: float) -> None:
        """Lets *seconds* pass for everything of the tenant's that waits in rows: no test waits for a clock."""
        for statement in AGEING:
            await self.database.execute(
                f"{statement} WHERE tenant_id = %(tenant)s",
                {"by": timedelta(seconds=seconds), "tenant": self.tenant.id},
            )


def _account(kind: str, channel: dict[str, str], webhook: str) -> Account | None:
    """As the simulator wants it; None for the widget, which has no provider."""
    words = {"kind": kind, "webhook_url": webhook, "access_token": channel["access_token"]}
    words |= {name: channel[name] for name in ("app_secret", "verify_token")}
    match kind:
        case "telegram" | "bale":
            return BotAccount.model_validate(
                {"kind": kind, "bot_token": channel["bot_token"], "secret_token": channel["secret_token"]}
            )
        case "whatsapp":
            return WhatsAppAccount.model_validate(
                {**words, "phone_number_id": channel["phone_number_id"], "waba_id": channel["waba_id"]}
            )
        case "instagram":
            return InstagramAccount.model_validate({**words, "account_id": channel["account_id"]})
    return None
