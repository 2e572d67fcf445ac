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

from tests.product import ROOT, free_port

START_SECONDS = 120


@dataclass(frozen=True)
class Stage:
    """A running stage: where it listens and what up.json said."""

    port: int
    up: dict[str, Any]
    started_seconds: float
    home: Path

    @property
    def telegram(self) -> dict[str, str]:
        """The demo tenant's Telegram channel."""
        return dict(self.up["channels"]["telegram"])


@contextmanager
def stage(home: Path, environment: dict[str, str], *, functions: str = "local.functions") -> Iterator[Stage]:
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
        yield Stage(port, json.loads((home / "up.json").read_text()), time.monotonic() - began, home)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
