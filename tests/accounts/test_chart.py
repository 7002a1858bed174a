"""The drawings of credits stay within their frames."""

from datetime import date, timedelta

import pytest

from accounts import chart
from accounts.ledger import Standing
from accounts.statement import Day, Month


def month(*spent: int) -> Month:
    first = date(2026, 11, 1)
    return Month(first, first, [Day(first + timedelta(days=n), amount) for n, amount in enumerate(spent)])


@pytest.mark.parametrize("top", [0, 1, 2, 3, 7, 19, 20, 46, 300, 999_999])
def test_no_bar_leaves_the_drawing_and_the_tallest_fills_a_third_of_it(top: int) -> None:
    drawn = chart.draw(month(top, 0, -5))

    assert all(0 <= bar.height <= 100 and bar.y >= 0 for bar in drawn.bars)
    assert top == 0 or drawn.bars[0].height > 33


def test_bars_are_in_proportion_to_the_lines() -> None:
    drawn = chart.draw(month(20, 10))

    assert [line.credits for line in drawn.lines] == [10, 20]
    assert [bar.y for bar in drawn.bars] == [drawn.lines[1].y, drawn.lines[0].y]


def test_a_day_of_refunds_has_no_bar() -> None:
    assert chart.draw(month(5, -2)).bars[1].height == 0


def test_shares_of_the_balance_bar_are_of_what_there_was() -> None:
    shares = chart.shares(Standing(balance=75, held=25), spent=25)

    assert (shares.available, shares.held) == (50, 25)


def test_nothing_has_no_shares() -> None:
    assert chart.shares(Standing(balance=0, held=0), spent=0) == chart.Shares(0, 0)
