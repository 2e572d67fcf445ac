"""Finds and ends what an earlier run left behind.

Children die with their supervisor (see `process`), but a grandchild may not have asked the kernel for that. So every
child is noted in `processes.json` with its start time, and the next start ends what still lives of it. A process id
alone proves nothing: ids are used again.
"""

import contextlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from local.machine.state import write_private

MARK = "XIN_SUPERVISED_IN"
"""Environment variable that every child of ours carries: the home it belongs to."""


@dataclass(frozen=True)
class Process:
    """A child as it was noted. *started* counts clock ticks since boot *boot*."""

    name: str
    pid: int
    started: int
    boot: str


@dataclass(frozen=True)
class _Status:
    group: int
    session: int
    started: int


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _status(pid: int) -> _Status | None:
    """What /proc says of a living process; None for none or a zombie. See proc_pid_stat(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else _Status(int(fields[2]), int(fields[3]), int(fields[19]))


class Ledger:
    """The children of one home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file = home / "processes.json"
        self._running: dict[str, Process] = {}

    def note(self, name: str, pid: int) -> None:
        """Remembers a child that was just started. One that is gone already needs no remembering."""
        if (status := _status(pid)) is not None:
            self._running[name] = Process(name, pid, status.started, _boot())
            self._save()

    def forget(self, name: str) -> None:
        if self._running.pop(name, None) is not None:
            self._save()

    def sweep(self, within_seconds: float = 5.0) -> list[str]:
        """Kills what an earlier run left; names of those found. To be called before anything is started."""
        found: list[str] = []
        doomed: set[int] = set()
        for process in self._noted():
            if pids := self._alive(process):
                found.append(process.name)
                doomed |= pids
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + within_seconds
        while any(_status(pid) for pid in doomed) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._file.unlink(missing_ok=True)
        return found

    def _noted(self) -> list[Process]:
        try:
            return [Process(**entry) for entry in json.loads(self._file.read_text())]
        except (FileNotFoundError, ValueError, TypeError):
            return []

    def _alive(self, process: Process) -> set[int]:
        """The child itself if it is the same one, and what stayed of its session."""
        if process.boot != _boot():
            return set()
        leader = _status(process.pid)
        if leader is not None and leader.started != process.started:
            return set()  # the id belongs to somebody else, which the kernel allows only once our session was empty
        members = {pid for pid in _every_pid() if pid != process.pid and self._belongs(pid, process)}
        return members | ({process.pid} if leader else set())

    def _belongs(self, pid: int, process: Process) -> bool:
        status = _status(pid)
        if status is None or status.session != process.pid or status.started < process.started:
            return False
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return f"{MARK}={self._home}".encode() in environment

    def _save(self) -> None:
        write_private(self._file, json.dumps([asdict(process) for process in self._running.values()]) + "\n")


def _every_pid() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
