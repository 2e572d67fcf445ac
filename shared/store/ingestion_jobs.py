"""Work on documents: who may do it now, how far it is, and what is left to remove.

A job belongs to a version of a document. Whoever claims it holds a lease; every step renews it and is written only
while the lease is still the row's and the version is still wanted, so a slow or doubled worker changes nothing.
Statements are put together from constants of this module alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from shared.store.tenancy import Db, one

LEASE_SECONDS = 30
SUPERSEDED = "superseded: A newer version took its place."

# Wanted: not deleted, and no newer version answers.
_WANTED = """
    EXISTS (SELECT 1 FROM knowledge_assets a
             WHERE a.id = j.asset_id AND a.deleted_at IS NULL AND j.version >= coalesce(a.active_version, 0))
"""
_HELD = f"j.id = %(id)s AND j.lease_until = %(lease)s AND {_WANTED}"
_RENEWED = f"lease_until = clock_timestamp() + interval '{LEASE_SECONDS} s', updated_at = clock_timestamp()"

# A job set back to 'pending' begins anew: it was edited.
CLAIM = f"""
    UPDATE ingestion_jobs AS j SET {_RENEWED}, attempts = j.attempts + 1,
           status = CASE j.status WHEN 'pending' THEN 'indexing' ELSE j.status END,
           position = CASE j.status WHEN 'pending' THEN 0 ELSE j.position END,
           dense_position = CASE j.status WHEN 'pending' THEN 0 ELSE j.dense_position END
      FROM knowledge_assets AS a
     WHERE a.id = j.asset_id
       AND j.id = (SELECT j.id FROM ingestion_jobs j
                    WHERE j.asset_id = %(asset)s AND (j.status IN ('pending', 'indexing') OR j.dense = 'pending')
                      AND coalesce(j.lease_until, '-infinity') < clock_timestamp() AND {_WANTED}
                    ORDER BY (j.status IN ('pending', 'indexing')) DESC, j.version LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING j.id, j.asset_id AS asset, j.version, j.object_key AS key, j.status, j.dense, j.position, j.total,
              j.dense_position, j.attempts, j.lease_until AS lease, a.title, a.name, a.brand_ids AS brands
"""  # noqa: S608

PROGRESS = f"""
    UPDATE ingestion_jobs AS j
       SET {_RENEWED}, attempts = 0, position = %(position)s, dense_position = %(dense_position)s
     WHERE {_HELD} RETURNING lease_until
"""  # noqa: S608

KEEP_TOTAL = f"""
    UPDATE ingestion_jobs AS j SET {_RENEWED}, attempts = 0, total = %(total)s WHERE {_HELD} RETURNING lease_until
"""  # noqa: S608

INSERT_CHUNK = """
    INSERT INTO chunks (id, tenant_id, asset_id, version, ordinal, place, text)
    VALUES (%s, current_tenant(), %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""

TITLE = "UPDATE knowledge_assets SET title = %(title)s WHERE id = %(asset)s AND title = %(was)s"

CHUNKS = """
    SELECT id, ordinal, place, text FROM chunks
     WHERE asset_id = %(asset)s AND version = %(version)s AND ordinal >= %(start)s ORDER BY ordinal LIMIT %(limit)s
"""

LET_GO = """
    UPDATE ingestion_jobs AS j SET updated_at = clock_timestamp(),
           lease_until = CASE WHEN %(pause)s > 0 THEN clock_timestamp() + %(pause)s * interval '1 s' END
     WHERE j.id = %(id)s AND j.lease_until = %(lease)s
"""

FAIL = f"""
    UPDATE ingestion_jobs AS j SET status = 'failed', reason = %(reason)s, dense = 'off', lease_until = NULL,
           updated_at = clock_timestamp()
     WHERE {_HELD} RETURNING asset_id
"""  # noqa: S608

LEAVE_VERSION = "INSERT INTO deletions (tenant_id, asset_id, version) VALUES (current_tenant(), %(asset)s, %(version)s)"

ACTIVATE = """
    UPDATE knowledge_assets SET active_version = %(version)s, updated_at = clock_timestamp()
     WHERE id = %(asset)s AND deleted_at IS NULL AND coalesce(active_version, 0) <= %(version)s RETURNING id
"""

READY = f"""
    UPDATE ingestion_jobs AS j SET {_RENEWED}, status = 'ready', reason = NULL, dense = %(dense)s
     WHERE {_HELD} RETURNING lease_until
"""  # noqa: S608

SUPERSEDE = """
    UPDATE ingestion_jobs SET dense = 'off', updated_at = clock_timestamp(),
           status = CASE WHEN status IN ('pending', 'indexing') THEN 'failed' ELSE status END,
           reason = CASE WHEN status IN ('pending', 'indexing') THEN %(reason)s ELSE reason END
     WHERE asset_id = %(asset)s AND version < %(version)s
"""

LEAVE_OLDER = """
    INSERT INTO deletions (tenant_id, asset_id, version)
    SELECT tenant_id, asset_id, version FROM ingestion_jobs WHERE asset_id = %(asset)s AND version < %(version)s
"""

# A document becomes ready and an index begins to answer one after the other: never ready in an index that just left.
LOCK_INDEX = "SELECT active_index FROM tenants WHERE id = current_tenant() FOR NO KEY UPDATE"

FIRST_INDEX = "UPDATE tenants SET active_index = %(index)s WHERE id = current_tenant() AND active_index IS NULL"

DENSE_DONE = f"""
    UPDATE ingestion_jobs AS j SET dense = %(dense)s, lease_until = NULL, updated_at = clock_timestamp()
     WHERE {_HELD} AND j.status = 'ready' RETURNING id
"""  # noqa: S608

OPEN = f"""
    SELECT EXISTS (SELECT 1 FROM ingestion_jobs j WHERE j.asset_id = %(asset)s AND {_WANTED}
                      AND (j.status IN ('pending', 'indexing') OR j.dense = 'pending')
                      AND coalesce(j.lease_until, '-infinity') < clock_timestamp())
        OR EXISTS (SELECT 1 FROM deletions d WHERE d.asset_id = %(asset)s AND d.created_at < clock_timestamp()
                      AND NOT EXISTS (SELECT 1 FROM ingestion_jobs j WHERE j.asset_id = d.asset_id
                                         AND j.version = coalesce(d.version, j.version)
                                         AND j.lease_until > clock_timestamp()))
"""  # noqa: S608

# What is expected of an upload under way is not yet one, unless its version has been kept: then the row may go.
LEFTOVERS = f"""
    SELECT d.id, d.asset_id AS asset, d.version, k.kept,
           (SELECT object_key FROM ingestion_jobs WHERE asset_id = d.asset_id AND version = d.version) AS key,
           EXISTS (SELECT 1 FROM ingestion_jobs j WHERE j.asset_id = d.asset_id AND j.lease_until > clock_timestamp()
                      AND j.version = coalesce(d.version, j.version)) AS busy
      FROM deletions d
     CROSS JOIN LATERAL (SELECT EXISTS (SELECT 1 FROM ingestion_jobs j
                                         WHERE j.asset_id = d.asset_id AND j.version = d.version
                                           AND j.status <> 'failed' AND {_WANTED}) AS kept) k
     WHERE d.asset_id = %(asset)s AND (k.kept OR d.created_at < clock_timestamp()) ORDER BY d.version NULLS LAST
"""  # noqa: S608

REMOVE_CHUNKS = "DELETE FROM chunks WHERE asset_id = %(asset)s AND version = %(version)s"

REMOVE_JOB = """
    DELETE FROM ingestion_jobs WHERE asset_id = %(asset)s AND version = %(version)s
       AND version < (SELECT active_version FROM knowledge_assets WHERE id = %(asset)s)
"""

REMOVE_ASSET = "DELETE FROM knowledge_assets WHERE id = %(asset)s AND deleted_at IS NOT NULL"

REMOVED = "DELETE FROM deletions WHERE id = %(id)s"

INDEXED = """
    SELECT j.id, j.asset_id AS asset, j.version, j.total
      FROM ingestion_jobs j JOIN knowledge_assets a ON a.id = j.asset_id AND a.active_version = j.version
     WHERE a.deleted_at IS NULL AND j.status = 'ready' AND j.dense <> 'pending' AND j.total IS NOT NULL
"""

FILL = """
    UPDATE ingestion_jobs SET dense = 'pending', dense_position = 0, updated_at = clock_timestamp()
     WHERE id = ANY(%(jobs)s) AND status = 'ready' AND dense <> 'pending'
"""

FILL_OFF = """
    UPDATE ingestion_jobs j SET dense = 'pending', dense_position = 0, updated_at = clock_timestamp()
      FROM knowledge_assets a
     WHERE a.id = j.asset_id AND a.active_version = j.version AND a.deleted_at IS NULL
       AND j.status = 'ready' AND j.dense = 'off'
"""

FLIP = """
    UPDATE tenants SET active_index = %(index)s
     WHERE id = current_tenant() AND active_index IS DISTINCT FROM %(index)s
       AND NOT EXISTS (SELECT 1 FROM ingestion_jobs j
                         JOIN knowledge_assets a ON a.id = j.asset_id AND a.active_version = j.version
                        WHERE a.deleted_at IS NULL AND (j.dense = 'pending' OR j.status <> 'ready'))
    RETURNING id
"""


class IndexMoved(Exception):
    """Another index answers since: what was written to the old one must be written again."""


class LeaseLost(Exception):
    """The document was deleted, has a newer version, or somebody else works on it: stop, and write nothing more."""


@dataclass(frozen=True)
class Job:
    """A claimed job. `position` passages of `total` have sparse vectors, `dense_position` have dense ones."""

    id: UUID
    asset: UUID
    version: int
    key: str
    status: str
    dense: str
    position: int
    total: int | None
    dense_position: int
    attempts: int
    lease: datetime
    title: str
    name: str
    brands: list[UUID]


@dataclass(frozen=True)
class Chunk:
    """A passage to index."""

    id: UUID
    ordinal: int
    place: str
    text: str


@dataclass(frozen=True)
class Leftover:
    """To be removed: a version, or the whole document where `version` is None. `busy`: a lease still runs on it.

    `kept`: it was only expected, and is a version like any other now.
    """

    id: UUID
    asset: UUID
    version: int | None
    key: str | None
    busy: bool
    kept: bool


@dataclass(frozen=True)
class Indexed:
    """A version that answers."""

    id: UUID
    asset: UUID
    version: int
    total: int


async def claim(db: Db, asset: UUID) -> Job | None:
    """The next work on *asset*: words before meaning, older versions first. None: there is none, or others have it."""
    cursor = db.cursor(row_factory=class_row(Job))
    await cursor.execute(CLAIM, {"asset": asset})
    return await cursor.fetchone()


async def keep_chunks(db: Db, job: Job, chunks: Sequence[Chunk], *, title: str) -> Job:
    """The passages of a document that was just read; *title* replaces the one it was claimed with. Raises LeaseLost."""
    kept = await _held(db, KEEP_TOTAL, job, {"total": len(chunks)})
    rows = [(c.id, job.asset, job.version, c.ordinal, c.place, c.text) for c in chunks]
    await db.cursor().executemany(INSERT_CHUNK, rows)
    await db.execute(TITLE, {"asset": job.asset, "title": title, "was": job.title})
    return replace(kept, total=len(chunks), title=title)


async def chunks_from(db: Db, job: Job, start: int, *, limit: int) -> list[Chunk]:
    """In order of the document, from the ordinal *start*."""
    cursor = db.cursor(row_factory=class_row(Chunk))
    await cursor.execute(CHUNKS, {"asset": job.asset, "version": job.version, "start": start, "limit": limit})
    return await cursor.fetchall()


async def progress(db: Db, job: Job, *, position: int | None = None, dense_position: int | None = None) -> Job:
    """Renews the lease and says how far it is. Raises LeaseLost."""
    moved = replace(
        job,
        attempts=0,
        position=job.position if position is None else position,
        dense_position=job.dense_position if dense_position is None else dense_position,
    )
    return await _held(db, PROGRESS, moved, {"position": moved.position, "dense_position": moved.dense_position})


async def activate(db: Db, job: Job, *, index: str, dense: str) -> Job:
    """From now on this version answers, from *index*; older ones are to be removed. Raises LeaseLost, IndexMoved."""
    key = {"asset": job.asset, "version": job.version, "reason": SUPERSEDED}
    if one(await (await db.execute(LOCK_INDEX)).fetchone()) not in (None, index):
        raise IndexMoved
    if await (await db.execute(ACTIVATE, key)).fetchone() is None:
        raise LeaseLost
    ready = await _held(db, READY, job, {"dense": dense})
    await db.execute(SUPERSEDE, key)
    await db.execute(LEAVE_OLDER, key)
    await db.execute(FIRST_INDEX, {"index": index})
    return replace(ready, status="ready", dense=dense)


async def dense_done(db: Db, job: Job, *, dense: str) -> None:
    """Its points are whole: *dense* says with which vectors, ready or off. The lease is let go. Raises LeaseLost."""
    if await (await db.execute(DENSE_DONE, {"id": job.id, "lease": job.lease, "dense": dense})).fetchone() is None:
        raise LeaseLost


async def fail(db: Db, job: Job, reason: str) -> None:
    """The version will not be tried again; an older one that answers goes on. Raises LeaseLost."""
    held = {"id": job.id, "lease": job.lease, "reason": reason}
    if await (await db.execute(FAIL, held)).fetchone() is None:
        raise LeaseLost
    await db.execute(LEAVE_VERSION, {"asset": job.asset, "version": job.version})


async def let_go(db: Db, job: Job, *, pause_seconds: float = 0) -> None:
    """Anybody may go on with it, after the pause. Quiet where it is somebody else's already."""
    await db.execute(LET_GO, {"id": job.id, "lease": job.lease, "pause": pause_seconds})


async def is_open(db: Db, asset: UUID) -> bool:
    """Whether there is something that can be done now."""
    row = await (await db.execute(OPEN, {"asset": asset})).fetchone()
    return bool(row and row[0])


async def leftovers(db: Db, asset: UUID) -> list[Leftover]:
    """What is to be removed of *asset*, whole documents last; and what was only expected, and has been kept."""
    cursor = db.cursor(row_factory=class_row(Leftover))
    await cursor.execute(LEFTOVERS, {"asset": asset})
    return await cursor.fetchall()


async def removed(db: Db, leftover: Leftover) -> None:
    """Its file and vectors are gone: its rows follow. Of what is kept only the leftover itself goes."""
    key = {"id": leftover.id, "asset": leftover.asset, "version": leftover.version}
    if leftover.version is None:
        await db.execute(REMOVE_ASSET, key)  # passages and jobs go with it
    elif not leftover.kept:
        await db.execute(REMOVE_CHUNKS, key)
        await db.execute(REMOVE_JOB, key)
    await db.execute(REMOVED, key)


async def indexed(db: Db) -> list[Indexed]:
    """Every version of the tenant's that answers and isn't being filled into another index."""
    cursor = db.cursor(row_factory=class_row(Indexed))
    await cursor.execute(INDEXED)
    return await cursor.fetchall()


async def fill(db: Db, jobs: Sequence[UUID]) -> None:
    """Marks them for the dense pass, from the start."""
    await db.execute(FILL, {"jobs": list(jobs)})


async def fill_off(db: Db) -> None:
    """Marks what has no dense vectors: there is a model now."""
    await db.execute(FILL_OFF)


async def flip(db: Db, index: str) -> bool:
    """Lets *index* answer, if every document that answers is in it. False: not yet, or it answers already."""
    await db.execute(LOCK_INDEX)
    return await (await db.execute(FLIP, {"index": index})).fetchone() is not None


async def _held(db: Db, statement: str, job: Job, values: dict[str, object]) -> Job:
    row = await (await db.execute(statement, {"id": job.id, "lease": job.lease, **values})).fetchone()
    if row is None:
        raise LeaseLost
    return replace(job, lease=row[0])
