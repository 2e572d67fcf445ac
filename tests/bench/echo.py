"""The baseline of taking in: a bare functions-framework function that does one INSERT and one XADD, and answers."""

import asyncio
import os
from pathlib import Path

import functions_framework.aio
import uvicorn
from functions_framework.aio import create_asgi_app
from psycopg_pool import AsyncConnectionPool
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import Response

from tests.bench.stage import announce

HOME = Path(os.environ.get("XIN_HOME", "."))
opening = asyncio.Lock()
opened: list[tuple[AsyncConnectionPool, Redis]] = []


async def stores() -> tuple[AsyncConnectionPool, Redis]:
    """Opened at the first request: functions-framework has no lifespan."""
    async with opening:
        if not opened:
            url = os.environ["XIN_BENCH_OWNER_URL"]
            pool = AsyncConnectionPool(url, kwargs={"autocommit": True}, min_size=4, max_size=8, open=False)
            await pool.open()
            async with pool.connection() as db:
                await db.execute("CREATE TABLE IF NOT EXISTS bench_echo (id bigserial PRIMARY KEY, body bytea)")
            opened.append((pool, Redis.from_url(os.environ["XIN_BENCH_VALKEY_URL"])))
    return opened[0]


@functions_framework.aio.http
async def handle(request: Request) -> Response:
    body = await request.body()
    pool, redis = await stores()
    async with pool.connection() as db:
        await db.execute("INSERT INTO bench_echo (body) VALUES (%s)", (body,))
    await redis.xadd("bench", {"body": body})
    return Response(status_code=200)


def main() -> None:
    """In the place of the functions, on the broker's Valkey and the product's Postgres."""
    announce(HOME)
    app = create_asgi_app("handle", __file__, "http")
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_config=None, access_log=False)


if __name__ == "__main__":
    main()
