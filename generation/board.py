"""The provider board: how each provider did in the last 24 hours, what it can do and what it costs.

Counting and ranking happen in the database, over the attempts of those hours by the index on provider and
moment, so that a page costs the same number of queries whatever there is. Percentiles are exact, by nearest
rank.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import (
    Avg,
    Count,
    DateTimeField,
    F,
    FloatField,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Value,
    Window,
)
from django.db.models import Func as DatabaseFunction
from django.db.models.functions import RowNumber

from generation import catalog, health
from generation.catalog import Catalog, Offer, ProviderFacts
from generation.models import Attempt, Provider, ProviderHealth, ProviderTest

SPAN = timedelta(hours=24)
CELLS = 40
CELL_SECONDS = int(SPAN.total_seconds()) // CELLS
# Called slow when recent calls take so many times the day's median, and so many seconds at least.
SLOW_TIMES, SLOW_SECONDS = 2.0, 5.0

Status = Attempt.Status
_GOOD = (Status.ANSWERED, Status.DELIVERED)
# A refusal is about the prompt, so it counts neither for nor against the provider.
_BAD = (Status.NOT_ACCEPTED, Status.OUTCOME_UNKNOWN, Status.BROKEN_PROMISE)

LABELS = {
    "closed": "Healthy",
    "slow": "Slow",
    "failing": "Unsteady",
    "new": "Ready",
    "open": "Paused",
    "half_open": "Trying again",
    "resting": "Resting",
    "off": "Off",
}


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


@dataclass(frozen=True)
class Price:
    """A size of a model at a provider: credits for one image and, for admins, US dollars."""

    size: str
    credits: int
    cost_usd: Decimal | None = None

    @property
    def margin(self) -> int | None:
        """What is left of the credits' worth, in percent; None where worth or cost isn't known."""
        worth = settings.CREDIT_USD
        if worth is None or self.cost_usd is None:
            return None
        charged = worth * self.credits
        return round(100 * (charged - self.cost_usd) / charged)


@dataclass(frozen=True)
class ModelLine:
    """A model at a provider, with its prices by size."""

    id: str
    name: str
    prices: tuple[Price, ...]


@dataclass(frozen=True)
class Failure:
    """The provider's latest call that failed, for admins."""

    at: datetime
    code: str
    detail: str
    vendor_text: str


@dataclass(frozen=True)
class Row:
    """A provider on the board. `success` is a share from 0 to 1, None without calls; times are seconds."""

    facts: ProviderFacts
    state: str
    detail: str
    again_at: datetime | None
    good: int
    bad: int
    share: float | None
    median: float | None
    p95: float | None
    cells: tuple[Cell, ...]
    abilities: tuple[str, ...]
    models: tuple[ModelLine, ...]
    pk: int | None = None
    key_hint: str = ""
    failure: Failure | None = None
    test: ProviderTest | None = None

    @property
    def label(self) -> str:
        """The state in a word."""
        return LABELS[self.state]

    @property
    def calls(self) -> int:
        return self.good + self.bad

    @property
    def success(self) -> float | None:
        return self.good / self.calls if self.calls else None

    @property
    def line(self) -> list[int]:
        """Mean milliseconds of each cell, an empty one as the one before, for a small chart."""
        known, line = next((cell.seconds for cell in self.cells if cell.seconds), 0.0) or 0.0, []
        for cell in self.cells:
            known = known if cell.seconds is None else cell.seconds
            line.append(round(known * 1000))
        return line


@dataclass(frozen=True)
class Board:
    """All rows that the viewer may see, in the admins' order."""

    rows: tuple[Row, ...]
    catalog: Catalog

    @property
    def nobody(self) -> bool:
        """No provider is set up: nothing can be made."""
        return not any(facts.live for facts in self.catalog.providers.values())


@dataclass
class _Sums:
    """What was counted of one provider."""

    cells: dict[int, Cell] = field(default_factory=dict)
    median: float | None = None
    p95: float | None = None


def board(*, now: datetime, for_admins: bool) -> Board:
    """The board as it is now, in a constant number of queries.

    Everybody sees who is switched on; admins see all of them, with costs, errors and tests.
    """
    known = catalog.load(with_retired=True)
    shown = [facts for facts in known.providers.values() if for_admins or facts.enabled]
    sums = _sums([facts.name for facts in shown], {facts.name: facts.emulated for facts in shown}, now)
    total = sum(cell.good + cell.bad for one in sums.values() for cell in one.cells.values())
    extra = _for_admins(now) if for_admins else {}
    rows = [
        _row(facts, known, sums.get(facts.name, _Sums()), total, now, for_admins, extra.get(facts.name, {}))
        for facts in shown
    ]
    return Board(tuple(rows), known)


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


def _sums(names: list[str], emulated: Mapping[str, bool], now: datetime) -> dict[str, _Sums]:
    """Counts and means by cell, and the two percentiles. A stand-in's calls are not the real provider's."""
    since = now - SPAN
    found: dict[str, _Sums] = {}
    recent = Attempt.objects.filter(provider__in=names, started_at__gt=since, started_at__lte=now)
    took = _Seconds(F("answered_at"), F("started_at"))
    # Without the model's ordering, which would split the groups.
    cells = (
        recent.order_by()
        .annotate(cell=_CellOf(F("started_at"), Value(since, output_field=DateTimeField())))
        .values("provider", "emulated", "cell")
        .annotate(
            good=Count("pk", filter=Q(status__in=_GOOD)),
            bad=Count("pk", filter=Q(status__in=_BAD)),
            seconds=Avg(took, filter=Q(status__in=_GOOD)),
        )
    )
    for row in cells:
        if row["emulated"] == emulated[row["provider"]]:
            one = found.setdefault(row["provider"], _Sums())
            one.cells[min(row["cell"], CELLS - 1)] = Cell(row["good"], row["bad"], row["seconds"])
    for name, is_emulated, seconds, rank, number in _ranked(recent, took):
        if is_emulated == emulated[name]:
            one = found.setdefault(name, _Sums())
            if _is_rank(50, rank, number):
                one.median = seconds
            if _is_rank(95, rank, number):
                one.p95 = seconds
    return found


