"""Where credits went: by person, team, model, provider and day, with what the vendors were paid beside it.

The entries that were charged and refunded are the only source of credits, so that a report and the statements
say the same.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, DateField, F, Func, Q, QuerySet, When

from accounts.models import CreditAccount, LedgerEntry, Team, User
from generation import catalog
from generation.models import Attempt

Kind = LedgerEntry.Kind
DIMENSIONS = ("day", "person", "team", "model", "provider")
# Two that together name every dimension once.
_SETS = (("day", "model", "provider"), ("person", "team"))
_SUMS = ("captured", "refunded", "pictures", "cost")
_SPENT = "SUM(captured), SUM(refunded), SUM(pictures), CAST(NULL AS NUMERIC)"
_COST = "CAST(0 AS NUMERIC), CAST(0 AS NUMERIC), CAST(0 AS BIGINT), SUM(cost)"
# Statistics of a column end at an OFFSET: PostgreSQL takes the days of a million moments for a million days
# otherwise, and sorts on disk. Not `0`, for which it works at one part after the other.
_FENCE = "OFFSET '0'::bigint"


@dataclass(frozen=True)
class Scope:
    """Whose spending, from `since` until before `until`; everybody's where neither is named."""

    since: datetime
    until: datetime
    user: User | None = None
    team: Team | None = None


@dataclass(frozen=True)
class Line:
    """What was spent on one day, model … Credits are whole, `cost_usd` what vendors stated in US dollars.

    `key` is the day, model or provider, or the number of the person's account or of the team.
    """

    key: str
    label: str
    captured: int = 0
    refunded: int = 0
    images: int = 0
    cost_usd: Decimal | None = None

    @property
    def credits(self) -> int:
        """What was charged, less refunds."""
        return self.captured - self.refunded


@dataclass(frozen=True)
class Report:
    """The lines of each of `DIMENSIONS`, the largest first (days in their order), and their sum."""

    scope: Scope
    total: Line
    by: dict[str, list[Line]]


def report(scope: Scope, *, with_costs: bool) -> Report:
    """The report of a scope; vendors' costs only `with_costs`. A constant number of queries."""
    sums = _summed(scope, with_costs=with_costs)
    labels = _labels([key for _, key in sums])
    by: dict[str, list[Line]] = {name: [] for name in DIMENSIONS}
    for (name, key), (captured, refunded, images, cost) in sums.items():
        label = _label(name, key, labels)
        by[name].append(Line(key, label, int(captured), int(refunded), int(images), _dollars(cost)))
    for name, lines in by.items():
        lines.sort(key=(lambda line: line.key) if name == "day" else lambda line: (-line.credits, line.label))
    return Report(scope, _total(by["day"]), by)


def forecast(total: Line, *, first: date, length: int, today: date) -> int | None:
    """Credits by the end of a month of `length` days if it goes on like this; None while none can tell."""
    gone = (today - first).days + 1
    if not 2 <= gone < length or total.credits <= 0:
        return None
    return round(total.credits / gone * length)


def _spent(scope: Scope) -> QuerySet[Any, Any]:
    entries = LedgerEntry.objects.filter(
        kind__in=(Kind.CAPTURE, Kind.REFUND), created_at__gte=scope.since, created_at__lt=scope.until
    )
    if scope.team is not None:
        entries = entries.filter(team=scope.team)
    if scope.user is not None:
        account = CreditAccount.objects.filter(user=scope.user).values_list("pk", flat=True).first()
        mine = Q(kind=Kind.CAPTURE, source=account) | Q(kind=Kind.REFUND, destination=account)
        entries = entries.filter(mine)
    return entries.order_by().values(
        day_of=_day("created_at"),
        person_of=Case(When(kind=Kind.CAPTURE, then=F("source_id")), default=F("destination_id")),
        team_of=F("team_id"),
        model_of=F("model"),
        provider_of=F("provider"),
        captured=Case(When(kind=Kind.CAPTURE, then=F("amount"))),
        refunded=Case(When(kind=Kind.REFUND, then=F("amount"))),
        pictures=F("images"),
    )


def _costs(scope: Scope) -> QuerySet[Any, Any]:
    attempts = Attempt.objects.filter(
        vendor_cost_usd__isnull=False, started_at__gte=scope.since, started_at__lt=scope.until
    )
    if scope.team is not None:
        attempts = attempts.filter(team=scope.team)
    if scope.user is not None:
        attempts = attempts.filter(generation__user=scope.user)
    return attempts.order_by().values(
        day_of=_day("started_at"),
        person_of=F("account_id"),
        team_of=F("team_id"),
        model_of=F("model"),
        provider_of=F("provider"),
        cost=F("vendor_cost_usd"),
    )


def _day(moment: str) -> Func:
    """The day in UTC, which connections speak; SQLite would ask Python for the `TruncDate` of every row."""
    return Func(moment, function="DATE", output_field=DateField())


