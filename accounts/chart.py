"""Credits as drawings: shares of a whole, so that the templates only write attributes."""

from dataclasses import dataclass

from accounts.ledger import Standing
from accounts.statement import Day, Month

# Of a day's share of the width, what the bar fills.
BAR_SHARE = 0.68
MARKS = (1, 2, 5)


@dataclass(frozen=True)
class Bar:
    """One day. `x`, `y`, `width` and `height` are percentages of the drawing, from its top left."""

    day: Day
    x: float
    y: float
    width: float
    height: float
    is_future: bool


@dataclass(frozen=True)
class Line:
    """A line across at this many credits, `y` percent from the top."""

    credits: int
    y: float


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    lines: list[Line]


@dataclass(frozen=True)
class Shares:
    """What the bar of the balance shows, in percent; the rest is what was spent."""

    available: float
    held: float


def shares(standing: Standing, *, spent: int) -> Shares:
    """How available, held and spent credits share the bar."""
    whole = standing.balance + max(0, spent)
    if whole <= 0:
        return Shares(0, 0)
    return Shares(round(standing.available / whole * 100, 3), round(standing.held / whole * 100, 3))


def draw(month: Month) -> Chart:
    """The bars of a month and the two lines to read them by."""
    top = max((day.spent for day in month.days), default=0)
    step = _step(top)
    full = step * 2 if top <= step * 2 else step * 3
    share = 100 / len(month.days)
    bars = [
        Bar(
            day=day,
            x=round((number + (1 - BAR_SHARE) / 2) * share, 3),
            y=round(100 - (height := max(0.0, day.spent / full * 100)), 3),
            width=round(share * BAR_SHARE, 3),
            height=round(height, 3),
            is_future=day.date > month.today,
        )
        for number, day in enumerate(month.days)
    ]
    return Chart(bars, [Line(step * times, round(100 - step * times / full * 100, 3)) for times in (1, 2)])


def _step(top: int) -> int:
    """The smallest of 1, 2, 5, 10, 20 … of which three reach the top."""
    size = 1
    while True:
        for mark in MARKS:
            if mark * size * 3 >= top:
                return mark * size
        size *= 10
