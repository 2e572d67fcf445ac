"""Connecting channels."""

import re
from uuid import UUID

import pytest

from functions.console_api.console import Console
from shared.store import channels
from tests.console_api.shops import Shop


async def accepted(console: Console, shop: Shop, channel: str) -> dict[str, tuple[str, ...]]:
    """What the channel accepts now, by the secret's name."""
    async with console.store.tenant(shop.tenant) as db:
        opened = await channels.open_channel(db, UUID(channel), console.vault)
    assert opened is not None
    return {name: opened.all(name) for name in opened.secrets}


@pytest.mark.parametrize(
    ("kind", "function", "generated"),
    [
        ("telegram", "ingress-telegram", "secret_token"),
        ("bale", "ingress-telegram", "secret_token"),
        ("whatsapp", "ingress-whatsapp", "verify_token"),
        ("instagram", "ingress-instagram", "verify_token"),
    ],
)
async def test_connect(shop: Shop, console: Console, kind: str, function: str, generated: str) -> None:
    """The answer says where the provider reaches us and shows, once, what we generated; nothing shows it again."""
    made = await shop.connect(kind)

    assert made["webhook_url"] == f"https://xinbot.example/fn/{function}/{made['id']}"
    secret = made["secrets"][generated]
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", secret), "Telegram takes these characters alone"
    assert (await accepted(console, shop, made["id"]))[generated] == (secret,)
    again = await shop.owner.get(f"/channels/{made['id']}")
    listed = await shop.owner.get("/channels", params={"kind": kind})
    for text in (again.text, listed.text):
        assert made["id"] in text
        assert secret not in text
        assert "EAAx" not in text
        assert "123:abc" not in text


async def test_widget(shop: Shop) -> None:
    """A widget is known by its channel's id, and may be shown on the sites it names."""
    made = await shop.connect("web", settings={"allowed_origins": ["https://Shop.example.ir:8443/"], "title": "سپید"})

    assert (made["api_url"], made["widget_id"]) == ("https://xinbot.example/fn/ingress-web", made["id"])
    assert made["webhook_url"] is None
    assert made["settings"] == {"allowed_origins": ["https://shop.example.ir:8443"], "title": "سپید"}


async def test_provider_ids(shop: Shop, console: Console) -> None:
    """The provider's ids of our side are no secrets: they stand where deliver looks for them."""
    made = await shop.connect("whatsapp")

    assert (made["account"], made["settings"]["waba_id"]) == ("111", "222")
    assert set(await accepted(console, shop, made["id"])) == {"access_token", "app_secret", "verify_token"}


async def test_rotate(shop: Shop, console: Console) -> None:
    """A new secret is used at once, and the former one is accepted while the provider switches over."""
    made = await shop.connect("telegram")
    path = f"/channels/{made['id']}"

    changed = await shop.owner.patch(path, json={"secrets": {"bot_token": "456:def"}, "rotate": ["secret_token"]})

    assert changed.status_code == 200
    fresh = changed.json()["secrets"]["secret_token"]
    now = await accepted(console, shop, made["id"])
    assert now["secret_token"] == (fresh, made["secrets"]["secret_token"])
    assert now["bot_token"] == ("456:def", "123:abc")
    assert changed.json()["account"] == "456"
    assert fresh not in (await shop.owner.get(path)).text


async def test_change(shop: Shop) -> None:
    """Settings change one by one; what isn't named stays."""
    made = await shop.connect("web", settings={"allowed_origins": ["https://a.example"], "title": "الف"})

    changed = await shop.owner.patch(
        f"/channels/{made['id']}", json={"name": "ویجت", "enabled": False, "settings": {"title": "ب"}}
    )

    body = changed.json()
    assert (body["name"], body["enabled"]) == ("ویجت", False)
    assert body["settings"] == {"allowed_origins": ["https://a.example"], "title": "ب"}


async def test_what_is_missing(shop: Shop) -> None:
    """A channel without what its kind needs, or with what it has no use for, says which field, and never its value."""
    common = {"brand_id": str(shop.brand), "name": "کانال"}
    bodies = [
        ({**common, "kind": "telegram"}, "secrets.bot_token"),
        ({**common, "kind": "web", "secrets": {"bot_token": "789:secret-value"}}, "secrets.bot_token"),
        ({**common, "kind": "bale", "secrets": {"bot_token": "a b secret-value"}}, "secrets.bot_token"),
        ({**common, "kind": "telegram", "secrets": {"token": "secret-value"}}, "secrets.token"),
        ({**common, "kind": "pigeon"}, "kind"),
        ({**common, "kind": "web", "settings": {"allowed_origins": ["shop.example"]}}, "settings.allowed_origins.0"),
    ]

    for body, field in bodies:
        answer = await shop.owner.post("/channels", json=body)
        assert answer.status_code == 422, body
        assert [problem["field"] for problem in answer.json()["errors"]] == [field]
        assert "secret-value" not in answer.text


async def test_delete(shop: Shop) -> None:
    """A removed channel is gone; a brand can't go before its channels."""
    brand = (await shop.owner.post("/brands", json={"name": "برند دوم"})).json()["id"]
    made = await shop.connect("telegram", brand_id=brand)

    assert (await shop.owner.delete(f"/brands/{brand}")).status_code == 409
    assert (await shop.owner.delete(f"/channels/{made['id']}")).status_code == 204
    assert (await shop.owner.get(f"/channels/{made['id']}")).status_code == 404
    assert (await shop.owner.delete(f"/brands/{brand}")).status_code == 204
