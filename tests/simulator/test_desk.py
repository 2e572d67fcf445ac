"""The simulator's own API: the phone of `/demo`, the log, the scripts; and the server that `python -m` starts."""

import asyncio
import json
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.simulator import Accounts, BotAccount, Simulator, create_simulator
from local.simulator.ledger import HISTORY, UnknownAccount
from tests.simulator.conftest import (
    ACCESS_TOKEN,
    APP_SECRET,
    BALE_TOKEN,
    BOT_TOKEN,
    INSTAGRAM_TOKEN,
    MODEL_KEY,
    SECRET_TOKEN,
)
from tests.simulator.serving import Webhook, serving

SECRETS = (BOT_TOKEN, BALE_TOKEN, ACCESS_TOKEN, INSTAGRAM_TOKEN, APP_SECRET, SECRET_TOKEN, MODEL_KEY, "verify-me")
CHAT = "/sim/telegram-42/chats/5500112233"
SEND = f"/telegram/bot{BOT_TOKEN}/sendMessage"


async def test_accounts(client: httpx.AsyncClient) -> None:
    """The accounts that one can write to are listed by what is public of them."""
    accounts = (await client.get("/sim/accounts")).json()

    assert [account["kind"] for account in accounts] == ["telegram", "bale", "whatsapp", "instagram"]
    assert accounts[0] == {"key": "telegram-42", "kind": "telegram", "id": "42", "name": ""}


async def test_writes(simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook) -> None:
    """A message from the page goes out as the provider's webhook, and the phone shows both sides and the typing."""
    response = await client.post(f"{CHAT}/messages", json={"text": "سلام", "name": "مریم"})
    await simulator.webhooks.settle()
    await client.post(SEND, json={"chat_id": 5500112233, "text": "سلام مریم"})
    await client.post(SEND.replace("sendMessage", "sendChatAction"), json={"chat_id": 5500112233, "action": "typing"})

    shown = (await client.get(CHAT)).json()
    assert response.status_code == 202
    assert webhook.got[0].json["message"]["text"] == "سلام"
    assert [(message["role"], message["text"]) for message in shown["messages"]] == [
        ("customer", "سلام"),
        ("business", "سلام مریم"),
    ]
    assert shown["messages"][0]["id"] == response.json()["id"]
    assert (shown["typing"], shown["name"]) == (True, "مریم")


async def test_events(client: httpx.AsyncClient, url: str) -> None:
    """The stream opens with what is on the screen, then tells each change as it happens."""
    async with (
        httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as listener,
        listener.stream("GET", f"{CHAT}/events") as stream,
    ):
        lines = stream.aiter_lines()

        async def next_event() -> tuple[str, dict[str, Any]]:
            name = (await anext(lines)).removeprefix("event: ")
            data = json.loads((await anext(lines)).removeprefix("data: "))
            await anext(lines)
            return (name, data) if name != "exchange" else await next_event()

        assert (await next_event())[0] == "chat"
        await client.post(f"{CHAT}/messages", json={"text": "سلام"})
        name, message = await next_event()
        assert (name, message["role"], message["text"]) == ("message", "customer", "سلام")
        await client.post(
            SEND.replace("sendMessage", "sendChatAction"), json={"chat_id": 5500112233, "action": "typing"}
        )
        assert await next_event() == ("typing", {"until": 1_790_000_005.0, "seconds": 5.0})
        await client.post(SEND, json={"chat_id": 5500112233, "text": "بفرمایید"})
        name, message = await next_event()
        assert (name, message["role"], message["text"]) == ("message", "business", "بفرمایید")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/sim/telegram-43/chats/1", None, 404),
        ("GET", "/sim/pigeon-42/chats/1", None, 404),
        ("GET", "/sim/telegram-42/chats/maryam", None, 404),
        ("POST", "/sim/telegram-42/chats/0/messages", {"text": "x"}, 404),
        ("POST", f"{CHAT}/messages", {"text": ""}, 422),
        ("POST", f"{CHAT}/messages", {"text": "x" * 4097}, 422),
        ("POST", "/sim/scripts", {"account": "telegram-42", "script": {"do": "dance"}}, 422),
        ("POST", "/sim/scripts", {"account": "telegram-43", "script": {"do": "wrong_json"}}, 404),
        ("POST", "/sim/accounts", {"kind": "telegram", "bot_token": ["secret"]}, 422),
    ],
)
async def test_refuses(client: httpx.AsyncClient, method: str, path: str, body: Any, status: int) -> None:
    """What makes no sense is refused without repeating what was sent."""
    response = await client.request(method, path, json=body)

    assert response.status_code == status
    assert "secret" not in response.text


async def test_looking_makes_no_chat(simulator: Simulator, client: httpx.AsyncClient) -> None:
    """To look at a chat, or to listen to it, does not make it known to the bot: only writing does."""
    assert (await client.get(CHAT)).json()["messages"] == []
    async with client.stream("GET", f"{CHAT}/events"):
        pass

    assert (await client.post(SEND, json={"chat_id": 5500112233, "text": "x"})).status_code == 400


async def test_sent(simulator: Simulator, client: httpx.AsyncClient) -> None:
    """The log can be read on from any number, and by kind, account and chat."""
    for customer in ("1", "2"):
        await simulator.phone.write("telegram", "42", customer, "سلام")
        await client.post(SEND, json={"chat_id": customer, "text": f"پاسخ {customer}"})

    first, second = (await client.get("/sim/sent")).json()

    assert first.keys() >= {"seq", "at", "kind", "account", "chat", "text", "id"}
    assert [first["text"], second["text"]] == ["پاسخ 1", "پاسخ 2"]
    assert (await client.get("/sim/sent", params={"since": first["seq"]})).json() == [second]
    assert (await client.get("/sim/sent", params={"chat": "1"})).json() == [first]
    assert (await client.get("/sim/sent", params={"kind": "bale"})).json() == []


