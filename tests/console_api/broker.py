"""A broker on loopback: takes events as Knative's would, and can be told to refuse them."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


@dataclass
class Broker:
    """ASGI. `events` holds what it took, each as its attributes and its data."""

    events: list[dict[str, Any]] = field(default_factory=list)
    refuses: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        data = await request.json()
        if not self.refuses:
            attributes = {name[3:]: value for name, value in request.headers.items() if name.startswith("ce-")}
            self.events.append({**attributes, "data": data})
        await Response(status_code=503 if self.refuses else 202)(scope, receive, send)

    async def told(self, ending: str, subject: object) -> list[dict[str, Any]]:
        """The same, once there is one: what publishes in the background takes a moment. At most two seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                while not self.of_type(ending, subject):
                    await asyncio.sleep(0.01)
        return self.of_type(ending, subject)

    def of_type(self, ending: str, subject: object) -> list[dict[str, Any]]:
        """The events of a type about a subject."""
        return [event for event in self.events if event["type"].endswith(ending) and event["subject"] == str(subject)]
