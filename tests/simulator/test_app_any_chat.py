"""Where a webhook may be posted by hand, the simulator takes answers to customers that it never met."""

import httpx
import pytest

from local.simulator.accounts import Accounts, BotAccount
from local.simulator.app import create_simulator


@pytest.mark.parametrize(("any_chat", "status"), [(True, 200), (False, 400)])
async def test_stranger(any_chat: bool, status: int) -> None:
    """A chat that never wrote is refused as Telegram refuses it, unless any chat will do."""
    bot = BotAccount.model_validate({"kind": "telegram", "bot_token": "42:secret"})
    simulator = create_simulator(Accounts(accounts=[bot], any_chat=any_chat))
    transport = httpx.ASGITransport(simulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        answer = await client.post("/telegram/bot42:secret/sendMessage", json={"chat_id": 7, "text": "سلام"})
    assert answer.status_code == status
