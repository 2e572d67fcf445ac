"""The database as it really is, held against what isolation needs; and every check can fail."""

from collections.abc import AsyncIterator

import pytest

from shared.store.tenancy import Db
from tests.conftest import PostgresServer
from tests.store import catalogue
from tests.store.catalogue import CHECKS

DATABASE = "catalogue"

HARM = [
    ("row_level_security", "DROP POLICY tenant ON messages"),
    ("row_level_security", "ALTER TABLE messages NO FORCE ROW LEVEL SECURITY"),
    ("row_level_security", "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY"),
    ("row_level_security", "ALTER POLICY tenant ON messages USING (true)"),
    ("row_level_security", "ALTER POLICY tenant ON messages WITH CHECK (true)"),
    ("row_level_security", "ALTER POLICY tenant ON messages TO xin_console"),
    ("row_level_security", "CREATE POLICY support ON messages FOR SELECT USING (true)"),
    ("row_level_security", "CREATE TABLE notes (id uuid PRIMARY KEY, tenant_id uuid NOT NULL)"),
    ("row_level_security", "CREATE TABLE secrets (id uuid PRIMARY KEY, text text)"),
    ("row_level_security", "CREATE VIEW everything AS SELECT * FROM messages"),
    ("foreign_keys", "ALTER TABLE messages ADD FOREIGN KEY (conversation_id) REFERENCES conversations (id)"),
    ("table_grants", "GRANT SELECT ON users TO xin_ingress"),
    ("table_grants", "GRANT SELECT (password_hash) ON users TO xin_orchestrate"),
    ("table_grants", "GRANT UPDATE ON conversations TO xin_deliver"),
    ("table_grants", "GRANT SELECT ON brands TO PUBLIC"),
    ("table_grants", "GRANT SELECT ON brands TO xin_app"),
    ("table_grants", "REVOKE SELECT ON brands FROM xin_console"),
    (
        "functions",
        "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM messages'",
    ),
    ("functions", "CREATE FUNCTION harmless() RETURNS integer LANGUAGE sql AS 'SELECT 1'"),
    ("functions", "ALTER FUNCTION prune() RESET search_path"),
    ("functions", "ALTER FUNCTION prune() SET search_path = pg_temp, public"),
    ("functions", "ALTER FUNCTION prune() OWNER TO xin_owner"),
    ("functions", "ALTER FUNCTION due_work(integer, interval) SECURITY INVOKER"),
    ("functions", "GRANT EXECUTE ON FUNCTION list_tenants() TO xin_console"),
    ("functions", "GRANT EXECUTE ON FUNCTION resolve_login(text) TO PUBLIC"),
    ("schema_grants", "GRANT CREATE ON SCHEMA public TO xin_console"),
    ("schema_grants", "GRANT USAGE ON SCHEMA public TO PUBLIC"),
    ("roles", "ALTER ROLE xin_console BYPASSRLS"),
    ("roles", "ALTER ROLE xin_tick SUPERUSER"),
    ("roles", "ALTER ROLE xin_app INHERIT"),
    ("roles", "ALTER ROLE xin_definer LOGIN"),
    ("roles", "ALTER TABLE brands OWNER TO xin_console"),
    ("roles", "GRANT xin_definer TO xin_app WITH INHERIT FALSE, SET TRUE"),
    ("roles", "GRANT xin_platform TO xin_ingress WITH INHERIT FALSE, SET TRUE"),
]
"""The check that must notice, and what a careless or hostile migration could do."""


@pytest.fixture(scope="module")
async def as_superuser(postgres: PostgresServer) -> AsyncIterator[Db]:
    await postgres.copy(DATABASE)
    async with postgres.server.superuser(DATABASE) as db:
        yield db
    await postgres.drop(DATABASE)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_as_it_should_be(as_superuser: Db, check: catalogue.Check) -> None:
    """Nothing is open that isn't on a list, and everything on a list is there."""
    assert await check(as_superuser) == []


@pytest.mark.parametrize(("name", "harm"), HARM, ids=[harm for _, harm in HARM])
async def test_harm_is_noticed(as_superuser: Db, name: str, harm: str) -> None:
    """Each way to open the database a little is noticed by the check that is there for it."""
    check = next(check for check in CHECKS if check.__name__ == name)
    await as_superuser.execute("BEGIN")
    try:
        await as_superuser.execute(harm)
        assert await check(as_superuser) != []
    finally:
        await as_superuser.execute("ROLLBACK")
