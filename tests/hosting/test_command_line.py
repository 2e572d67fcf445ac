"""Every function starts under functions-framework's command line and under ours, and does the same there."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from uuid import uuid4

import httpx
import pytest

from events import Context, ReplyComposed, to_http

ROOT = Path(__file__).parents[2]
TAKES_EVENTS = {"orchestrate", "deliver", "embed_chunk", "automation_tick"}
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
START_SECONDS = 40


def stock(name: str, port: int) -> list[str]:
    """functions-framework's own command line."""
    source = ROOT / "functions" / name / "main.py"
    target = ["--asgi", "--source", str(source), "--target", "handle"]
    return ["functions_framework", *target, "--host", "127.0.0.1", "--port", str(port)]


def own(name: str, port: int) -> list[str]:
    """What an image runs; the port comes by the environment."""
    return ["shared.hosting", f"functions.{name}.main"]


@contextmanager
def started(name: str, environment: dict[str, str], arguments: Callable[[str, int], list[str]]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", *arguments(name, port)]
    process = subprocess.Popen(command, env={**os.environ, **environment, "PORT": str(port)}, cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait_until_alive(url: str) -> None:
    limit = monotonic() + START_SECONDS
    while True:
        try:
            assert httpx.get(f"{url}/healthz", timeout=20).status_code == 200
            return
        except httpx.TransportError:
            assert monotonic() < limit, "it did not start in time"


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("arguments", [stock, own])
def test_starts(arguments: Callable[[str, int], list[str]], name: str, environment: dict[str, str]) -> None:
    """Started by either command, it is healthy, and answers an event or a request alike."""
    with started(name, environment, arguments) as url:
        wait_until_alive(url)
        if name in TAKES_EVENTS:
            event = ReplyComposed(tenant=uuid4(), conversation=uuid4())
            headers, _ = to_http(event, Context.start("/xin/test"))
            answer = httpx.post(url, headers=headers, content=b"{}", timeout=20)
            assert (answer.status_code, answer.content) == (204, b""), "bad data is kept and acknowledged"
        else:
            assert httpx.get(f"{url}/nothing-here", timeout=20).status_code in (200, 404)
