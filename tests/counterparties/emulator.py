"""lo-bot-api-emulator, a Bot API server that we did not write: it delivers to our webhook and takes what we send."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from lo_bot_api_emulator import LoBotApiEmulator

NOON = 1_790_000_000


@dataclass
class Call:
    """A method that was called on the emulator, and the status that it answered with."""

    token: str
    method: str
    parameters: dict[str, Any]
    status: int
    answer: dict[str, Any]


@dataclass
class Emulator:
    """The emulator on a loopback port. *calls*: what came, which it itself keeps without the words."""

    url: str = ""
    server: LoBotApiEmulator = field(
        default_factory=lambda: LoBotApiEmulator(allow_insecure_loopback_webhooks=True, enable_control=True)
    )
    calls: list[Call] = field(default_factory=list)

    def called(self, method: str, token: str) -> list[Call]:
        """How often a bot called a method."""
        return [call for call in self.calls if (call.method, call.token) == (method, token)]

    async def write(self, token: str, chat: int, text: str) -> int:
        """A user of the emulator writes to the bot: the webhook is tried at once. Returns the update's id."""
        person = {"id": chat, "is_bot": False, "first_name": "مریم", "language_code": "fa"}
        message = {
            "message_id": len(self.calls) + 1,
            "date": NOON,
            "from": person,
            "chat": {"id": chat, "type": "private", "first_name": "مریم"},
            "text": text,
        }
        return int(await self.server.enqueue_update({"message": message}, token=token))

    @web.middleware
    async def _watch(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        sent = json.loads(await request.read() or b"{}")
        response = await handler(request)
        assert isinstance(response, web.Response)
        place = request.match_info
        self.calls.append(Call(place["token"], place["method"], sent, response.status, json.loads(response.text or "")))
        return response


@asynccontextmanager
async def emulating() -> AsyncIterator[Emulator]:
    """One that runs while the block does."""
    emulator = Emulator()
    application = emulator.server.app()
    application.middlewares.append(emulator._watch)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    emulator.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield emulator
    finally:
        await runner.cleanup()
