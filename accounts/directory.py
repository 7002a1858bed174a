"""Everybody's credits as admins read them: who there is, what they have, spend and are given."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.core.cache import cache
from django.db.models import (
    Case,
    CharField,
    Count,
    DateTimeField,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Lower, NullIf, TruncDate

from accounts import ledger
from accounts.models import AllowanceRule, LedgerEntry, Team, User

PEOPLE = 25
DAYS = 30
SORTS = {
    "name": "Name",
    "least": "Least available first",
    "most": "Most available first",
    "held": "Most on hold first",
    "active": "Last active first",
}
# How long a month's sum may be old: it is read over everybody's entries.
MONTH_SECONDS = 60
# Under this share of what a bar stands for it is a warning.
LOW_PERCENT = 10

Kind = LedgerEntry.Kind
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Search:
    """Which people are asked for, and in which order; `after` is the id of the last one seen."""

    words: str = ""
    team: int | None = None
    low: bool = False
    sort: str = "name"
    after: int | None = None


@dataclass(frozen=True)
class Listed:
    """One person's row. `spent` is credits a day, oldest first, less refunds, to today."""

    user: User
    team: Team | None
    standing: ledger.Standing
    allowances: list[AllowanceRule]
    spent: list[int]
    last_active: datetime | None

    @property
    def spent_sum(self) -> int:
        return sum(self.spent)

    @property
    def full(self) -> int:
        """What the bar's whole width stands for: the largest allowance, else what there was a month ago."""
        given = max((rule.amount for rule in self.allowances), default=0)
        return given or max(1, self.standing.balance + max(0, self.spent_sum))

    @property
    def bar(self) -> int:
        return min(self.full, self.standing.available)

    @property
    def is_low(self) -> bool:
        """Under a tenth of the bar, or under what the person wants to be told of."""
        told = self.user.low_balance_at or 0
        return self.standing.available < told or self.bar * 100 < self.full * LOW_PERCENT


@dataclass(frozen=True)
class Page:
    """Some people, and the id after which the next ones begin, if there are any."""

    people: list[Listed]
    next: int | None


@dataclass(frozen=True)
class Figures:
    """Whole credits of everybody who is active."""

    people: int
    available: int
    held: int
    low: int
    spent_this_month: int


