"""Words meet in a search however they were written, and a vector says what BM25 needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.terms import content_words, merged, passage_vector, query_vector


@pytest.mark.parametrize(
    "written",
    [
        ("می‌خواهم", "می خواهم", "میخواهم"),
        ("کتاب‌هایم", "کتاب هایم", "کتابهایم"),
        ("نمی‌شود", "نمی شود", "نمیشود"),
        ("فروشگاه‌های", "فروشگاه ها", "فروشگاه"),
        ("سفارش‌تون", "سفارشتون", "سفارش"),
        ("۱٬۲۰۰٬۰۰۰", "1,200,000", "۱۲۰۰۰۰۰"),
        ("returns", "returned", "return"),
        ("The customer's", "customers", "customer"),
    ],
)
def test_forms_meet(written: tuple[str, ...]) -> None:
    """A half-space, a space and nothing, a plural and an ending: each finds the others."""
    forms = [set(content_words(form)) for form in written]

    assert forms[0] == forms[1] == forms[2] or set.intersection(*forms)


@pytest.mark.parametrize(("one", "other"), [("کارت بانکی", "کار"), ("ساعت", "ساعی"), ("تومان", "توم")])
def test_words_stay_apart(one: str, other: str) -> None:
    """Endings come off only where enough of the word is left to be one."""
    assert not set(content_words(one)) & set(content_words(other))


def test_compounds_meet() -> None:
    """A compound is found by its joined form and by its parts."""
    assert {"پیشفرض", "پیش", "فرض"} & set(content_words("پیش‌فرض")) >= {"پیشفرض", "فرض"}


def test_stop_words() -> None:
    """What every question has in it says nothing about what is asked."""
    assert content_words("سلام، ساعت کاری شما چیه لطفا؟") == ["ساعت", "کار"]
    assert content_words("What are your opening hours, please?") == ["open", "hour"]
    assert not query_vector("این چیست؟")


def test_missing_letter() -> None:
    """A word in which a letter is missing still shares terms with the right one, and fewer than the right one does."""
    right, wrong, other = (set(query_vector(w).indices) for w in ("گارانتی", "گارنتی", "هزینه"))

    assert right & wrong
    assert not right & other


def test_saturation() -> None:
    """A term said ten times weighs more than once, and far less than ten times as much."""
    once = max(passage_vector("ارسال رایگان").values)
    often = max(passage_vector("ارسال " * 10).values)

    assert once < often < 2.2


def test_merged() -> None:
    """What was said before counts less than what is asked now, and never lowers it."""
    both = merged(query_vector("جمعه"), query_vector("ساعت جمعه"), 0.4)
    weights = dict(zip(both.indices, both.values, strict=True))

    assert sorted(set(weights.values())) == pytest.approx([0.15 * 0.4, 0.15, 0.4, 1.0])


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever a customer sends makes a valid vector: ascending distinct u32, one weight each."""
    for vector in (passage_vector(text), query_vector(text)):
        assert vector.indices == sorted(set(vector.indices))
        assert len(vector.indices) == len(vector.values)
        assert all(0 <= i < 2**32 for i in vector.indices)
        assert all(v > 0 for v in vector.values)
