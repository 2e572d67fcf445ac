"""A shop's documents: put in as the console does it, and what is left of them in rows, files and vectors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import boto3

from shared.knowledge.index import Fingerprint
from shared.knowledge.ingestion import title_of
from shared.knowledge.objects import Objects, knowledge_key, knowledge_prefix
from shared.knowledge.qdrant_edge import QdrantEdge
from shared.store import knowledge
from shared.store.knowledge import Upload
from shared.store.tenancy import Store
from tests.conftest import S3
from tests.faults.shop import Shop
from tests.tenants import open_store

COUNT = """
    SELECT (SELECT count(*) FROM knowledge_assets WHERE tenant_id = %(t)s),
           (SELECT count(*) FROM knowledge_assets WHERE tenant_id = %(t)s AND active_version IS NOT NULL
               AND deleted_at IS NULL),
           (SELECT count(*) FROM chunks WHERE tenant_id = %(t)s),
           (SELECT count(*) FROM ingestion_jobs WHERE tenant_id = %(t)s AND status <> 'ready'),
           (SELECT count(*) FROM deletions WHERE tenant_id = %(t)s)
"""


@dataclass(frozen=True)
class Left:
    """What there is of a tenant's documents."""

    documents: int
    answering: int
    passages: int
    """Rows."""
    points: int
    """In the vector index."""
    files: int
    unfinished: int = 0
    """Jobs that are not ready, and what still is to be removed."""

    def __str__(self) -> str:
        """For the table."""
        if not (self.documents or self.passages or self.points or self.files):
            return "nothing left: no row, no passage, no vector, no file"
        same = f"{self.passages} passages, as many vectors" if self.points == self.passages else "passages ≠ vectors"
        files = "one file" if self.files == 1 else f"{self.files} files"
        document = "one document that answers" if self.documents == self.answering == 1 else "no document that answers"
        return f"{document}, {same}, {files}"


@dataclass(frozen=True)
class Documents:
    """Of one shop, whose vectors lie in *folder*."""

    shop: Shop
    console: Store
    object_store: S3
    folder: Path

    @classmethod
    @asynccontextmanager
    async def open(cls, shop: Shop, url: str, object_store: S3, folder: Path) -> AsyncIterator[Self]:
        """*url*: the database as functions sign in."""
        async with open_store(url, role="xin_console") as console:
            yield cls(shop, console, object_store, folder)

    async def upload(self, text: str) -> UUID:
        """A new document, with nobody told."""
        asset = uuid4()
        kept = await self._put(asset, 1, text)
        async with self.console.tenant(self.shop.tenant.id) as db:
            return await knowledge.create(db, asset, kept, title=title_of(kept.name))

    async def replace(self, asset: UUID, text: str) -> None:
        """A new version, with nobody told."""
        async with self.console.tenant(self.shop.tenant.id) as db:
            version = await knowledge.next_version(db, asset)
        kept = await self._put(asset, version, text)
        async with self.console.tenant(self.shop.tenant.id) as db:
            await knowledge.add_version(db, asset, version, kept)

    async def delete(self, asset: UUID) -> None:
        """With nobody told."""
        async with self.console.tenant(self.shop.tenant.id) as db:
            await knowledge.delete(db, asset)

    async def left(self) -> Left:
        """Once no process has the vectors open."""
        statement = await self.shop.database.execute(COUNT, {"t": self.shop.tenant.id})
        (row,) = await statement.fetchall()
        documents, answering, passages, unfinished, deletions = row
        index = QdrantEdge(self.folder)
        points = await index.count(Fingerprint(), self.shop.tenant.id)
        await index.close()
        return Left(documents, answering, passages, points, await self.files(), unfinished + deletions)

    async def files(self) -> int:
        """In the object store."""
        return len(await asyncio.to_thread(self._keys))

    def _keys(self) -> list[Any]:
        at = self.object_store
        client = boto3.client(
            "s3",
            endpoint_url=at.endpoint,
            aws_access_key_id=at.access_key,
            aws_secret_access_key=at.secret_key,
            region_name="us-east-1",
        )
        prefix = knowledge_prefix(self.shop.tenant.id, UUID(int=0)).partition(str(UUID(int=0)))[0]
        return list(client.list_objects_v2(Bucket=at.bucket, Prefix=prefix).get("Contents", []))

    async def _put(self, asset: UUID, version: int, text: str) -> Upload:
        async def chunks() -> AsyncIterator[bytes]:
            yield text.encode()

        at = self.object_store
        objects = Objects(endpoint=at.endpoint, bucket=at.bucket, access_key=at.access_key, secret_key=at.secret_key)
        key = knowledge_key(self.shop.tenant.id, asset, version)
        stored = await objects.put_stream(key, chunks(), limit=10_000_000)
        return Upload(stored.key, "راهنما.md", "text/markdown", stored.size, stored.sha256, "correlation")


def document(passages: int, word: str) -> str:
    """A text of so many passages."""
    return "\n\n".join(f"# بخش {number}\n\nشمارهٔ {word} در این بخش {number} است." for number in range(passages))
