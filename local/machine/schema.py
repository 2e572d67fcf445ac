"""Roles, database and migrations: what a PostgreSQL server needs before the functions may use it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from local.machine.postgres import Postgres
from local.machine.process import inherited
from local.machine.programs import program
from local.machine.trouble import CannotStart

OWNER = "xin_owner"
"""Owns the database and runs the migrations."""
APP = "xin_app"
"""What the functions sign in as. It owns nothing and may do nothing until it has become a function's role."""

FUNCTION_ROLES = (
    "xin_platform",
    "xin_ingress",
    "xin_orchestrate",
    "xin_embed",
    "xin_deliver",
    "xin_tick",
    "xin_console",
)

MIGRATIONS = Path(__file__).parents[2] / "shared/store/migrations"


@dataclass(frozen=True)
class DatabaseUrls:
    """The same database, as its owner and as the functions see it."""

    owner: str
    app: str


async def provision(server: Postgres, *, database: str, passwords: Mapping[str, str]) -> DatabaseUrls:
    """Makes roles and database where they are missing; *passwords* by role name (OWNER and APP)."""
    async with server.superuser() as connection:
        await _ensure_role(connection, OWNER, sql.SQL("LOGIN CREATEROLE"), passwords[OWNER])
        await _ensure_role(connection, APP, sql.SQL("LOGIN NOINHERIT"), passwords[APP])
        found = await connection.execute("SELECT FROM pg_database WHERE datname = %s", [database])
        if found.rowcount == 0:
            await connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(OWNER))
            )
    return DatabaseUrls(
        owner=server.url(OWNER, passwords[OWNER], database), app=server.url(APP, passwords[APP], database)
    )


async def _ensure_role(connection: psycopg.AsyncConnection, role: str, options: sql.SQL, password: str) -> None:
    found = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    verb = sql.SQL("ALTER" if found.rowcount else "CREATE")
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    await connection.execute(
        sql.SQL("{} ROLE {} {} PASSWORD {}").format(verb, sql.Identifier(role), options, sql.Literal(verifier))
    )


async def migrate(owner_url: str, migrations: Path = MIGRATIONS) -> None:
    """Applies what is not applied yet. Raises CannotStart with what the failed statement said."""
    parts = urlsplit(owner_url)
    if "sslmode=" not in parts.query and parts.hostname in ("127.0.0.1", "localhost"):
        parts = parts._replace(query=f"{parts.query}&sslmode=disable".lstrip("&"))
    process = await asyncio.create_subprocess_exec(
        *(str(program("dbmate")), "--migrations-dir", str(migrations), "--no-dump-schema", "migrate"),
        cwd="/",  # it would read a .env beside it
        env={**inherited(), "DATABASE_URL": urlunsplit(parts)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise CannotStart(f"A migration failed; nothing of it was kept:\n{said.decode(errors='replace').strip()}")


async def admit_functions(owner_url: str, app_role: str) -> None:
    """Lets *app_role* become each function's role, and be none of them by itself. The migrations make the roles."""
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        for role in FUNCTION_ROLES:
            await connection.execute(
                sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE").format(
                    sql.Identifier(role), sql.Identifier(app_role)
                )
            )


async def let_go(server: Postgres, database: str = "xin") -> None:
    """Frees what former functions held: they have surely ended, so nobody has to wait for their leases to run out.

    Taking a lease adds one to the epoch, so even a holder that lived on could commit nothing.
    """
    async with server.superuser(database) as connection:
        await connection.execute(
            "UPDATE conversations SET lease_event = NULL, lease_beat = NULL, send_until = least(send_until, now())"
            " WHERE lease_event IS NOT NULL OR send_part IS NOT NULL"
        )
