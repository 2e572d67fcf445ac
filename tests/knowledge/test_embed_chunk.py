"""The function embed-chunk, posted an event as the broker posts it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from events import Context, KnowledgeUploaded, to_http
from functions.embed_chunk.main import function
from shared.settings import Settings
from tests.conftest import S3, PostgresServer
from tests.knowledge.conftest import Library


@dataclass
class Broker:
    """Takes events and remembers their types."""

    url: str = ""
    taken: list[str] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        self.taken.append(request.headers["ce-type"])
        return Response(status_code=202)


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker()
    app = Starlette(routes=[Route("/", broker.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    socket = server.config.bind_socket()
    broker.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    task = asyncio.create_task(server.serve([socket]))
    yield broker
    server.should_exit = True
    await task


@pytest.fixture
async def client(
    postgres: PostgresServer, valkey: str, object_store: S3, broker: Broker, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        database_url=SecretStr(postgres.app),
        redis_url=SecretStr(valkey),
        sink=broker.url,
        vectors_path=tmp_path / "vectors",
        **object_store.settings,
    )
    await function.start(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(function), base_url="http://embed-chunk") as client:
        yield client
    await function.stop()


async def test_indexes(client: httpx.AsyncClient, library: Library, broker: Broker) -> None:
    """
    An event about an upload makes the document answer; it is answered without a body, and nothing more is asked for.
    """
    asset = await library.upload("# ساعت کاری\n\nاز ۹ تا ۲۱.\n")
    headers, body = to_http(KnowledgeUploaded(tenant=library.tenant.id, asset=asset), Context.start("/xin/test"))

    answer = await client.post("/", headers=headers, content=body)

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await library.get(asset)).status == "ready"
    assert await library.texts("ساعت کاری") == ["از ۹ تا ۲۱."]
    assert broker.taken == []


async def test_nothing_to_do(client: httpx.AsyncClient, library: Library) -> None:
    """
    An event for nothing, or again, or about a document that is another tenant's, does no harm.
    """
    asset = await library.add("# ساعت کاری\n\nاز ۹ تا ۲۱.\n")
    before = await library.get(asset)
    for tenant, subject in ((library.tenant.id, asset), (library.tenant.id, uuid4()), (uuid4(), asset)):
        headers, body = to_http(KnowledgeUploaded(tenant=tenant, asset=subject), Context.start("/xin/test"))
        assert (await client.post("/", headers=headers, content=body)).status_code == 204

    assert await library.get(asset) == before


async def test_ready(client: httpx.AsyncClient) -> None:
    """
    It is ready when the database and the object store are there.
    """
    answer = await client.get("/readyz")

    assert answer.json() == {"postgres": "ok", "objects": "ok"}
