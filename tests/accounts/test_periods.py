"""Days, weeks and months begin when the clocks of their zone say so, whatever those clocks do."""

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts import periods

ZONES = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "zone", "at", "begins", "next_begins"),
    [
        ("day", "UTC", "2026-03-10T12:00", "2026-03-10T00:00", "2026-03-11T00:00"),
        ("week", "UTC", "2026-03-10T12:00", "2026-03-09T00:00", "2026-03-16T00:00"),
        ("week", "UTC", "2027-01-01T12:00", "2026-12-28T00:00", "2027-01-04T00:00"),
        ("month", "UTC", "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("month", "UTC", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        # It is the next day, week or month there already.
        ("day", "Pacific/Auckland", "2026-03-10T12:00", "2026-03-10T11:00", "2026-03-11T11:00"),
        ("month", "Europe/Berlin", "2026-02-28T23:30", "2026-02-28T23:00", "2026-03-31T22:00"),
        # The day on which clocks go forward has 23 hours, the one on which they go back 25.
        ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("day", "Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("week", "America/New_York", "2026-03-08T12:00", "2026-03-02T05:00", "2026-03-09T04:00"),
        ("month", "America/New_York", "2026-11-15T12:00", "2026-11-01T04:00", "2026-12-01T05:00"),
        # There is no midnight: clocks skip it (Cairo, 24 April 2026), or it comes twice (Havana, 1 November).
        ("day", "Africa/Cairo", "2026-04-24T12:00", "2026-04-23T22:00", "2026-04-24T21:00"),
        ("day", "America/Havana", "2026-11-01T04:30", "2026-11-01T04:00", "2026-11-02T05:00"),
        ("day", "America/Havana", "2026-11-01T05:30", "2026-11-01T04:00", "2026-11-02T05:00"),
        # Samoa went without 30 December 2011.
        ("day", "Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00", "2011-12-31T10:00"),
        ("month", "Asia/Kathmandu", "2026-05-31T18:20", "2026-05-31T18:15", "2026-06-30T18:15"),
    ],
)
def test_a_period_begins_at_midnight_there(
    period: str, zone: str, at: str, begins: str, next_begins: str
) -> None:
    assert periods.start(period, at=utc(at), zone=zone) == utc(begins)
    assert periods.following(period, at=utc(at), zone=zone) == utc(next_begins)


def test_for_good_has_one_beginning_and_no_end() -> None:
    assert periods.start("total", at=utc("2026-03-10T12:00"), zone="UTC") == periods.EVER
    assert periods.following("total", at=utc("2026-03-10T12:00"), zone="UTC") is None


@pytest.mark.parametrize("period", ["", "year", "Day"])
def test_another_period_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match="is no period"):
        periods.start(period, at=utc("2026-03-10T12:00"), zone="UTC")


@settings(max_examples=400, deadline=None)
@given(
    period=st.sampled_from(["day", "week", "month"]),
    zone=st.sampled_from(ZONES),
    at=st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
)
def test_every_moment_is_in_one_period_of_every_zone(period: str, zone: str, at: datetime) -> None:
    begins, ends = (
        periods.start(period, at=at, zone=zone),
        periods.following(period, at=at, zone=zone),
    )

    assert ends is not None
    assert begins <= at < ends
    assert periods.start(period, at=ends, zone=zone) == ends
    assert periods.start(period, at=ends - timedelta(microseconds=1), zone=zone) == begins


@settings(max_examples=100, deadline=None)
@given(
    period=st.sampled_from(["day", "week", "month"]),
    zone=st.sampled_from(ZONES),
    since=st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    days=st.integers(0, 60),
)
def test_the_beginnings_between_two_moments_are_those_of_each_hour(
    period: str, zone: str, since: datetime, days: int
) -> None:
    until = since + timedelta(days=days)
    hours = [since + timedelta(hours=hour) for hour in range(days * 24 + 1)]

    begun = periods.starts_between(period, since=since, until=until, zone=zone)

    assert begun == sorted({periods.start(period, at=hour, zone=zone) for hour in hours})
