"""Whether people are there at a moment, when they come back, and how one says so."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.answering.persona import Language
from shared.answering.policy.rules import WEEKDAYS, Hours

_LOOK_AHEAD_DAYS = 60
"""Nowruz and a summer break together are shorter."""


def is_open(hours: Hours | None, now: datetime) -> bool:
    """*now* is aware. Without hours always. A holiday closes its calendar day, also to a span begun on its eve."""
    if hours is None:
        return True
    local = now.astimezone(ZoneInfo(hours.time_zone))
    if local.date() in hours.holidays:
        return False
    yesterday = local.date() - timedelta(days=1)
    return any(start <= local < end for day in (yesterday, local.date()) for start, end in _spans(hours, day))


def next_opening(hours: Hours, now: datetime) -> datetime | None:
    """The first moment after *now* at which a span begins, in their zone; None when none does for two months."""
    local = now.astimezone(ZoneInfo(hours.time_zone))
    days = (local.date() + timedelta(days=n) for n in range(_LOOK_AHEAD_DAYS))
    return next((start for day in days for start, _ in sorted(_spans(hours, day)) if start > local), None)


def _spans(hours: Hours, day: date) -> Iterator[tuple[datetime, datetime]]:
    """The spans that begin on *day*, by the wall clock of the zone."""
    if day in hours.holidays:
        return
    for span in hours.weekly.get(WEEKDAYS[day.weekday()], ()):
        yield _at(hours, day, span.starts), _at(hours, day, span.ends)


def _at(hours: Hours, day: date, minutes: int) -> datetime:
    days, minutes = divmod(minutes, 24 * 60)
    clock = time(minutes // 60, minutes % 60, tzinfo=ZoneInfo(hours.time_zone))
    return datetime.combine(day + timedelta(days=days), clock)


_PERSIAN_DAYS = ("دوشنبه", "سه‌شنبه", "چهارشنبه", "پنجشنبه", "جمعه", "شنبه", "یکشنبه")
_PERSIAN_MONTHS = (
    "فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند",
)  # fmt: skip
_PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def say_when(moment: datetime | None, now: datetime, language: Language) -> str:
    """«شنبه ساعت ۹:۰۰», "on Saturday at 09:00"; the date too when it is a week or more away; "soon" for None."""
    if moment is None:
        return "as soon as we are back" if language == "en" else "به‌زودی"
    local_now = now.astimezone(moment.tzinfo)
    far = moment.date() - local_now.date() >= timedelta(days=7)
    if language == "en":
        day = f"{moment:%A} {moment.day} {moment:%B}" if far else f"{moment:%A}"
        return f"on {day} at {moment:%H:%M}"
    day = _PERSIAN_DAYS[moment.weekday()]
    if far:
        _, month, of_month = jalali(moment.date())
        day = f"{day} {of_month} {_PERSIAN_MONTHS[month - 1]}"
    return f"{day} ساعت {moment.hour}:{moment:%M}".translate(_PERSIAN_DIGITS)


def jalali(day: date) -> tuple[int, int, int]:
    """Year, month and day of the Solar Hijri calendar, by the 33-year cycle that holds from 1799 to 2256."""
    ordinal = day.toordinal() - date(622, 3, 21).toordinal()
    cycle, rest = divmod(ordinal, 12053)
    year = 33 * cycle + 1
    for n in range(33):
        length = 366 if (year + n) % 33 in _LEAPS else 365
        if rest < length:
            month, of_month = (rest // 31, rest % 31) if rest < 186 else (6 + (rest - 186) // 30, (rest - 186) % 30)
            return year + n, month + 1, of_month + 1
        rest -= length
    raise AssertionError("33 years hold every day of a cycle")


_LEAPS = frozenset({1, 5, 9, 13, 17, 22, 26, 30})
"""Remainders by 33 of the leap years."""
