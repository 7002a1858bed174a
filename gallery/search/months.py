"""How a walk's pictures are spread over the months, with a bounded amount of work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection

from gallery.models import Image
from gallery.search import engine
from gallery.search.engine import Wanted

COUNTED_MAX = 10_000
"""Pictures that are counted one by one; of more, the share is taken from how ids are spread over time."""
MONTHS_MAX = 240


@dataclass(frozen=True)
class Month:
    """A month with about how many pictures, and the place before which its newest one is."""

    first: date
    images: int
    before: int


def months(wanted: Wanted) -> list[Month]:
    """The months that have pictures, newest first."""
    counted = list(_counted(wanted))
    if sum(month.images for month in counted) < COUNTED_MAX:
        return counted
    (oldest,) = engine.oldest(wanted) or (0,)
    return list(_spread(counted[0].before, oldest))


def _counted(wanted: Wanted) -> Iterator[Month]:
    statement, values = engine.statement(wanted)
    month = {
        "postgresql": "to_char(i.created_at AT TIME ZONE 'UTC', 'YYYY-MM')",
        "sqlite": "substr(i.created_at, 1, 7)",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {month} AS month, COUNT(*), MAX(i.id) FROM ({statement} LIMIT {COUNTED_MAX:d}) found"
            " JOIN gallery_image i ON i.id = found.id GROUP BY month ORDER BY month DESC",
            values,
        )
        for name, images, newest in cursor.fetchall():
            yield Month(date.fromisoformat(f"{name}-01"), int(images), int(newest) + 1)


def _spread(end: int, oldest: int) -> Iterator[Month]:
    """By the first id of every month: ids rise with time."""
    first = Image.objects.filter(pk=oldest).values_list("created_at", flat=True).first()
    if first is None:
        return
    starts = list(_months_until(first, datetime.now(UTC)))
    ids = _first_ids(starts)
    for start, begin in zip(starts, ids, strict=True):
        if begin is not None and max(begin, oldest) < end:
            yield Month(start.date(), end - max(begin, oldest), end)
            end = begin


def _months_until(first: datetime, now: datetime) -> Iterator[datetime]:
    year, month = now.year, now.month
    for _ in range(MONTHS_MAX):
        yield datetime(year, month, 1, tzinfo=UTC)
        if (year, month) <= (first.year, first.month):
            return
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)


def _first_ids(moments: Sequence[datetime]) -> list[int | None]:
    """The id of the first picture from each time on, in one statement of one index step each."""
    one = "(SELECT id FROM gallery_image WHERE created_at >= %s ORDER BY created_at LIMIT 1)"
    values: list[Any] = [connection.ops.adapt_datetimefield_value(moment) for moment in moments]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join([one] * len(values))}", values)
        return list(cursor.fetchone())
