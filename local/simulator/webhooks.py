"""Delivering webhooks as the providers do: a POST, and again with growing pauses until a 2xx comes or patience ends."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

PATIENCE = (0.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # seconds before each further try; the real ones go on for a day or a week
LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Post:
    """One webhook request, ready to leave."""

    body: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class Delivery:
    """What became of one webhook. `status` is the last HTTP status, None where nobody answered."""

    account: str
    attempts: int = 0
    status: int | None = None
    error: str = ""
    answer: bytes = field(default=b"", repr=False)

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def signed(body: bytes, app_secret: str) -> Post:
    """A Meta webhook: HMAC-SHA256 of the very bytes, in lowercase hex."""
    digest = hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    return Post(
        body,
        {
            "content-type": "application/json",
            "user-agent": "facebookexternalua",
            "x-hub-signature-256": f"sha256={digest}",
        },
    )


Looker = Callable[[str, str, Post, int | None, bytes, float], None]
"""Is told of each try: account, URL, post, HTTP status, answer, seconds."""


class Webhooks:
    """The outgoing side of all fakes."""

    def __init__(self, patience: Sequence[float] = PATIENCE) -> None:
        self.looker: Looker | None = None
        self._patience = tuple(patience)
        self._client: httpx.AsyncClient | None = None
        self._tasks: set[asyncio.Task[Delivery]] = set()

    @property
    def client(self) -> httpx.AsyncClient:
        if self._client is None:
            # Redirects are failures to every provider; a proxy of this machine's is none of theirs.
            self._client = httpx.AsyncClient(timeout=60, follow_redirects=False, trust_env=False)
        return self._client

    def send(
        self,
        account: str,
        url: str,
        *posts: Post,
        lane: asyncio.Lock | None = None,
        obey_retry_after: bool = False,
        tried: Callable[[Delivery], None] = lambda _: None,
    ) -> asyncio.Task[Delivery]:
        """Delivers *posts* one after the other, behind others of the same *lane*. Gives the last one's fate."""
        task = asyncio.get_running_loop().create_task(
            self._deliver_all(account, url, posts, lane or asyncio.Lock(), obey_retry_after, tried)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self) -> None:
        """Returns when nothing is on its way any more."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _deliver_all(
        self,
        account: str,
        url: str,
        posts: Sequence[Post],
        lane: asyncio.Lock,
        obey_retry_after: bool,
        tried: Callable[[Delivery], None],
    ) -> Delivery:
        delivery = Delivery(account, error="no webhook is set")
        if not url:
            return delivery
        async with lane:
            for post in posts:
                delivery = Delivery(account)
                for pause in (None, *self._patience):
                    if pause is not None:
                        await asyncio.sleep(pause)
                    wait = await self._try(delivery, url, post)
                    tried(delivery)
                    if delivery.delivered:
                        break
                    if wait and obey_retry_after:
                        await asyncio.sleep(min(wait, LONGEST_WAIT))
        return delivery

    async def _try(self, delivery: Delivery, url: str, post: Post) -> float:
        """One POST. Returns the seconds that the receiver asks to wait."""
        began = time.monotonic()
        try:
            return await self._post(delivery, url, post)
        finally:
            if self.looker:
                spent = time.monotonic() - began
                self.looker(delivery.account, url, post, delivery.status, delivery.answer, spent)

    async def _post(self, delivery: Delivery, url: str, post: Post) -> float:
        delivery.attempts += 1
        delivery.status, delivery.error, delivery.answer = None, "", b""
        try:
            response = await self.client.post(url, content=post.body, headers=post.headers)
        except httpx.TimeoutException:
            delivery.error = "Read timeout expired"
        except httpx.HTTPError as problem:
            delivery.error = f"Connection failed: {type(problem).__name__}"
        else:
            delivery.status, delivery.answer = response.status_code, response.content
            if not delivery.delivered:
                delivery.error = f"Wrong response from the webhook: {response.status_code} {response.reason_phrase}"
            asked = response.headers.get("retry-after", "")
            return float(asked) if asked.isdigit() else 0.0
        return 0.0