@dataclass
class _Facts:
    """What a page of people needs beside their rows, each kind by one query."""

    spent: dict[int, dict[date, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    of_people: dict[int, list[AllowanceRule]] = field(default_factory=lambda: defaultdict(list))
    of_teams: dict[int, list[AllowanceRule]] = field(default_factory=lambda: defaultdict(list))


def search(asked: Search, *, now: datetime, size: int = PEOPLE) -> Page:
    """The people asked for, `size` of them from `after` on, in a constant number of queries."""
    found = _ordered(_filtered(asked), asked)
    rows = list(found.select_related("credit_account", "membership__team")[: size + 1])
    shown = rows[:size]
    return Page(listed(shown, now=now), shown[-1].pk if len(rows) > size else None)


def listed(people: list[User], *, now: datetime) -> list[Listed]:
    """The rows of these people, in their order."""
    facts = _facts(people, now=now)
    last = _last_spent(people)
    return [_listed(user, facts, last.get(user.pk), today=now.date()) for user in people]


def figures(*, now: datetime) -> Figures:
    """The sums at the top of the page; the month's may be a minute old."""
    active = _with_available(User.objects.filter(is_active=True))
    sums = active.aggregate(
        people=Count("pk"),
        all_available=Sum("available", default=0),
        held=Sum("credit_account__held", default=0),
        low=Count("pk", filter=Q(available__lt=F("low_balance_at"))),
    )
    return Figures(
        people=sums["people"],
        available=sums["all_available"],
        held=sums["held"],
        low=sums["low"],
        spent_this_month=_spent_since(month_start(now)),
    )


def month_start(now: datetime) -> datetime:
    """The first moment of the month, in UTC."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _with_available(people: QuerySet[User]) -> QuerySet[User]:
    return people.annotate(
        available=Coalesce(F("credit_account__balance") - F("credit_account__held"), Value(0))
    )


def _filtered(asked: Search) -> QuerySet[User]:
    people = _with_available(User.objects.all())
    for word in asked.words.split():
        people = people.filter(
            Q(name__icontains=word) | Q(email__icontains=word) | Q(membership__team__name__icontains=word)
        )
    if asked.team is not None:
        people = people.filter(membership__team_id=asked.team)
    if asked.low:
        people = people.filter(Q(available__lt=F("low_balance_at")), is_active=True)
    return people


def _ordered(people: QuerySet[User], asked: Search) -> QuerySet[User]:
    """By one value and then the id; from the row after `after` on, wherever that row stands now."""
    people = people.annotate(place=_place(asked.sort))
    falling = asked.sort in ("most", "held", "active")
    if asked.after is not None:
        place = User.objects.filter(pk=asked.after)
        seen = _with_available(place).annotate(place=_place(asked.sort)).values_list("place", flat=True)
        if at := list(seen):
            further = {"place__lt": at[0]} if falling else {"place__gt": at[0]}
            people = people.filter(Q(**further) | Q(place=at[0], pk__gt=asked.after))
    return people.order_by("-place" if falling else "place", "pk")


def _place(sort: str) -> Lower | F | Coalesce | Case:
    if sort == "name":
        return Lower(Coalesce(NullIf("name", Value("")), "email", output_field=CharField()))
    if sort == "held":
        return Coalesce("credit_account__held", Value(0))
    if sort == "active":
        return _last_active()
    return F("available")


def _last_active() -> Case:
    entries = LedgerEntry.objects.filter(source__user=OuterRef("pk")).order_by("-pk")
    spent = Coalesce(
        Subquery(entries.values("created_at")[:1]), Value(_LONG_AGO), output_field=DateTimeField()
    )
    seen = Coalesce("last_login", Value(_LONG_AGO))
    return Case(When(Q(last_login__isnull=False) & Q(last_login__gt=spent), then=seen), default=spent)


def _listed(user: User, facts: _Facts, last_spent: datetime | None, *, today: date) -> Listed:
    account = getattr(user, "credit_account", None)
    membership = getattr(user, "membership", None)
    team = membership.team if membership else None
    spent = facts.spent[user.pk]
    moments = [moment for moment in (user.last_login, last_spent) if moment is not None]
    return Listed(
        user=user,
        team=team,
        standing=ledger.Standing(account.balance, account.held) if account else ledger.Standing(0, 0),
        allowances=facts.of_people[user.pk] + (facts.of_teams[team.pk] if team else []),
        spent=[spent[today - timedelta(days=ago)] for ago in reversed(range(DAYS))],
        last_active=max(moments, default=None),
    )


def _facts(people: list[User], *, now: datetime) -> _Facts:
    facts = _Facts()
    for rule in allowances_of(people):
        if rule.user_id is not None:
            facts.of_people[rule.user_id].append(rule)
        elif rule.team_id is not None:
            facts.of_teams[rule.team_id].append(rule)
    since = datetime.combine(now.date() - timedelta(days=DAYS - 1), datetime.min.time(), tzinfo=UTC)
    for side, kind, sign in (("source", Kind.CAPTURE, 1), ("destination", Kind.REFUND, -1)):
        entries = LedgerEntry.objects.filter(
            **{f"{side}__user__in": people}, kind=kind, created_at__gte=since
        )
        days = entries.annotate(day=TruncDate("created_at", tzinfo=UTC)).order_by()
        sums = days.values_list(f"{side}__user_id", "day").annotate(sum=Sum("amount"))
        for user_id, day, amount in sums:
            facts.spent[user_id][day] += sign * amount
    return facts


def allowances_of(people: Iterable[User]) -> QuerySet[AllowanceRule]:
    """The allowances in force of these people and of the teams they are in, the person's own first."""
    scope = Q(user__in=people) | Q(team__memberships__user__in=people)
    rules = AllowanceRule.objects.filter(scope, ended_at__isnull=True).distinct()
    return rules.select_related("team").order_by("team_id", "pk")


def _last_spent(people: list[User]) -> dict[int, datetime]:
    """When each last spent: one step into the index of each account, however long its life."""
    entries = LedgerEntry.objects.filter(source=OuterRef("credit_account")).order_by("-pk")
    rows = User.objects.filter(pk__in=[user.pk for user in people]).values_list(
        "pk", Subquery(entries.values("created_at")[:1])
    )
    return {pk: moment for pk, moment in rows if moment is not None}


def _spent_since(start: datetime) -> int:
    key = f"directory:spent:{start:%Y-%m}"
    found = cache.get(key)
    if found is None:
        entries = LedgerEntry.objects.filter(created_at__gte=start, kind__in=(Kind.CAPTURE, Kind.REFUND))
        sums = entries.aggregate(
            captured=Sum("amount", filter=Q(kind=Kind.CAPTURE), default=0),
            refunded=Sum("amount", filter=Q(kind=Kind.REFUND), default=0),
        )
        found = int(sums["captured"] - sums["refunded"])
        cache.set(key, found, MONTH_SECONDS)
    return int(found)
