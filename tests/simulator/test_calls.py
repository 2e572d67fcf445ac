"""The log of calls: everything that reached a fake's API, from its arrival on, and which step of a script it met."""

import asyncio

import httpx

from local.simulator import Simulator
from local.simulator.scripts import AcceptThenHang, CutConnection, TooMany
from tests.simulator.conftest import ACCESS_TOKEN, BOT_TOKEN, INSTAGRAM_TOKEN, NUMBER, PROFILE, Clock
from tests.simulator.serving import until

BOT = f"/telegram/bot{BOT_TOKEN}"
CUSTOMER = "5500112233"
MESSAGE = {"chat_id": CUSTOMER, "text": "سفارش شما ارسال شد"}


async def test_what_called(simulator: Simulator, client: httpx.AsyncClient, clock: Clock) -> None:
    """Each call stands there once, with its time, its step and its status; `/sim/calls` lists them from any on."""
    await simulator.phone.write("telegram", "42", CUSTOMER, "سلام")
    simulator.script("telegram-42", TooMany(retry_after=3))
    for _ in range(2):
        await client.post(f"{BOT}/sendMessage", json=MESSAGE)
        clock.moment += 10
    await client.post(f"{BOT}/sendChatAction", json={"chat_id": CUSTOMER, "action": "typing"})

    calls = (await client.get("/sim/calls", params={"account": "telegram-42"})).json()

    assert [(call["method"], call["sends"], call["step"], call["status"]) for call in calls] == [
        ("sendMessage", True, "too_many", 429),
        ("sendMessage", True, "", 200),
        ("sendChatAction", False, "", 200),
    ]
    assert [call["chat"] for call in calls] == [CUSTOMER, CUSTOMER, ""]
    assert calls[1]["at"] - calls[0]["at"] == 10
    later = (await client.get("/sim/calls", params={"since": calls[1]["seq"]})).json()
    assert later == calls[2:]
    assert BOT_TOKEN not in str(calls)


async def test_refused_calls(simulator: Simulator, client: httpx.AsyncClient) -> None:
    """A call that is refused, or that breaks off before it was read, stands in the log like any other."""
    simulator.script("telegram-42", CutConnection(when="before_headers"))
    for path in (f"{BOT}/sendMessage", "/telegram/bot42:void/sendMessage", f"/instagram/v26.0/{PROFILE}/messages"):
        try:
            await client.post(path, json=MESSAGE)
        except httpx.TransportError:
            continue

    assert [(call.account, call.step, call.status) for call in simulator.calls.listed()] == [
        ("telegram-42", "cut", None),
        ("telegram-42", "", 401),
        (f"instagram-{PROFILE}", "", 400),
    ]
    assert simulator.calls.listed(kind="instagram")[0].seq == 3


async def test_graph_calls(simulator: Simulator, client: httpx.AsyncClient) -> None:
    """A node that is named `me` is the account's, and what sends no message is told apart."""
    await simulator.phone.write("instagram", PROFILE, CUSTOMER, "سلام")
    headers = {"authorization": f"Bearer {INSTAGRAM_TOKEN}"}
    said = {"recipient": {"id": CUSTOMER}, "message": {"text": "بله"}}
    typing = {"recipient": {"id": CUSTOMER}, "sender_action": "typing_on"}
    for body in (said, typing):
        await client.post("/instagram/v26.0/me/messages", json=body, headers=headers)
    to = {"messaging_product": "whatsapp", "to": "4915112345678", "text": {"body": "بله"}}
    await client.post(f"/graph/v26.0/{NUMBER}/messages", json=to, headers={"authorization": f"Bearer {ACCESS_TOKEN}"})

    assert [(call.kind, call.account, call.sends) for call in simulator.calls.listed()] == [
        ("instagram", f"instagram-{PROFILE}", True),
        ("instagram", "instagram-me", False),
        ("whatsapp", f"whatsapp-{NUMBER}", True),
    ]


async def test_while_it_hangs(simulator: Simulator, client: httpx.AsyncClient) -> None:
    """A call stands there from its arrival on, without a status as long as it has no answer."""
    await simulator.phone.write("telegram", "42", CUSTOMER, "سلام")
    simulator.script("telegram-42", AcceptThenHang())

    waiting = asyncio.create_task(client.post(f"{BOT}/sendMessage", json=MESSAGE))
    call = (await until(simulator.calls.listed))[0]
    await until(simulator.ledger.sent)

    assert (call.step, call.status) == ("accept_then_hang", None)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
