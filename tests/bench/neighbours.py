"""What a rate-limited bot costs its neighbours: `python -m tests.bench.neighbours` prints one JSON object.

Three bots of one house are written to at a steady pace. In every other spell Telegram answers the first one's every
call with 429 and `retry_after` 5, so that its replies pile up and wake each five seconds. Measured is the way of the
other two's messages, from the webhook to the provider's call: the median of some spells' p95, value under the limit,
baseline without, in turn.
"""

import asyncio
import itertools
import json
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvloop

from tests.bench.load import CHATS, Connection, update
from tests.bench.report import percentile
from tests.bench.stage import Stage, stage

NAME = "neighbour_latency_rate_limited"
RETRY_AFTER = 5
SPELLS = 4
SPELL_SECONDS = 11.0
"""Long enough for what waits to wake twice."""
A_SECOND = 4.0
"""Messages to each bot."""
WARM_SECONDS = 4.0
DRAIN_SECONDS = 60.0


@dataclass
class Telegram:
    """Takes every sendMessage at once and notes when; while `limited`, that bot is told to wait each time it calls."""

    slowed: str = ""
    limited: bool = False
    refusals: int = 0
    got: dict[int, float] = field(default_factory=dict)
    url: str = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Telegram"]:
        """Listens on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = (line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-l"))
                body = json.loads(await reader.readexactly(int(next(lengths, b"0"))))
                status, answer = self._take(head.split(b" ", 2)[1].decode(), body)
                content = json.dumps(answer).encode()
                kind = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                writer.write(kind % (status, len(content)) + content)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _take(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if not path.endswith("/sendMessage"):
            return 200, {"ok": True, "result": True}
        if self.limited and f"/bot{self.slowed}/" in path:
            self.refusals += 1
            description = f"Too Many Requests: retry after {RETRY_AFTER}"
            parameters = {"retry_after": RETRY_AFTER}
            return 429, {"ok": False, "error_code": 429, "description": description, "parameters": parameters}
        self.got.setdefault(int(body["chat_id"]), time.perf_counter())
        return 200, {"ok": True, "result": {"message_id": len(self.got)}}


@dataclass
class Bot:
    """One channel's webhook, and when each chat wrote to it."""

    connection: Connection  # open during a spell alone: the server closes it when it idles
    token: str
    wrote: dict[int, float] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def write(self) -> None:
        """Somebody new writes; the webhook is acknowledged."""
        chat = next(CHATS)
        self.wrote[chat] = time.perf_counter()
        async with self.turn:
            status, _ = await self.connection.post(update(chat))
        assert status == 200, status


async def connect(on: Stage) -> list[Bot]:
    """Three bots, connected through the console's API; the first is the one to be slowed."""
    owner = on.up["operator"]
    form = {"grant_type": "password", "username": owner["email"], "password": owner["password"]}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{on.port}/api/v1", trust_env=False) as console:
        token = (await console.post("/auth/token", data=form)).json()["access_token"]
        console.headers["Authorization"] = f"Bearer {token}"
        brand = (await console.get("/brands")).json()["items"][0]["id"]
        bots = []
        for number in itertools.islice(itertools.count(71), 3):
            token = f"{number}:{uuid.uuid4().hex}"
            body = {"brand_id": brand, "kind": "telegram", "name": "ربات", "secrets": {"bot_token": token}}
            made = (await console.post("/channels", json=body)).raise_for_status().json()
            url = f"http://127.0.0.1:{on.port}{urlsplit(made['webhook_url']).path}"
            header = {"X-Telegram-Bot-Api-Secret-Token": made["secrets"]["secret_token"]}
            bots.append(Bot(Connection(url, header), token))
    return bots


async def spell(bots: list[Bot], telegram: Telegram, seconds: float, *, limited: bool) -> list[float]:
    """Writes to all bots at their pace, then lets everything leave; how long the neighbours' messages took."""
    telegram.limited = limited
    before = {chat for bot in bots for chat in bot.wrote}
    start = time.perf_counter()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for bot in bots:
            await stack.enter_async_context(bot.connection)
        for i in range(int(seconds * A_SECOND)):
            await asyncio.sleep(max(0.0, start + i / A_SECOND - time.perf_counter()))
            for bot in bots:
                group.create_task(bot.write())
    telegram.limited = False
    async with asyncio.timeout(DRAIN_SECONDS):
        while any(chat not in telegram.got for bot in bots for chat in bot.wrote):
            await asyncio.sleep(0.05)
    neighbours = bots[1:]
    return [telegram.got[chat] - at for bot in neighbours for chat, at in bot.wrote.items() if chat not in before]


async def _measure(folder: Path) -> dict[str, object]:
    p50: dict[bool, list[float]] = {False: [], True: []}
    p95: dict[bool, list[float]] = {False: [], True: []}
    async with Telegram().running() as telegram:
        with stage(folder / "home", {"TELEGRAM_API_URL": telegram.url, "XIN_EMBEDDINGS": "off"}) as running:
            bots = await connect(running)
            telegram.slowed = bots[0].token
            await spell(bots, telegram, WARM_SECONDS, limited=False)
            for _ in range(SPELLS):
                for limited in p95:
                    took = await spell(bots, telegram, SPELL_SECONDS, limited=limited)
                    p50[limited].append(percentile(took, 0.5))
                    p95[limited].append(percentile(took, 0.95))
    value, baseline = median(p95[True]), median(p95[False])
    return {
        "bench": NAME,
        "value": round(value, 2),
        "unit": "ms",
        "baseline": round(baseline, 2),
        "ratio": round(value / baseline, 3),
        "p50": round(median(p50[True]), 2),
        "baseline_p50": round(median(p50[False]), 2),
        "refusals": telegram.refusals,
    }


def measure() -> dict[str, object]:
    """The p95 of the neighbours' messages in milliseconds while one bot is limited, beside that while none is."""
    with tempfile.TemporaryDirectory(prefix="xin-bench-") as folder:
        return uvloop.run(_measure(Path(folder)))


if __name__ == "__main__":
    print(json.dumps(measure()), flush=True)
