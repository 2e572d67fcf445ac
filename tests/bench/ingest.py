"""Documents on their way in: uploaded to the product until they answer, beside one process that only does the work."""

import json
import time

from tests.bench.pages import pages
from tests.bench.report import row
from tests.bench.stage import Bench
from tests.bench.uploading import signed_in, until, upload

PAGES = 200
SECONDS = 300


async def ingest(bench: Bench) -> None:
    """Pages a second from the first upload to the last document that is ready."""
    with bench.on() as running:
        async with signed_in(running) as client:
            await until(client, await upload(client, pages(4, first=PAGES + 1)), seconds=60)
            began = time.perf_counter()
            await until(client, await upload(client, pages(PAGES)), seconds=SECONDS)
            rate = PAGES / (time.perf_counter() - began)
    with bench.on("tests.bench.straight_ingest"):
        took = json.loads((bench.home / "straight.json").read_text())["seconds"]
    row("ingest_pages_per_s", rate, "pages/s", PAGES / took)
