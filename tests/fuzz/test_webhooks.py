"""The door of every provider's webhook: what proves itself is taken in or kept, whatever it says; nothing else is."""

import random
from collections import Counter
from collections.abc import Mapping

import pytest

from shared.errors import Unreadable
from shared.providers.catalogue import PROVIDERS
from shared.store.tenancy import Store
from tests.fuzz import budget, hostile, mutating, requests
from tests.fuzz.doors import ACCOUNTS, DOORS, SECRET, Hook
from tests.providers import samples

KEYS = """
    SELECT provider_id FROM messages WHERE channel_id = %(channel)s
    UNION ALL SELECT key FROM provider_events WHERE channel_id = %(channel)s
"""
LETTERS = "SELECT count(*) FROM dead_letters WHERE attributes ->> 'channel' = %s"
QUERY = {
    "hub.mode": ("subscribe",),
    "hub.verify_token": (SECRET,),
    "hub.challenge": ("1158201444",),
    "secret_token": (SECRET, "x"),
}


def _bodies(kind: str) -> list[bytes]:
    return [samples.sample(name) for name in samples.every() if name.startswith(kind.replace("bale", "telegram"))]


@pytest.mark.parametrize("kind", DOORS)
async def test_any_body(hooks: Mapping[str, Hook], inside: Store, kind: str) -> None:
    """An authentic body is 200 whatever is in it, never a 5xx, which would be sent again for days; all of it is kept:
    what can be read under its keys, what can't as a dead letter."""
    hook, bodies = await hooks[kind].beside(inside, ACCOUNTS.get(kind)), _bodies(kind)
    unreadable = 0
    keys: set[str] = set()

    async def check(body: bytes) -> None:
        nonlocal unreadable
        assert await hook.post(body) == 200
        try:
            batch = PROVIDERS[kind].parse(body)  # type: ignore[misc]
            keys.update(item.key for item in (*batch.messages, *batch.events))
        except Unreadable:
            unreadable += 1

    def make(chance: random.Random) -> bytes:
        return mutating.mutated(chance.choice(bodies), bodies, chance)

    await budget.run_through("webhooks", make, check, share=1 / len(DOORS))
    async with inside.tenant(hook.tenant.id) as db:
        rows = await (await db.execute(KEYS, {"channel": hook.channel})).fetchall()
        letters = await (await db.execute(LETTERS, (str(hook.channel),))).fetchone()
    assert {key.removeprefix("stray:") for (key,) in rows} == keys
    assert letters == (unreadable,)


@pytest.mark.parametrize("kind", DOORS)
async def test_without_proof(hooks: Mapping[str, Hook], inside: Store, kind: str) -> None:
    """Whatever verb, path, query and header: without a proof nothing is taken in, and nothing falls."""
    hook = await hooks[kind].beside(inside, None)
    seen: Counter[int] = Counter()

    def make(chance: random.Random) -> requests.Asked:
        method = chance.choice(("POST", "POST", "GET", "GET", "PUT", "HEAD", "OPTIONS"))
        path = str(hook.channel) if chance.random() < 0.8 else requests.in_url(hostile.text(chance), chance)
        names = (
            "x-telegram-bot-api-secret-token",
            "x-hub-signature-256",
            "content-length",
            "traceparent",
            "x-forwarded-for",
        )
        headers = {chance.choice(names): requests.one_line(hostile.text(chance)) for _ in range(2)}
        query = requests.query({name: values for name, values in QUERY.items() if name != "secret_token"}, chance)
        return requests.Asked(method, f"/{path}{query}", headers, chance.choice(_bodies(kind)))

    async def check(asked: requests.Asked) -> None:
        status = (await asked.send(hook.client)).status_code
        seen[status] += 1
        assert status in (200, 401, 403, 404, 405, 413)
        assert status != 200 or asked.method == "GET" or str(hook.channel) not in asked.path

    await budget.run_through("webhooks without proof", make, check, share=1 / len(DOORS))
    assert seen[401]
    assert await hook.texts(inside) == []
