"""Hostile values for Hypothesis, which shrinks what fails to something that can be read."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.fuzz import budget, hostile

CHARACTERS = st.characters() | st.sampled_from("\x00\ud800\udc00\u200c\u200d\u202e\u0301\ufeff😀ی‌ \n\\\"'<&%")
TEXTS = st.sampled_from(hostile.TEXTS) | st.text(CHARACTERS, max_size=40)
NUMBERS = st.sampled_from(hostile.NUMBERS) | st.integers() | st.floats()
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def as_many(parser: str, share: float = 1.0) -> Callable[[Any], Any]:
    """Settings for as many examples as *share* of the parser's cases; the same ones in every run."""
    count = max(1, round(budget.cases(parser) * share))
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def bent(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """One of *samples* with one or two of its values replaced or removed."""
    tree: Any = [json.loads(draw(st.sampled_from(samples)))]
    for _ in range(draw(st.integers(1, 2))):
        holder, place = tree, 0
        while isinstance(held := holder[place], dict | list) and held and draw(st.integers(0, 9)):
            holder, place = held, draw(st.sampled_from(list(held) if isinstance(held, dict) else range(len(held))))
        if draw(st.booleans()):
            holder[place] = draw(VALUES)
        elif isinstance(holder, dict) or len(holder) > 1:
            del holder[place]
    return json.dumps(tree[0] if tree else None).encode()
