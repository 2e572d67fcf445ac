"""What the API says of itself, and where it is reached."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from functions.console_api.main import function
from functions.console_api.roles import LEAST, Least
from tests.console_api.shops import Shop

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
async def description(anonymous: httpx.AsyncClient) -> dict[str, Any]:
    answer = await anonymous.get("http://console/api/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def test_is_valid(description: dict[str, Any]) -> None:
    """A client generator takes it."""
    validate(description)


def test_names(description: dict[str, Any]) -> None:
    """Every operation has a readable name of its own, a tag and a sentence, and names its answer's shape."""
    names = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(description):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", operation["operationId"]), operation["operationId"]
        assert operation["tags"]
        assert operation["summary"]
        success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        schema = success.get("content", {}).get("application/json", {}).get("schema")
        assert schema is None or "$ref" in schema, (method, path)
    odd = [name for name in description["components"]["schemas"] if not re.fullmatch(r"[A-Z][A-Za-z]+", name)]
    assert odd == []


def test_repeated_upload(description: dict[str, Any]) -> None:
    """A document that is there already is answered otherwise than a new one: both answers are described."""
    for path, method in (("/api/v1/knowledge", "post"), ("/api/v1/knowledge/{id}", "put")):
        answers = description["paths"][path][method]["responses"]
        shapes = [answers[status]["content"]["application/json"]["schema"]["$ref"] for status in ("200", "202")]
        assert shapes == ["#/components/schemas/Uploaded"] * 2


def test_uploads(description: dict[str, Any]) -> None:
    """Only a new document takes a title and brands: a new version is described as the file that it is."""
    for path, method, wanted in (
        ("/api/v1/knowledge", "post", {"file", "title", "brand_ids"}),
        ("/api/v1/knowledge/{id}", "put", {"file"}),
    ):
        content = description["paths"][path][method]["requestBody"]["content"]
        assert content["multipart/form-data"]["schema"]["properties"].keys() == wanted


def test_security(description: dict[str, Any]) -> None:
    """Everything but signing in asks for the token; every error is a problem."""
    for method, path, operation in operations(description):
        is_open = LEAST[method, path] is Least.ANYONE
        assert bool(operation.get("security")) != is_open, (method, path)
        assert "application/problem+json" in operation["responses"]["default"]["content"]
        assert "HTTPValidationError" not in str(operation)


def answered(description: dict[str, Any]) -> set[str]:
    """The schemas that stand in an answer, however deep."""
    schemas = description["components"]["schemas"]
    waiting = re.findall(r"schemas/(\w+)", str([operation["responses"] for _, _, operation in operations(description)]))
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += re.findall(r"schemas/(\w+)", str(schemas[name]))
    return found


def test_no_secret_comes_out(description: dict[str, Any]) -> None:
    """No answer has a place for a password or a provider's token, but the one that signs in."""
    schemas = description["components"]["schemas"]
    secret = {"password", "password_hash", "bot_token", "access_token", "app_secret", "api_key"}
    names = answered(description) - {"TokenPair"}

    assert {"Channel", "ConnectedChannel", "User", "ChannelPage"} <= names
    assert [name for name in names if secret & set(schemas[name].get("properties", {}))] == []


async def test_paths(site: httpx.ASGITransport, shop: Shop) -> None:
    """The function answers under `/api/` and under its own `/fn/console-api/api/`, however the path is handed over."""
    headers = dict(shop.owner.headers)
    mounted = httpx.ASGITransport(function, root_path="/fn/console-api")
    for transport, prefix in ((site, "/fn/console-api"), (mounted, "/fn/console-api"), (site, "")):
        async with httpx.AsyncClient(transport=transport, base_url="http://console", headers=headers) as client:
            assert (await client.get(f"{prefix}/api/v1/me")).status_code == 200
            described = (await client.get(f"{prefix}/api/openapi.json")).json()
            assert described.get("servers", []) == ([{"url": prefix}] if prefix else [])
            assert (await client.get(f"{prefix}/healthz")).status_code in (200, 404)


async def test_under_functions_framework(settings_environment: dict[str, str], free_tcp_port: int) -> None:
    """Started by functions-framework's own command line it answers the same."""
    source = str(ROOT / "functions/console_api/main.py")
    command = [sys.executable, "-m", "functions_framework", "--asgi", "--source", source, "--target", "handle"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(free_tcp_port)],
        env={**os.environ, **settings_environment},
        cwd=ROOT,
    )
    try:
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=8), timeout=30) as client:
            url = f"http://127.0.0.1:{free_tcp_port}"
            for path in ("/api/v1/me", "/fn/console-api/api/v1/me"):
                answer = await client.get(url + path)
                assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
            assert (await client.get(f"{url}/api/openapi.json")).status_code == 200
            form = {"username": "nobody@example.com", "password": "x"}
            assert (await client.post(f"{url}/api/v1/auth/token", data=form)).status_code == 401
    finally:
        process.terminate()
        process.wait(10)
