"""The baseline of documents coming in: one process that parses, cuts, vectorises and writes, page after page.

The same parser, passages, vectors, rows and index as the product's, without the object store, the jobs that survive a
kill, the events, and the limited process in which the product reads what a stranger made.
"""

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from uuid import UUID, uuid4, uuid5

from local.demo.seed import Demo
from local.functions import LOOPBACK, running
from local.machine.state import Home
from shared.knowledge.chunking import indexed_text, passages
from shared.knowledge.formats import read
from shared.knowledge.index import Fingerprint, Point, open_index
from shared.serving import server
from shared.settings import Settings
from shared.text.terms import passage_vector
from tests.bench.ingest import PAGES
from tests.bench.pages import pages
from tests.bench.stage import announce
from tests.bench.stores_only import nothing

HOME = Path(os.environ.get("XIN_HOME", "."))

ASSET = """
    INSERT INTO knowledge_assets (id, tenant_id, title, name, active_version) VALUES (%s, current_tenant(), %s, %s, 1)
"""
CHUNK = """
    INSERT INTO chunks (id, tenant_id, asset_id, version, ordinal, place, text)
    VALUES (%s, current_tenant(), %s, 1, %s, %s, %s)
"""


async def work(settings: Settings, tenant: UUID) -> float:
    """Seconds for all pages."""
    import psycopg

    index, collection = open_index(settings), Fingerprint()
    await index.ensure(collection)
    with tempfile.TemporaryDirectory() as folder:
        async with await psycopg.AsyncConnection.connect(os.environ["XIN_BENCH_OWNER_URL"]) as db:
            await db.execute("SELECT set_config('app.tenant_id', %s, false)", (str(tenant),))
            began = time.perf_counter()
            for name, content in pages(PAGES):
                path = Path(folder, name)
                path.write_bytes(content)
                document, asset = read(path, name), uuid4()
                title = document.title or name
                cut = [(uuid5(asset, str(i)), i, piece) for i, piece in enumerate(passages(document.sections))]
                await db.execute(ASSET, (asset, title, name))
                await db.cursor().executemany(CHUNK, [(c, asset, i, piece.place, piece.text) for c, i, piece in cut])
                vectors = [passage_vector(indexed_text(title, piece.place, piece.text)) for _, _, piece in cut]
                points = [
                    Point(c, tenant, asset, 1, (), vector) for (c, _, _), vector in zip(cut, vectors, strict=True)
                ]
                await index.upsert(collection, points)
                await db.commit()
            seconds = time.perf_counter() - began
    await index.close()
    return seconds


async def main() -> None:
    """In the place of the functions."""
    settings = Settings.load()
    seconds = await work(settings, Demo(Home(HOME), settings.public_url).tenant)
    (HOME / "straight.json").write_text(json.dumps({"seconds": seconds}))
    async with running({}, settings, server(nothing, host=LOOPBACK, port=settings.port)):
        announce(HOME)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
