"""Where the benchmarks run: the product, or something smaller in its place, on the same stores and folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from local.machine.schema import OWNER
from local.machine.state import Home
from tests.bench.load import Connection, Provider
from tests.product import ROOT, free_port

START_SECONDS = 120
PRODUCT = "local.functions"


@dataclass(frozen=True)
class Stage:
    """A running stage: where it listens, what up.json said, and the supervisor's process."""

    port: int
    up: dict[str, Any]
    pid: int
    started_seconds: float
    home: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def telegram(self) -> Connection:
        """A connection to the demo tenant's Telegram webhook."""
        channel = self.up["channels"]["telegram"]
        url = self.url + urlsplit(channel["webhook_url"]).path
        return Connection(url, {"X-Telegram-Bot-Api-Secret-Token": channel["secret_token"]})


@contextmanager
def stage(home: Path, environment: dict[str, str], *, functions: str = PRODUCT) -> Iterator[Stage]:
    """`make up` on *home*, with the module *functions* as its process of functions."""
    port = free_port()
    code = (
        "import sys; from local.up import Children, main;"
        f"sys.exit(main(Children(functions=(sys.executable, '-m', '{functions}'))))"
    )
    variables = {**os.environ, **environment, "PORT": str(port), "XIN_HOME": str(home), "PYTHONPATH": str(ROOT)}
    home.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with (home / "bench.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=variables, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
    try:
        while not (home / "up.json").exists():
            assert process.poll() is None, (home / "bench.log").read_text()[-2000:]
            assert time.monotonic() - began < START_SECONDS, "it did not come up"
            time.sleep(0.02)
        up = json.loads((home / "up.json").read_text())
        yield Stage(port, up, process.pid, time.monotonic() - began, home)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


class Bench:
    """The folder and environment that the stages of one run share."""

    def __init__(self, home: Path, provider: Provider) -> None:
        self.home = home
        self.provider = provider
        self.environment = {"TELEGRAM_API_URL": provider.url, "XIN_EMBEDDINGS": "off", "XIN_LOG_LEVEL": "INFO"}

    @contextmanager
    def on(self, functions: str = PRODUCT, **environment: str) -> Iterator[Stage]:
        """A stage with *functions*. The product comes first: what stands in its place finds its tenant and stores."""
        with stage(self.home, self.environment | environment, functions=functions) as running:
            if functions == PRODUCT:
                (self.home / "bench-seed.json").write_text(json.dumps(running.up))
                self._remember_urls()
            yield running

    def _remember_urls(self) -> None:
        home, ports = Home(self.home), json.loads((self.home / "ports.json").read_text())
        password = quote(home.secret(f"postgres {OWNER}"))
        self.environment["XIN_BENCH_OWNER_URL"] = f"postgresql://{OWNER}:{password}@127.0.0.1:{ports['postgres']}/xin"
        valkey = quote(home.secret("valkey-broker"))
        self.environment["XIN_BENCH_VALKEY_URL"] = f"redis://:{valkey}@127.0.0.1:{ports['valkey-broker']}/0"


def announce(home: Path) -> None:
    """Says, for what stands in the product's place, that it is up."""
    (home / "seed.json").write_text((home / "bench-seed.json").read_text())
