"""All fakes in one application on one address: what provider URLs point at while there are no real ones.

TELEGRAM_API_URL = <simulator>/telegram      GRAPH_API_URL     = <simulator>/graph
BALE_API_URL     = <simulator>/bale          INSTAGRAM_API_URL = <simulator>/instagram
OPENAI_BASE_URL  = <simulator>/model/v1
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from local.simulator.accounts import (
    Account,
    Accounts,
    BotAccount,
    InstagramAccount,
    ModelAccount,
    WhatsAppAccount,
)
from local.simulator.bots import BALE, TELEGRAM, Bot
from local.simulator.calls import Calls
from local.simulator.connection import Reach
from local.simulator.desk import Desk
from local.simulator.instagram import InstagramApi
from local.simulator.ledger import Ledger, UnknownAccount
from local.simulator.model import ACCOUNT as MODEL
from local.simulator.model import ModelApi
from local.simulator.phone import Party, Phone
from local.simulator.scripts import (
    Block,
    Queued,
    RestoreToken,
    RevokeToken,
    RotateToken,
    Scripts,
    Step,
    Unblock,
)
from local.simulator.telegram import BotApi
from local.simulator.webhooks import PATIENCE, Webhooks
from local.simulator.whatsapp import WhatsAppApi
from local.simulator.wire import Wire


@dataclass(frozen=True, slots=True)
class PublicAccount:
    """What may be shown of an account."""

    key: str
    kind: str
    id: str
    name: str


class Simulator:
    """
    The fakes and what they remember.

    Attributes:
        app: everything, for tests and for a container.
        demo: only the customer's phone, for a page that strangers can open.
        phone, scripts, ledger, calls, model: the same from Python.
    """

    def __init__(self, accounts: Accounts, *, now: Callable[[], float], patience: Sequence[float]) -> None:
        self.now = now
        self.ledger = Ledger(any_chat=now if accounts.any_chat else None)
        self.scripts = Scripts()
        self.webhooks = Webhooks(patience)
        self.closing = asyncio.Event()
        parts = (self.ledger, self.scripts, self.webhooks, now)
        self.bots = {
            flavour.kind: BotApi(flavour, *parts, any_webhook_url=accounts.any_webhook_url)
            for flavour in (TELEGRAM, BALE)
        }
        self.whatsapp = WhatsAppApi(*parts)
        self.instagram = InstagramApi(*parts)
        self.model = ModelApi(self.scripts, now)
        self._wire = Wire(self.ledger, self.whatsapp, now)
        self.webhooks.looker = self._wire.delivered
        self.phone = Phone(self.bots, self.whatsapp, self.instagram, self.ledger, self.webhooks, now)
        self._public: dict[str, PublicAccount] = {}
        for account in accounts.accounts:
            self.add(account)
        desk = Desk(self)
        whole = self._starlette([*self._provider_routes(), *desk.phone_routes(), *desk.owner_routes()])
        self.calls = Calls(whole, self.scripts, now)
        self.app: ASGIApp = Reach(self.calls, self.closing)
        self.demo: ASGIApp = Reach(self._starlette(desk.phone_routes()), self.closing)

    def add(self, account: Account) -> PublicAccount:
        """One more account, at any time. The same account again replaces the old one and its state."""
        match account:
            case BotAccount():
                self.bots[account.kind].add(account)
            case WhatsAppAccount():
                self.whatsapp.add(account)
            case InstagramAccount():
                self.instagram.add(account)
            case ModelAccount():
                self.model.add(account)
        public = PublicAccount(account.key, account.kind, account.native_id, account.name)
        self._public[account.key] = public
        return public

    def public_accounts(self) -> list[PublicAccount]:
        """Every account that a customer can write to."""
        return [account for account in self._public.values() if account.kind != "model"]

    def script(self, account: str, step: Step, *, chat: str | None = None, times: int = 1) -> None:
        """
        Orders a misbehaviour for the next *times* messages of an account, or of one of its chats.

        *account* is a key such as `telegram-42`, or `model`, whose "chats" are the models' names. What concerns tokens
        and blocking happens at once. Raises UnknownAccount.
        """
        if account == MODEL and isinstance(step, Queued):
            self.scripts.add(MODEL, step, chat=chat, times=times)
            return
        party = self.phone.party(account.partition("-")[0], account)
        match step:
            case RevokeToken() | RestoreToken():
                party.revoked = isinstance(step, RevokeToken)
            case RotateToken():
                self._rotate(party, step.token)
            case Block() | Unblock():
                if chat is None:
                    raise UnknownAccount("whose chat?")
                self.ledger.open_chat(party.key, chat).turn(blocked=isinstance(step, Block))
            case _:
                self.scripts.add(party.key, step, chat=chat, times=times)

    def _rotate(self, party: Party, token: SecretStr) -> None:
        party.revoked = False
        if isinstance(party, Bot):
            self.bots[party.account.kind].rotate(party, token)
        else:
            party.account = party.account.model_copy(update={"access_token": token})

    async def close(self) -> None:
        """Ends hanging answers, streams and deliveries. Call it before the server waits for its connections."""
        self.closing.set()
        await self.webhooks.close()

    def _provider_routes(self) -> list[Route]:
        both = ["GET", "POST"]
        routes = []
        for kind, api in self.bots.items():
            routes += [
                Route(f"/{kind}/bot{{token}}/{{method}}", self._wire.listening(kind, api.call), methods=both),
                Route(f"/{kind}/file/bot{{token}}/{{path:path}}", api.file, methods=["GET"]),
            ]
        node = "{version}/{node}/messages"
        to_whatsapp = self._wire.listening("whatsapp", self.whatsapp.messages)
        to_instagram = self._wire.listening("instagram", self.instagram.messages)
        return [
            *routes,
            Route(f"/graph/{node}", to_whatsapp, methods=["POST"]),
            Route(f"/instagram/{node}", to_instagram, methods=["POST"]),
            Route("/model/v1/chat/completions", self.model.completions, methods=["POST"]),
            Route("/model/v1/embeddings", self.model.embeddings, methods=["POST"]),
            Route("/model/v1/models", self.model.models, methods=["GET"]),
        ]

    def _starlette(self, routes: list[Route]) -> Starlette:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            await self.close()

        return Starlette(routes=routes, lifespan=lifespan)


def create_simulator(
    accounts: Accounts, *, now: Callable[[], float] = time.time, patience: Sequence[float] = PATIENCE
) -> Simulator:
    """
    The fakes for *accounts*.

    Args:
        now: the clock; windows, timestamps and typing follow it.
        patience: seconds before each further try to deliver a webhook.
    """
    return Simulator(accounts, now=now, patience=patience)
