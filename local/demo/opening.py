"""Opening the demo shop: seeds it, waits until its documents answer, and says so in `seed.json`."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from events import Context, KnowledgeUploaded
from local.demo.seed import Demo, describe, seed
from shared.knowledge.objects import Objects, knowledge_key
from shared.publishing import Publisher
from shared.settings import Settings
from shared.store import knowledge
from shared.store.knowledge import Upload
from shared.store.tenancy import Store

SOURCE = "/xin/demo"
DOCUMENTS = (("راهنمای مشتریان", "shop.fa.md"), ("Customer guide", "shop.en.md"))
INDEXING_SECONDS = 90


async def open_shop(demo: Demo, settings: Settings, functions: dict[str, str]) -> None:
    """Every start. Raises TimeoutError when the documents of a first start are not ready in time."""
    async with (
        Store.open(settings, role="xin_console", connections=2) as store,
        Publisher.of(settings, "demo") as publisher,
    ):
        if await seed(demo, store, settings):
            objects = Objects.of(settings)
            for title, name in DOCUMENTS:
                await _upload(demo, store, objects, publisher, title=title, name=name)
        async with asyncio.timeout(INDEXING_SECONDS):
            while await _still_indexing(demo, store):  # noqa: ASYNC110 - the rows have no other way to tell
                await asyncio.sleep(0.1)
        demo.home.write("seed.json", await describe(demo, store, functions))


async def _upload(demo: Demo, store: Store, objects: Objects, publisher: Publisher, *, title: str, name: str) -> None:
    content = (Path(__file__).parent / name).read_bytes()
    asset = demo.id(name)
    key = knowledge_key(demo.tenant, asset, 1)
    await objects.put_stream(key, _whole(content), limit=len(content))
    sha256 = hashlib.sha256(content).digest()
    context = Context.start(SOURCE)
    upload = Upload(key, name, "text/markdown", len(content), sha256, context.correlation_id)
    async with store.tenant(demo.tenant) as db:
        await knowledge.create(db, asset, upload, title=title)
    publisher.soon(KnowledgeUploaded(tenant=demo.tenant, asset=asset), context)


async def _still_indexing(demo: Demo, store: Store) -> bool:
    """Whether a document of the first start has not come to an end. One that its owner removed is none of ours."""
    ours: set[UUID] = {demo.id(name) for _, name in DOCUMENTS}
    async with store.tenant(demo.tenant) as db:
        assets = await knowledge.list_recent(db, limit=100)
    return any(asset.id in ours and asset.status in ("pending", "indexing") for asset in assets)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
