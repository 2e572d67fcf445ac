"""A document's whole way on real parts: Postgres, an S3 server, Qdrant Edge, and a small honest model server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from shared.knowledge.embedding import EndpointEmbedder
from shared.knowledge.ingestion import Ingestion, title_of
from shared.knowledge.objects import Objects, knowledge_key
from shared.knowledge.qdrant_edge import QdrantEdge
from shared.knowledge.search import Searcher
from shared.store import knowledge
from shared.store.knowledge import Asset, Upload
from shared.store.tenancy import Store
from tests.conftest import S3, PostgresServer
from tests.knowledge.fake_embeddings import FakeEmbeddings
from tests.tenants import Tenant, found, open_store


@pytest.fixture
def objects(object_store: S3) -> Objects:
    """The session's store; keys begin with a tenant, so tests don't meet."""
    return Objects(
        endpoint=object_store.endpoint,
        bucket=object_store.bucket,
        access_key=object_store.access_key,
        secret_key=object_store.secret_key,
    )


@pytest.fixture
def model() -> FakeEmbeddings:
    return FakeEmbeddings()


@dataclass
class Library:
    """A tenant's documents, with everything that works on them."""

    url: str
    tenant: Tenant
    console: Store
    worker: Store
    objects: Objects
    index: QdrantEdge
    model: FakeEmbeddings
    embedder: EndpointEmbedder | None = None
    clients: list[EndpointEmbedder] = field(default_factory=list)

    def with_model(self, name: str = "small") -> None:
        """From now on there are dense vectors."""
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.model))
        self.embedder = EndpointEmbedder("http://model/v1", name, client=client)
        self.clients.append(self.embedder)

    def ingestion(self, **options: float) -> Ingestion:
        return Ingestion(self.worker, self.objects, self.index, self.embedder, **options)

    def searcher(self) -> Searcher:
        return Searcher(self.console, self.index, self.embedder)

    async def upload(self, text: str | bytes, *, name: str = "راهنما.md", brands: tuple[UUID, ...] = ()) -> UUID:
        """As the console does it; the document's id, an old one where the bytes are known."""
        asset = uuid4()
        kept = await self._put(asset, 1, text, name)
        async with self.console.tenant(self.tenant.id) as db:
            return await knowledge.create(db, asset, kept, title=title_of(name), brands=brands)

    async def replace(self, asset: UUID, text: str | bytes, *, name: str = "راهنما.md") -> int:
        """A new version."""
        async with self.console.tenant(self.tenant.id) as db:
            version = await knowledge.next_version(db, asset)
        kept = await self._put(asset, version, text, name)
        async with self.console.tenant(self.tenant.id) as db:
            await knowledge.add_version(db, asset, version, kept)
        return version

    async def _put(self, asset: UUID, version: int, text: str | bytes, name: str) -> Upload:
        async def chunks() -> AsyncIterator[bytes]:
            yield text.encode() if isinstance(text, str) else text

        stored = await self.objects.put_stream(
            knowledge_key(self.tenant.id, asset, version), chunks(), limit=10_000_000
        )
        return Upload(stored.key, name, "text/markdown", stored.size, stored.sha256, "correlation")

    async def ingest(self, asset: UUID) -> None:
        """Until nothing is open."""
        for _ in range(50):
            if not await self.ingestion().run(self.tenant.id, asset):
                return
        raise AssertionError("it never ends")

    async def add(self, text: str | bytes, *, name: str = "راهنما.md", brands: tuple[UUID, ...] = ()) -> UUID:
        """Uploaded and indexed."""
        asset = await self.upload(text, name=name, brands=brands)
        await self.ingest(asset)
        return asset

    async def delete(self, asset: UUID) -> None:
        async with self.console.tenant(self.tenant.id) as db:
            await knowledge.delete(db, asset)

    async def get(self, asset: UUID) -> Asset:
        async with self.console.tenant(self.tenant.id) as db:
            return await knowledge.get(db, asset)

    async def texts(self, query: str, **options: object) -> list[str]:
        """What a search finds, best first."""
        answer = await self.searcher().search(self.tenant.id, query, **options)  # type: ignore[arg-type]
        return [p.text for p in answer.passages]

    async def rows(self, statement: str) -> list[tuple[object, ...]]:
        async with self.worker.tenant(self.tenant.id) as db:
            return await (await db.execute(statement)).fetchall()


@pytest.fixture
async def library(
    postgres: PostgresServer, objects: Objects, model: FakeEmbeddings, tmp_path: Path
) -> AsyncIterator[Library]:
    index = QdrantEdge(tmp_path / "vectors")
    async with (
        open_store(postgres.app, role="xin_console") as console,
        open_store(postgres.app, role="xin_embed") as worker,
    ):
        library = Library(postgres.app, await found(postgres.app), console, worker, objects, index, model)
        yield library
        for client in library.clients:
            await client.close()
    await index.close()
