"""Functions in processes of their own, which may kill themselves at a labelled point.

`python -m tests.faults.child` imports every function once and then forks one for each order that it reads, a JSON line
on its standard input: what costs a container a second of importing costs a test a moment. A fork serves one function by
the very `main` that an image runs, on the port that its environment names.

{"do": "start", "function", "environment", "log", "point", "nth"} → {"pid"}      {"do": "wait", "pid"} → {"status"}
"""

import ctypes
import importlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from functions.deliver import outbox
from shared import failpoints, hosting
from shared.failpoints import Point

FUNCTIONS = tuple(sorted(path.parent.name for path in Path(hosting.__file__).parents[1].glob("functions/*/main.py")))
PR_SET_PDEATHSIG = 1
RECORDING = "FAULTS_RECORDING_SECONDS"
"""In a compressed day: how long deliver tries to note what a provider said."""
USED_LATER = ("aiohttp", "boto3", "functions.console_api.site", "functions.ingress_web.site", "redis.asyncio")
"""What functions import when they first need it."""


def die_with_parent() -> None:
    """SIGKILL to this process when the one that started it ends, however that ends. prctl(2)"""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)


class Killing:
    """SIGKILL to this very process the *nth* time that it reaches *point*: no handler runs, nothing is flushed."""

    def __init__(self, point: str, nth: int) -> None:
        self._point = point
        self._left = nth

    async def __call__(self, point: Point) -> None:
        """Called at every point."""
        if point == self._point:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


def serve(order: Mapping[str, Any]) -> None:
    """One function, until SIGTERM or its point."""
    die_with_parent()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(order["environment"])
    if RECORDING in os.environ:
        outbox.RECORDING_SECONDS = float(os.environ.pop(RECORDING))
    if order["point"]:
        failpoints.arm(Killing(order["point"], order["nth"]))
    sys.argv = ["shared.hosting", f"functions.{order['function'].replace('-', '_')}.main"]
    hosting.main()


def start(order: Mapping[str, Any]) -> int:
    """The process id of the function's own process."""
    pid = os.fork()
    if pid:
        return pid
    try:
        serve(order)
    finally:
        os._exit(1)


def main() -> None:
    """Until the standard input ends; then nothing that it started is left."""
    die_with_parent()
    for module in (*(f"functions.{name}.main" for name in FUNCTIONS), "shared.serving", *USED_LATER):
        importlib.import_module(module)
    running: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "start":
            answer = {"pid": start(order)}
            running.add(answer["pid"])
        else:
            _, status = os.waitpid(order["pid"], 0)
            running.discard(order["pid"])
            answer = {"status": os.waitstatus_to_exitcode(status)}
        print(json.dumps(answer), flush=True)
    for pid in running:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
