"""Which events a Trigger lets through. Source: Knative's Trigger filters and CloudEvents Subscriptions, measured."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from local.broker.filters import compile_filter
from local.broker.manifests import Filter
from tests.broker.conftest import Broker
from tests.broker.subscriber import Subscriber

PATHS = {"attributes", "present", "moment", "number", "exact", "prefix", "suffix", "any", "all", "not", "wins"}


@pytest.mark.parametrize(
    ("attributes", "paths"),
    [
        ({}, {"not"}),
        ({"colour": "سبز"}, {"attributes", "present", "exact", "any"}),
        ({"colour": ""}, {"not"}),
        ({"colour": "سبزتر"}, {"present", "not"}),
        ({"colour": "آبی"}, {"present", "not", "wins"}),
        ({"subject": "سفارش-۷"}, {"not", "prefix", "any"}),
        ({"subject": "۷-paid"}, {"not", "suffix"}),
        ({"subject": "۷-PAID"}, {"not"}),
        (
            {"colour": "سبز", "subject": "سفارش-paid"},
            {"attributes", "present", "exact", "any", "all", "prefix", "suffix"},
        ),
        ({"time": "2026-03-21T00:00:00+03:30"}, {"not", "moment"}),
        ({"count": "7"}, {"not", "number"}),
        ({"count": "07"}, {"not"}),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),
)
async def test_dialects(broker: Broker, subscriber: Subscriber, attributes: dict[str, str], paths: set[str]) -> None:
    """An event goes where every filter agrees, and nowhere else; what is missing never matches."""
    event = await broker.send("filtered", **attributes)

    for path in paths:
        await subscriber.got(f"/{path}", event)
    marker = await broker.send("everything")
    await subscriber.got("/everything", marker)
    assert {path for path in PATHS if subscriber.seen(f"/{path}", event)} == paths


NAMES = st.sampled_from(["type", "subject", "colour"])
TEXTS = st.text("ابab-", min_size=1, max_size=3)
LEAVES = st.tuples(st.sampled_from(["exact", "prefix", "suffix"]), st.dictionaries(NAMES, TEXTS, min_size=1)).map(
    lambda pair: {pair[0]: pair[1]}
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: (
        st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)).map(lambda p: {p[0]: p[1]})
        | inner.map(lambda negated: {"not": negated})
    ),
    max_leaves=6,
)


def _by_the_book(filtered: Mapping[str, Any], attributes: Mapping[str, str]) -> bool:
    ((dialect, said),) = filtered.items()
    match dialect:
        case "not":
            return not _by_the_book(said, attributes)
        case "all":
            return False not in {_by_the_book(part, attributes) for part in said}
        case "any":
            return True in {_by_the_book(part, attributes) for part in said}
    for name, text in said.items():
        if name not in attributes:
            return False
        value = attributes[name]
        part = {"exact": value, "prefix": value[: len(text)], "suffix": value[-len(text) :]}[dialect]
        if part != text:
            return False
    return True


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(FILTERS, st.dictionaries(NAMES, st.text("ابab-", max_size=4)))
def test_nested(filtered: dict[str, Any], attributes: dict[str, str]) -> None:
    """However filters are nested, the compiled test says what the specification says, word by word."""
    compiled = compile_filter(TypeAdapter[Any](Filter).validate_python(filtered))

    assert compiled(attributes) is _by_the_book(filtered, attributes)
