"""The public list of naughty strings, wherever somebody can write: taken and kept once, or refused, never a 5xx.

Needs XIN_DATA. Nobody can enter a URL yet that we fetch: `hostile/ssrf.json` is held against the one place that takes
any, a widget's allowed origins, which are compared and never called.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx
import pytest

from events import Context, MessageReceived, to_http
from functions.console_api.console import Console
from functions.console_api.site import make_site
from functions.orchestrate.main import function as orchestrate
from shared.settings import Settings
from shared.store import users
from shared.store.tenancy import Store
from shared.text.persian import clean
from tests.console_api.shops import ADMIN_EMAIL, PASSWORD, Shop, open_shop, sign_in
from tests.fuzz import budget, hostile
from tests.fuzz.doors import ACCOUNTS, DOORS, Hook, opened
from tests.pipeline import meta
from tests.telegram_side import Update

pytestmark = pytest.mark.skipif(hostile.DATA is None, reason="XIN_DATA names no folder")

STRIDE = max(1, round(4 / budget.FACTOR))
"""Every fourth string goes where each costs a transaction or more of its own."""
BATCH = 40
TURNS = "SELECT count(DISTINCT conversation_id) FROM turns WHERE conversation_id = ANY(%s)"


def _some(start: int = 0) -> list[tuple[int, str]]:
    """Every STRIDE-th string, with its number."""
    return list(enumerate(hostile.naughty_strings()))[start % STRIDE :: STRIDE]


def _webhooks(kind: str, strings: Sequence[tuple[int, str]]) -> Iterator[bytes]:
    """Webhooks with every string, each from somebody of their own; Meta's hold many messages each."""
    if kind in ("telegram", "bale"):
        for number, text in strings:
            yield json.dumps(Update(990_000_000 + number, text).body()).encode()
        return
    channel = {"phone_number_id": ACCOUNTS["whatsapp"], "waba_id": "1", "account_id": ACCOUNTS["instagram"]}
    for first in range(0, len(strings), BATCH):
        batch = [
            meta.whatsapp_text(channel, text, name=text or "نرگس", phone=str(4_915_000_000_000 + number))
            if kind == "whatsapp"
            else meta.instagram_text(channel, text, sender=str(990_000_000_000 + number))
            for number, text in strings[first : first + BATCH]
        ]
        yield json.dumps({**batch[0], "entry": [entry for one in batch for entry in one["entry"]]}).encode()


@pytest.mark.parametrize("kind", DOORS)
async def test_as_messages(hooks: Mapping[str, Hook], inside: Store, kind: str) -> None:
    """Every string through every webhook, twice: 200, and stored once as it was written, but for what nobody sees."""
    hook = await hooks[kind].beside(inside, ACCOUNTS.get(kind))
    strings = _some() if kind == "bale" else list(enumerate(hostile.naughty_strings()))

    for body in _webhooks(kind, strings):
        with budget.told("naughty", body):
            assert [await hook.post(body), await hook.post(body)] == [200, 200]

    assert sorted(await hook.texts(inside)) == sorted(clean(text) for _, text in strings)