def _summed(scope: Scope, *, with_costs: bool) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Captured, refunded, images and cost by dimension and key, in one query that reads each row once.

    The halves of the period, and entries and attempts, are parts that PostgreSQL sums up on a core each.
    """
    grouped: list[str] = []
    parameters: list[Any] = []
    for half in _halves(scope):
        for rows, sums in [(_spent(half), _SPENT), *([(_costs(half), _COST)] if with_costs else [])]:
            inner, values = rows.query.sql_with_params()
            for sql in _by_sets(str(inner), sums):
                grouped.append(sql)
                parameters += values
    columns = ", ".join((*(f"{name}_of" for name in DIMENSIONS), "group_set", *_SUMS))
    each = " UNION ALL ".join(_by(name) for name in DIMENSIONS)
    # As a table to select from: of a UNION by itself PostgreSQL works at one part after the other.
    parts = f"SELECT * FROM ({' UNION ALL '.join(grouped)}) AS every_part"  # noqa: S608
    with _uncompiled(), connection.cursor() as cursor:
        cursor.execute(f"WITH parts({columns}) AS MATERIALIZED ({parts}) {each}", parameters)
        return {(name, key or ""): tuple(numbers) for name, key, *numbers in cursor.fetchall()}


def _halves(scope: Scope) -> tuple[Scope, Scope]:
    middle = scope.since + (scope.until - scope.since) / 2
    return replace(scope, until=middle), replace(scope, since=middle)


def _by_sets(inner: str, sums: str) -> list[str]:
    """The rows grouped by the one of `_SETS` and by the other, with the number of the set.

    By all five at once there would be nearly as many groups as rows; as people are in few teams and providers
    have few models, these are few.
    """
    if connection.vendor == "postgresql":
        keys = ", ".join(f"{name}_of" for name in DIMENSIONS)
        sets = ", ".join(f"({', '.join(f'{name}_of' for name in names)})" for names in _SETS)
        which = f"GROUPING({_SETS[0][0]}_of)"
        facts = f"({inner} {_FENCE}) AS facts"
        return [f"SELECT {keys}, {which}, {sums} FROM {facts} GROUP BY GROUPING SETS ({sets})"]  # noqa: S608
    found = []
    for number, names in enumerate(_SETS):
        keys = ", ".join(f"{name}_of" if name in names else "NULL" for name in DIMENSIONS)
        by = ", ".join(f"{name}_of" for name in names)
        found.append(f"SELECT {keys}, {number}, {sums} FROM ({inner}) AS facts GROUP BY {by}")  # noqa: S608
    return found


def _by(name: str) -> str:
    """The groups of a set, grouped again by one dimension alone."""
    number = next(number for number, names in enumerate(_SETS) if name in names)
    added = "COALESCE(SUM(captured), 0), COALESCE(SUM(refunded), 0), SUM(pictures), SUM(cost)"
    key = f"CAST({name}_of AS VARCHAR(80))"
    return f"SELECT '{name}', {key}, {added} FROM parts WHERE group_set = {number} GROUP BY {name}_of"  # noqa: S608


@contextmanager
def _uncompiled() -> Iterator[None]:
    """Have PostgreSQL compile nothing until the transaction ends, which takes longer here than it saves."""
    with transaction.atomic(savepoint=False):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL jit = off")
        yield


@dataclass(frozen=True)
class _Labels:
    people: dict[str, str]
    teams: dict[str, str]
    known: catalog.Catalog


def _labels(keys: Iterable[str]) -> _Labels:
    numbers = [int(key) for key in set(keys) if key.isdecimal()]
    accounts = CreditAccount.objects.filter(pk__in=numbers).select_related("user")
    return _Labels(
        people={str(account.pk): str(account.user) for account in accounts if account.user},
        teams={str(team.pk): team.name for team in Team.objects.filter(pk__in=numbers)},
        known=catalog.load(with_retired=True),
    )


def _label(name: str, key: str, labels: _Labels) -> str:
    match name:
        case "person":
            return labels.people.get(key, "Nobody")
        case "team":
            return labels.teams.get(key, "No team")
        case "provider":
            return labels.known.provider_title(key) if key else "Not said"
        case "model":
            return labels.known.model_title(key) if key else "Not said"
        case _:
            return key


def _dollars(cost: Any) -> Decimal | None:
    # SQLite adds decimals up as floating-point numbers.
    return None if cost is None else round(Decimal(str(cost)), 6)


def _total(days: list[Line]) -> Line:
    costs = [line.cost_usd for line in days if line.cost_usd is not None]
    return Line(
        key="",
        label="Total",
        captured=sum(line.captured for line in days),
        refunded=sum(line.refunded for line in days),
        images=sum(line.images for line in days),
        cost_usd=sum(costs, Decimal()) if costs else None,
    )
