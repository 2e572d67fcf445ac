"""`make bench`: one JSON object a line, ratios against a baseline of the same run. `make bench` alone runs all of it.

Names and aims: DESIGN §5, README. Arguments name the rows to run.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import redis
import uvloop

from local.machine.schema import OWNER
from local.machine.state import Home
from tests.bench.load import Connection, Provider, update
from tests.bench.stage import Stage, stage
from tests.product import ROOT

INGRESS_MESSAGES = 3000
PIPELINE_MESSAGES = 600
CONNECTIONS = 16
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
CHATS = iter(range(1_000_000, 10**9))


def row(bench: str, value: float, unit: str, baseline: float | None = None, **more: object) -> None:
    """Prints one line of the report."""
    ratio = None if baseline is None else round(value / baseline, 3)
    shown = {"bench": bench, "value": round(value, 2), "unit": unit}
    shown |= {"baseline": None if baseline is None else round(baseline, 2), "ratio": ratio}
    print(json.dumps({**shown, **more}), flush=True)


def telegram(on: Stage) -> Connection:
    """A connection to the stage's Telegram webhook."""
    channel = on.telegram
    url = channel["webhook_url"].replace(channel["webhook_url"].split("/fn/")[0], f"http://127.0.0.1:{on.port}")
    return Connection(url, {"X-Telegram-Bot-Api-Secret-Token": channel["secret_token"]})


async def flood(on: Stage, chats: list[int]) -> float:
    """Posts one message a chat over some connections, as fast as they are acknowledged; seconds it took."""
    waiting = iter(chats)

    async def work() -> None:
        async with telegram(on) as connection:
            for chat in waiting:
                status, _ = await connection.post(update(chat))
                assert status == 200, status

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


async def paced(on: Stage, provider: Provider, *, a_second: float, count: int) -> tuple[list[float], list[float]]:
    """Posts at a rate; seconds to the acknowledgement, and from the webhook to the provider's call."""
    chats = [next(CHATS) for _ in range(count)]
    began_at: dict[int, float] = {}
    acknowledged: list[float] = []
    connections = [telegram(on) for _ in range(8)]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(await connection.__aenter__())

    async def one(chat: int) -> None:
        began_at[chat] = time.perf_counter()
        connection = await free.get()
        status, _ = await connection.post(update(chat))
        assert status == 200, status
        acknowledged.append(time.perf_counter() - began_at[chat])
        free.put_nowait(connection)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for i, chat in enumerate(chats):
            await asyncio.sleep(max(0.0, start + i / a_second - time.perf_counter()))
            group.create_task(one(chat))
    await provider.until(chats, seconds=60)
    for connection in connections:
        await connection.__aexit__()
    return acknowledged, [provider.got[chat] - began_at[chat] for chat in chats]


