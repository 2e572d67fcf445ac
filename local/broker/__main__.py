"""`python -m local.broker --listen 127.0.0.1:8090 --manifests k8s/base --subscribers FILE.json [--valkey URL]`.

*FILE.json* maps a function's name to its base URL. A Valkey URL with a password belongs into XIN_BROKER_VALKEY_URL:
what stands on the command line, every user of the machine can read.
"""

import argparse
import json
import os
from pathlib import Path

import uvicorn
from aws_lambda_powertools import Logger

from local.broker.app import PLACES, create_app
from local.broker.parking import EVERY_SECONDS
from local.broker.topology import load

REQUESTS_SECONDS = 1


def main() -> None:
    """Serves until SIGTERM, then is gone within five seconds; what is left is delivered after the next start."""
    parser = argparse.ArgumentParser(prog="python -m local.broker")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--valkey", default=os.environ.get("XIN_BROKER_VALKEY_URL"), metavar="URL")
    parser.add_argument("--manifests", required=True, type=Path)
    parser.add_argument("--subscribers", required=True, type=Path)
    parser.add_argument("--places", type=int, default=PLACES, help="deliveries of one Trigger at a time")
    parser.add_argument(
        "--bring-back-seconds", type=float, default=EVERY_SECONDS, help="how often parked events are tried again"
    )
    arguments = parser.parse_args()
    if not arguments.valkey:
        parser.error("--valkey or XIN_BROKER_VALKEY_URL is needed")
    host, _, port = arguments.listen.rpartition(":")
    Logger(service="xin-broker", level="INFO", utc=True, use_rfc3339=True, location="")  # the name of our loggers
    app = create_app(
        load(arguments.manifests),
        arguments.valkey,
        json.loads(arguments.subscribers.read_text("utf-8")),
        places=arguments.places,
        address=f"http://{arguments.listen}",
        bring_back_seconds=arguments.bring_back_seconds,
    )
    uvicorn.run(
        app,
        host=host,
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=REQUESTS_SECONDS,
    )


if __name__ == "__main__":
    main()
