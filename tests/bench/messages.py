"""The rows of a message's way: taken in, answered, how fast and in how much memory, beside their baselines."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from statistics import median

import psutil
import psycopg
import redis

from tests.bench.load import answered, flood, new_chats, one_at_a_time, paced
from tests.bench.report import percentile, row
from tests.bench.stage import Bench, Stage

INGRESS_MESSAGES = 3000
INGRESS_WARM = 500
"""So that connections are open and statements prepared."""
INGRESS_ROUNDS = 3
PIPELINE_MESSAGES = 600
WARM_MESSAGES = 50


async def whole(bench: Bench) -> float:
    """The rows that the whole product gives, with the durable floor of the same minutes; messages a second."""
    with bench.on() as running:
        connect, provider = running.telegram, bench.provider
        await answered(connect, provider, new_chats(WARM_MESSAGES))
        acknowledged, _ = await paced(connect, provider, a_second=100, count=1000)
        row("ingress_ack_p99_ms", percentile(acknowledged, 0.99), "ms", p50=round(percentile(acknowledged, 0.5), 2))
        latency = await one_at_a_time(connect, provider, 150)
        row("pipeline_latency_p50_ms", percentile(latency, 0.5), "ms", _durable_floor(bench))
        _, latency = await paced(connect, provider, a_second=10, count=200)
        row("pipeline_latency_p95_ms", percentile(latency, 0.95), "ms")
        throughput = await _throughput(bench, running)
        await at_rest(running)
        row("idle_pss_mib", pss_mib(running), "MiB")
    with bench.on() as running:
        row("start_again_s", running.started_seconds, "s")
    return throughput


async def beside_one_process(bench: Bench, throughput: float) -> None:
    """The pipeline beside one hand-written process."""
    with bench.on("tests.bench.single_process") as running:
        await answered(running.telegram, bench.provider, new_chats(WARM_MESSAGES))
        row("pipeline_throughput", throughput, "messages/s", await _throughput(bench, running))


async def taking_in(bench: Bench) -> None:
    """Taking in alone, beside a bare function that does one INSERT and one XADD: the medians of some rounds in turn."""
    rates: dict[str, list[float]] = {"tests.bench.echo": [], "tests.bench.ingress_alone": []}
    for name in [*rates] * INGRESS_ROUNDS:
        with bench.on(name) as running:
            await flood(running.telegram, new_chats(INGRESS_WARM))
            rates[name].append(INGRESS_MESSAGES / await flood(running.telegram, new_chats(INGRESS_MESSAGES)))
    bare, ours = (median(found) for found in rates.values())
    row("ingress_throughput", ours, "webhooks/s", bare)


async def _throughput(bench: Bench, running: Stage) -> float:
    """Messages a second from the first webhook to the last call of the provider."""
    return PIPELINE_MESSAGES / await answered(running.telegram, bench.provider, new_chats(PIPELINE_MESSAGES))


def _durable_floor(bench: Bench) -> float:
    """Milliseconds of three fsynced XADDs and five commits, the least that a message's durable steps cost."""
    valkey = redis.Redis.from_url(bench.environment["XIN_BENCH_VALKEY_URL"])
    took = []
    with psycopg.connect(bench.environment["XIN_BENCH_OWNER_URL"], autocommit=True) as db:
        db.execute("CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, body bytea)")
        for _ in range(100):
            began = time.perf_counter()
            for _ in range(3):
                valkey.xadd("bench", {"body": b"x" * 300}, maxlen=1000)
            for _ in range(5):
                db.execute("INSERT INTO bench_floor (body) VALUES (%s)", (b"x" * 300,))
            took.append(time.perf_counter() - began)
    return percentile(took, 0.5)


def pss_mib(running: Stage) -> float:
    """The proportional set size of everything that make up started: memory that several share counts once."""
    return _sum(running, lambda process: process.memory_full_info().pss) / 2**20


async def at_rest(running: Stage) -> None:
    """Returns when everything together has used less than a twentieth of a core for a second; after 20 s anyhow."""
    for _ in range(20):
        before = _sum(running, _cpu_seconds)
        await asyncio.sleep(1)
        if _sum(running, _cpu_seconds) - before < 0.05:
            return


def _cpu_seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def _sum(running: Stage, measured: Callable[[psutil.Process], float]) -> float:
    supervisor = psutil.Process(running.pid)
    total = 0.0
    for process in [supervisor, *supervisor.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # a document's reader that has just ended
            total += measured(process)
    return total
