"""A person's credits as they read them: open holds, what moved, and what a month cost.

Everything is read by keyset: no page counts, skips or scans the rows of a long life.
"""

import calendar
import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from django.db.models import BigIntegerField, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, TruncDate

from accounts import ledger
from accounts.models import CreditAccount, Hold, LedgerEntry, User

LINES = 50
HOLDS_MAX = 50
FILTERS = ("all", "spent", "refunds", "grants")

CLOCKS_DIFFER = timedelta(hours=1)

Row = LedgerEntry | Hold

Kind = LedgerEntry.Kind
_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,18})\.(\d{1,18})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE_MAX = 10**18 - 1
# The last moment a date can hold: 9999-12-31.
_MICROSECONDS_MAX = 253_402_300_799_999_999


class UnknownPlace(Exception):
    """The cursor isn't one that this module gave out."""


@dataclass(frozen=True)
class Line:
    """One row of the statement.

    `change` is in credits, negative for what left; 0 for a hold that was given back whole, whose `amount`
    says how much. `left` is what was there after it, less what is on hold now; None where nothing moved.
    """

    at: datetime
    kind: str
    what: str
    amount: int
    change: int
    left: int | None
    given_back: int = 0
    by: User | None = None
    reference: str = ""
    entry: int | None = None


@dataclass(frozen=True)
class Place:
    """How far a reader is: below this entry, and below this end of a hold."""

    entry: int = _PLACE_MAX
    settled_at: datetime | None = None
    hold: int = 0

    def __str__(self) -> str:
        micros = _MICROSECONDS_MAX if self.settled_at is None else _micros(self.settled_at)
        return f"{self.entry}.{micros}.{self.hold}"


@dataclass(frozen=True)
class Within:
    """Which lines are shown: of a kind of `FILTERS`, from `since` to before `until`, of one team or key."""

    kind: str = "all"
    since: datetime | None = None
    until: datetime | None = None
    team_id: int | None = None
    key_id: int | None = None

    @property
    def is_everything(self) -> bool:
        return self == Within()


EVERYTHING = Within()


@dataclass(frozen=True)
class Page:
    """Some lines, newest first, and the place where the older ones begin, if there are any."""

    lines: list[Line]
    older: Place | None


@dataclass(frozen=True)
class Holds:
    """What is set aside now: the newest holds as lines, and the credits of those that don't fit."""

    lines: list[Line]
    more: int

    @property
    def more_change(self) -> int:
        return -self.more


@dataclass(frozen=True)
class Day:
    """What a day cost, in credits: captures less refunds, so a day of refunds can be below 0."""

    date: date
    spent: int


@dataclass(frozen=True)
class Month:
    """A calendar month, day by day, up to its last day."""

    first: date
    today: date
    days: list[Day]

    @property
    def spent(self) -> int:
        """Credits spent this month, less refunds."""
        return sum(day.spent for day in self.days)

    @property
    def pace(self) -> int | None:
        """Credits by the month's end if it goes on like this; None while there is too little to tell."""
        if self.today.day < 2 or self.spent <= 0 or self.today.day == len(self.days):
            return None
        return round(self.spent / self.today.day * len(self.days))


def parse_place(text: str) -> Place:
    """Where the reader asks to go on; the start for an empty text.

    :raises UnknownPlace:
    """
    if not text:
        return Place()
    match = _CURSOR.fullmatch(text)
    if match is None or int(match[2]) > _MICROSECONDS_MAX:
        raise UnknownPlace(text)
    return Place(int(match[1]), _EPOCH + timedelta(microseconds=int(match[2])), int(match[3]))


def open_holds(user: User, *, standing: ledger.Standing) -> Holds:
    """The person's open holds, newest first, each with what is left when it and the older ones are spent."""
    holds = Hold.objects.filter(account__user=user, settled_at__isnull=True).order_by("-id")[:HOLDS_MAX]
    lines, left = [], standing.available
    for hold in holds:
        lines.append(
            Line(
                hold.created_at,
                "hold",
                hold.reason,
                hold.amount,
                -hold.amount,
                left,
                reference=hold.reference,
            )
        )
        left += hold.amount
    return Holds(lines, more=max(0, standing.balance - left))


def page(user: User, *, within: Within = EVERYTHING, after: Place | None = None, size: int = LINES) -> Page:
    """The person's movements and the holds that came back whole, newest first, from `after` on."""
    found = CreditAccount.objects.filter(user=user).values_list("pk", *_bounds(within)).first()
    if found is None:
        return Page([], older=None)
    (account, above, below), place = found, after or Place()
    numbers = Q(pk__gt=above, pk__lt=min(below, place.entry))
    sides = [_entries(side.filter(numbers), size) for side in _sides(account, within)]
    entries: Iterable[Row] = _by_number(sides)
    released: Iterable[Row] = _released(account, within, place, size) if _has_released(within) else []
    rows = heapq.merge(entries, released, key=_moment, reverse=True)
    taken = [row for row, _ in zip(rows, range(size + 1), strict=False)]
    shown = taken[:size]
    older = _place_after(shown, place) if len(taken) > size else None
    return Page([_line(row, account) for row in shown], older)


def lines(user: User, *, within: Within = EVERYTHING, size: int = 500) -> Iterator[Line]:
    """Every line, newest first, read a page at a time: memory and locks stay the same at any length."""
    place: Place | None = Place()
    while place is not None:
        found = page(user, within=within, after=place, size=size)
        yield from found.lines
        place = found.older


