"""Opening hours at the moments where they are easily wrong."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from shared.answering.policy.opening import is_open, jalali, next_opening, say_when
from shared.answering.policy.rules import Hours, Policy

TEHRAN = ZoneInfo("Asia/Tehran")
LATE_SHOP = Hours.model_validate(
    {
        "weekly": {
            day: [{"opens": "09:00", "closes": "13:00"}, {"opens": "16:00", "closes": "24:00"}]
            for day in ("sat", "sun", "mon", "tue", "wed", "thu", "fri")
        },
        "holidays": ["2026-03-21", "2026-03-22", "2026-03-23", "2026-03-24"],
    }
)
NOWRUZ = datetime(2026, 3, 20, 20, 30, tzinfo=UTC)
"""Midnight in Tehran: 1 Farvardin 1405 begins."""


def test_nowruz_midnight() -> None:
    """The last second of the old year is open, the first of Nowruz closed, although both are 20 March in UTC."""
    assert is_open(LATE_SHOP, NOWRUZ - timedelta(seconds=1))
    assert not is_open(LATE_SHOP, NOWRUZ)
    assert next_opening(LATE_SHOP, NOWRUZ) == datetime(2026, 3, 25, 9, tzinfo=TEHRAN)


def test_friday() -> None:
    """With the usual week, Thursday evening closes until Saturday morning."""
    hours = Hours()
    closing = datetime(2026, 11, 26, 18, tzinfo=TEHRAN)  # a Thursday

    assert is_open(hours, closing - timedelta(seconds=1))
    assert not is_open(hours, closing)
    assert not is_open(hours, datetime(2026, 11, 27, 12, tzinfo=TEHRAN))
    assert next_opening(hours, closing) == datetime(2026, 11, 28, 9, tzinfo=TEHRAN)
    assert is_open(hours, datetime(2026, 11, 28, 9, tzinfo=TEHRAN))


def test_lunch_break() -> None:
    """Between two spans of a day it is closed, and the next opening is the same day."""
    lunch = datetime(2026, 11, 23, 14, tzinfo=TEHRAN)

    assert not is_open(LATE_SHOP, lunch)
    assert next_opening(LATE_SHOP, lunch) == datetime(2026, 11, 23, 16, tzinfo=TEHRAN)


def test_past_midnight() -> None:
    """A span that ends after midnight belongs to the evening it began on: Thursday night's runs into Friday."""
    hours = Hours.model_validate({"weekly": {"thu": [{"opens": "20:00", "closes": "02:00"}]}})

    assert is_open(hours, datetime(2026, 11, 27, 1, 59, tzinfo=TEHRAN))
    assert not is_open(hours, datetime(2026, 11, 27, 2, tzinfo=TEHRAN))
    assert not is_open(hours, datetime(2026, 11, 26, 1, 59, tzinfo=TEHRAN))


def test_no_hours() -> None:
    """Without hours a shop is always open."""
    assert is_open(None, NOWRUZ)


def test_saying_when() -> None:
    """A near day is named, a far one gets its date, Jalali in Persian; an unknown one is soon."""
    now = NOWRUZ - timedelta(days=6)

    assert say_when(datetime(2026, 3, 16, 9, tzinfo=TEHRAN), now, "fa") == "دوشنبه ساعت ۹:۰۰"
    assert say_when(datetime(2026, 3, 25, 9, 5, tzinfo=TEHRAN), now, "fa") == "چهارشنبه ۵ فروردین ساعت ۹:۰۵"
    assert say_when(datetime(2026, 3, 25, 9, tzinfo=TEHRAN), now, "en") == "on Wednesday 25 March at 09:00"
    assert say_when(None, now, "fa") == "به‌زودی"


@pytest.mark.parametrize(
    ("gregorian", "expected"),
    [
        (date(2024, 3, 20), (1403, 1, 1)),
        (date(2025, 3, 20), (1403, 12, 30)),
        (date(2026, 3, 21), (1405, 1, 1)),
        (date(1979, 2, 11), (1357, 11, 22)),
        (date(2016, 8, 5), (1395, 5, 15)),
        (date(2030, 3, 20), (1408, 12, 30)),
    ],
)
def test_jalali(gregorian: date, expected: tuple[int, int, int]) -> None:
    """Dates known from calendars, leap years among them."""
    assert jalali(gregorian) == expected


@pytest.mark.parametrize(
    "hours",
    [
        {"time_zone": "Asia/Atlantis"},
        {"time_zone": "../../etc/passwd"},
        {"weekly": {"sat": [{"opens": "9", "closes": "25:00"}]}},
        {"weekly": {"saturday": []}},
        {"weekly": {}, "outside": "closed"},
    ],
)
def test_impossible_hours(hours: dict[str, object]) -> None:
    """Hours that make no sense are refused where they are written, not where a customer waits."""
    with pytest.raises(ValidationError):
        Policy.model_validate({"hours": hours})
