"""Misbehaviour to order, seen through a real HTTP client: what was taken, and what the caller could know of it."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Protocol

import httpx
import pytest

from local.simulator import Simulator
from local.simulator.scripts import (
    AcceptThenHang,
    Block,
    CutConnection,
    Dribble,
    Oversized,
    Queued,
    Refuse,
    Respond,
    RestoreToken,
    RevokeToken,
    ServerError,
    Slow,
    TooMany,
    Unblock,
    WrongJson,
)
from tests.simulator.conftest import ACCESS_TOKEN, BOT_TOKEN, INSTAGRAM_TOKEN, NUMBER, PROFILE
from tests.simulator.serving import Webhook, until

CUSTOMERS = {"telegram": "5500112233", "whatsapp": "4915112345678", "instagram": "1535148674817116"}
IMPATIENT = 0.25
ACCOUNTS = {"telegram": "telegram-42", "whatsapp": f"whatsapp-{NUMBER}", "instagram": f"instagram-{PROFILE}"}


class Send(Protocol):
    """Sends a message to the customer of a kind, or to another one, and waits *seconds* for the answer.

    *token*: instead of the account's first.
    """

    async def __call__(
        self, kind: str, customer: str | None = None, seconds: float = 10, token: str = ""
    ) -> httpx.Response: ...


@pytest.fixture(params=list(ACCOUNTS))
async def kind(request: pytest.FixtureRequest, simulator: Simulator) -> str:
    """A kind of account to which a customer has written."""
    kind = str(request.param)
    await simulator.phone.write(kind, ACCOUNTS[kind], CUSTOMERS[kind], "سلام")
    return kind


@pytest.fixture
def send(client: httpx.AsyncClient) -> Send:
    """Sends the customer of a kind one message."""

    async def send(kind: str, customer: str | None = None, seconds: float = 10, token: str = "") -> httpx.Response:
        to, text = customer or CUSTOMERS[kind], "سفارش شما ارسال شد"
        match kind:
            case "telegram":
                body: dict[str, Any] = {"chat_id": to, "text": text}
                path = f"/telegram/bot{token or BOT_TOKEN}/sendMessage"
            case "whatsapp":
                body = {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": text}}
                path, token = f"/graph/v26.0/{NUMBER}/messages", token or ACCESS_TOKEN
            case _:
                body = {"recipient": {"id": to}, "message": {"text": text}}
                path, token = f"/instagram/v26.0/{PROFILE}/messages", token or INSTAGRAM_TOKEN
        headers = {"authorization": f"Bearer {token}".strip()}
        return await client.post(path, json=body, headers=headers, timeout=seconds)

    return send


@pytest.mark.parametrize(
    ("step", "raised", "taken"),
    [
        (AcceptThenHang(), httpx.ReadTimeout, 1),
        (CutConnection(when="before_headers"), httpx.RemoteProtocolError, 0),
        (CutConnection(when="before"), httpx.RemoteProtocolError, 0),
        (CutConnection(when="after_body"), httpx.RemoteProtocolError, 1),
        (CutConnection(when="midway"), httpx.RemoteProtocolError, 1),
    ],
)
async def test_no_answer(
    simulator: Simulator, kind: str, send: Send, step: Queued, raised: type[Exception], taken: int
) -> None:
    """An answer that never comes or breaks off does not tell whether the message was taken; the next call works."""
    simulator.script(ACCOUNTS[kind], step)

    with pytest.raises((raised, httpx.ReadError)):
        await send(kind, seconds=IMPATIENT if isinstance(step, AcceptThenHang) else 10)

    assert len(simulator.ledger.sent()) == taken
    assert (await send(kind)).status_code == 200


async def test_taken_is_told(simulator: Simulator, send: Send, webhook: Webhook) -> None:
    """A message whose answer hangs was taken: its statuses and its echo come all the same."""
    for kind in ("whatsapp", "instagram"):
        await simulator.phone.write(kind, ACCOUNTS[kind], CUSTOMERS[kind], "سلام")
        simulator.script(ACCOUNTS[kind], AcceptThenHang())
        with pytest.raises(httpx.ReadTimeout):
            await send(kind, seconds=IMPATIENT)
    await simulator.webhooks.settle()

    statuses, echoes = ([hook for hook in webhook.got if word in hook.body] for word in (b'"statuses"', b'"is_echo"'))
    assert (len(statuses), len(echoes)) == (2, 1)


@pytest.mark.parametrize(
    "step",
    [
        ServerError(accept=True, silent=True),
        CutConnection(when="after_body", silent=True),
        WrongJson(silent=True),
        Respond(accept=True, silent=True),
        Slow(seconds=0, silent=True),
    ],
)
async def test_silent(simulator: Simulator, kind: str, send: Send, webhook: Webhook, step: Queued) -> None:
    """A silent step takes the message, and no status and no echo tells of it."""
    simulator.script(ACCOUNTS[kind], step)
    before = len(webhook.got)

    with suppress(httpx.RemoteProtocolError, httpx.ReadError):
        await send(kind)
    await simulator.webhooks.settle()

    assert len(simulator.ledger.sent()) == 1
    assert len(webhook.got) == before


@pytest.mark.parametrize("accept", [True, False])
async def test_respond(simulator: Simulator, kind: str, send: Send, accept: bool) -> None:
    """An answer can be given word for word, whether or not the message was taken."""
    page, where = "<h1>لطفاً بعداً</h1>", {"location": "/elsewhere", "retry-after": "7"}
    simulator.script(ACCOUNTS[kind], Respond(status=307, body=page, headers=where, accept=accept))

    response = await send(kind)

    assert (response.status_code, response.text) == (307, page)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert {name: response.headers[name] for name in where} == where
    assert len(simulator.ledger.sent()) == accept


async def test_dribble(simulator: Simulator, kind: str, send: Send) -> None:
    """An answer in drops is right in the end; who is less patient than it lasts never sees the end."""
    simulator.script(ACCOUNTS[kind], Dribble(seconds=0.1, pieces=5))
    simulator.script(ACCOUNTS[kind], Dribble(seconds=60))

    assert (await send(kind)).json()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(IMPATIENT):
            await send(kind)
    assert len(simulator.ledger.sent()) == 2


async def test_oversized(simulator: Simulator, kind: str, send: Send) -> None:
    """A huge answer is valid and right, and the log of calls says how much of it was read."""
    simulator.script(ACCOUNTS[kind], Oversized(mebibytes=2))

    response = await send(kind)

    assert len(response.content) > 2 << 20
    assert json.loads(response.content)
    assert simulator.calls.listed()[0].answer_bytes == len(response.content)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            TooMany(retry_after=3),
            {
                "telegram": (429, 429, "Too Many Requests: retry after 3"),
                "whatsapp": (429, 130429, "(#130429) Rate limit hit"),
                "instagram": (400, 613, "(#613) Calls to this api have exceeded the rate limit."),
            },
        ),
        (
            ServerError(code=502),
            {
                "telegram": (502, 502, "Bad Gateway"),
                "whatsapp": (502, 131000, "(#131000) Something went wrong"),
                "instagram": (502, 1, "An unexpected error has occurred. Please retry your request later."),
            },
        ),
        (
            Refuse(status=400, code=400, message="PEER_ID_INVALID"),
            dict.fromkeys(ACCOUNTS, (400, 400, "PEER_ID_INVALID")),
        ),
    ],
)
async def test_error(
    simulator: Simulator, kind: str, send: Send, step: Queued, expected: dict[str, tuple[int, int, str]]
) -> None:
    """An ordered error comes in the provider's own shape and takes nothing."""
    simulator.script(ACCOUNTS[kind], step)

    response = await send(kind)

    answer = response.json()
    error = answer.get("error", {"code": answer.get("error_code"), "message": answer.get("description")})
    assert (response.status_code, error["code"], error["message"]) == expected[kind]
    assert simulator.ledger.sent() == []


