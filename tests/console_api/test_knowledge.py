"""Documents: uploaded as they stream in, replaced, described, removed, searched."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest

from functions.console_api.console import Console
from shared.knowledge.documents import FILE_BYTES, REASONS
from shared.knowledge.index import open_index
from shared.knowledge.ingestion import Ingestion
from shared.settings import Settings
from tests.console_api.broker import Broker
from tests.console_api.shops import Shop
from tests.tenants import open_store

HOURS = "# ساعت کاری\n\nفروشگاه شنبه تا پنجشنبه از ساعت ۹ تا ۲۱ باز است.\n"


def unique(text: str = HOURS) -> bytes:
    """The text as a file that nobody has uploaded before."""
    return f"{text}\n\n{uuid4()}".encode()


async def upload(shop: Shop, content: bytes, name: str = "ساعت کاری.md", **fields: object) -> httpx.Response:
    return await shop.operator.post("/knowledge", files={"file": (name, content, "text/markdown")}, data=fields)


async def stored(console: Console, shop: Shop, asset: str, version: int = 1) -> list[str]:
    """Keys of the asset's files in the object store."""
    prefix = f"tenants/{shop.tenant}/knowledge/{asset}/"

    def keys() -> list[str]:
        client = console.objects._connected()
        found = client.list_objects_v2(Bucket=console.settings.objects_bucket, Prefix=prefix)
        return [item["Key"].removeprefix(prefix) for item in found.get("Contents", [])]

    return sorted(await asyncio.to_thread(keys))


async def index(settings: Settings, shop: Shop, asset: str) -> None:
    """What embed-chunk does."""
    async with open_store(settings.database_url.get_secret_value(), role="xin_embed") as store:
        from shared.knowledge.objects import Objects

        vectors = open_index(settings)
        ingestion = Ingestion(store, Objects.of(settings), vectors, None)
        while await ingestion.run(shop.tenant, UUID(asset)):
            pass
        await vectors.close()


async def test_upload(shop: Shop, console: Console, broker: Broker) -> None:
    """An upload is kept whole before it is acknowledged, and its indexing is asked for."""
    content = unique()

    answer = await upload(shop, content, title="ساعت‌های ما", brand_ids=[str(shop.brand)])

    assert answer.status_code == 202
    asset = answer.json()["id"]
    assert len(await broker.told("knowledge.uploaded.v1", asset)) == 1
    assert await stored(console, shop, asset) == ["1"]
    shown = (await shop.viewer.get(f"/knowledge/{asset}")).json()
    assert (shown["title"], shown["name"], shown["status"]) == ("ساعت‌های ما", "ساعت کاری.md", "pending")
    assert (shown["size"], shown["version"], shown["active_version"]) == (len(content), 1, None)
    assert (shown["dense"], shown["progress"], shown["brand_ids"]) == (
        "off",
        {"position": 0, "total": None},
        [str(shop.brand)],
    )


async def test_same_bytes(shop: Shop, console: Console) -> None:
    """The same bytes again are the same document, whatever the file is called; a name identifies nothing."""
    content = unique()
    first = await upload(shop, content, "الف.md")

    again = await upload(shop, content, "ب.md")
    other = await upload(shop, unique(), "الف.md")

    assert (again.status_code, again.json()) == (200, {"id": first.json()["id"], "duplicate": True})
    assert other.status_code == 202
    assert other.json()["id"] != first.json()["id"]
    listed = (await shop.viewer.get("/knowledge")).json()["items"]
    assert [item["id"] for item in listed].count(first.json()["id"]) == 1


async def test_same_bytes_at_once(shop: Shop) -> None:
    """A file that is sent twice at the same moment becomes one document."""
    content = unique()

    answers = await asyncio.gather(*(upload(shop, content) for _ in range(4)))

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 202]


async def test_another_tenants_bytes(shop: Shop, other_shop: Shop) -> None:
    """The same file in two tenants is two documents: neither learns of the other's."""
    content = unique()

    first, second = await upload(shop, content), await upload(other_shop, content)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]


async def test_new_version(shop: Shop, console: Console, settings: Settings) -> None:
    """A new version has a file of its own; the former one answers until it is ready."""
    asset = (await upload(shop, unique())).json()["id"]
    await index(settings, shop, asset)

    content = unique("# ساعت کاری\n\nاز این هفته جمعه‌ها هم باز هستیم.")
    answer = await shop.operator.put(f"/knowledge/{asset}", files={"file": ("نو.md", content)})
    again = await shop.operator.put(f"/knowledge/{asset}", files={"file": ("نو.md", content)})

    assert (answer.status_code, answer.json()["id"]) == (202, asset)
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    shown = (await shop.viewer.get(f"/knowledge/{asset}")).json()
    assert (shown["version"], shown["active_version"], shown["status"]) == (2, 1, "pending")
    assert await stored(console, shop, asset) == ["1", "2"]


