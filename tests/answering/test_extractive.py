"""Choosing the sentences that answer, and knowing how well they do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.answering.extractive import quote
from tests.answering.conftest import HOURS, PASSAGES, RETURNS, Piece

ENOUGH = 0.45
"""Of the question's weight: with a search of the same mind the quotation is sent, with a doubting one it isn't."""


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("پنجشنبه تا کی هستید؟", "پنجشنبه‌ها تا ساعت ۱۳ هستیم."),
        ("هزینه برگشت با کیست", "هزینهٔ بازگشت با فروشگاه است."),
        ("Is shipping free?", "Orders over 500,000 toman ship free."),
    ],
)
def test_sentence(question: str, expected: str) -> None:
    """The sentence that answers is in the quotation, also when spoken Persian or another form of the word asks."""
    found = quote(question, PASSAGES)

    assert found is not None
    assert expected in found.text


def test_heading_counts() -> None:
    """A sentence that doesn't repeat the question's words is found by the heading above it."""
    contact = Piece("راهنما", "نشانی فروشگاه", "خیابان ولیعصر، نرسیده به میدان ونک، پلاک ۱۲.")

    found = quote("نشانی فروشگاه؟", (HOURS, contact))

    assert found is not None
    assert (found.index, found.support) == (1, 1.0)


def test_unknown_word_weighs() -> None:
    """What stands in no passage is what the customer wants to know: it costs support more than a common word brings."""
    known = quote("ساعت کاری فروشگاه", PASSAGES)
    unknown = quote("فروشگاه شیراز", PASSAGES)

    assert known is not None
    assert unknown is not None
    assert known.support > 0.9
    assert unknown.support < ENOUGH


def test_nothing_to_say() -> None:
    """No passages, no words that mean something, or no word in common: no quotation."""
    assert quote("ساعت کاری؟", ()) is None
    assert quote("این چیست؟", PASSAGES) is None
    assert quote("سیاه‌چاله", (RETURNS,)) is None


def test_length() -> None:
    """A quotation is at most three sentences and 400 characters, unless one sentence is longer."""
    long = Piece("t", "گارانتی", "گارانتی این کالا دو سال است و شامل قطعات می‌شود. " * 20)

    found = quote("گارانتی کالا", (long,))

    assert found is not None
    assert len(found.text) <= 400


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.lists(st.text(max_size=200), max_size=3))
def test_verbatim(question: str, texts: list[str]) -> None:
    """A quotation is the passage's own words, and its support a share."""
    passages = [Piece("", "", text) for text in texts]

    found = quote(question, passages)

    if found is not None:
        assert 0 < found.support <= 1
        assert "".join(found.text.split()) in "".join(passages[found.index].text.split())


SHOP = tuple(
    Piece("راهنمای فروشگاه نیلوفر", place, text)
    for place, text in [
        (
            "ساعت کاری",
            "شنبه تا چهارشنبه از ۹ صبح تا ۶ عصر باز هستیم. پنجشنبه‌ها تا ۱ ظهر. جمعه‌ها و تعطیلات رسمی تعطیل هستیم.",
        ),
        (
            "نشانی و تماس",
            "تهران، خیابان ولیعصر، بالاتر از میدان ونک، پلاک ۱۲. تلفن: ۰۲۱-۸۸۷۷۶۶۵۵. ایستگاه متروی ونک نزدیک ماست.",
        ),
        (
            "مرجوعی",
            "تا ۷ روز پس از تحویل می‌توانید کالای سالم را مرجوع کنید. هزینهٔ پیک بازگشت با خریدار است. "
            "لوازم بهداشتی مرجوع نمی‌شود.",
        ),
        (
            "ارسال",
            "ارسال تهران همان روز با پیک و شهرستان ۲ تا ۴ روز کاری با پست است. "
            "خرید بالای یک میلیون تومان ارسال رایگان دارد.",
        ),
        (
            "پرداخت",
            "پرداخت با همهٔ کارت‌های شتاب و درگاه بانکی انجام می‌شود. پرداخت در محل فقط در تهران داریم. خرید قسطی نداریم.",
        ),
        ("گارانتی", "همهٔ لوازم برقی ۱۸ ماه گارانتی دارند. برای استفاده از گارانتی فاکتور را نگه دارید."),
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("ساعت کاریتون چیه", "۹ صبح تا ۶ عصر"),
        ("پنج شنبه ها تا کی بازید", "پنجشنبه‌ها تا ۱ ظهر"),
        ("جمعه بازین؟", "جمعه‌ها"),
        ("آدرس فروشگاه کجاست", "ولیعصر"),
        ("شماره تلفن بدید لطفا", "۰۲۱-۸۸۷۷۶۶۵۵"),
        ("تا چند روز میشه پس داد؟", "تا ۷ روز"),
        ("هزینه پیک برگشت با کیه", "با خریدار"),
        ("ارسال به شهرستان چند روز طول می‌کشه", "۲ تا ۴ روز"),
        ("ارسال رایگان دارید؟", "بالای یک میلیون"),
        ("میشه قسطی خرید کرد", "قسطی نداریم"),
        ("پرداخت در محل دارین", "فقط در تهران"),
        ("گارانتي لوازم برقي چند ماهه؟", "۱۸ ماه"),
    ],
)
def test_shop(question: str, expected: str) -> None:
    """What customers of a shop ask, as they type it, is answered from the right section with enough support."""
    found = quote(question, SHOP)

    assert found is not None
    assert expected in found.text
    assert found.support > ENOUGH


@pytest.mark.parametrize(
    "question",
    ["آیا لپ‌تاپ ایسوس موجود است؟", "استخدام نیرو دارید؟", "نمایندگی در مشهد می‌دهید؟", "Do you sell gift cards?"],
)
def test_not_in_the_shop(question: str) -> None:
    """What the documents don't speak of finds too little support to be quoted."""
    found = quote(question, SHOP)

    assert found is None or found.support < ENOUGH
