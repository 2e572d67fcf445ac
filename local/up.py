"""`python -m local.up`: all of Xin on one machine, in the foreground, until Ctrl-C or SIGTERM.

The stores start side by side, then the broker and the functions. `$XIN_HOME/up.json` exists exactly while everything
is up. A part that dies is brought back; when this process is killed, the kernel ends the parts with it.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from local.broker.topology import load
from local.machine import objects, schema
from local.machine.embeddings import MODEL, Embeddings
from local.machine.environment import Environment
from local.machine.objects import ObjectStore
from local.machine.postgres import Postgres
from local.machine.probe import http_status
from local.machine.process import Part
from local.machine.state import Home, port_is_free, random_key_ring
from local.machine.supervisor import Progress, Supervisor
from local.machine.trouble import CannotStart
from local.machine.valkey import Valkey

ROOT = Path(__file__).parents[1]
MANIFESTS = ROOT / "k8s/base"

STORES, BROKER, FUNCTIONS = range(3)
"""Stages: the functions stop first (4.5 s at most), then the broker (2 s), then the stores (2.5 s)."""


@dataclass(frozen=True)
class Children:
    """The two processes that are ours: how to start them. Tests put smaller ones in their place."""

    broker: Sequence[str] = (sys.executable, "-m", "local.broker")
    functions: Sequence[str] = (sys.executable, "-m", "local.functions")


class Machine:
    """One start, from an empty folder or an old one to running functions."""

    def __init__(self, home: Home, environment: Environment, children: Children, supervisor: Supervisor) -> None:
        self._home = home
        self._environment = environment
        self._children = children
        self._supervisor = supervisor
        self._progress = Progress(say)
        self._topology = load(MANIFESTS)
        self.port = environment.port("PORT", 8080)
        self.url = f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Returns when customers are answered. Raises CannotStart."""
        if not port_is_free(self.port):
            raise CannotStart(f"Port {self.port} is taken. Free it, or choose another: PORT=8081 make up")
        self._supervisor.clear_leftovers()
        settings: dict[str, str] = {}
        await _together(
            self._database(settings), self._cache(settings), self._objects(settings), self._embeddings(settings),
            self._broker(settings),
        )  # fmt: skip
        await self._functions(settings)

    def seed(self) -> dict[str, Any]:
        """What the functions wrote down about the demo tenant and themselves."""
        content: dict[str, Any] = json.loads(self._seed_file.read_text(encoding="utf-8"))
        return content

    @property
    def _seed_file(self) -> Path:
        return self._home.path / "seed.json"

    async def _database(self, settings: dict[str, str]) -> None:
        if given := self._environment.get("DATABASE_URL"):
            owner = self._environment.get("XIN_MIGRATION_DATABASE_URL") or given
            await self._migrate(schema.DatabaseUrls(owner=owner, app=given))
            return
        server = Postgres(self._home.directory("postgres"), self._home.port("postgres"))
        async with self._progress.step("PostgreSQL"):
            await server.prepare()
            await self._supervisor.start(server.part(), stage=STORES)
            passwords = {role: self._home.secret(f"postgres {role}") for role in (schema.OWNER, schema.APP)}
            urls = await schema.provision(server, database="xin", passwords=passwords)
        await self._migrate(urls)
        await schema.let_go(server)
        settings["DATABASE_URL"] = urls.app

    async def _migrate(self, urls: schema.DatabaseUrls) -> None:
        async with self._progress.step("Migrations"):
            await schema.migrate(urls.owner)
            owner, app = (unquote(urlsplit(url).username or "") for url in (urls.owner, urls.app))
            if app != owner:
                await schema.admit_functions(urls.owner, app)

    async def _cache(self, settings: dict[str, str]) -> None:
        if self._environment.get("REDIS_URL"):
            return
        cache = Valkey.for_cache(
            self._home.directory("valkey-cache"), self._home.port("valkey-cache"), self._home.secret("valkey-cache")
        )
        async with self._progress.step("Valkey for live streams"):
            await self._supervisor.start(cache.part(), stage=STORES)
        settings["REDIS_URL"] = cache.url

    async def _objects(self, settings: dict[str, str]) -> None:
        if self._environment.get("AWS_ENDPOINT_URL_S3"):
            return
        secret = self._home.secret("s3")
        store = ObjectStore(self._home.directory("objects"), self._home.port("objects"), "xin", secret)
        async with self._progress.step("Object store"):
            await self._supervisor.start(store.part(), stage=STORES)
        settings |= {
            "AWS_ENDPOINT_URL_S3": store.endpoint,
            "AWS_ACCESS_KEY_ID": store.access_key,
            "AWS_SECRET_ACCESS_KEY": store.secret_key,
            "AWS_REGION": "us-east-1",
            "XIN_BUCKET": objects.BUCKET,
        }

    async def _embeddings(self, settings: dict[str, str]) -> None:
        """In the background: until it answers, documents are found by their words alone."""
        mode = self._environment.get("XIN_EMBEDDINGS") or "endpoint"
        if mode != "endpoint" or self._environment.get("XIN_EMBEDDINGS_URL"):
            return
        server = Embeddings(self._home.directory("embeddings"), self._home.port("embeddings"))
        await self._supervisor.launch(server.part(), stage=STORES)
        settings |= {
            "XIN_EMBEDDINGS": mode,
            "XIN_EMBEDDINGS_URL": server.url,
            "XIN_EMBEDDINGS_MODEL": MODEL,
        }

    async def _broker(self, settings: dict[str, str]) -> None:
        """Its Valkey is always ours: a shared one may not put every write on disk before it answers."""
        store = Valkey.for_broker(
            self._home.directory("valkey-broker"), self._home.port("valkey-broker"), self._home.secret("valkey-broker")
        )
        port, private = self._home.port("broker"), self._home.port("functions")
        subscribers = {name: f"http://127.0.0.1:{private}/{name}" for name in sorted(self._topology.subscribers)}
        self._home.write("subscribers.json", subscribers)
        part = Part(
            name="broker",
            command=[
                *self._children.broker,
                *("--listen", f"127.0.0.1:{port}", "--manifests", str(MANIFESTS)),
                *("--subscribers", str(self._home.path / "subscribers.json")),
            ],
            environment={**_python_path(), "XIN_BROKER_VALKEY_URL": store.url},
            ready=lambda: _answers_ok(port, "/healthz"),
            directory=ROOT,
            stop_within_seconds=2.0,
        )
        async with self._progress.step("Broker"):
            await self._supervisor.start(store.part(), stage=STORES)
            await self._supervisor.start(part, stage=BROKER)
        sink = self._topology.sink_path("orchestrate")
        settings |= {"K_SINK": f"http://127.0.0.1:{port}{sink}", "XIN_PRIVATE_PORT": str(private)}
        settings["XIN_SIMULATOR_PORT"] = str(self._home.port("simulator"))

    async def _functions(self, settings: dict[str, str]) -> None:
        self._seed_file.unlink(missing_ok=True)
        home = self._home
        defaults = {
            "XIN_VECTORS_PATH": str(home.directory("vectors")),
            "XIN_PUBLIC_URL": self.url,
            "XIN_SECRET_KEYS": home.secret("secret keys", random_key_ring),
            "XIN_TOKEN_KEYS": home.secret("token keys", random_key_ring),
        }
        given = {name: value for name, value in self._environment.values.items() if value}
        given.pop("XIN_MIGRATION_DATABASE_URL", None)
        fixed = {"PORT": str(self.port), "XIN_HOME": str(home.path), **_python_path()}
        part = Part(
            name="functions",
            command=self._children.functions,
            environment={**defaults, **given, **settings, **fixed},
            ready=self._seeded,
            directory=ROOT,
            ready_within_seconds=120.0,
            stop_within_seconds=4.5,
        )
        async with self._progress.step("Functions, and the demo tenant"):
            await self._supervisor.start(part, stage=FUNCTIONS)

    async def _seeded(self) -> bool:
        return self._seed_file.exists() and await _answers_ok(self.port, "/readyz")


