"""A supervised child process: started, waited for, brought back when it dies, stopped.

Each child leads a session of its own, so Ctrl-C reaches the supervisor only, and asks the kernel to be killed with its
supervisor, so that nothing outlives it.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from local.machine.leftovers import MARK, Ledger
from local.machine.trouble import CannotStart

LOG_LIMIT_BYTES = 5 * 1024 * 1024
BACK_OFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_AFTER_SECONDS = 5.0
"""Who lived this long starts again from the shortest wait."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Account:
    """The system user a child runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Part:
    """One thing to run, and how to tell that it works."""

    name: str
    command: Sequence[str | Path]
    ready: Callable[[], Awaitable[bool]]
    """Asked again and again after the start; an OSError counts as no."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All that the child gets; nothing is inherited but PATH, HOME and the language."""
    directory: Path | None = None
    account: Account | None = None
    """None: whoever runs the supervisor."""
    niceness: int = 0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_seconds: float = 2.5
    """After this it is killed."""
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends when the supervisor is gone."""
    ready_within_seconds: float = 20.0
    before: Callable[[], None] = lambda: None
    """Runs before every start, also after a death."""


def inherited() -> dict[str, str]:
    """What every program may know of its surroundings; secrets are never among it."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR") if name in os.environ}


def identity(account: Account | None) -> dict[str, Any]:
    """Arguments for a subprocess that runs as *account*; none for None, which is whoever we are."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


class Supervised:
    """A part that runs, or will again in a moment."""

    def __init__(self, part: Part, *, home: Path, ledger: Ledger, say: Callable[[str], None]) -> None:
        self.part = part
        self._home = home
        self._ledger = ledger
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._spawning = asyncio.Lock()
        self._stopping = False
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """Of the child that runs now."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def log(self) -> Path:
        return self._home / "logs" / f"{self.part.name}.log"

    async def start(self) -> None:
        """Returns when the part is ready. Raises CannotStart, with the end of its log, when it isn't in time."""
        await self._first_spawn()
        try:
            await self.wait_ready()
        except CannotStart:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._keep_alive(), name=f"watch {self.part.name}")

    async def launch(self) -> None:
        """Starts the part and looks after it from now on, without waiting until it is ready."""
        await self._first_spawn()
        self._watch = asyncio.create_task(self._keep_alive(), name=f"watch {self.part.name}")

    async def wait_ready(self) -> None:
        """Raises CannotStart when the child dies or the part's limit passes."""
        assert self._process is not None
        child = self._process
        deadline = time.monotonic() + self.part.ready_within_seconds
        while child.returncode is None and time.monotonic() < deadline:
            if await self._answers():
                return
            await asyncio.sleep(0.02)
        if child.returncode is None:
            what = f"was not ready after {self.part.ready_within_seconds:.0f} s"
        else:
            what = f"ended at once ({_fate(child.returncode)})"
        raise CannotStart(f"{self.part.name} {what}. The end of {self.log}:\n{self._log_end()}")

    async def stop(self, *, at_once: bool = False) -> None:
        """Asks the part to stop, then makes it. Safe to call twice, and on a part that never started."""
        self._stopping = True
        async with self._spawning:  # nothing is born behind our back from here on
            process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.part.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 0 if at_once else self.part.stop_within_seconds)
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            _end_session(process.pid)
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        self._ledger.forget(self.part.name)

    async def _answers(self) -> bool:
        try:
            return await self.part.ready()
        except OSError:
            return False

    async def _keep_alive(self) -> None:
        attempt = 0
        while not self._stopping:
            process, born = self._process, time.monotonic()
            assert process is not None
            status = await process.wait()
            if self._stopping:
                return
            _end_session(process.pid)
            if time.monotonic() - born > STEADY_AFTER_SECONDS:
                attempt = 0
            wait = BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS) - 1)]
            attempt += 1
            self._say(f"{self.part.name} died ({_fate(status)}) and is started again in {wait} s. Its log: {self.log}")
            await asyncio.sleep(wait)
            await self._spawn_at_last()

    async def _spawn_at_last(self) -> None:
        while not self._stopping:
            try:
                await self._spawn()
                return
            except (OSError, CannotStart) as error:
                self._say(f"{self.part.name} can't be started again yet: {error}")
                await asyncio.sleep(BACK_OFF_SECONDS[-1])

    async def _first_spawn(self) -> None:
        self._rotate_log()
        try:
            await self._spawn()
        except OSError as error:
            raise CannotStart(f"{self.part.name} can't be started: {error}.") from error

    async def _spawn(self) -> None:
        part = self.part
        async with self._spawning:
            if self._stopping:
                return
            part.before()
            with self._open_log() as log:
                self._process = await asyncio.create_subprocess_exec(
                    *map(str, part.command),
                    env={**inherited(), **part.environment, MARK: str(self._home)},
                    cwd=part.directory,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=_child_setup(part.orphan_signal, part.niceness),
                    **identity(part.account),
                )
            self._ledger.note(part.name, self._process.pid)

    def _open_log(self) -> BinaryIO:
        self.log.parent.mkdir(mode=0o700, exist_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        return os.fdopen(os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")

    def _rotate_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))

    def _log_end(self, lines: int = 12) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            text = log.read()[-8000:].decode(errors="replace")
        return (
            "\n".join(f"  | {line}" for line in text.splitlines()[-lines:] if line.strip()) or "  | (it said nothing)"
        )


def _child_setup(orphan_signal: signal.Signals, niceness: int) -> Callable[[], None]:
    """Runs in the child before exec, after it became another user: on that change the kernel forgets the request."""
    parent = os.getpid()

    def setup() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
        if os.getppid() != parent:  # it went before we asked
            os._exit(1)
        if niceness:
            os.nice(niceness)

    return setup


def _end_session(leader: int) -> None:
    """Kills what a dead child left in its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _fate(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
