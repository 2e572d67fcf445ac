"""Traces reach a collector, under the function's name and in the trace that was begun elsewhere."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

TRACE = "a" * 32
CODE = f"""
from shared import telemetry
from shared.settings import Settings
telemetry.set_up(Settings.load(), "deliver")
with telemetry.span("deliver", "part", "00-{TRACE}-{"b" * 16}-01") as following:
    print(following)
"""


def test_export() -> None:
    """With a collector named, a span goes to it before the process ends; what it causes carries the same trace."""
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"}
    environment = {**os.environ, **collector, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, check=True, timeout=60)
    server.shutdown()

    assert run.stdout.decode().startswith(f"00-{TRACE}-")
    assert [path for path, _ in got] == ["/v1/traces"]
    assert b"xin-deliver" in got[0][1]
    assert bytes.fromhex(TRACE) in got[0][1]
