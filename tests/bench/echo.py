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

HOME = Path(os.environ.get("XIN_HOME", "."))
parts: dict[str, object] = {}


@functions_framework.aio.http
async def handle(request: Request) -> Response:
    body = await request.body()
    pool, redis = parts["pool"], parts["redis"]
    async with pool.connection() as db:  # type: ignore[attr-defined]
        await db.execute("INSERT INTO bench_echo (body) VALUES (%s)", (body,))
    await redis.xadd("bench", {"body": body})  # type: ignore[attr-defined]
    return Response(status_code=200)


async def main() -> None:
    """In the place of the functions, on the broker's Valkey and the product's Postgres."""
    owner = os.environ["XIN_BENCH_OWNER_URL"]
    async with AsyncConnectionPool(owner, kwargs={"autocommit": True}, min_size=4, max_size=8, open=False) as pool:
        async with pool.connection() as db:
            await db.execute("CREATE TABLE IF NOT EXISTS bench_echo (id bigserial PRIMARY KEY, body bytea)")
        parts["pool"], parts["redis"] = pool, Redis.from_url(os.environ["XIN_BENCH_VALKEY_URL"])
        app = create_asgi_app("handle", __file__, "http")
        server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_config=None, access_log=False)
        )
        (HOME / "seed.json").write_text((HOME / "bench-seed.json").read_text())
        await server.serve()


if __name__ == "__main__":
    asyncio.run(main())