def percentile(values: list[float], share: float) -> float:
    """In milliseconds."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000


class Bench:
    """The folder and environment that the stages of one run share."""

    def __init__(self, home: Path, provider: Provider) -> None:
        self.home = home
        self.provider = provider
        self.environment = {"TELEGRAM_API_URL": provider.url, "XIN_EMBEDDINGS": "off", "XIN_LOG_LEVEL": "INFO"}

    @contextmanager
    def on(self, functions: str = "local.functions") -> Iterator[Stage]:
        """A stage with *functions*."""
        with stage(self.home, self.environment, functions=functions) as running:
            if functions == "local.functions":
                (self.home / "bench-seed.json").write_text(json.dumps(running.up))
                self._remember_urls()
            yield running

    def _remember_urls(self) -> None:
        home, ports = Home(self.home), json.loads((self.home / "ports.json").read_text())
        password = quote(home.secret(f"postgres {OWNER}"))
        self.environment["XIN_BENCH_OWNER_URL"] = f"postgresql://{OWNER}:{password}@127.0.0.1:{ports['postgres']}/xin"
        valkey = quote(home.secret("valkey-broker"))
        self.environment["XIN_BENCH_VALKEY_URL"] = f"redis://:{valkey}@127.0.0.1:{ports['valkey-broker']}/0"

    async def whole(self) -> None:
        """The rows that the whole product gives, with the durable floor of the same minutes."""
        with self.on() as running:
            await flood(running, warm := [next(CHATS) for _ in range(50)])
            await self.provider.until(warm, seconds=60)
            acknowledged, _ = await paced(running, self.provider, a_second=100, count=1000)
            row("ingress_ack_p99_ms", percentile(acknowledged, 0.99), "ms", p50=round(percentile(acknowledged, 0.5), 2))
            _, one_by_one = await one_at_a_time(running, self.provider, 150)
            floor = self.durable_floor()
            row("pipeline_latency_p50_ms", percentile(one_by_one, 0.5), "ms", floor)
            _, latency = await paced(running, self.provider, a_second=10, count=200)
            row("pipeline_latency_p95_ms", percentile(latency, 0.95), "ms")
            self.throughput = await self.pipeline(running)
            self.memory(running)

    async def pipeline(self, running: Stage) -> float:
        """Messages a second from the first webhook to the last call of the provider."""
        chats = [next(CHATS) for _ in range(PIPELINE_MESSAGES)]
        began = time.perf_counter()
        await flood(running, chats)
        await self.provider.until(chats, seconds=180)
        return len(chats) / (time.perf_counter() - began)

    def durable_floor(self) -> float:
        """Milliseconds of three fsynced XADDs and five commits, the least that a message's durable steps cost."""
        valkey = redis.Redis.from_url(self.environment["XIN_BENCH_VALKEY_URL"])
        took = []
        with psycopg.connect(self.environment["XIN_BENCH_OWNER_URL"], autocommit=True) as db:
            db.execute("CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, body bytea)")
            for _ in range(100):
                began = time.perf_counter()
                for _ in range(3):
                    valkey.xadd("bench", {"body": b"x" * 300}, maxlen=1000)
                for _ in range(5):
                    db.execute("INSERT INTO bench_floor (body) VALUES (%s)", (b"x" * 300,))
                took.append(time.perf_counter() - began)
        return percentile(took, 0.5)

    def memory(self, running: Stage) -> None:
        """Everything that make up started, after a moment of rest."""
        time.sleep(5)
        root = psutil.Process(running.up["pid"])
        pss = sum(process.memory_full_info().pss for process in [root, *root.children(recursive=True)])
        row("idle_pss_mib", pss / 2**20, "MiB")

    async def ingress(self) -> None:
        """Taking in alone, beside a bare function that does one INSERT and one XADD."""
        rates = {}
        for name in ("tests.bench.echo", "tests.bench.ingress_alone"):
            with self.on(name) as running:
                await flood(running, [next(CHATS) for _ in range(200)])
                chats = [next(CHATS) for _ in range(INGRESS_MESSAGES)]
                rates[name] = len(chats) / await flood(running, chats)
        row("ingress_throughput", rates["tests.bench.ingress_alone"], "webhooks/s", rates["tests.bench.echo"])

    async def single(self) -> None:
        """The pipeline beside one hand-written process."""
        with self.on("tests.bench.single_process") as running:
            await flood(running, warm := [next(CHATS) for _ in range(50)])
            await self.provider.until(warm, seconds=60)
            row("pipeline_throughput", self.throughput, "messages/s", await self.pipeline(running))

    async def again(self) -> None:
        """A second start, on data that is there."""
        with self.on() as running:
            row("start_again_s", running.started_seconds, "s")


async def one_at_a_time(on: Stage, provider: Provider, count: int) -> tuple[list[float], list[float]]:
    """The next message is written when the provider has the answer to the one before."""
    acknowledged, latency = [], []
    async with telegram(on) as connection:
        for _ in range(count):
            chat = next(CHATS)
            began = time.perf_counter()
            _, seconds = await connection.post(update(chat))
            acknowledged.append(seconds)
            await provider.until([chat], seconds=30)
            latency.append(provider.got[chat] - began)
    return acknowledged, latency


def imports() -> None:
    """Milliseconds to import each function, beside functions_framework.aio alone."""

    def least(module: str) -> float:
        code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        runs = [
            subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, check=True)
            for _ in range(5)
        ]
        return min(float(run.stdout) for run in runs) * 1000

    baseline = least("functions_framework.aio")
    for function in FUNCTIONS:
        name = function.replace("_", "-")
        row("import_ms", least(f"functions.{function}.main"), "ms", baseline, function=name)


async def main(wanted: set[str]) -> None:
    """All rows, or those of the groups named: import, ingress, pipeline."""
    if not wanted or "import" in wanted:
        imports()
    if wanted and not wanted & {"ingress", "pipeline"}:
        return
    provider = Provider()
    with tempfile.TemporaryDirectory(prefix="xin-bench-") as folder:
        async with provider.running():
            bench = Bench(Path(folder) / "home", provider)
            await bench.whole()
            await bench.again()
            if not wanted or "pipeline" in wanted:
                await bench.single()
            if not wanted or "ingress" in wanted:
                await bench.ingress()


if __name__ == "__main__":
    uvloop.run(main(set(sys.argv[1:])))