def _ranked(recent: Any, took: _Seconds) -> Iterable[tuple[str, bool, float, int, int]]:
    """Of each provider the calls at the two ranks alone."""
    group = [F("provider"), F("emulated")]
    ranked = recent.filter(status__in=_GOOD, answered_at__isnull=False).annotate(
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


def _is_rank(percent: int, rank: int, number: int) -> bool:
    """Whether that is the nearest rank of a percentile: the smallest that so many percent are not above."""
    return rank == -(-number * percent // 100)


def _for_admins(now: datetime) -> dict[str, dict[str, Any]]:
    """By name: its row, the key's hint, the latest failure, the latest test; three queries."""
    failed = Attempt.objects.filter(
        provider=OuterRef("name"), started_at__gt=now - SPAN, status__in=(*_BAD, Status.REFUSED)
    ).order_by("-started_at")
    tested = ProviderTest.objects.filter(provider=OuterRef("pk")).order_by("-pk")
    rows = list(
        Provider.objects.annotate(
            failed=Subquery(failed.values("pk")[:1]), tested=Subquery(tested.values("pk")[:1])
        )
    )
    failures = Attempt.objects.in_bulk([row.failed for row in rows if row.failed])
    tests = ProviderTest.objects.select_related("by").in_bulk([row.tested for row in rows if row.tested])
    return {
        row.name: {
            "pk": row.pk,
            "key_hint": row.key_hint,
            "failure": _failure(failures[row.failed]) if row.failed else None,
            "test": tests[row.tested] if row.tested else None,
        }
        for row in rows
    }


def _failure(attempt: Attempt) -> Failure:
    return Failure(attempt.started_at, attempt.code, attempt.detail, attempt.vendor_text)


def _row(
    facts: ProviderFacts,
    known: Catalog,
    sums: _Sums,
    total: int,
    now: datetime,
    for_admins: bool,
    extra: dict[str, Any],
) -> Row:
    cells = tuple(sums.cells.get(number, Cell()) for number in range(CELLS))
    good, bad = sum(cell.good for cell in cells), sum(cell.bad for cell in cells)
    state, detail, again_at = _state(facts, good, bad, sums.median, now, for_admins)
    return Row(
        facts=facts,
        state=state,
        detail=detail,
        again_at=again_at,
        good=good,
        bad=bad,
        share=(good + bad) / total if total else None,
        median=sums.median,
        p95=sums.p95,
        cells=cells,
        abilities=_abilities(facts, known),
        models=_models(facts, known, for_admins),
        **extra,
    )


def _state(
    facts: ProviderFacts, good: int, bad: int, median: float | None, now: datetime, for_admins: bool
) -> tuple[str, str, datetime | None]:
    """State, sentence, and when it can be asked again. Why one is off is for admins."""
    standing = health.standing(facts, now)
    if standing.state == "off":
        return "off", standing.detail if for_admins else "It isn't in use.", None
    if standing.state != "closed":
        return standing.state, standing.detail, standing.again_at
    state, detail = _of_those_asked(facts.health, good, bad, median)
    return state, detail, None


def _of_those_asked(row: ProviderHealth, good: int, bad: int, median: float | None) -> tuple[str, str]:
    if not good + bad and row.last_success_at is None:
        return "new", "It wasn't asked yet."
    if row.failures:
        return (
            "failing",
            f"Its last {row.failures} calls failed." if row.failures > 1 else "Its last call failed.",
        )
    if bad and not good:
        return "failing", "No call has brought a picture yet."
    mean = row.seconds_mean
    if mean is not None and median and mean >= max(SLOW_SECONDS, SLOW_TIMES * median):
        return "slow", f"Calls take {mean / median:.1f} times as long as usual."
    return "closed", ""


def _abilities(facts: ProviderFacts, known: Catalog) -> tuple[str, ...]:
    """What its models can do there, the most of each, in short words."""
    found = _offers(facts, known)
    if not found:
        return ()
    most = max(min(model.references_max, offer.abilities.references_max) for model, offer in found)
    count = max(offer.abilities.count_max for _, offer in found)
    words = [f"{most} reference{'' if most == 1 else 's'}" if most else "No references"]
    if any(offer.abilities.multi_turn for _, offer in found):
        words.append("multi-turn")
    words.append(f"up to {count} a call" if count > 1 else "one at a time")
    return tuple(words)


def _models(facts: ProviderFacts, known: Catalog, with_costs: bool) -> tuple[ModelLine, ...]:
    return tuple(
        ModelLine(
            model.id,
            model.name,
            tuple(
                Price(size.name, size.price, offer.costs.get(size.name) if with_costs else None)
                for size in model.sizes
                if offer.abilities.image_size or size == model.sizes[0]
            ),
        )
        for model, offer in _offers(facts, known)
    )


def _offers(facts: ProviderFacts, known: Catalog) -> list[tuple[catalog.Model, Offer]]:
    return [(model, model.offers[facts.name]) for model in known.models if facts.name in model.offers]
