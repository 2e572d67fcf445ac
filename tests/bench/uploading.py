"""A client of console-api that uploads documents and waits for them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

from tests.bench.stage import Stage

AT_ONCE = 4
"""As a browser that is given a folder."""
LOOK_SECONDS = 0.25
PAGE_OF_LIST = 100


@asynccontextmanager
async def signed_in(running: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `/api/v1`, as the demo tenant's owner."""
    account = running.up["operator"]
    form = {"grant_type": "password", "username": account["email"], "password": account["password"]}
    async with httpx.AsyncClient(base_url=f"{running.url}/api/v1", timeout=60) as client:
        answer = await client.post("/auth/token", data=form)
        client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        yield client


async def upload(client: httpx.AsyncClient, files: Sequence[tuple[str, bytes]]) -> list[str]:
    """The documents' ids. Some files go at once."""
    waiting = iter(files)
    ids: list[str] = []

    async def work() -> None:
        for name, content in waiting:
            answer = await client.post("/knowledge", files={"file": (name, content, "text/markdown")})
            ids.append(answer.raise_for_status().json()["id"])

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return ids


async def until(client: httpx.AsyncClient, ids: Sequence[str], *, seconds: float, field: str = "status") -> None:
    """Waits until *field* is ready for all of *ids*. Raises TimeoutError; a document that failed, AssertionError."""
    missing = set(ids)
    async with asyncio.timeout(seconds):
        while missing:
            documents = [document async for document in _documents(client)]
            assert not [document for document in documents if document["status"] == "failed"]
            missing -= {document["id"] for document in documents if document[field] == "ready"}
            await asyncio.sleep(LOOK_SECONDS)


async def _documents(client: httpx.AsyncClient) -> AsyncIterator[dict[str, str]]:
    asked: dict[str, str | int] = {"limit": PAGE_OF_LIST}
    while True:
        page = (await client.get("/knowledge", params=asked)).raise_for_status().json()
        for document in page["items"]:
            yield document
        if page["next_cursor"] is None:
            return
        asked["cursor"] = page["next_cursor"]
