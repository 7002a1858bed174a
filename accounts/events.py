"""What changed, for whom: written with the change, read by open pages and API streams.

Ids are given out when a row is written and seen when its transaction commits, so on PostgreSQL an earlier id
may appear behind a later one. A reader's `Place` therefore says besides the last id which transactions were
over: what those wrote has been read, and what any other wrote is new, whatever its id, unless the place names
it. SQLite has one writer at a time.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from accounts import rows
from accounts.models import Event

Kind = Event.Kind
CHANNEL = "easel_events"
"""Where a trigger on PostgreSQL tells of each event: the person's id, or nothing for everybody."""
LATE_IDS = 20_000
"""How many later ids may have been read before an earlier one appears."""
OVERLAP_SECONDS = 30
"""What is told again to a reader on PostgreSQL whose place says nothing of transactions."""

TOLD_MAX = 50
"""How many ids a place names at most; what it leaves out is told again."""

_PLACE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18})(?:-([0-9]{1,18}(?:\.[0-9]{1,18}){0,49}))?)?", re.ASCII)


@dataclass(frozen=True)
class Change:
    """An event as it is told. No `user_id` is everybody's; `xid` is who wrote it, on PostgreSQL."""

    pk: int
    user_id: int | None
    kind: str
    subject: str
    xid: int = 0


@dataclass(frozen=True)
class Place:
    """Up to where somebody has read: the newest id then, the oldest transaction that was still open, and what
    was read of that one and those after it.
    """

    pk: int
    xid: int = 0
    told: frozenset[int] = frozenset()

    def __str__(self) -> str:
        """As a reader is told it; the ids are counted back from the newest."""
        if not self.xid:
            return str(self.pk)
        back = sorted(self.pk - pk for pk in self.told)[:TOLD_MAX]
        return "-".join([f"{self.pk}-{self.xid}", *filter(None, [".".join(map(str, back))])])

    def is_before(self, change: Change) -> bool:
        """Whether who stands here may not have read that."""
        if change.pk > self.pk:
            return True
        return 0 < self.xid <= change.xid and change.pk not in self.told

    def having_heard(self, change: Change) -> "Place":
        """The place of who stands here and hears that too."""
        told = self.told | {change.pk} if 0 < self.xid <= change.xid else self.told
        return Place(max(self.pk, change.pk), self.xid, told)


@dataclass(frozen=True)
class Reading:
    """What was new, oldest first; the place after it, with all that its `told` is made of; the first
    transaction that had not begun then; and whether a limit has cut it short.
    """

    changes: tuple[Change, ...]
    place: Place
    told: tuple[Change, ...] = ()
    next_xid: int = 0
    is_cut: bool = False


def record(*, user_id: int | None, kind: Event.Kind, subject: str = "") -> None:
    """Note a change in the caller's transaction, so that it is heard of if and only if it happened."""
    if noted := noting(user_id=user_id, kind=kind, subject=subject):
        rows.send(*noted)


def noting(*, user_id: int | None, kind: Event.Kind, subject: str = "") -> list[rows.Statement]:
    """Note a change, for `rows.send`; nothing where it is nobody's."""
    return [] if user_id is None else [rows.inserting(Event(user_id=user_id, kind=kind, subject=subject))]


def record_each(*, user_ids: Iterable[int], kind: Event.Kind) -> None:
    """Note the same change for many people."""
    Event.objects.bulk_create((Event(user_id=user_id, kind=kind) for user_id in user_ids), batch_size=500)


def record_many(changes: Iterable[tuple[int, str]], *, kind: Event.Kind) -> None:
    """Note changes of the same kind: whose, and of what."""
    Event.objects.bulk_create(
        (Event(user_id=user_id, kind=kind, subject=subject) for user_id, subject in changes), batch_size=500
    )


def record_for_everybody(*, kind: Event.Kind, subject: str) -> None:
    """Note a change of something that everybody sees, or saw until now."""
    rows.insert(Event(user_id=None, kind=kind, subject=subject))


def place_of(text: str) -> Place | None:
    """The place that was told to a reader; None for what is none."""
    found = _PLACE.fullmatch(text)
    if not found:
        return None
    newest, back = int(found[1]), (found[3] or "").split(".")
    return Place(newest, int(found[2] or 0), frozenset(newest - int(number) for number in back if number))


def place(user_id: int) -> Place:
    """Where everything that the person could see now has been read."""
    return read(user_ids=(user_id,), after=None).place