async def test_retry_after(simulator: Simulator, kind: str, send: Send) -> None:
    """How long to wait is told where the provider tells it, and not told when the script leaves it out."""
    simulator.script(ACCOUNTS[kind], TooMany(retry_after=3))
    simulator.script(ACCOUNTS[kind], TooMany())

    told, untold = await send(kind), await send(kind)

    if kind == "telegram":
        assert told.json()["parameters"] == {"retry_after": 3}
        assert "parameters" not in untold.json()
    else:
        assert told.headers["retry-after"] == "3"
        assert "retry-after" not in untold.headers


async def test_error_although_taken(simulator: Simulator, kind: str, send: Send) -> None:
    """A server error may hide a message that was taken."""
    simulator.script(ACCOUNTS[kind], ServerError(accept=True))

    assert (await send(kind)).status_code == 500
    assert len(simulator.ledger.sent()) == 1


async def test_wrong_json(simulator: Simulator, kind: str, send: Send) -> None:
    """A 200 whose body can't be read: the message was taken."""
    simulator.script(ACCOUNTS[kind], WrongJson())

    response = await send(kind)

    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        response.json()
    assert len(simulator.ledger.sent()) == 1


async def test_slow(simulator: Simulator, kind: str, send: Send) -> None:
    """A slow answer is right; one slower than the caller's patience is only seen as a timeout."""
    simulator.script(ACCOUNTS[kind], Slow(seconds=0.05))
    simulator.script(ACCOUNTS[kind], Slow(seconds=1))

    assert (await send(kind)).status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        await send(kind, seconds=IMPATIENT)
    assert len(simulator.ledger.sent()) == 2


