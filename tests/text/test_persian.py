"""The same word, however it was typed, is one word to a search; what nobody sees never reaches a prompt."""

import pytest

from shared.text.persian import ascii_digits, clean, is_persian, language_of, search_copy


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("كتاب‌هاي علي", "کتاب‌های علی"),
        ("قيمت ١٢٣", "قیمت ۱۲۳"),
        ("قیمتِ هَر بسته", "قیمت هر بسته"),
        ("مـــرســـی", "مرسی"),
        ("آب و مدرسۀ ما", "اب و مدرسه ما"),
        ("خانهٔ مسئول", "خانه مسیول"),
        ("رأی مؤثر", "رای موثر"),
        ("ﺳﻼﻡ", "سلام"),
        ("۵۰۰﷼", "500ریال"),
        ("Ｃafé", "cafe"),
        ("شیء", "شی"),
    ],
)
def test_search_copy(typed: str, meant: str) -> None:
    """Keyboards, marks, stretched letters and presentation forms make no difference to a search."""
    assert search_copy(typed) == search_copy(meant)


def test_search_copy_half_space() -> None:
    """A half-space becomes what the caller wants, since it both joins and separates."""
    assert search_copy("می‌خواهم") == "می خواهم"
    assert search_copy("می‌خواهم", zwnj="") == "میخواهم"


def test_original_is_untouched() -> None:
    """Cleaning changes no letter and no half-space that a person meant: the original is for display."""
    text = "سلام، كتاب‌هاي «۱۴۰۳» را می‌خواهم.\n👨‍👩‍👧 ok?"

    assert clean(text) == text


@pytest.mark.parametrize(
    "hidden",
    [
        "\u200b",
        "\u2060",
        "\ufeff",
        "\u202e",
        "\u2066",
        "\u200f",
        "\u00ad",
        "\U000e0041",
        "\U000e0100",
        "\x00",
        "\ud800",
        "\x1b",
    ],
)
def test_clean_drops_hidden(hidden: str) -> None:
    """Zero-width, direction, tag and control characters smuggle text past a reader, and Postgres refuses some."""
    assert clean(f"سا{hidden}عت") == "ساعت"


def test_clean_half_spaces() -> None:
    """Half-spaces that separate nothing go; runs become one."""
    assert clean("\u200cسلام\u200c \u200cمی\u200c\u200cروم\u200c") == "سلام می\u200cروم"


def test_ascii_digits() -> None:
    """Every script's digits count, other numerals stay."""
    assert ascii_digits("۰۱۲ ٣٤٥ ６７ ½ ②") == "012 345 67 ½ ②"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ساعت کاری شما چیست؟", "fa"),
        ("ساعت كاري شما چيست", "fa"),
        ("سلام", "fa"),
        ("سفارش ORD-1234 من کجاست", "fa"),
        ("متى يصل الطلب إلى المدينة؟", "ar"),
        ("ما هي ساعات العمل؟", "ar"),
        ("Where is my order?", "en"),
        ("Где мой заказ?", "ru"),
        ("آپ کا آرڈر کہاں ہے", "ur"),
        ("12345 !!", "und"),
        ("", "und"),
    ],
)
def test_language(text: str, language: str) -> None:
    """An answer is in the customer's language, also when an Arabic keyboard wrote Persian."""
    assert language_of(text) == language
    assert is_persian(text) == (language == "fa")
