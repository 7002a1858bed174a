"""When a day, a week or a month begins in a time zone, exact across daylight saving and month ends."""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

Period = Literal["day", "week", "month", "total"]
EVER = datetime(1970, 1, 1, tzinfo=UTC)


def start(period: str, *, at: datetime, zone: str) -> datetime:
    """The moment, in UTC, at which the period that holds `at` began. Weeks begin on Monday.

    :raises zoneinfo.ZoneInfoNotFoundError: :raises ValueError: for another period.
    """
    if period == "total":
        return EVER
    return _midnight(_first_day(period, at.astimezone(zoneinfo.ZoneInfo(zone)).date()), zone)


def following(period: str, *, at: datetime, zone: str) -> datetime | None:
    """The moment at which the next period begins; None for one without end."""
    if period == "total":
        return None
    first = _first_day(period, at.astimezone(zoneinfo.ZoneInfo(zone)).date())
    return _midnight(_next_first_day(period, first), zone)


def starts_between(period: str, *, since: datetime, until: datetime, zone: str) -> list[datetime]:
    """The beginnings of all periods from the one that holds `since` to the one that holds `until`."""
    starts = [start(period, at=since, zone=zone)]
    while (after := following(period, at=starts[-1], zone=zone)) is not None and after <= until:
        starts.append(after)
    return starts


def _first_day(period: str, day: date) -> date:
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
    raise ValueError(f"{period} is no period")


def _next_first_day(period: str, first: date) -> date:
    if period == "month":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if period == "week" else 1)


def _midnight(day: date, zone: str) -> datetime:
    # Where the clock skips midnight this is the moment it skips at.
    return datetime.combine(day, time(), tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)
