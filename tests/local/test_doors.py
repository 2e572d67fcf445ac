"""The public door: what a browser is told with every page, and whose files it serves."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from starlette.types import Message

from functions.ingress_web.web import Web
from local.demo.seed import Demo
from local.doors import PublicDoor, Readiness
from local.machine.state import Home
from local.simulator.accounts import Accounts
from local.simulator.app import create_simulator
from shared.hosting import Function
from shared.settings import Settings
from shared.store.jsonb import jsonb
from tests.conftest import PostgresServer
from tests.tenants import found, open_store

PUBLIC_URL = "https://chat.example"
KEYS = SecretStr("k1:" + base64.b64encode(bytes(32)).decode())
FILES = {
    "pyproject.toml": "the source is nobody's business",
    "console/dist/index.html": "<!doctype html><title>کنسول</title>",
    "console/dist/assets/index-D2Dy3odP.js": "export {}",
    "console/secret.html": "beside what was built",
    "widget/dist/index.html": "<!doctype html><title>گفت‌وگو</title>",
    "widget/dist/embed.js": "void 0",
    "widget/dist/icon.svg": "<svg/>",
    "widget/dist/demo/index.html": "<!doctype html><title>فروشگاه</title>",
}
PAGES = ("/console/", "/widget/", "/demo/")


@pytest.fixture
def settings(postgres: PostgresServer, valkey: str) -> Settings:
    return Settings(
        database_url=SecretStr(postgres.app),
        redis_url=SecretStr(valkey),
        sink="http://127.0.0.1:9/xin/default",
        secret_keys=KEYS,
        public_url=PUBLIC_URL,
    )


@pytest.fixture
async def ingress() -> AsyncIterator[Function[Web]]:
    """The widget's function; a test may start it on other settings than its environment's."""
    function: Function[Web] = Function("ingress-web", opens=Web.open)
    yield function
    await function.stop()


@pytest.fixture
def door(tmp_path: Path, home: Home, ingress: Function[Web]) -> PublicDoor:
    """The door before a small build of every page."""
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    simulator = create_simulator(Accounts(accounts=[]))
    functions = {"ingress-web": ingress}
    return PublicDoor(functions, Readiness({}, "http://127.0.0.1:9"), Demo(home, PUBLIC_URL), simulator, tmp_path)


@pytest.fixture
async def client(door: PublicDoor, ingress: Function[Web], settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    await ingress.start(settings)
    transport = httpx.ASGITransport(door)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        yield client


def policy_of(answer: httpx.Response) -> dict[str, list[str]]:
    rules = (rule.split() for rule in answer.headers["content-security-policy"].split("; "))
    return {name: values for name, *values in rules}


async def widget_of(postgres: PostgresServer, origins: list[str]) -> str:
    """The id of a new tenant's widget that *origins* may show."""
    tenant = await found(postgres.app, kind="web")
    async with open_store(postgres.app, role="xin_console", connections=1) as store, store.tenant(tenant.id) as db:
        await db.execute(
            "UPDATE channels SET settings = %s WHERE id = %s", (jsonb({"allowed_origins": origins}), tenant.channel)
        )
    return str(tenant.channel)


@pytest.mark.parametrize("page", PAGES)
async def test_pages(client: httpx.AsyncClient, page: str) -> None:
    """A page may load and run only what is ours, and is asked for anew each time: it names the newest files."""
    answer = await client.get(page)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    policy = policy_of(answer)
    assert policy["default-src"] == ["'self'"]
    assert policy["object-src"] == policy["base-uri"] == ["'none'"]
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_console_in_no_frame(client: httpx.AsyncClient) -> None:
    """Nobody may lay the console under a page of theirs, and it talks to nobody else."""
    policy = policy_of(await client.get("/console/"))
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["connect-src"] == ["'self'"]


async def test_widget_frames(client: httpx.AsyncClient, postgres: PostgresServer) -> None:
    """A widget may be shown by the sites that its channel lists, and by our own pages; it talks to its API too."""
    widget = await widget_of(postgres, ["https://shop.example", "http://localhost", "https://other.example:8443"])

    policy = policy_of(await client.get("/widget/", params={"widget_id": widget, "lang": "fa"}))

    assert policy["frame-ancestors"] == [
        "'self'", "https://shop.example", "http://localhost:*", "https://other.example:8443",
    ]  # fmt: skip
    assert policy["connect-src"] == ["'self'", PUBLIC_URL]


@pytest.mark.parametrize("origin", ["*", "https://*", "https://a.example; script-src *", "https://a.example b", "null"])
async def test_widget_frames_of_nonsense(client: httpx.AsyncClient, postgres: PostgresServer, origin: str) -> None:
    """What is written for an origin can't widen the policy or add to it."""
    widget = await widget_of(postgres, [origin])

    answer = await client.get("/widget/", params={"widget_id": widget})

    assert policy_of(answer)["frame-ancestors"] == ["'self'"]
    assert "*" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("widget", ["", "nonsense", "6f0c1d1e-7f0b-4c39-9f58-0d6f0a4b9b11"])
async def test_unknown_widget_frames(client: httpx.AsyncClient, widget: str) -> None:
    """What is no widget is shown by nobody but us."""
    answer = await client.get("/widget/", params={"widget_id": widget})
    assert answer.status_code == 200
    assert policy_of(answer)["frame-ancestors"] == ["'self'"]


