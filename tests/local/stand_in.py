"""Small stand-ins for the broker and the functions, so that the machine is tested by itself.

python -m tests.local.stand_in up          the real supervisor with these two as its children
python -m tests.local.stand_in broker …    answers /healthz
python -m tests.local.stand_in functions   writes seed.json, answers /readyz, and keeps its environment in seen.json
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local.up import Children, main

SEED = {
    "admin": {"email": "admin@xin.test", "password": "رمز"},
    "operator": {"email": "owner@xin.test"},
    "channels": {},
    "functions": {},
}


class _Ok(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


def functions() -> None:
    """Dies at once, with a reason, when it is told to."""
    if reason := os.environ.get("STAND_IN_DIES"):
        sys.exit(reason)
    home = Path(os.environ["XIN_HOME"])
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), _Ok)
    (home / "seen.json").write_text(json.dumps(dict(os.environ)))
    (home / "seed.json").write_text(json.dumps(SEED))
    server.serve_forever()


if __name__ == "__main__":
    command = (sys.executable, "-m", "tests.local.stand_in")
    match sys.argv[1]:
        case "up":
            sys.exit(main(Children(broker=(*command, "broker"), functions=(*command, "functions"))))
        case "broker":
            port = int(sys.argv[sys.argv.index("--listen") + 1].rpartition(":")[2])
            ThreadingHTTPServer(("127.0.0.1", port), _Ok).serve_forever()
        case "functions":
            functions()
