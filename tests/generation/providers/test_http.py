"""How every adapter talks HTTP."""

from datetime import UTC, datetime

import pytest

from generation.providers.http import retry_after, timeouts

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("3", 3.0),
        ("1.5", 1.5),
        ("-4", 0.0),
        ("0", 0.0),
        ("86400", 300.0),
        ("inf", 300.0),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:00:00 GMT", 300.0),
        ("Fri, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_a_wait_hint_is_seconds_or_a_date_within_bounds(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, now=lambda: NOON) == seconds


def test_no_single_wait_is_longer_than_the_call_may_take() -> None:
    short = timeouts(2.0)

    assert (short.connect, short.pool, short.write, short.read) == (2.0, 2.0, 2.0, 2.0)


def test_connecting_takes_ten_seconds_at_most() -> None:
    assert timeouts(120.0).connect == 10.0