async def test_search(shop: Shop, settings: Settings) -> None:
    """What was indexed is found as a customer would ask for it, and not once it was removed."""
    asset = (await upload(shop, unique("# پارکینگ\n\nپارکینگ رایگان پشت ساختمان است."))).json()["id"]
    await index(settings, shop, asset)
    query = {"query": "پاركينگ داريد؟", "limit": 3, "history": [{"role": "customer", "text": "سلام"}]}

    found = (await shop.viewer.post("/knowledge/search", json=query)).json()["items"]

    assert found[0]["asset_id"] == asset
    assert "پشت ساختمان" in found[0]["text"]
    assert set(found[0]) == {"asset_id", "chunk_id", "title", "place", "text", "score"}
    assert (await shop.operator.delete(f"/knowledge/{asset}")).status_code == 204
    assert (await shop.viewer.get(f"/knowledge/{asset}")).status_code == 404
    after = (await shop.viewer.post("/knowledge/search", json=query)).json()["items"]
    assert asset not in [item["asset_id"] for item in after]


async def test_change(shop: Shop) -> None:
    """A document's title and brands change without a new file; a brand of nobody's is refused."""
    asset = (await upload(shop, unique())).json()["id"]

    changed = await shop.operator.patch(f"/knowledge/{asset}", json={"title": "نو", "brand_ids": [str(shop.brand)]})
    foreign = await shop.operator.patch(f"/knowledge/{asset}", json={"brand_ids": [str(uuid4())]})

    assert (changed.json()["title"], changed.json()["brand_ids"]) == ("نو", [str(shop.brand)])
    assert foreign.status_code == 404


async def pieces(size: int) -> AsyncIterator[bytes]:
    """A form with a file of *size* bytes, without an announced length."""
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    for _ in range(size // 65_536):
        yield b"a" * 65_536
    yield b"\r\n--x--\r\n"


@pytest.mark.parametrize("announced", [True, False])
async def test_too_large(shop: Shop, console: Console, announced: bool) -> None:
    """A file over the limit is refused, announced or not, with how large it may be, and nothing of it stays."""
    form = {"content-type": "multipart/form-data; boundary=x"}
    if announced:
        form["content-length"] = str(FILE_BYTES * 2)

    before = await stored(console, shop, "")
    answer = await shop.operator.post("/knowledge", content=pieces(FILE_BYTES + 65_536), headers=form)

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == REASONS["too_large"]
    assert "20 MB" in REASONS["too_large"]
    assert await stored(console, shop, "") == before


async def test_odd_forms(shop: Shop, console: Console) -> None:
    """A form without a file, with two, cut short or broken gets a problem that says what to send; nothing stays."""
    multipart = {"content-type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\nhello\r\n'
    file, field = part % (b"file", b'; filename="a.txt"'), part % (b"title", b"")
    before = await stored(console, shop, "")
    for content, headers, status in [
        (field + b"--x--\r\n", multipart, 422),
        (file + file + b"--x--\r\n", multipart, 422),
        (file, multipart, 422),
        (b"not a form at all", multipart, 422),
        (field * 30 + file + b"--x--\r\n", multipart, 422),
        (b'{"file": "hello"}', {"content-type": "application/json"}, 415),
        (b"", {"content-type": "multipart/form-data; boundary=" + "x" * 300}, 422),
    ]:
        answer = await shop.operator.post("/knowledge", content=content, headers=headers)
        assert answer.status_code == status, content[:80]
        assert answer.headers["content-type"] == "application/problem+json"
    assert await stored(console, shop, "") == before


async def test_fields_behind_the_file(shop: Shop) -> None:
    """Fields count wherever they stand in the form; a name comes without the folders that a browser may send."""
    content = (
        '--x\r\nContent-Disposition: form-data; name="file"; filename="C:\\\\اسناد\\\\راهنما.md"\r\n\r\n'
        f'{uuid4()}\r\n--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nراهنمای خرید\r\n--x--\r\n'
    ).encode()

    answer = await shop.operator.post(
        "/knowledge", content=content, headers={"content-type": "multipart/form-data; boundary=x"}
    )

    shown = (await shop.viewer.get(f"/knowledge/{answer.json()['id']}")).json()
    assert (shown["title"], shown["name"]) == ("راهنمای خرید", "راهنما.md")


async def test_pages(shop: Shop) -> None:
    """The list comes in pages that miss nothing."""
    ids = {(await upload(shop, unique())).json()["id"] for _ in range(3)}
    found: list[str] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await shop.viewer.get("/knowledge", params=params)).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert ids <= set(found)
    assert len(found) == len(set(found))