def month(user: User, *, today: date) -> Month:
    """What each day of the month of `today` cost the person."""
    first = today.replace(day=1)
    length = calendar.monthrange(first.year, first.month)[1]
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    within = Q(created_at__gte=start, created_at__lt=start + timedelta(days=length))
    spent = _by_day(LedgerEntry.objects.filter(within, source__user=user, kind=Kind.CAPTURE))
    refunded = _by_day(LedgerEntry.objects.filter(within, destination__user=user, kind=Kind.REFUND))
    dates = [first + timedelta(days=number) for number in range(length)]
    return Month(first, today, [Day(day, spent.get(day, 0) - refunded.get(day, 0)) for day in dates])


def _sides(account: int, within: Within) -> list[QuerySet[LedgerEntry]]:
    """The entries of a filter, by the side the account is on, as each side has an index of its own."""
    outgoing = _of(LedgerEntry.objects.filter(source=account), within, "created_at")
    incoming = _of(LedgerEntry.objects.filter(destination=account), within, "created_at")
    return {
        "all": [outgoing, incoming],
        "spent": [outgoing],
        "refunds": [incoming.filter(kind=Kind.REFUND)],
        "grants": [incoming.exclude(kind=Kind.REFUND)],
    }[within.kind]


def _of(rows: QuerySet[Any], within: Within, moment: str) -> QuerySet[Any]:
    wanted = {
        f"{moment}__gte": within.since,
        f"{moment}__lt": within.until,
        "team_id": within.team_id,
        "api_key_id": within.key_id,
    }
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def _bounds(within: Within) -> tuple[Coalesce, Coalesce]:
    """Between which numbers the entries of a period must be, so that a page far back is found at once.

    Numbers follow the clock as far as machines' clocks agree and transactions are short: within an hour. The
    nearest captures on either side say it, as a person's other entries are few beside what they spent.
    """
    spent = LedgerEntry.objects.filter(source=OuterRef("pk"), kind=Kind.CAPTURE)
    before, later = spent.none(), spent.none()
    if within.since is not None:
        before = spent.filter(created_at__lt=within.since - CLOCKS_DIFFER).order_by("-created_at")
    if within.until is not None:
        later = spent.filter(created_at__gte=within.until + CLOCKS_DIFFER).order_by("created_at")
    return _number(before, otherwise=0), _number(later, otherwise=_PLACE_MAX)


def _number(entries: QuerySet[LedgerEntry], *, otherwise: int) -> Coalesce:
    return Coalesce(Subquery(entries.values("pk")[:1]), Value(otherwise), output_field=BigIntegerField())


def _entries(side: QuerySet[LedgerEntry], size: int) -> Iterable[LedgerEntry]:
    return side.select_related("hold", "by").order_by("-pk")[: size + 1]


def _has_released(within: Within) -> bool:
    return within.kind in ("all", "refunds")


def _released(account: int, within: Within, place: Place, size: int) -> Iterable[Hold]:
    holds = Hold.objects.filter(account=account, settled_at__isnull=False, captured=0)
    holds = _of(holds, within, "settled_at")
    if place.settled_at is not None:
        # Not "older, or as old with a smaller id": PostgreSQL would read that from the newest on.
        holds = holds.filter(settled_at__lte=place.settled_at)
        holds = holds.exclude(settled_at=place.settled_at, pk__gte=place.hold)
    return holds.order_by("-settled_at", "-pk")[: size + 1]


def _by_number(sides: list[Iterable[LedgerEntry]]) -> Iterator[LedgerEntry]:
    # Not by the moment: clocks of two machines differ, and the place within the entries is a number.
    return heapq.merge(*sides, key=lambda entry: entry.pk, reverse=True)


def _moment(row: Row) -> datetime:
    return _ended_at(row) if isinstance(row, Hold) else row.created_at


def _ended_at(hold: Hold) -> datetime:
    return cast(datetime, hold.settled_at)


def _place_after(rows: list[Row], place: Place) -> Place:
    """Each kind of row keeps its own place, so that none is shown twice or left out where they meet."""
    entry = min((row.pk for row in rows if isinstance(row, LedgerEntry)), default=place.entry)
    hold = next((row for row in reversed(rows) if isinstance(row, Hold)), None)
    if hold is None:
        return Place(entry, place.settled_at, place.hold)
    return Place(entry, hold.settled_at, hold.pk)


def _line(row: Row, account: int) -> Line:
    if isinstance(row, Hold):
        return Line(_ended_at(row), "release", row.reason, row.amount, 0, None, reference=row.reference)
    spent = row.source_id == account
    return Line(
        at=row.created_at,
        kind=row.kind,
        what=row.reason,
        amount=row.amount,
        change=-row.amount if spent else row.amount,
        left=row.source_balance if spent else row.destination_balance,
        given_back=row.hold.released if row.kind == Kind.CAPTURE and row.hold else 0,
        by=row.by,
        reference=row.reference,
        entry=row.pk,
    )


def _by_day(entries: QuerySet[LedgerEntry]) -> dict[date, int]:
    rows = (
        entries.annotate(day=TruncDate("created_at", tzinfo=UTC)).values("day").annotate(total=Sum("amount"))
    )
    return dict(rows.order_by().values_list("day", "total"))


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def by_date(lines: Iterable[Line]) -> Iterator[tuple[date, list[Line]]]:
    """The lines in groups of a day, in their order."""
    group: list[Line] = []
    for line in lines:
        if group and group[0].at.date() != line.at.date():
            yield group[0].at.date(), group
            group = []
        group.append(line)
    if group:
        yield group[0].at.date(), group
