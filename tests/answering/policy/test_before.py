"""Reading wishes and topics out of what customers type."""

import time

import pytest
from pydantic import ValidationError

from shared.answering.policy.before import State, decide
from shared.answering.policy.phrases import holds, words
from shared.answering.policy.rules import Policy
from shared.answering.policy.wishes import asks_for_person, is_greeting, is_thanks
from tests.answering.conftest import MONDAY_NOON

ANYTHING = State(readable=True, offered=False)


@pytest.mark.parametrize(
    "message",
    [
        "یک اپراتور می‌خواهم", "اپراتور!", "انسان", "انسان لطفا", "پشتیبان", "وصل کنید به پشتیبانی",
        "لطفا من رو به اپراتور وصل کنید", "می‌خوام با آدم حرف بزنم", "ميخوام با يك نفر صحبت كنم", "یه نفر جواب بده",
        "می‌تونم با مدیر صحبت کنم", "a person", "operator", "support", "I need a human", "real person please",
        "I want to talk to a human", "Can I speak to someone please?", "connect me to an agent", "give me a person",
    ],
)  # fmt: skip
def test_person_wanted(message: str) -> None:
    """Whatever way a customer asks for a person, it is understood."""
    assert asks_for_person(words(message))


@pytest.mark.parametrize(
    "message",
    [
        "a table for one person", "برای هر نفر چند است؟", "اپراتور همراه اول برای سیم‌کارت دارید؟", "حقوق انسان",
        "نمی‌خواهم با اپراتور صحبت کنم", "شماره تماس پشتیبانی چیست؟", "ساعت کاری پشتیبانی", "do you support iphone",
        "I need support for my TV", "can I transfer my ticket to another person", "how do I contact support?",
    ],
)  # fmt: skip
def test_person_only_mentioned(message: str) -> None:
    """A question that merely names a person or an operator stays a question."""
    assert not asks_for_person(words(message))


def test_small_talk() -> None:
    """Greetings and thanks are only what is nothing else."""
    assert is_greeting(words("سلام، خسته نباشید"))
    assert is_greeting(words("good morning"))
    assert not is_greeting(words("سلام قیمت؟"))
    assert is_thanks(words("دستتون درد نکنه"))
    assert not is_thanks(words("ممنون، ساعت کاری؟"))


@pytest.mark.parametrize(
    ("text", "phrase", "found"),
    [
        ("درباره پولشويي بگو", "پول‌شویی", True),
        ("پول شویی چیست", "پولشویی", True),
        ("قُمار", "قمار", True),
        ("ق م ا ر", "قمار", True),
        ("قمارهای آنلاین", "قمار", True),
        ("Personal LOANS?", "loan", True),
        ("کد ۱۲۳ را بزن", "کد 123", True),
        ("استقمار", "قمار", False),
        ("loaning", "loan", False),
        ("هر چیزی", "؟!", False),
    ],
)
def test_phrases(text: str, phrase: str, found: bool) -> None:
    """A phrase is found as whole words, whatever letters, digits, marks and half-spaces it is typed with."""
    assert holds(words(text), phrase) is found


def test_no_backtracking() -> None:
    """A tenant's pattern that would hang a regular expression is only a phrase, and takes no time."""
    policy = Policy.model_validate({"blocked_topics": [{"name": "x", "phrases": ["(a+)+$", "(.*a){20}"] * 100}]})
    began = time.perf_counter()

    decide(policy, "a" * 4000 + " " + "a " * 2000, ANYTHING, MONDAY_NOON)

    assert time.perf_counter() - began < 2


def test_person_beats_topic() -> None:
    """No blocked topic keeps a customer from a person; a brand's own phrase calls one too."""
    policy = Policy.model_validate(
        {"blocked_topics": [{"name": "x", "phrases": ["وام"]}], "handover": {"phrases": ["خانم سارا"]}}
    )

    assert decide(policy, "برای وام با اپراتور صحبت کنم", ANYTHING, MONDAY_NOON).action == "handover"
    assert decide(policy, "خانم سارا هستند؟", ANYTHING, MONDAY_NOON).action == "handover"
    assert decide(policy, "وام می‌دهید؟", ANYTHING, MONDAY_NOON).action == "refuse"


def test_schema() -> None:
    """A policy has a JSON Schema for the console's form, and an empty body is a policy."""
    schema = Policy.model_json_schema()

    assert Policy.model_validate({}) == Policy()
    assert schema["properties"]["quiet_ms"]["maximum"] == 10_000
    assert "Below it the bot abstains" in str(schema)


@pytest.mark.parametrize("host", ["https://shop.ir", "shop.ir/path", "a b", "", "user@shop.ir", "*.ir"])
def test_hosts(host: str) -> None:
    """A host on the list is a host: what would match nothing, or everything, is refused where it is written."""
    with pytest.raises(ValidationError):
        Policy.model_validate({"answer": {"allowed_link_hosts": [host]}})


def test_newer_rows() -> None:
    """A row of a newer release is read; from a person, who may have mistyped, an unknown field is refused."""
    body = {"quiet_ms": 300, "from_the_future": True}

    assert Policy.model_validate(body).quiet_ms == 300
    with pytest.raises(ValidationError):
        Policy.model_validate(body, extra="forbid")
