"""When a rule is due: cron in the tenant's own time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from shared.errors import Unreadable


def next_due(schedule: str, timezone: str, after: datetime) -> datetime:
    """The first moment after *after*, in UTC. *schedule*: five cron fields; *timezone*: an IANA name.

    Raises Unreadable, with a sentence for whoever wrote the schedule.
    """
    try:
        local = after.astimezone(ZoneInfo(timezone))
        return next(CronSim(schedule, local)).astimezone(UTC)
    except (ZoneInfoNotFoundError, ValueError):
        raise Unreadable(f"{timezone!r} is not a time zone such as Asia/Tehran") from None
    except (CronSimError, StopIteration):
        raise Unreadable(f"{schedule!r} is not a schedule of five cron fields that is ever due") from None
