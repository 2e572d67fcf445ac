"""A tenant's documents: uploaded, versioned, deleted, and their passages read. The work on them is in ingestion_jobs.

A passage answers only while its document is not deleted and its version is the active one, whatever an index says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from shared.errors import NotFound
from shared.store.tenancy import Db

LOCK_BYTES = "SELECT pg_advisory_xact_lock(hashtextextended(current_tenant()::text || encode(%(sha256)s, 'hex'), 0))"

FIND_SAME = """
    SELECT a.id FROM ingestion_jobs j JOIN knowledge_assets a ON a.id = j.asset_id
     WHERE j.sha256 = %(sha256)s AND j.status <> 'failed' AND a.deleted_at IS NULL
       AND j.version >= coalesce(a.active_version, 0)
     ORDER BY a.created_at LIMIT 1
"""

INSERT_ASSET = """
    INSERT INTO knowledge_assets (id, tenant_id, title, name, brand_ids, created_by)
    VALUES (%(asset)s, current_tenant(), %(title)s, %(name)s, %(brands)s, %(created_by)s)
"""

INSERT_JOB = """
    INSERT INTO ingestion_jobs (tenant_id, asset_id, version, object_key, media_type, size, sha256, correlation_id)
    VALUES (current_tenant(), %(asset)s, %(version)s, %(key)s, %(media_type)s, %(size)s, %(sha256)s, %(correlation)s)
"""

NEXT_VERSION = """
    UPDATE knowledge_assets SET version = version + 1, updated_at = clock_timestamp()
     WHERE id = %(asset)s AND deleted_at IS NULL RETURNING version
"""

NAME_VERSION = """
    UPDATE knowledge_assets SET name = %(name)s, updated_at = clock_timestamp()
     WHERE id = %(asset)s AND deleted_at IS NULL RETURNING id
"""

EDIT = """
    UPDATE knowledge_assets SET title = coalesce(%(title)s, title), brand_ids = coalesce(%(brands)s, brand_ids),
           updated_at = clock_timestamp()
     WHERE id = %(asset)s AND deleted_at IS NULL RETURNING active_version
"""

INDEX_AGAIN = """
    UPDATE ingestion_jobs SET status = 'pending', updated_at = clock_timestamp()
     WHERE asset_id = %(asset)s AND version = %(version)s AND status = 'ready'
"""

DELETE = """
    UPDATE knowledge_assets SET deleted_at = clock_timestamp(), updated_at = clock_timestamp()
     WHERE id = %(asset)s AND deleted_at IS NULL RETURNING id
"""

# Stands before the file does: whoever is killed in between leaves a row that says what to remove. Its time is to come,
# so that nobody takes a file away that is still on its way; once the version is kept the row means nothing.
EXPECT = """
    INSERT INTO deletions (tenant_id, asset_id, version, created_at)
    VALUES (current_tenant(), %(asset)s, %(version)s, clock_timestamp() + interval '1 hour')
"""

LEAVE_TO_REMOVE = "INSERT INTO deletions (tenant_id, asset_id) VALUES (current_tenant(), %(asset)s)"

_ASSET = """
    SELECT a.id, a.title, a.name, a.brand_ids AS brands, coalesce(j.version, a.version) AS version, a.active_version,
           coalesce(j.status, 'pending') AS status, j.reason, coalesce(j.dense, 'off') AS dense,
           coalesce(j.position, 0) AS position, j.total, coalesce(j.size, 0) AS size,
           coalesce(j.media_type, '') AS media_type, a.created_at, a.updated_at
      FROM knowledge_assets a
      LEFT JOIN LATERAL (SELECT * FROM ingestion_jobs WHERE asset_id = a.id ORDER BY version DESC LIMIT 1) j ON true
     WHERE a.deleted_at IS NULL
"""

GET = f"{_ASSET} AND a.id = %(asset)s"

LIST = f"""
    {_ASSET}
       AND (a.created_at, a.id) < (coalesce(%(before)s, 'infinity'::timestamptz), coalesce(%(before_id)s, a.id))
     ORDER BY a.created_at DESC, a.id DESC LIMIT %(limit)s
"""

PASSAGES = """
    SELECT c.id AS chunk, c.asset_id AS asset, a.title, c.place, c.text
      FROM chunks c
      JOIN knowledge_assets a ON a.id = c.asset_id AND a.active_version = c.version AND a.deleted_at IS NULL
     WHERE c.id = ANY(%(chunks)s) AND (%(brands)s::uuid[] = '{}' OR a.brand_ids = '{}' OR a.brand_ids && %(brands)s)