async def test_as_questions(
    hooks: Mapping[str, Hook], inside: Store, fuzz_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A string as a question is answered, abstained from or handed over, and its turn stands in a row."""
    hook, strings = hooks["telegram"], _some(1)
    async with inside.tenant(hook.tenant.id) as db:
        await db.execute("UPDATE conversations SET answered = last_in")  # what other tests left open
    for body in _webhooks("telegram", [(10_000 + number, text) for number, text in strings]):
        assert await hook.post(body) == 200
    async with inside.tenant(hook.tenant.id) as db:
        waiting = await (await db.execute("SELECT id, last_in FROM conversations WHERE answered < last_in")).fetchall()
    assert len(waiting) == len(strings)
    settings = fuzz_settings.model_copy(update={"vectors_path": tmp_path_factory.mktemp("orchestrate vectors")})
    async with opened(orchestrate, settings) as client:
        for conversation, seq in waiting:
            event = MessageReceived(tenant=hook.tenant.id, conversation=conversation, seq=seq)
            headers, body = to_http(event, Context.start("/xin/test"))
            assert (await client.post("/", headers=headers, content=body)).status_code == 204

    async with inside.tenant(hook.tenant.id) as db:
        assert await (await db.execute(TURNS, ([one for one, _ in waiting],))).fetchone() == (len(waiting),)


@pytest.fixture(scope="module")
async def shop(fuzz_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """A tenant of its own, asked for in process."""
    settings = fuzz_settings.model_copy(update={"vectors_path": tmp_path_factory.mktemp("naughty vectors")})
    async with Console.open(settings) as console:
        await users.ensure_admin(console.store, ADMIN_EMAIL, await console.passwords.hash(PASSWORD))
        site = httpx.ASGITransport(make_site(console))
        yield await open_shop(site, await sign_in(site, ADMIN_EMAIL))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/personas", lambda text: {"body": {"name": text, "instructions": text, "greeting": {"fa": text}}}),
        ("/personas", lambda text: {"body": {"abstain_text": {"fa": text, text: text}, "language": text}}),
        ("/policies", lambda text: {"body": {"blocked_topics": [{"name": text, "phrases": [text]}]}}),
        ("/policies", lambda text: {"body": {"answer": {"allowed_link_hosts": [text]}, "hours": {"time_zone": text}}}),
        ("/brands", lambda text: {"name": text}),
        ("/channels", lambda text: {"kind": "web", "name": "n", "settings": {"title": text, "greeting": text}}),
        ("/channels", lambda text: {"kind": "telegram", "name": text, "secrets": {"bot_token": text}}),
        ("/automations", lambda text: {"name": text, "schedule": text, "action": {"do": "note", "text": text}}),
        ("/users", lambda text: {"email": text, "password": "short", "role": text}),
        ("/knowledge/search", lambda text: {"query": text, "history": [{"role": "customer", "text": text}]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_in_the_console(shop: Shop, path: str, body: Any) -> None:
    """As any text of the console: 2xx, or a problem that says what is wrong."""
    for number, text in _some(len(path)):
        answer = await shop.owner.post(path, json={"brand_id": str(shop.brand), **body(text)})
        with budget.told(f"naughty {number}", text):
            assert answer.status_code < 500, answer.text
            assert answer.is_success or answer.headers["content-type"] == "application/problem+json"


async def test_as_files(shop: Shop) -> None:
    """As a file's name, title and content: uploaded, and listed again under a name without folders."""
    for number, text in _some():
        named = text.encode(errors="replace").replace(b'"', b"%22").replace(b"\r", b" ").replace(b"\n", b" ")
        form = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\n' + text.encode(errors="replace") + b"\r\n"
        form += (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="'
            + named
            + b'.md"\r\n\r\n'
            + uuid4().bytes
            + b"\r\n--x--\r\n"
        )
        headers = {"content-type": "multipart/form-data; boundary=x"}
        answer = await shop.owner.post("/knowledge", content=form, headers=headers)
        with budget.told(f"naughty {number}", text):
            assert answer.status_code in (202, 422), answer.text
    shown = (await shop.owner.get("/knowledge", params={"limit": 100})).json()["items"]
    assert shown
    assert not any("/" in one["name"] for one in shown)


async def test_addresses(shop: Shop) -> None:
    """URLs that must never be fetched are origins or refused; what is kept is scheme, host and port alone."""
    assert hostile.DATA
    for url in json.loads((hostile.DATA / "hostile" / "ssrf.json").read_text())["urls"]:
        body = {"brand_id": str(shop.brand), "kind": "web", "name": "n", "settings": {"allowed_origins": [url]}}
        answer = await shop.owner.post("/channels", json=body)
        with budget.told("ssrf", url):
            assert answer.status_code in (201, 422), answer.text
            kept = answer.json()["settings"]["allowed_origins"] if answer.status_code == 201 else []
            assert all(origin.startswith(("http://", "https://")) and origin.count("/") == 2 for origin in kept)