async def test_scripts(simulator: Simulator, client: httpx.AsyncClient) -> None:
    """Misbehaviour can be ordered and cancelled over HTTP."""
    await simulator.phone.write("telegram", "42", "1", "سلام")
    order = {"account": "telegram-42", "chat": "1", "times": 2, "script": {"do": "too_many", "retry_after": 1}}
    assert (await client.post("/sim/scripts", json=order)).status_code == 204

    assert (await client.post(SEND, json={"chat_id": 1, "text": "x"})).status_code == 429
    await client.delete("/sim/scripts")
    assert (await client.post(SEND, json={"chat_id": 1, "text": "x"})).status_code == 200


async def test_add_account(simulator: Simulator, client: httpx.AsyncClient) -> None:
    """An account can come at run time, over HTTP too; the answer shows only its public part."""
    account = {"kind": "telegram", "bot_token": "555:added-at-run-time", "name": "فروشگاه"}
    response = await client.post("/sim/accounts", json=account)

    assert response.json() == {"key": "telegram-555", "kind": "telegram", "id": "555", "name": "فروشگاه"}
    me = (await client.get("/telegram/bot555:added-at-run-time/getMe")).json()["result"]
    assert (me["id"], me["first_name"]) == (555, "فروشگاه")


async def test_demo_is_only_the_phone(simulator: Simulator) -> None:
    """The application for strangers has the phone and nothing that belongs to the machine's owner."""
    async with (
        serving(simulator.demo, before_stop=simulator.closing.set) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as stranger,
    ):
        assert (await stranger.get("/sim/accounts")).status_code == 200
        assert (await stranger.post(f"{CHAT}/messages", json={"text": "سلام"})).status_code == 202
        assert (await stranger.post("/sim/accounts", json={})).status_code == 405
        for path in ("/sim/sent", "/sim/warnings", f"/telegram/bot{BOT_TOKEN}/getMe", "/model/v1/models"):
            assert (await stranger.get(path)).status_code == 404


async def test_keeps_secrets(
    simulator: Simulator, client: httpx.AsyncClient, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    """No answer under `/sim`, no printed object, no warning and no line of our logs shows a token."""
    caplog.set_level(logging.DEBUG, logger="local")
    webhook.answers.extend([(500, {})] * 9)
    await client.post(f"{CHAT}/messages", json={"text": "سلام"})
    await client.post(SEND, json={"chat_id": 5500112233, "text": "x", "strange": 1})
    await simulator.webhooks.settle()

    told = [
        (await client.get(path)).text
        for path in ("/sim/accounts", CHAT, "/sim/sent", "/sim/warnings", "/sim/unknown/chats/1")
    ]
    printed = [repr(vars(bot)["account"]) for bot in simulator.bots["telegram"].bots.values()]
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("local")]
    for text in (*told, *printed, *logged):
        assert not any(secret in text for secret in SECRETS)


async def test_history_is_bounded(simulator: Simulator) -> None:
    """A chat keeps its last messages only."""
    api = simulator.bots["telegram"]
    api.bots[BOT_TOKEN].webhook_url = ""
    for number in range(HISTORY + 5):
        await simulator.phone.write("telegram", "42", "1", str(number))

    chat = simulator.ledger.chat("telegram-42", "1")
    assert chat
    assert [chat.entries[0].text, len(chat.entries)] == ["5", HISTORY]


async def test_unknown_account(simulator: Simulator) -> None:
    """Writing to an account that isn't there is an error of the test's, not a silence."""
    with pytest.raises(UnknownAccount):
        await simulator.phone.write("telegram", "43", "1", "سلام")


def test_ids_never_repeat() -> None:
    """A restarted simulator does not repeat its last run's update ids, or receivers would drop them as duplicates."""
    account = BotAccount(kind="telegram", bot_token=BOT_TOKEN)
    starts = set()
    for _ in range(5):
        api = create_simulator(Accounts(accounts=[account])).bots["telegram"]
        starts.add(api.bots[BOT_TOKEN].next_update_id())

    assert len(starts) == 5


async def test_process(tmp_path: Path) -> None:
    """`python -m local.simulator` serves the accounts of a file, prints no token, lets go of streams on SIGTERM."""
    accounts = {"accounts": [{"kind": "telegram", "bot_token": BOT_TOKEN}]}
    (tmp_path / "accounts.json").write_text(json.dumps(accounts))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["--listen", f"127.0.0.1:{port}", "--accounts", str(tmp_path / "accounts.json")]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local.simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

            async def answers() -> bool:
                try:
                    return (await client.get(f"/telegram/bot{BOT_TOKEN}/getMe")).status_code == 200
                except httpx.TransportError:
                    return False

            async with asyncio.timeout(15):
                while not await answers():
                    await asyncio.sleep(0.05)
            async with client.stream("GET", f"{CHAT}/events") as watching:
                lines = watching.aiter_lines()
                assert await anext(lines) == "event: chat"
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(10):
                    printed = await process.stdout.read()
                    await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode in {0, -signal.SIGTERM}
    assert b"graceful shutdown exceeded" not in printed
    assert BOT_TOKEN.encode() not in printed