"""

ACTIVE_INDEX = "SELECT active_index FROM tenants WHERE id = current_tenant()"


@dataclass(frozen=True)
class Upload:
    """A file that is already in the object store."""

    key: str
    name: str
    media_type: str
    size: int
    sha256: bytes
    correlation: str


@dataclass(frozen=True)
class Asset:
    """A document as the console shows it: `status`, `reason`, `dense` and the counts are of its newest version."""

    id: UUID
    title: str
    name: str
    brands: list[UUID]
    version: int
    active_version: int | None
    status: str
    reason: str | None
    dense: str
    position: int
    total: int | None
    size: int
    media_type: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class StoredPassage:
    """A passage that may answer."""

    chunk: UUID
    asset: UUID
    title: str
    place: str
    text: str


async def expect(db: Db, asset: UUID, version: int) -> None:
    """A file is about to be put into the object store. Unless `create` or `add_version` keeps it, it is removed."""
    await db.execute(EXPECT, {"asset": asset, "version": version})


async def create(
    db: Db, asset: UUID, upload: Upload, *, title: str, brands: Sequence[UUID] = (), created_by: UUID | None = None
) -> UUID:
    """Keeps a new document and its first job. Returns *asset*, or the document that already has the same bytes.

    In the second case the caller removes what it uploaded.
    """
    await db.execute(LOCK_BYTES, {"sha256": upload.sha256})  # the same file sent twice at once becomes one document
    if (same := await find_same(db, upload.sha256)) is not None:
        return same
    await db.execute(
        INSERT_ASSET,
        {"asset": asset, "title": title, "name": upload.name, "brands": list(brands), "created_by": created_by},
    )
    await _add_job(db, asset, 1, upload)
    return asset


async def find_same(db: Db, sha256: bytes) -> UUID | None:
    """The document whose active or coming version has these bytes; failed and deleted ones don't count."""
    row = await (await db.execute(FIND_SAME, {"sha256": sha256})).fetchone()
    return row[0] if row else None


async def next_version(db: Db, asset: UUID) -> int:
    """Takes a version's number, before its upload: the key in the object store needs it. Raises NotFound."""
    row = await (await db.execute(NEXT_VERSION, {"asset": asset})).fetchone()
    if row is None:
        raise NotFound(f"document {asset}")
    return int(row[0])


async def add_version(db: Db, asset: UUID, version: int, upload: Upload) -> None:
    """Keeps the job of a version from `next_version`. The active one answers until this is indexed. Raises NotFound."""
    if await (await db.execute(NAME_VERSION, {"asset": asset, "name": upload.name})).fetchone() is None:
        raise NotFound(f"document {asset}")
    await _add_job(db, asset, version, upload)


async def _add_job(db: Db, asset: UUID, version: int, upload: Upload) -> None:
    job = {"asset": asset, "version": version, "key": upload.key, "media_type": upload.media_type}
    counted = {"size": upload.size, "sha256": upload.sha256, "correlation": upload.correlation}
    await db.execute(INSERT_JOB, {**job, **counted})


async def edit(db: Db, asset: UUID, *, title: str | None = None, brands: Sequence[UUID] | None = None) -> None:
    """Changes what is given, and has the active version indexed again: both stand in the index. Raises NotFound."""
    changed = {"asset": asset, "title": title, "brands": None if brands is None else list(brands)}
    row = await (await db.execute(EDIT, changed)).fetchone()
    if row is None:
        raise NotFound(f"document {asset}")
    await db.execute(INDEX_AGAIN, {"asset": asset, "version": row[0]})


async def delete(db: Db, asset: UUID) -> None:
    """It stops answering at once; its file and vectors are removed by embed-chunk. Raises NotFound."""
    if await (await db.execute(DELETE, {"asset": asset})).fetchone() is None:
        raise NotFound(f"document {asset}")
    await db.execute(LEAVE_TO_REMOVE, {"asset": asset})


async def find(db: Db, asset: UUID) -> Asset | None:
    """None where the tenant has no such document, or deleted it."""
    cursor = db.cursor(row_factory=class_row(Asset))
    await cursor.execute(GET, {"asset": asset})
    return await cursor.fetchone()


async def get(db: Db, asset: UUID) -> Asset:
    """Raises NotFound, for a deleted one too."""
    if (found := await find(db, asset)) is None:
        raise NotFound(f"document {asset}")
    return found


async def list_recent(db: Db, *, limit: int, before: tuple[datetime, UUID] | None = None) -> list[Asset]:
    """Newest first; for the next page pass the last row's (created_at, id) as *before*."""
    at, last = before or (None, None)
    cursor = db.cursor(row_factory=class_row(Asset))
    await cursor.execute(LIST, {"before": at, "before_id": last, "limit": limit})
    return await cursor.fetchall()


async def passages(db: Db, chunks: Sequence[UUID], *, brands: Sequence[UUID] = ()) -> dict[UUID, StoredPassage]:
    """Those of *chunks* that may answer, by id: active, not deleted, and for one of *brands* where any are given."""
    cursor = db.cursor(row_factory=class_row(StoredPassage))
    await cursor.execute(PASSAGES, {"chunks": list(chunks), "brands": list(brands)})
    return {found.chunk: found for found in await cursor.fetchall()}


async def active_index(db: Db) -> str | None:
    """The name of the index that answers for the tenant; None before its first document."""
    row = await (await db.execute(ACTIVE_INDEX)).fetchone()
    return row[0] if row else None