async def _answers_ok(port: int, path: str) -> bool:
    return await http_status(port, path) == 200


def _python_path() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


async def _together(*steps: Coroutine[Any, Any, None]) -> None:
    """Side by side; the first that fails ends the others and is what is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


def say(line: str) -> None:
    print(line, flush=True)


def _summary(machine: Machine, home: Home, seconds: float) -> str:
    seed = machine.seed()
    lines = [f"\nXin is up after {seconds:.1f} s.", f"  Try it        {machine.url}/demo"]
    for title, who in (("Console", "operator"), ("Administrator", "admin")):
        account = seed.get(who) or {}
        signing_in = f"{account.get('email', '')}  {account.get('password', '(the password you chose)')}"
        lines.append(f"  {title:<13} {machine.url}/console/   {signing_in}")
    lines += [f"  State, logs   {home.path}", "Ctrl-C stops it.\n"]
    return "\n".join(lines)


async def up(environment: Environment, children: Children) -> None:
    """Runs until it is told to stop. Raises CannotStart."""
    began = time.monotonic()
    stop, hurry = asyncio.Event(), asyncio.Event()
    _listen_for_signals(stop, hurry)
    home = Home.open(Path(environment.get("XIN_HOME") or ROOT / ".xin"))
    supervisor = Supervisor(home, say)
    try:
        home.withdraw()
        machine = Machine(home, environment, children, supervisor)
        if await _until(stop, machine.start()):
            home.announce({"pid": os.getpid(), "url": machine.url, **machine.seed()})
            say(_summary(machine, home, time.monotonic() - began))
            await stop.wait()
        say("Stopping …")
    finally:
        home.withdraw()
        await supervisor.stop(hurry)
        home.close()


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Whether *work* was done before *stop* was set."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        return False
    await working
    return not stop.is_set()


def _listen_for_signals(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    def told() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told)


def main(children: Children | None = None) -> int:
    """The exit code: 0 after a stop that was asked for, 1 with one clear line for anything else."""
    if not sys.platform.startswith("linux"):
        print("Xin runs on Linux (on Windows: inside WSL).")
        return 1
    try:
        asyncio.run(up(Environment.load(os.environ, ROOT), children or Children()))
    except Exception as error:
        if os.environ.get("XIN_DEBUG") == "1":
            raise
        if isinstance(error, CannotStart):
            print(f"Xin can't start. {error}", file=sys.stderr)
        else:
            print(f"A mistake of Xin's own: {type(error).__name__}: {error} (XIN_DEBUG=1 shows where)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
