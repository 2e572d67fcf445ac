"""Functions that take events, under events that nobody would send: acknowledged or refused, never a 5xx."""

import random
from collections import Counter
from importlib import import_module

import pytest

from shared.settings import Settings
from tests.fuzz import budget, events
from tests.fuzz.doors import opened

FUNCTIONS = ("orchestrate", "deliver", "embed_chunk", "automation_tick")
KNOWN = {204, 400, 415}
VERBS = ("GET", "PUT", "DELETE", "PATCH", "HEAD")


@pytest.mark.parametrize("name", FUNCTIONS)
async def test_any_event(fuzz_settings: Settings, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """2xx for what is an event, 400 for what is none, 415 for a batch, 405 for another verb."""
    settings = fuzz_settings.model_copy(update={"vectors_path": tmp_path_factory.mktemp(name)})
    paths = ("/", "/dead-letters") if name == "automation_tick" else ("/",)
    seen: Counter[int] = Counter()
    async with opened(import_module(f"functions.{name}.main").function, settings) as client:

        async def check(asked: tuple[str, events.Request]) -> None:
            path, request = asked
            headers = [
                (key.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
                for key, value in request.headers.items()
            ]
            answer = await client.post(path, headers=headers, content=request.body)
            seen[answer.status_code] += 1
            assert answer.status_code in KNOWN, answer.text
            assert not answer.content or answer.status_code >= 400, "a 2xx has an empty body"
            assert len(answer.content) < 768

        def make(chance: random.Random) -> tuple[str, events.Request]:
            return chance.choice(paths), events.request(chance)

        await budget.run_through("event doors", make, check, share=1 / len(FUNCTIONS))
        for verb in VERBS:
            assert (await client.request(verb, "/")).status_code == 405
    assert set(seen) >= {204, 400}
