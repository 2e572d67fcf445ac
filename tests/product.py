"""The whole product as `make up` starts it, for tests from outside."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from local.machine.state import port_is_free

ROOT = Path(__file__).parents[1]
START_SECONDS = 120
STOP_SECONDS = 15


def free_port() -> int:
    """A port for the product: it listens on a fixed one. Any of many, so that two test runs at once don't meet."""
    ports = range(18080, 18980)
    return next(port for port in random.sample(ports, len(ports)) if port_is_free(port))


@dataclass
class Product:
    """`python -m local.up` in a process group of its own, with its state in *home*."""

    home: Path
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Product":
        """Returns when up.json is there. Raises AssertionError with what it said when it does not come up."""
        self.home.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "XIN_EMBEDDINGS": "off", **self.environment}
        environment |= {"PORT": str(self.port), "XIN_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        with (self.home / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.up"],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        limit = time.monotonic() + START_SECONDS
        while not (self.home / "up.json").exists():
            said = (self.home / "up.log").read_text()
            assert self.process.poll() is None, f"it ended:\n{said[-2000:]}"
            assert time.monotonic() < limit, f"it did not come up:\n{said[-2000:]}"
            time.sleep(0.05)
        return self

    def stop(self) -> int:
        """SIGTERM, as Ctrl-C would; returns the exit code."""
        assert self.process
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL to the supervisor: the kernel takes the parts along."""
        assert self.process
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    @property
    def up(self) -> dict[str, Any]:
        """What up.json says."""
        return dict(json.loads((self.home / "up.json").read_text()))

    @property
    def simulator(self) -> str:
        """Where the simulated providers listen."""
        return f"http://127.0.0.1:{json.loads((self.home / 'ports.json').read_text())['simulator']}"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def channel(self, kind: str) -> dict[str, str]:
        """A channel of the demo tenant, with its secrets."""
        return dict(self.up["channels"][kind])

    def sign_in(self, who: str = "operator") -> httpx.Client:
        """A client of console-api that is signed in as the owner, or as the administrator."""
        account = self.up[who]
        form = {"grant_type": "password", "username": account["email"], "password": account["password"]}
        answer = httpx.post(f"{self.url}/api/v1/auth/token", data=form, timeout=20)
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=20)
