"""A real SIGKILL while a person's word or document is taken: what was committed happens, once, and is seen to."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import S3
from tests.faults.documents import Documents, Left, document
from tests.faults.shop import Outcome, Shop
from tests.faults.stage import Stage
from tests.faults.table import KILLED

pytest_plugins = ("tests.faults.plugin",)

PASSAGES = 5
SENDER = "700500600"
ONE = Left(documents=1, answering=1, passages=PASSAGES, points=PASSAGES, files=1)
REPLIED = KILLED.fault(
    "console-api.replied", "console-api is killed when it has stored an operator's reply; the tick asks"
)
STORED = KILLED.fault(
    "console-api.upload_stored", "console-api is killed when a document's row stands; its owner sends the file again"
)
UNSEEN = KILLED.fault(
    "console-api.upload_stored",
    "console-api is killed when a document's row stands; nobody sends it again, the tick asks",
)
OBJECT = KILLED.fault(
    "console-api.object_stored",
    "console-api is killed when the file is in the object store and no row stands; it is sent again",
)

VERSION = KILLED.fault(
    "console-api.object_stored",
    "console-api is killed when a new version's file is in the object store and no row stands",
)


async def put_in(shop: Shop, url: str, *, over: str = "") -> httpx.Response | None:
    """A document by the API, or with *over* a new version of that one; None where nobody answered."""
    file = ("انبار.md", document(PASSAGES, "تازه" if over else "انبار").encode(), "text/markdown")
    method, path = ("PUT", f"/knowledge/{over}") if over else ("POST", "/knowledge")
    async with shop.signed_in(url) as owner:
        try:
            return await owner.request(method, path, files={"file": file})
        except httpx.TransportError:
            return None


async def later(stage: Stage, shop: Shop) -> None:
    """An hour has passed, and nothing is open."""
    await stage.settle(shop)
    await shop.age(3600)
    await stage.settle(shop)


async def test_reply(stage: Stage) -> None:
    """An operator who got no answer finds their words in the conversation, and the customer got them once."""
    shop = await stage.shop()
    conversation = await shop.hear(SENDER, "سلام")
    await stage.settle(shop)
    path, reply = f"/conversations/{conversation}/messages", {"text": "سفارش شما فردا می‌رسد."}
    async with stage.dying("console-api", "console-api.replied") as child, shop.signed_in(child.url) as operator:
        with pytest.raises(httpx.TransportError):
            await operator.post(path, json=reply)

    await stage.settle(shop)

    async with shop.signed_in((await stage.survivor("console-api")).url) as operator:
        items = (await operator.get(path)).json()["items"]
    assert [(item["role"], item["status"]) for item in items][2:] == [("operator", "accepted")]
    assert shop.heard(SENDER).count(reply["text"]) == 1
    assert await shop.outcome(SENDER, authors=("operator",)) == Outcome(1, 1, 1)
    REPLIED.saw("the reply is in the conversation, one copy")


@pytest.fixture
async def documents(stage: Stage, object_store: S3, tmp_path: Path) -> AsyncIterator[Documents]:
    async with Documents.open(await stage.shop(), stage.urls.app, object_store, tmp_path / "vectors") as documents:
        yield documents


async def test_sent_again(stage: Stage, documents: Documents) -> None:
    """The same file again is the same document."""
    async with stage.worker(documents.folder):
        async with stage.dying("console-api", "console-api.upload_stored") as child:
            assert await put_in(documents.shop, child.url) is None

        again = await put_in(documents.shop, (await stage.survivor("console-api")).url)

        assert again
        assert (again.status_code, again.json()["duplicate"]) == (200, True)
        await later(stage, documents.shop)
    left = await documents.left()
    assert left == ONE
    STORED.saw(left)


async def test_not_sent_again(stage: Stage, documents: Documents) -> None:
    """A document whose row stands is indexed, though nobody was told."""
    async with stage.worker(documents.folder):
        async with stage.dying("console-api", "console-api.upload_stored") as child:
            assert await put_in(documents.shop, child.url) is None

        await later(stage, documents.shop)
    left = await documents.left()
    assert left == ONE
    UNSEEN.saw(left)


async def test_file_without_a_row(stage: Stage, documents: Documents) -> None:
    """A file whose row was never written keeps nobody from sending it again, and is removed within the hour."""
    async with stage.worker(documents.folder):
        async with stage.dying("console-api", "console-api.object_stored") as child:
            assert await put_in(documents.shop, child.url) is None
        assert await documents.files() == 1

        again = await put_in(documents.shop, (await stage.survivor("console-api")).url)

        assert again
        assert again.status_code == 202
        await later(stage, documents.shop)
    left = await documents.left()
    assert left == ONE
    OBJECT.saw(left)


async def test_version_without_a_row(stage: Stage, documents: Documents) -> None:
    """A new version's file without a row is removed within the hour, and the former version answers."""
    shop = documents.shop
    async with stage.worker(documents.folder):
        added = await put_in(shop, (await stage.survivor("console-api")).url)
        assert added
        await stage.settle(shop)
        async with stage.dying("console-api", "console-api.object_stored") as child:
            assert await put_in(shop, child.url, over=added.json()["id"]) is None
        assert await documents.files() == 2

        await later(stage, shop)
    left = await documents.left()
    assert left == ONE
    VERSION.saw(left)
