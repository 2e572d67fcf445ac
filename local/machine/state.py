"""`$XIN_HOME`: all that one machine keeps, readable by its owner only.

lock            held while `make up` runs
secrets.json    every password and key, made on first use
ports.json      loopback ports, kept while they are free
up.json         what runs where; it exists only while everything is up
logs/  postgres/  valkey/  objects/  …
"""

import base64
import contextlib
import fcntl
import json
import os
import random
import secrets
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.machine.trouble import CannotStart

# Below the range from which Linux takes ports for outgoing connections: a remembered one stays free.
PORTS = range(20000, 32000)


def random_password() -> str:
    """256 bits that need no quoting in a URL, a shell or a configuration file."""
    return secrets.token_urlsafe(32)


def random_key_ring() -> str:
    """One key of 32 bytes as `XIN_SECRET_KEYS` and `XIN_TOKEN_KEYS` want it: `k1:<base64>`."""
    return "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on *port* now; connections that are still closing don't count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def write_private(path: Path, text: str) -> None:
    """Replaces *path* whole or not at all, mode 600, on disk when it returns."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Home:
    """The folder and what it remembers. One process at a time holds it, from `open` to `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    @classmethod
    def open(cls, path: Path) -> "Home":
        """Makes the folder where it is missing and takes its lock. Raises CannotStart when that can't be."""
        home = cls(path)
        try:
            home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            home.path.chmod(0o700)
            home._take_lock()
        except OSError as error:
            raise CannotStart(f"The state folder {home.path} can't be used: {error.strerror}.") from error
        return home

    def _take_lock(self) -> None:
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise CannotStart(
                f"Xin already runs on {self.path} (process {holder}). Stop it first, or set XIN_HOME to another folder."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock

    def close(self) -> None:
        """Gives the lock back. The kernel does the same for a process that is killed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def directory(self, *names: str) -> Path:
        """A folder of ours, made when missing, mode 700."""
        path = self.path
        for name in names:
            path = path / name
            path.mkdir(mode=0o700, exist_ok=True)
        return path

    def secret(self, name: str, make: Callable[[], str] = random_password) -> str:
        """The secret of that name; the first call makes it, and it is on disk before anyone uses it."""
        kept = self._read("secrets.json")
        if name not in kept:
            kept[name] = make()
            self.write("secrets.json", kept)
        return str(kept[name])

    def port(self, name: str) -> int:
        """A free loopback port for *name*, the one it had before wherever possible."""
        kept = self._read("ports.json")
        port = kept.get(name)
        if not isinstance(port, int) or not port_is_free(port):
            port = self._pick_port(taken=set(kept.values()))
            kept[name] = port
            self.write("ports.json", kept)
        return port

    @staticmethod
    def _pick_port(taken: set[int]) -> int:
        for port in random.sample(PORTS, len(PORTS)):
            if port not in taken and port_is_free(port):
                return port
        raise CannotStart(f"No free port on 127.0.0.1 between {PORTS.start} and {PORTS.stop}.")

    def announce(self, content: dict[str, Any]) -> None:
        """Writes `up.json`: from now on others may rely on what it says."""
        self.write("up.json", content)

    def withdraw(self) -> None:
        """Removes `up.json`; nothing is promised any more."""
        (self.path / "up.json").unlink(missing_ok=True)

    def _read(self, name: str) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError):
            text = (self.path / name).read_text(encoding="utf-8")
            try:
                content = json.loads(text)
            except ValueError:
                content = None
            if not isinstance(content, dict):
                raise CannotStart(f"{self.path / name} is damaged. Restore it, or start with another XIN_HOME.")
            return content
        return {}

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """A JSON file of that name in the home; replaced whole."""
        write_private(self.path / name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
