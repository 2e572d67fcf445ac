"""RFC 3339 times as the reference broker reads and writes them: nanoseconds kept, always UTC."""

import re
import time
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d\d):(\d\d))\Z", re.ASCII
)


class BadTime(Exception):
    """Not an RFC 3339 time."""


def in_utc(text: str) -> str:
    """The same moment in UTC, without needless zeros. Raises BadTime."""
    if not (match := _RFC3339.match(text)):
        raise BadTime(f"{text!r} is not a time")
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            moment += -offset if sign == "+" else offset
    except (ValueError, OverflowError):
        raise BadTime(f"{text!r} is not a time") from None
    return _written(moment, fraction or "")


def now() -> str:
    """This moment, to the nanosecond."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return _written(datetime.fromtimestamp(seconds, UTC), f"{nanoseconds:09}")


def _written(moment: datetime, fraction: str) -> str:
    fraction = fraction.rstrip("0")
    return f"{moment.isoformat()[:19]}{'.' + fraction if fraction else ''}Z"
