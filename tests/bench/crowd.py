"""Fills the stores as years of many tenants would: rows by `crowd.sql`, secrets and vectors by our own code."""

from pathlib import Path
from uuid import UUID

import psycopg
from pydantic import SecretStr

from local.demo.seed import Demo
from local.machine.postgres import Postgres
from local.machine.state import Home
from shared.knowledge.chunking import indexed_text
from shared.knowledge.index import Fingerprint, Point
from shared.knowledge.qdrant_edge import QdrantEdge
from shared.security.vault import Vault
from shared.settings import Settings
from shared.store import channels
from shared.text.terms import SparseVector, passage_vector

TENANTS = 1_000
CONVERSATIONS = 100_000
EXCHANGES = 5
"""Questions in a conversation, each with its answer: a million messages in all."""
POINTS_AT_ONCE = 1_000

PASSAGES = """
    SELECT c.id, c.tenant_id, c.asset_id, a.title, c.place, c.text
      FROM chunks c JOIN knowledge_assets a ON a.id = c.asset_id WHERE c.tenant_id <> %s
"""
TIDY = ("VACUUM (ANALYZE)", "CHECKPOINT")
"""What autovacuum would do in the following minutes, and what the writes left to the disk."""


async def fill(folder: Path, port: int) -> list[str]:
    """Fills the stores of the stage in *folder*, where nothing else runs; the paths of the Telegram webhooks."""
    home = Home(folder)
    demo = Demo(home, "").tenant
    given = {"demo": demo, "tenants": TENANTS, "conversations": CONVERSATIONS, "exchanges": EXCHANGES}
    async with Postgres(home.directory("postgres"), port).superuser("xin") as db:
        for name, value in given.items():
            await db.execute("SELECT set_config(%s, %s, false)", (f"bench.{name}", str(value)))
        await db.execute((Path(__file__).parent / "crowd.sql").read_bytes())
        opened = await (await db.execute("SELECT tenant, telegram FROM shop ORDER BY n")).fetchall()
        await _give_secrets(db, home, opened)
        await _index(db, home.directory("vectors"), demo)
        for statement in TIDY:
            await db.execute(statement)
    return [f"/fn/ingress-telegram/{channel}" for _, channel in opened]


async def _give_secrets(db: psycopg.AsyncConnection, home: Home, opened: list[tuple[UUID, UUID]]) -> None:
    """The demo's own, so that one client may write to all of them."""
    vault = Vault(Settings(secret_keys=SecretStr(home.secret("secret keys"))).encryption_keys)
    shown = Demo(home, "").channel("telegram")
    for tenant, channel in opened:
        for name in ("secret_token", "bot_token"):
            await channels.put_secret(db, tenant, channel, vault, name=name, value=shown[name])


async def _index(db: psycopg.AsyncConnection, folder: Path, demo: UUID) -> None:
    """Every tenant's passages; they say the same, so each vector is made once."""
    index, collection = QdrantEdge(folder), Fingerprint()
    points: list[Point] = []
    made: dict[str, SparseVector] = {}
    for chunk, tenant, asset, *said in await (await db.execute(PASSAGES, (demo,))).fetchall():
        text = indexed_text(*said)
        vector = made[text] = made.get(text) or passage_vector(text)
        points.append(Point(chunk, tenant, asset, 1, (), vector))
    for start in range(0, len(points), POINTS_AT_ONCE):
        await index.upsert(collection, points[start : start + POINTS_AT_ONCE])
    await index.close()
