"""Starts functions in processes of their own (see `child`), and sees how they end."""

import asyncio
import itertools
import json
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from local.machine.state import port_is_free
from shared.failpoints import Point

ROOT = Path(__file__).parents[2]
PORTS = range(19000, 20000)
LIMIT_SECONDS = 60


@dataclass(frozen=True)
class Child:
    """A function that was started."""

    function: str
    pid: int
    url: str
    log: Path


class Nursery:
    """One process that has imported every function, and what it forks."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._turn = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._client = httpx.AsyncClient(timeout=5)
        self._alive: set[int] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Self]:
        """Logs go into *folder*. Nothing that was started outlives the block."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.child"),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=PIPE,
            stdout=PIPE,
        )
        nursery = cls(process, folder)
        try:
            yield nursery
        finally:
            for pid in nursery._alive:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert process.stdin
            process.stdin.close()
            await process.wait()
            await nursery._client.aclose()

    @staticmethod
    def free_port() -> int:
        """Any of many, so that two test runs at once don't meet."""
        return next(port for port in random.sample(PORTS, len(PORTS)) if port_is_free(port))

    async def start(
        self,
        function: str,
        environment: Mapping[str, str],
        *,
        point: Point | None = None,
        nth: int = 1,
        port: int | None = None,
    ) -> Child:
        """The function, once it answers. It will kill itself the *nth* time that it reaches *point*."""
        port = port or self.free_port()
        log = self._folder / f"{next(self._numbers):03} {function}.log"
        surroundings = {"PATH": os.environ["PATH"], **environment, "PORT": str(port)}
        order = {"function": function, "environment": surroundings, "log": str(log), "point": point, "nth": nth}
        pid = (await self._tell({"do": "start", **order}))["pid"]
        self._alive.add(pid)
        child = Child(function, pid, f"http://127.0.0.1:{port}", log)
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                while not await self._answers(child):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{function} does not answer:\n{log.read_text()[-2000:]}") from None
        return child

    async def fate(self, child: Child) -> int:
        """How it ended: an exit code, or a signal as a negative number. Fails when it does not end in time."""
        asking = asyncio.create_task(self._tell({"do": "wait", "pid": child.pid}))
        _, late = await asyncio.wait([asking], timeout=LIMIT_SECONDS)
        if late:
            os.kill(child.pid, signal.SIGKILL)
        status = int((await asking)["status"])
        self._alive.discard(child.pid)
        assert not late, f"{child.function} lives on:\n{child.log.read_text()[-2000:]}"
        return status

    async def end(self, child: Child) -> None:
        """SIGKILL, unless it has ended."""
        if child.pid in self._alive:
            os.kill(child.pid, signal.SIGKILL)
            await self.fate(child)

    async def stop(self, child: Child) -> None:
        """SIGTERM, as Kubernetes ends a container."""
        os.kill(child.pid, signal.SIGTERM)
        await self.fate(child)

    async def _answers(self, child: Child) -> bool:
        try:
            return (await self._client.get(f"{child.url}/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    async def _tell(self, order: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        async with self._turn:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            line = await self._process.stdout.readline()
        return dict(json.loads(line))
