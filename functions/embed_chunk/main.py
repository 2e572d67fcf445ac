"""embed-chunk: turns uploads into passages that answer, and removes what was deleted, a slice at a time."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from events import Context, KnowledgeUploaded
from shared.hosting import Function
from shared.knowledge.embedding import open_embedder
from shared.knowledge.index import open_index
from shared.knowledge.ingestion import Ingestion
from shared.knowledge.objects import Objects
from shared.live import Live
from shared.publishing import Publisher
from shared.settings import Settings
from shared.store import knowledge
from shared.store.tenancy import Store

SOURCE = "/xin/embed-chunk"


@dataclass(frozen=True)
class Workshop:
    """What embed-chunk keeps open."""

    store: Store
    publisher: Publisher
    live: Live
    objects: Objects
    ingestion: Ingestion

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Raises MissingSetting."""
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(Store.open(settings, role="xin_embed", connections=4))
            publisher = await stack.enter_async_context(Publisher.of(settings, "embed-chunk"))
            live = await stack.enter_async_context(Live.open(settings, "embed-chunk"))
            index = open_index(settings)
            stack.push_async_callback(index.close)
            if (embedder := open_embedder(settings)) is not None:
                stack.push_async_callback(embedder.close)
            objects = Objects.of(settings)
            yield cls(store, publisher, live, objects, Ingestion(store, objects, index, embedder))

    async def show(self, tenant: UUID, asset: UUID) -> None:
        """Tells the console's screens how far the document is."""
        async with self.store.tenant(tenant) as db:
            found = await knowledge.find(db, asset)
        if found is None:
            self.live.tell(tenant, "knowledge.removed", {"id": asset})
            return
        counted = {"position": found.position, "total": found.total}
        state = {"id": asset, "status": found.status, "dense": found.dense, "reason": found.reason}
        self.live.tell(tenant, "knowledge.changed", state | counted)


function = Function("embed-chunk", opens=Workshop.open)
function.check("objects", lambda workshop: workshop.objects.ping())


@function.on(KnowledgeUploaded)
async def work_on_what_is_open(workshop: Workshop, event: KnowledgeUploaded, context: Context) -> None:
    """A document of another tenant, or none at all, has nothing open: the row-level policies hide it."""
    more = await workshop.ingestion.run(event.tenant, event.asset)
    await workshop.show(event.tenant, event.asset)
    if more:
        workshop.publisher.soon(event, context.follow(SOURCE))


handle = function.target()
