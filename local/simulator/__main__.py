"""`python -m local.simulator --listen HOST:PORT --accounts FILE.json`: the fakes as a server of their own."""

import argparse
import asyncio
from pathlib import Path

import uvicorn

from local.simulator.accounts import Accounts
from local.simulator.app import create_simulator


class _Server(uvicorn.Server):
    """Ends what hangs as soon as a stop is asked for, or the server would wait for it."""

    closing: asyncio.Event

    def handle_exit(self, sig: int, frame: object) -> None:
        super().handle_exit(sig, frame)  # type: ignore[arg-type]
        self.closing.set()


def main() -> None:
    parser = argparse.ArgumentParser(prog="local.simulator", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8090", metavar="HOST:PORT")
    parser.add_argument("--accounts", type=Path, metavar="FILE.json", help="without it: none, add them over HTTP")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    simulator = create_simulator(Accounts.load(options.accounts) if options.accounts else Accounts())
    # No access log: the Bot API carries its token in the path.
    config = uvicorn.Config(
        simulator.app,
        host=host.strip("[]") or "127.0.0.1",
        port=int(port),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    server.closing = simulator.closing
    server.run()


if __name__ == "__main__":
    main()
