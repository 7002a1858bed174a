"""What is counted for the provider board: calls by 36 minutes, mean seconds, median and p95, of 24 hours.

Counting and ranking happen in the database, by the index on provider and moment, in two queries whatever
there is. Percentiles are exact, by nearest rank.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Avg, Count, DateTimeField, F, FloatField, IntegerField, Q, Value, Window
from django.db.models import Func as DatabaseFunction
from django.db.models.functions import RowNumber

from generation.models import Attempt

SPAN = timedelta(hours=24)
CELLS = 40
CELL_SECONDS = int(SPAN.total_seconds()) // CELLS
# From so many calls a day on, what was counted is kept for a while.
KEPT_FROM, KEPT_SECONDS = 5_000, 30

Status = Attempt.Status
GOOD = (Status.ANSWERED, Status.DELIVERED)
# A refusal is about the prompt, so it counts neither for nor against the provider.
BAD = (Status.NOT_ACCEPTED, Status.OUTCOME_UNKNOWN, Status.BROKEN_PROMISE)


@dataclass(frozen=True)
class Cell:
    """36 minutes of a provider: calls that brought pictures, calls that failed, mean seconds."""

    good: int = 0
    bad: int = 0
    seconds: float | None = None

    @property
    def state(self) -> str:
        """`none`, `ok`, `some` failed or `bad`, where more failed than not."""
        if not self.good + self.bad:
            return "none"
        if not self.bad:
            return "ok"
        return "bad" if self.bad > self.good else "some"


@dataclass
class Sums:
    """What was counted of one provider."""

    cells: dict[int, Cell] = field(default_factory=dict)
    median: float | None = None
    p95: float | None = None


def recent(emulated: Mapping[str, bool], now: datetime) -> dict[str, Sums]:
    """What was counted of each provider; where there is much to count, up to half a minute ago."""
    names = ",".join(f"{name}:{is_emulated:d}" for name, is_emulated in sorted(emulated.items()))
    key = f"generation:board:{hashlib.sha256(names.encode()).hexdigest()}"
    kept: dict[str, Sums] | None = cache.get(key)
    if kept is not None:
        return kept
    found = _sums(emulated, now)
    if sum(cell.good + cell.bad for one in found.values() for cell in one.cells.values()) >= KEPT_FROM:
        cache.set(key, found, KEPT_SECONDS)
    return found


class _CellOf(DatabaseFunction):
    """The number of the cell a moment falls into, counted from another moment."""

    output_field = IntegerField()
    arity = 2

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = f"FLOOR(EXTRACT(EPOCH FROM (%(expressions)s)) / {CELL_SECONDS})::integer"
        return self.as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        per_day = 86_400 // CELL_SECONDS
        template = f"CAST((julianday(%(expressions)s)) * {per_day} AS INTEGER)"
        return self.as_sql(compiler, connection, template=template, arg_joiner=") - julianday(", **context)


class _Seconds(DatabaseFunction):
    """Seconds from the second moment to the first."""

    output_field = FloatField()
    arity = 2

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "EXTRACT(EPOCH FROM (%(expressions)s))::double precision"
        return self.as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(julianday(%(expressions)s)) * 86400.0"
        return self.as_sql(compiler, connection, template=template, arg_joiner=") - julianday(", **context)


def _sums(emulated: Mapping[str, bool], now: datetime) -> dict[str, Sums]:
    """Counts and means by cell, and the two percentiles. A stand-in's calls are not the real provider's."""
    since = now - SPAN
    found: dict[str, Sums] = {}
    calls = Attempt.objects.filter(provider__in=list(emulated), started_at__gt=since, started_at__lte=now)
    took = _Seconds(F("answered_at"), F("started_at"))
    # Without the model's ordering, which would split the groups.
    cells = (
        calls.order_by()
        .annotate(cell=_CellOf(F("started_at"), Value(since, output_field=DateTimeField())))
        .values("provider", "emulated", "cell")
        .annotate(
            good=Count("pk", filter=Q(status__in=GOOD)),
            bad=Count("pk", filter=Q(status__in=BAD)),
            seconds=Avg(took, filter=Q(status__in=GOOD)),
        )
    )
    for row in cells:
        if row["emulated"] == emulated[row["provider"]]:
            one = found.setdefault(row["provider"], Sums())
            one.cells[min(row["cell"], CELLS - 1)] = Cell(row["good"], row["bad"], row["seconds"])
    for name, is_emulated, seconds, rank, number in _ranked(calls, took):
        if is_emulated == emulated[name]:
            one = found.setdefault(name, Sums())
            if is_rank(50, rank, number):
                one.median = seconds
            if is_rank(95, rank, number):
                one.p95 = seconds
    return found


def _ranked(calls: Any, took: _Seconds) -> Iterable[tuple[str, bool, float, int, int]]:
    """Of each provider the calls at the two ranks alone."""
    group = [F("provider"), F("emulated")]
    ranked = calls.filter(status__in=GOOD, answered_at__isnull=False).annotate(
        seconds=took,
        place=Window(RowNumber(), partition_by=group, order_by=[took.asc(), F("pk").asc()]),
        among=Window(Count("pk"), partition_by=group),
    )
    at_rank = Q()
    for percent in (50, 95):
        at_rank |= Q(place__gte=F("among") * percent / 100.0, place__lt=F("among") * percent / 100.0 + 1)
    rows: Iterable[tuple[str, bool, float, int, int]] = (
        ranked.filter(at_rank).order_by().values_list("provider", "emulated", "seconds", "place", "among")
    )
    return rows


def is_rank(percent: int, rank: int, number: int) -> bool:
    """Whether that is the nearest rank of a percentile: the smallest that so many percent are not above."""
    return rank == -(-number * percent // 100)
