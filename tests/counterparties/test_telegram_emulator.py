"""A Bot API server that we did not write delivers to our webhook, and takes what we answer."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.console_api.shops import Shop
from tests.counterparties.emulator import Emulator
from tests.counterparties.house import WAIT_SECONDS, House, until

MARYAM = 5500112233
NUMBERS = itertools.count(7001)
QUESTION = "سلام، سفارش ۱۲۳۴۵ کجاست؟"


@dataclass(frozen=True)
class Bot:
    """A channel of the shop whose provider is the emulator."""

    emulator: Emulator
    shop: Shop
    channel: str
    token: str
    webhook: str
    secret: str

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the emulator answers to the bot."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.emulator.url}/bot{self.token}/{method}", json=parameters)
        return dict(answer.json())

    async def point(self, secret: str) -> None:
        """The emulator is told our webhook, with *secret*; it delivers at once what waits."""
        parameters = {"url": self.webhook, "secret_token": secret, "allowed_updates": ["message"]}
        assert (await self.call("setWebhook", **parameters))["ok"]

    async def pending(self) -> int:
        """How many updates the emulator could not hand over."""
        return int((await self.call("getWebhookInfo"))["result"]["pending_update_count"])

    async def said(self) -> list[dict[str, Any]]:
        """The messages of its only conversation, as the console shows them; none while there is no conversation."""
        query = {"channel_id": self.channel}
        items = (await self.shop.owner.get("/conversations", params=query)).json()["items"]
        if not items:
            return []
        (one,) = items
        return list((await self.shop.owner.get(f"/conversations/{one['id']}/messages")).json()["items"])

    async def settled(self, status: str) -> list[dict[str, Any]]:
        """The same, once its last message has that status."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not (said := await self.said()) or said[-1]["status"] != status:
                await asyncio.sleep(0.02)
        return said


Connect = Callable[[str], Awaitable[Bot]]


@pytest.fixture(scope="module")
async def ingress(house: House) -> AsyncIterator[str]:
    """ingress-telegram behind a port."""
    async with house.door("ingress-telegram") as url:
        yield url


@pytest.fixture
async def connect(shop: Shop, emulator: Emulator, ingress: str) -> Connect:
    """Makes a channel of the shop whose provider is the emulator."""

    async def connect(kind: str) -> Bot:
        token = f"{next(NUMBERS)}:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
        made = await shop.connect(kind, secrets={"bot_token": token})
        return Bot(emulator, shop, made["id"], token, f"{ingress}/{made['id']}", made["secrets"]["secret_token"])

    return connect


async def test_bale(connect: Connect, emulator: Emulator) -> None:
    """What its user writes is stored once and answered; our answer is taken by it, and stands as accepted."""
    bot = await connect("bale")
    await bot.point(bot.secret)

    await emulator.write(bot.token, MARYAM, QUESTION)
    (sent,) = await until(lambda: emulator.called("sendMessage", bot.token), "an answer at the emulator")

    question, answer = await bot.settled("accepted")
    assert await bot.pending() == 0
    assert (question["role"], question["text"]) == ("customer", QUESTION)
    assert (answer["role"], answer["text"]) == ("bot", sent.parameters["text"])
    assert (sent.status, sent.parameters["chat_id"], sent.answer["result"]["text"]) == (200, MARYAM, answer["text"])


async def test_telegram(connect: Connect, emulator: Emulator) -> None:
    """The same on Telegram up to our send, which the emulator refuses: it models a server that doesn't know
    `link_preview_options`, as Telegram has since Bot API 7.0. The operator sees the answer as failed, and why."""
    bot = await connect("telegram")
    await bot.point(bot.secret)

    await emulator.write(bot.token, MARYAM, QUESTION)
    (sent,) = await until(lambda: emulator.called("sendMessage", bot.token), "our send at the emulator")

    question, answer = await bot.settled("failed")
    assert (question["text"], answer["text"]) == (QUESTION, sent.parameters["text"])
    assert (sent.status, sent.answer["parameters"]["parameter"]) == (400, "link_preview_options")
    assert "link_preview_options" in answer["reason"]


async def test_waits_for_the_right_secret(connect: Connect, emulator: Emulator) -> None:
    """With a secret that isn't ours nothing is taken in and the update stays there; with ours it comes, and once."""
    bot = await connect("bale")
    await bot.point("of-somebody-else")
    await emulator.write(bot.token, MARYAM, QUESTION)
    assert (await bot.pending(), await bot.said()) == (1, [])

    await bot.point(bot.secret)
    await until(lambda: emulator.called("sendMessage", bot.token), "an answer at the emulator")

    assert await bot.pending() == 0
    assert [one["text"] for one in await bot.said() if one["role"] == "customer"] == [QUESTION]