async def test_revoked_token(simulator: Simulator, kind: str, send: Send) -> None:
    """A revoked token is refused until it works again."""
    simulator.script(ACCOUNTS[kind], RevokeToken())
    refused = await send(kind)
    simulator.script(ACCOUNTS[kind], RestoreToken())

    if kind == "telegram":
        assert refused.json()["description"] == "Unauthorized"
    else:
        assert refused.json()["error"]["code"] == 190
    assert (await send(kind)).status_code == 200


async def test_rotated_token(simulator: Simulator, kind: str, client: httpx.AsyncClient, send: Send) -> None:
    """A new token works from now on, for the same account and its chats; the former one never again."""
    simulator.script(ACCOUNTS[kind], RevokeToken())
    order = {"do": "rotate_token", "token": f"{BOT_TOKEN}-new"}

    ordered = await client.post("/sim/scripts", json={"account": ACCOUNTS[kind], "script": order})

    assert ordered.status_code == 204
    assert (await send(kind)).status_code in (400, 401)
    assert (await send(kind, token=order["token"])).status_code == 200
    assert [sent.account for sent in simulator.ledger.sent()] == [ACCOUNTS[kind]]


async def test_block(simulator: Simulator, send: Send) -> None:
    """A chat can be blocked and unblocked by script, too."""
    chat = CUSTOMERS["telegram"]
    await simulator.phone.write("telegram", "42", chat, "سلام")
    simulator.script("telegram-42", Block(), chat=chat)
    assert (await send("telegram")).status_code == 403
    simulator.script("telegram-42", Unblock(), chat=chat)
    assert (await send("telegram")).status_code == 200


async def test_queue(simulator: Simulator, client: httpx.AsyncClient, send: Send) -> None:
    """A chat's steps hit as many of its messages as ordered, and come before its account's; typing passes by."""
    for customer in ("1", "2"):
        await simulator.phone.write("telegram", "42", customer, "سلام")
    simulator.script("telegram-42", ServerError(code=503), chat="1", times=2)
    simulator.script("telegram-42", TooMany())

    typing = await client.post(f"/telegram/bot{BOT_TOKEN}/sendChatAction", json={"chat_id": 1, "action": "typing"})
    seen = [(await send("telegram", "1")).status_code for _ in range(2)]
    other = [(await send("telegram", "2")).status_code for _ in range(2)]
    after = await send("telegram", "1")

    assert (seen, other) == ([503, 503], [429, 200])
    assert (typing.status_code, after.status_code) == (200, 200)


async def test_close_ends_hanging(simulator: Simulator, client: httpx.AsyncClient, send: Send) -> None:
    """Closing the simulator lets go of callers that are kept waiting."""
    await simulator.phone.write("telegram", "42", CUSTOMERS["telegram"], "سلام")
    simulator.script("telegram-42", AcceptThenHang())

    waiting = asyncio.create_task(send("telegram"))
    await until(simulator.ledger.sent)
    await simulator.close()

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await waiting