async def test_widget_while_database_is_away(door: PublicDoor, ingress: Function[Web], settings: Settings) -> None:
    """The chat app is shown all the same, and waits: a page that was refused would stay blank."""
    await ingress.start(settings.model_copy(update={"database_url": SecretStr("postgresql://127.0.0.1:9/xin")}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url=PUBLIC_URL) as client:
        answer = await client.get("/widget/", params={"widget_id": str(uuid4())})
    assert answer.status_code == 200
    assert "frame-ancestors" not in policy_of(answer)


async def test_kept_files(client: httpx.AsyncClient) -> None:
    """What is named after its content is kept for ever; what changes under its name is not."""
    kept = await client.get("/console/assets/index-D2Dy3odP.js")
    plain = await client.get("/widget/icon.svg")
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["cache-control"] == "no-cache"
    assert "content-security-policy" not in kept.headers


async def test_loader(client: httpx.AsyncClient) -> None:
    """Any site may load the loader, and soon gets a new one."""
    answer = await client.get("/embed.js")
    assert answer.text == FILES["widget/dist/embed.js"]
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=300"


async def test_head(client: httpx.AsyncClient) -> None:
    """HEAD tells what GET does, without the file; a file takes nothing else."""
    for path in (*PAGES, "/embed.js", "/console/assets/index-D2Dy3odP.js"):
        head, get = await client.head(path), await client.get(path)
        assert (head.status_code, head.content, dict(head.headers)) == (200, b"", dict(get.headers))
    refused = await client.post("/console/")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_unchanged(client: httpx.AsyncClient) -> None:
    """A page that hasn't changed isn't sent again, and still says what it may do."""
    first = await client.get("/console/")
    again = await client.get("/console/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/", "/console", *PAGES, "/embed.js", "/nothing", "/console/nothing", "/healthz", "/demo/config.json"]
)
async def test_everywhere(client: httpx.AsyncClient, path: str) -> None:
    """Whatever the door answers is taken for what it says it is, and our addresses stay with us."""
    answer = await client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "strict-origin-when-cross-origin"


@pytest.mark.parametrize("path", ["/demo/", "/demo/config.json", "/demo/conversation.json", "/sim/accounts"])
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.example", None), ("chat.example.evil.example", None), ("", None), ("127.0.0.1@evil.example", None),
        ("[", None), ("chat.example", "https://evil.example"), ("127.0.0.1:8080", "http://127.0.0.1:9090"),
        ("chat.example", "null"),
    ],
)  # fmt: skip
async def test_played_from_elsewhere(client: httpx.AsyncClient, path: str, host: str, origin: str | None) -> None:
    """Nobody plays by a foreign name that was made to lead here, nor from a page of another site."""
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    assert (await client.get(path, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("chat.example", None), ("chat.example", "https://chat.example"), ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost:8080", "http://localhost:8080"), ("[::1]:8080", "http://[::1]:8080"),
        ("127.0.0.1:8080", "https://chat.example"),
    ],
)  # fmt: skip
async def test_played_from_here(client: httpx.AsyncClient, host: str, origin: str | None) -> None:
    """This machine's own names are let in, and its public one behind a proxy that passes its own on."""
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    assert (await client.get("/sim/accounts", headers=headers)).status_code == 200


async def test_page_without_its_slash(client: httpx.AsyncClient) -> None:
    """A page is found without the slash at the end, with what was asked behind it."""
    answer = await client.get("/widget?widget_id=1&lang=fa")
    assert (answer.status_code, answer.headers["location"]) == (307, "/widget/?widget_id=1&lang=fa")


@pytest.mark.parametrize(
    "path",
    [
        "/console/../../pyproject.toml", "/console/..%2f..%2fpyproject.toml", "/console/%2e%2e/%2e%2e/pyproject.toml",
        "/console/..%5c..%5cpyproject.toml", "/console/%252e%252e/%252e%252e/pyproject.toml", "/console/../secret.html",
        "/console//../secret.html", "/console/%2e%2e%2fsecret.html", "/console/assets/../../secret.html",
        "/console/.%00./secret.html", "/console//etc/passwd", "/console/%2fetc/passwd", "//etc/passwd",
        "/../pyproject.toml", "/pyproject.toml", f"/console/{'a' * 300}", "/embed.js/../../../pyproject.toml",
    ],
)  # fmt: skip
async def test_traversal(door: PublicDoor, path: str) -> None:
    """No way of writing a path leads out of what was built."""
    status, body = await ask(door, path)
    assert status == 404
    assert body == b"Not found"


async def test_ask(door: PublicDoor) -> None:
    """What the test above sends reaches files that may be had."""
    assert await ask(door, "/widget/%65mbed.js") == (200, FILES["widget/dist/embed.js"].encode())


async def ask(door: PublicDoor, path: str) -> tuple[int, bytes]:
    """GET of *path* as uvicorn hands it over: clients such as httpx would tidy it up before."""
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()  # the client stays, and says no more
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "root_path": "",
        "path": unquote(path), "raw_path": path.encode(), "query_string": b"", "headers": [(b"host", b"chat.example")],
        "server": ("chat.example", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await door(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])
