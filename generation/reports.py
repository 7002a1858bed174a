"""Where credits went: by person, team, model, provider and day, with what the vendors were paid beside it.

The entries that were charged and refunded are the only source of credits, so that a report and the statements
say the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Case, F, Q, QuerySet, Sum, When
from django.db.models.functions import TruncDate

from accounts.models import CreditAccount, LedgerEntry, Team, User
from generation import catalog
from generation.models import Attempt

Kind = LedgerEntry.Kind
DIMENSIONS = ("day", "person", "team", "model", "provider")


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
    spent = _summed(
        _spent(scope),
        captured=Sum("amount", filter=Q(kind=Kind.CAPTURE), default=0),
        refunded=Sum("amount", filter=Q(kind=Kind.REFUND), default=0),
        pictures=Sum("images"),
    )
    costs = _summed(_costs(scope), cost=Sum("vendor_cost_usd")) if with_costs else {}
    labels = _labels([key for _, key in (*spent, *costs)])
    by: dict[str, list[Line]] = {name: [] for name in DIMENSIONS}
    for name, key in {**spent, **costs}:
        captured, refunded, images = (int(number) for number in spent.get((name, key), (0, 0, 0)))
        (cost,) = costs.get((name, key), (None,))
        label = _label(name, key, labels)
        by[name].append(Line(key, label, captured, refunded, images, _dollars(cost)))
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
    return entries.order_by().annotate(
        day_of=TruncDate("created_at", tzinfo=UTC),
        person_of=Case(When(kind=Kind.CAPTURE, then=F("source_id")), default=F("destination_id")),
        team_of=F("team_id"),
        model_of=F("model"),
        provider_of=F("provider"),
    )


def _costs(scope: Scope) -> QuerySet[Any, Any]:
    attempts = Attempt.objects.filter(
        vendor_cost_usd__isnull=False, started_at__gte=scope.since, started_at__lt=scope.until
    )
    if scope.team is not None:
        attempts = attempts.filter(generation__hold__team=scope.team)
    if scope.user is not None:
        attempts = attempts.filter(generation__user=scope.user)
    return attempts.order_by().annotate(
        day_of=TruncDate("started_at", tzinfo=UTC),
        person_of=F("generation__hold__account_id"),
        team_of=F("generation__hold__team_id"),
        model_of=F("generation__model"),
        provider_of=F("provider"),
    )


def _summed(rows: QuerySet[Any, Any], **sums: Sum) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Sums by dimension and key, from two passes over the rows.

    All five at once would be nearly as many groups as rows; people apart, the other four are few.
    """
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    for dimensions in (("day", "team", "model", "provider"), ("person",)):
        groups = rows.values(*(f"{name}_of" for name in dimensions)).annotate(**sums)
        inner, parameters = groups.query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(_by_each(dimensions, inner, tuple(sums)), parameters)
            found |= {(name, key or ""): tuple(numbers) for name, key, *numbers in cursor.fetchall()}
    return found


def _by_each(dimensions: tuple[str, ...], inner: str, sums: tuple[str, ...]) -> str:
    """The groups of the inner query, grouped again by each dimension alone."""
    added = ", ".join(f"SUM({name})" for name in sums)
    each = " UNION ALL ".join(
        f"SELECT '{name}', CAST({name} AS VARCHAR(80)), {added} FROM facts GROUP BY {name}"  # noqa: S608
        for name in dimensions
    )
    return f"WITH facts({', '.join((*dimensions, *sums))}) AS MATERIALIZED ({inner}) {each}"


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
