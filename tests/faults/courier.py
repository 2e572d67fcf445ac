"""A broker in the test's hands: it delivers each event once, at once, and what got no 2xx when the test says so.

Who subscribes to what is read from the manifests that a cluster gets. A redelivery carries the same id, as Knative's
does; an event that was answered 2xx is never delivered again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from events import Context, Event, to_http
from local.broker.topology import load

MANIFESTS = Path(__file__).parents[2] / "k8s/base"
DELIVERY_SECONDS = 45


@dataclass(eq=False)
class Letter:
    """An event, and what its subscriber answered to each delivery: 0 where it gave no answer."""

    headers: Mapping[str, str]
    body: bytes
    answers: list[int] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Its type."""
        return self.headers["ce-type"]

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.headers["ce-subject"]

    @property
    def is_acknowledged(self) -> bool:
        """Whether a subscriber has taken it."""
        return any(200 <= answer < 300 for answer in self.answers)


class Courier:
    """ASGI: what functions publish to. *subscribers*: a function's name to a client of that function."""

    def __init__(self) -> None:
        self.subscribers: dict[str, httpx.AsyncClient] = {}
        self.letters: list[Letter] = []
        self._tasks: set[asyncio.Task[int]] = set()
        self._routes = {
            trigger.spec.filter.attributes["type"]: trigger.spec.subscriber.ref.name
            for trigger in load(MANIFESTS).triggers
            if trigger.spec.filter and trigger.spec.subscriber.ref
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes an event and delivers it behind the answer."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        headers = {name: value for name, value in request.headers.items() if name.startswith(("ce-", "content-type"))}
        letter = Letter(headers, await request.body())
        self.letters.append(letter)
        task = asyncio.create_task(self.deliver(letter))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await Response(status_code=202)(scope, receive, send)

    async def send(self, event: Event, *, event_id: str | None = None) -> Letter:
        """An event of the test's own, delivered when this returns."""
        context = Context.start("/xin/test")
        headers, body = to_http(event, context.model_copy(update={"id": event_id or context.id}))
        letter = Letter(headers, body)
        self.letters.append(letter)
        await self.deliver(letter)
        return letter

    async def deliver(self, letter: Letter) -> int:
        """Once; the answer. Also again, under the same id."""
        client = self.subscribers[self._routes[letter.kind]]
        try:
            answer = (await client.post("/", headers=letter.headers, content=letter.body)).status_code
        except httpx.TransportError:
            answer = 0
        letter.answers.append(answer)
        return answer

    def about(self, subject: object, kind: type[Event]) -> list[Letter]:
        """What was published about *subject* so far, oldest first."""
        return [letter for letter in self.letters if (letter.kind, letter.subject) == (kind.type, str(subject))]

    def undelivered(self, *kinds: type[Event]) -> list[Letter]:
        """What was delivered in vain, of *kinds* or of all: a real broker would come again."""
        wanted = {kind.type for kind in kinds}
        waiting = [letter for letter in self.letters if letter.answers and not letter.is_acknowledged]
        return [letter for letter in waiting if not wanted or letter.kind in wanted]

    def lose(self) -> None:
        """What was delivered in vain is forgotten: its broker had tried for long enough."""
        for letter in self.undelivered():
            self.letters.remove(letter)

    async def rest(self) -> None:
        """Returns when nothing is being delivered."""
        while self._tasks:
            await asyncio.wait(self._tasks)