def is_kept(after: Place) -> bool:
    """Whether what came after that place is still there; events are forgotten after two days."""
    ids = Event.objects.values_list("pk", flat=True)
    oldest, newest = ids.order_by("pk").first(), ids.order_by("-pk").first()
    # A place beyond the newest is one of a database that is no more.
    return oldest is None or newest is None or oldest - 1 <= after.pk <= newest


def read(
    *, user_ids: Collection[int], after: Place | None, late_above: int | None = None, limit: int | None = None
) -> Reading:
    """What is new after a place for these people, in one statement; without a place, only where they are.

    On PostgreSQL late ids are looked for above `late_above`. It is cut short where so many as the limit have
    come after the place; what is only told again, as the place can't name it, doesn't count.
    """
    people = list(user_ids)
    parameters: list[Any]
    if connection.vendor == "postgresql":
        which, values = _which(after, late_above)
        statement, parameters = _ON_POSTGRES.format(which=which), [people, *values]
    else:
        places = ", ".join(["%s"] * len(people))
        statement, parameters = _ON_SQLITE.format(people=places), [*people, after.pk if after else None]
    with connection.cursor() as cursor:
        cursor.execute(statement + ("" if limit is None else f" LIMIT {LATE_IDS + limit:d}"), parameters)
        found = cursor.fetchall()
    oldest_xid, next_xid, latest = found[0][:3]
    seen = tuple(
        Change(pk, user_id, kind, subject, _whole(xid, next_xid))
        for *_, pk, user_id, kind, subject, xid in found
        if pk is not None
    )
    told = tuple(change for change in seen if change.xid >= oldest_xid) if oldest_xid else ()
    return Reading(
        tuple(change for change in seen if after and (not after.xid or after.is_before(change))),
        Place(
            max(latest or 0, after.pk if after else 0), oldest_xid, frozenset(change.pk for change in told)
        ),
        told,
        next_xid,
        is_cut=limit is not None
        and after is not None
        and sum(change.pk > after.pk for change in seen) >= limit,
    )


_ON_POSTGRES = """
    WITH now AS MATERIALIZED (
      SELECT pg_snapshot_xmin(seen)::text::bigint AS oldest_xid,
             pg_snapshot_xmax(seen)::text::bigint AS next_xid,
             (SELECT MAX(id) FROM accounts_event) AS latest
        FROM (SELECT pg_current_snapshot() AS seen) snapshot)
    SELECT now.oldest_xid, now.next_xid, now.latest, e.id, e.user_id, e.kind, e.subject, e.xmin::text::bigint
      FROM now LEFT JOIN accounts_event e
        ON (e.user_id = ANY(%s::bigint[]) OR e.user_id IS NULL) AND {which}
     ORDER BY e.id"""
_ON_SQLITE = """
    SELECT 0, 0, (SELECT MAX(id) FROM accounts_event), e.id, e.user_id, e.kind, e.subject, 0
      FROM (SELECT 1) now LEFT JOIN accounts_event e
        ON (e.user_id IN ({people}) OR e.user_id IS NULL) AND e.id > %s
     ORDER BY e.id"""
# A row keeps the lower half of its transaction's number; which of two came first shows by their difference.
_SINCE = "((e.xmin::text::bigint - {xid}) & 4294967295) < 2147483648"
_NOW = f"e.id > now.latest - {LATE_IDS} AND {_SINCE.format(xid='now.oldest_xid')}"
_AFTER = f"e.id > %s AND (e.id > %s OR {_SINCE.format(xid='%s')})"
_ABOUT = """e.id > %s AND (e.id > %s OR e.created_at > (SELECT created_at - make_interval(secs => %s)
        FROM accounts_event WHERE id <= %s ORDER BY id DESC LIMIT 1))"""


def _which(after: Place | None, late_above: int | None) -> tuple[str, list[int]]:
    """The condition for what may be new after a place; without one, for what the present place names."""
    if after is None:
        return _NOW, []
    floor = after.pk - LATE_IDS if late_above is None else min(late_above, after.pk)
    if after.xid:
        return _AFTER, [floor, after.pk, after.xid]
    return _ABOUT, [floor, after.pk, OVERLAP_SECONDS, after.pk]


def _whole(xid: int, next_xid: int) -> int:
    """The transaction's whole number, from its lower half and one that came after it."""
    return next_xid - ((next_xid - xid) & 0xFFFF_FFFF)
