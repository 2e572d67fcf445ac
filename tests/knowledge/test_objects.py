"""Files go to the object store in parts, are counted on the way, and leave nothing behind when something goes wrong."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from shared.errors import NotFound, TooLarge
from shared.knowledge import objects as module
from shared.knowledge.objects import Objects, ObjectsAway, knowledge_key, knowledge_prefix


async def pieces(data: bytes, size: int = 300_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [0, 5, module.PART_BYTES, module.PART_BYTES * 2 + 12345])
async def test_round_trip(objects: Objects, tmp_path: Path, size: int) -> None:
    """
    What comes back is what went in, whether it took one request or several parts; size and hash are of what arrived.
    """
    data = bytes(i % 251 for i in range(size))
    key = knowledge_key(uuid4(), uuid4(), 1)

    stored = await objects.put_stream(key, pieces(data), limit=100_000_000)
    await objects.get_file(key, tmp_path / "file")

    assert (stored.size, stored.sha256) == (size, hashlib.sha256(data).digest())
    assert (tmp_path / "file").read_bytes() == data


async def test_too_large(objects: Objects, tmp_path: Path) -> None:
    """
    An upload over the limit ends while it comes in, and nothing is left under its key.
    """
    key = knowledge_key(uuid4(), uuid4(), 1)
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1_000_000
            yield bytes(1_000_000)

    with pytest.raises(TooLarge):
        await objects.put_stream(key, endless(), limit=10_000_000)

    assert taken == 11_000_000
    with pytest.raises(NotFound):
        await objects.get_file(key, tmp_path / "file")


async def test_sender_gives_up(objects: Objects, tmp_path: Path) -> None:
    """
    A sender that breaks off leaves no half a file.
    """
    key = knowledge_key(uuid4(), uuid4(), 1)

    async def broken() -> AsyncIterator[bytes]:
        yield bytes(module.PART_BYTES + 1)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await objects.put_stream(key, broken(), limit=100_000_000)

    with pytest.raises(NotFound):
        await objects.get_file(key, tmp_path / "file")


async def test_delete_prefix(objects: Objects, tmp_path: Path) -> None:
    """
    A document's versions go together; its neighbour's file stays.
    """
    tenant, gone, stays = uuid4(), uuid4(), uuid4()
    for key in (knowledge_key(tenant, gone, 1), knowledge_key(tenant, gone, 2), knowledge_key(tenant, stays, 1)):
        await objects.put_stream(key, pieces(b"x"), limit=10)

    assert await objects.delete_prefix(knowledge_prefix(tenant, gone)) == 2
    assert await objects.delete_prefix(knowledge_prefix(tenant, gone)) == 0

    await objects.get_file(knowledge_key(tenant, stays, 1), tmp_path / "file")


async def test_away(tmp_path: Path) -> None:
    """
    A store that can't be reached is something to come back for, not a bug.
    """
    nowhere = Objects(endpoint="http://127.0.0.1:9", bucket="xin", access_key="k", secret_key="s")

    with pytest.raises(ObjectsAway):
        await nowhere.get_file("tenants/x", tmp_path / "file")
