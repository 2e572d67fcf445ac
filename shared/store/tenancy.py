"""The way to the database: a pool of connections under the function's own role, and the tenant's transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from shared.errors import Retryable
from shared.settings import Settings

Db = AsyncConnection[TupleRow]
"""A connection inside a transaction. A module's functions take it first and leave the transaction to the caller."""


WAITING_SECONDS = 5
"""For a connection."""
RECONNECTING_SECONDS = 5
"""For so long the pool tries by itself, each time after twice the pause; then the next who asks begins anew. With its
own 300 s the pauses grow to two minutes, and so long a database that is back would still count as away."""


class DatabaseAway(Retryable):
    """Postgres can't be reached or has no connection left."""


class Store:
    """Transactions for one function. Open it once; share it."""

    def __init__(self, pool: AsyncConnectionPool[Db]) -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, *, role: str, connections: int = 8) -> AsyncIterator[Self]:
        """*role* is the function's own database role. Does not wait for the database to be there.

        Raises MissingSetting without DATABASE_URL.
        """
        settings.require("database_url")
        pool: AsyncConnectionPool[Db] = AsyncConnectionPool(
            settings.database_url.get_secret_value(),
            kwargs={"autocommit": True, "options": f"-c role={role}", "application_name": role},
            min_size=1,
            max_size=connections,
            timeout=WAITING_SECONDS,
            reconnect_timeout=RECONNECTING_SECONDS,
            max_idle=60,
            open=False,
        )
        await pool.open()
        try:
            yield cls(pool)
        finally:
            await pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Db]:
        """A connection in autocommit and outside any tenant: for the definer functions. Raises DatabaseAway."""
        try:
            async with self._pool.connection() as db:
                yield db
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as problem:
            raise DatabaseAway(f"the database is away: {type(problem).__name__}") from problem

    @asynccontextmanager
    async def tenant(self, tenant: UUID) -> AsyncIterator[Db]:
        """A transaction that sees *tenant* alone; committed at the end, rolled back on error. Raises DatabaseAway."""
        async with self._transaction(f"BEGIN; SET LOCAL app.tenant_id = '{UUID(str(tenant))}'") as db:
            yield db

    @asynccontextmanager
    async def platform(self) -> AsyncIterator[Db]:
        """A transaction of the platform's administrator: tenants, and letters that have none. Raises DatabaseAway."""
        async with self._transaction("BEGIN; SET LOCAL ROLE xin_platform") as db:
            yield db

    @asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncIterator[Db]:
        async with self.connection() as db:
            await db.execute(begin)  # both statements in one round trip
            try:
                yield db
            except BaseException:
                if not db.closed:
                    await db.rollback()
                raise
            await db.commit()

    async def ping(self) -> None:
        """Raises DatabaseAway."""
        async with self.connection() as db:
            await db.execute("SELECT 1")


def one(row: TupleRow | None) -> Any:
    """The only column of the only row. Raises AssertionError when there is none: the statement promised one."""
    assert row is not None
    return row[0]
