"""What the customer is told when a conversation changes hands."""

from typing import Any

import pytest

from shared.answering.notices import Transition, notice
from shared.answering.persona import Persona
from shared.answering.policy.rules import Policy
from shared.answering.values import Said

PERSONA = Persona(name="سپیده")


@pytest.mark.parametrize(
    ("to", "handover", "told_of", "is_told"),
    [
        ("taken_over", {}, {"promised": True}, True),
        ("taken_over", {}, {"promised": False}, False),
        ("taken_over", {"tell_takeover": "always"}, {"promised": False}, True),
        ("taken_over", {"tell_takeover": "never"}, {"promised": True}, False),
        ("released", {}, {"spoken": True, "pending": False}, True),
        ("released", {}, {"spoken": True, "pending": True}, False),
        ("released", {}, {"spoken": False, "pending": False}, False),
        ("released", {"tell_release": False}, {"spoken": True, "pending": False}, False),
        ("resolved", {}, {}, False),
        ("resolved", {"tell_resolve": True}, {}, True),
    ],
)
def test_when(to: Any, handover: dict[str, Any], told_of: dict[str, bool], is_told: bool) -> None:
    """The policy says of which transitions the customer is told; nobody is told what the next message shows anyway."""
    policy = Policy.model_validate({"handover": handover})

    assert (notice(Transition(to, **told_of), PERSONA, policy) is not None) == is_told


@pytest.mark.parametrize(
    ("hint", "said", "language"),
    [
        (None, ["سلام"], "fa"),
        (None, ["hello there"], "en"),
        ("en", [], "en"),
        (None, [], "fa"),
        ("en", ["سلام"], "fa"),
        ("en", ["سلام", "👍"], "en"),
    ],
)
def test_language(hint: str | None, said: list[str], language: str) -> None:
    """A notice comes in the language the customer wrote last, else in the one their app speaks."""
    told = notice(
        Transition("released", spoken=True),
        PERSONA,
        Policy(),
        hint=hint,
        said=[Said("customer", text) for text in said],
    )

    assert told is not None
    assert ("colleague" in told) == (language == "en")
    assert "سپیده" in told
