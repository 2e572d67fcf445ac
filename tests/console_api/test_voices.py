"""Personas and policies: drafts, publishing, and bodies that hold together."""

import asyncio
from typing import Any

import pytest

from tests.console_api.shops import Shop


async def new_brand(shop: Shop) -> str:
    return str((await shop.owner.post("/brands", json={"name": "برند"})).json()["id"])


async def versions(shop: Shop, collection: str, brand: str, **filters: str) -> list[dict[str, Any]]:
    answer = await shop.viewer.get(f"/{collection}", params={"brand_id": brand, **filters})
    return list(answer.json()["items"])


@pytest.mark.parametrize(("collection", "change"), [("personas", {"name": "سپیده"}), ("policies", {"quiet_ms": 800})])
async def test_publish(shop: Shop, collection: str, change: dict[str, Any]) -> None:
    """A draft speaks for nobody; published, it takes the place of the former version, which stays on record."""
    brand = await new_brand(shop)
    draft = (await shop.owner.post(f"/{collection}", json={"brand_id": brand, "body": change})).json()
    assert (draft["status"], draft["version"]) == ("draft", 2)
    assert [v["version"] for v in await versions(shop, collection, brand, status="published")] == [1]

    published = await shop.owner.post(f"/{collection}/{draft['id']}/publish")

    assert published.json()["status"] == "published"
    assert published.json()["body"].items() >= change.items()
    assert {v["version"]: v["status"] for v in await versions(shop, collection, brand)} == {
        1: "archived",
        2: "published",
    }
    again = await shop.owner.post(f"/{collection}/{draft['id']}/publish")
    assert again.json()["published_at"] == published.json()["published_at"]


async def test_back(shop: Shop) -> None:
    """A former version may return."""
    brand = await new_brand(shop)
    (first,) = await versions(shop, "personas", brand)
    draft = (await shop.owner.post("/personas", json={"brand_id": brand})).json()
    await shop.owner.post(f"/personas/{draft['id']}/publish")

    await shop.owner.post(f"/personas/{first['id']}/publish")

    assert {v["version"]: v["status"] for v in await versions(shop, "personas", brand)} == {
        1: "published",
        2: "archived",
    }


async def test_change_a_draft(shop: Shop) -> None:
    """Fields of a draft change one by one, the others stay; what was published changes no more, nor goes."""
    brand = await new_brand(shop)
    body = {"name": "نیلوفر", "tone": "رسمی"}
    draft = (await shop.owner.post("/personas", json={"brand_id": brand, "body": body})).json()

    changed = await shop.owner.patch(f"/personas/{draft['id']}", json={"body": {"tone": "صمیمی"}})
    assert (changed.json()["body"]["name"], changed.json()["body"]["tone"]) == ("نیلوفر", "صمیمی")

    await shop.owner.post(f"/personas/{draft['id']}/publish")
    assert (await shop.owner.patch(f"/personas/{draft['id']}", json={"body": {"tone": "x"}})).status_code == 409
    assert (await shop.owner.delete(f"/personas/{draft['id']}")).status_code == 409


async def test_remove_a_draft(shop: Shop) -> None:
    """A draft may go."""
    draft = (await shop.owner.post("/policies", json={"brand_id": await new_brand(shop)})).json()

    assert (await shop.owner.delete(f"/policies/{draft['id']}")).status_code == 204
    assert (await shop.owner.get(f"/policies/{draft['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("collection", "body", "field"),
    [
        ("personas", {"nmae": "سپیده"}, "body.nmae"),
        ("personas", {"name": ""}, "body.name"),
        ("personas", {"language": "de"}, "body.language"),
        ("personas", {"greeting": {"fa": ["سلام"]}}, "body.greeting.fa"),
        ("policies", {"quiet_ms": -1}, "body.quiet_ms"),
        ("policies", {"hours": {"time_zone": "Atlantis"}}, "body.hours.time_zone"),
        ("policies", {"answer": {"max_chars": 1}}, "body.answer.max_chars"),
        ("policies", {"answer": {"require_sources": 0}}, "body.answer.require_sources"),
        ("policies", {"quiet_ms": "100"}, "body.quiet_ms"),
    ],
)
async def test_bodies(shop: Shop, collection: str, body: dict[str, Any], field: str) -> None:
    """A misspelt field or a value that makes no sense is refused when a person writes it, by name."""
    answer = await shop.owner.post(f"/{collection}", json={"brand_id": str(shop.brand), "body": body})

    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["errors"]] == [field]


async def test_rules_across_fields(shop: Shop) -> None:
    """A draft stays one that works: a change that fits by itself but not with the rest is refused."""
    open_never = {"hours": {"outside": "closed", "weekly": {}}}
    draft = (await shop.owner.post("/policies", json={"brand_id": await new_brand(shop)})).json()

    answer = await shop.owner.patch(f"/policies/{draft['id']}", json={"body": open_never})

    assert answer.status_code == 422


async def test_drafts_at_once(shop: Shop) -> None:
    """Two who write a draft at the same moment get two numbers; two who publish leave one published."""
    brand = await new_brand(shop)

    answers = await asyncio.gather(*(shop.owner.post("/personas", json={"brand_id": brand}) for _ in range(3)))
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4]

    await asyncio.gather(*(shop.owner.post(f"/personas/{answer.json()['id']}/publish") for answer in answers))
    assert len(await versions(shop, "personas", brand, status="published")) == 1
