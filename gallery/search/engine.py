"""Ids of pictures by an expression and limits, newest first, on either database.

What a person may see is part of what is looked for, so nothing is found that must be left out afterwards.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from accounts import rows
from accounts.models import User
from gallery.models import Image
from gallery.search import marks, postgres
from gallery.search.conditions import Conditions
from gallery.search.expression import Expression, Mark, fts5
from gallery.search.index import TABLE
from gallery.search.meaning import Limits

SCOPES = ("mine", "team", "everyone", "all")
"""Whose pictures: one's own, those shown to one's team, those shown to everyone, and all of these."""
_CLOCKS_APART = timedelta(days=1)
"""By how much the order of ids and of times may differ."""


@dataclass(frozen=True)
class Viewer:
    """Who looks: a person, and the team they are in, if any."""

    user_id: int
    team_id: int | None


def viewer_of(user: User) -> Viewer:
    """Asks the database for the team at each call: membership ends at once."""
    ask = "SELECT team_id FROM accounts_membership WHERE user_id = %s ORDER BY id LIMIT 1"
    (teams,) = rows.send((ask, [user.pk]))
    return Viewer(user.pk, teams[0][0] if teams else None)


@dataclass(frozen=True)
class Wanted:
    """What is looked for: by whom, among whose pictures, with which words and facts, within which limits."""

    viewer: Viewer
    scope: str = "all"
    expression: Expression = field(default_factory=Expression)
    limits: Limits = field(default_factory=Limits)

    @property
    def finds_nothing(self) -> bool:
        return self.expression.is_empty or (self.scope == "team" and self.viewer.team_id is None)

    @property
    def uses_index(self) -> bool:
        """Whether words or marks are asked for; the images' rows alone tell who may see them."""
        return bool(self.expression.clauses or self.expression.without)


def newest(wanted: Wanted, *, size: int, before: int | None = None, after: int | None = None) -> list[int]:
    """At most `size` ids, newest first: the newest of all, those next older than `before`, or next newer
    than `after`.
    """
    if wanted.finds_nothing:
        return []
    conditions = _conditions(wanted.limits, before, after)
    order = "ASC" if after is not None else "DESC"
    if wanted.uses_index and connection.vendor == "postgresql":
        found = postgres.newest(postgres.Search(_seen(wanted), conditions, order, size))
    else:
        statement, values = _in_order(wanted, conditions, order, f"LIMIT {size:d}")
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            found = [row[0] for row in cursor.fetchall()]
    return found[::-1] if after is not None else found


def oldest(wanted: Wanted) -> list[int]:
    """The id of the very first one, if there is any."""
    # All ids are above it, so this walks from the other end.
    return newest(wanted, size=1, after=-1)


def count(wanted: Wanted, *, most: int) -> int:
    """How many there are, counted up to `most`."""
    return len(newest(wanted, size=most))


def statement(wanted: Wanted) -> tuple[str, list[Any]]:
    """The statement that finds all ids, newest first, and its values."""
    conditions = _conditions(wanted.limits, None, None)
    if wanted.finds_nothing:
        return "SELECT id FROM gallery_image WHERE 1 = 0", []
    if wanted.uses_index and connection.vendor == "postgresql":
        return postgres.every(postgres.Search(_seen(wanted), conditions, "DESC", 0))
    return _in_order(wanted, conditions, "DESC", "")


def _in_order(wanted: Wanted, conditions: Conditions, order: str, limit: str) -> tuple[str, list[Any]]:
    if wanted.uses_index:
        return _in_fts5(fts5(_seen(wanted)), conditions, order, limit)
    return _in_rows(wanted, conditions, order, limit)


# By words and marks


def _in_fts5(match: str, conditions: Conditions, order: str, limit: str) -> tuple[str, list[Any]]:
    # The join only where a condition asks for the row.
    joined = " JOIN gallery_image i ON i.id = s.rowid" if conditions.of_row else ""
    where, values = conditions.joined("s.rowid", "gallery_search MATCH %s", [match])
    return (
        f"SELECT s.rowid AS id FROM {TABLE} s{joined} WHERE {where} ORDER BY s.rowid {order} {limit}",
        values,
    )


def _seen(wanted: Wanted) -> Expression:
    """What is asked for, among what the viewer may see of the scope."""
    return wanted.expression.and_any(_seen_by(wanted))


def _seen_by(wanted: Wanted) -> list[Mark]:
    viewer = wanted.viewer
    own = [Mark(marks.owner(viewer.user_id))]
    team = [Mark(marks.team(viewer.team_id))] if viewer.team_id is not None else []
    everyone = [Mark(marks.EVERYONE)]
    return {"mine": own, "team": team, "everyone": everyone, "all": [*own, *team, *everyone]}[wanted.scope]


# By the images' rows alone

_SHOWN_TO_TEAM = "i.team_id = %s AND i.visibility IN ('team', 'everyone')"
_SHOWN_TO_ALL = "i.visibility = 'everyone'"


def _in_rows(wanted: Wanted, conditions: Conditions, order: str, limit: str) -> tuple[str, list[Any]]:
    branches = _branches(wanted.scope, wanted.viewer)
    if len(branches) > 1 and conditions.within:
        # Few rows, found by what they are in: whether they are seen is looked at row by row.
        either = " OR ".join(f"({condition})" for condition, _ in branches)
        branches = [(f"({either})", [value for _, some in branches for value in some])]
    parts, values = [], []
    for seen, some in branches:
        where, given = conditions.joined("i.id", f"{seen} AND i.trashed_at IS NULL", some)
        parts.append(f"SELECT i.id AS id FROM gallery_image i WHERE {where} ORDER BY i.id {order} {limit}")
        values += given
    if len(parts) == 1:
        return parts[0], values
    # Each branch is walked by its own index, in order, only as far as needed.
    joined = " UNION ALL ".join(f"SELECT id FROM ({part}) one" for part in parts)
    return f"SELECT id FROM ({joined}) found ORDER BY id {order} {limit}", values


def _branches(scope: str, viewer: Viewer) -> list[tuple[str, list[Any]]]:
    """Conditions that pictures of the scope meet, exactly one each, and their values."""
    if scope == "mine":
        return [("i.owner_id = %s", [viewer.user_id])]
    if scope == "team":
        return [(_SHOWN_TO_TEAM, [viewer.team_id])]
    if scope == "everyone":
        return [(_SHOWN_TO_ALL, [])]
    branches: list[tuple[str, list[Any]]] = [("i.owner_id = %s", [viewer.user_id])]
    others = "i.owner_id <> %s"
    if viewer.team_id is None:
        return [*branches, (f"{_SHOWN_TO_ALL} AND {others}", [viewer.user_id])]
    elsewhere = f"{_SHOWN_TO_ALL} AND {others} AND (i.team_id IS NULL OR i.team_id <> %s)"
    return [
        *branches,
        (f"{_SHOWN_TO_TEAM} AND {others}", [viewer.team_id, viewer.user_id]),
        (elsewhere, [viewer.user_id, viewer.team_id]),
    ]


# Limits

_LONGER_SIDE = {
    vendor: f"(SELECT {larger}(o.width, o.height) FROM gallery_original o WHERE o.id = i.original_id)"
    for vendor, larger in (("postgresql", "GREATEST"), ("sqlite", "MAX"))
}


def _conditions(limits: Limits, before: int | None, after: int | None) -> Conditions:
    found = Conditions()
    if before is not None:
        found.of_id.append(("{id} < %s", before))
    if after is not None:
        found.of_id.append(("{id} > %s", after))
    if limits.created_from is not None:
        found.of_row.append(("i.created_at >= %s", _moment(limits.created_from)))
        found.of_id.append(("{id} >= %s", _first_id(limits.created_from - _CLOCKS_APART)))
    if limits.created_before is not None:
        found.of_row.append(("i.created_at < %s", _moment(limits.created_before)))
        found.of_id.append(("{id} <= %s", _last_id(limits.created_before + _CLOCKS_APART)))
    side = _LONGER_SIDE[connection.vendor]
    found.of_row += [
        (condition, number)
        for condition, number in (
            ("i.credits >= %s", limits.credits_min),
            ("i.credits <= %s", limits.credits_max),
            (f"{side} >= %s", limits.side_min),
            (f"{side} <= %s", limits.side_max),
        )
        if number is not None
    ]
    if limits.favourite_of is not None:
        within = "{id} IN (SELECT f.image_id FROM gallery_favourite f WHERE f.user_id = %s)"
        found.within.append((within, limits.favourite_of))
    if limits.collection_id is not None:
        within = "{id} IN (SELECT c.image_id FROM gallery_collectionitem c WHERE c.collection_id = %s)"
        found.within.append((within, limits.collection_id))
    return found


def _moment(moment: datetime) -> Any:
    """A time as the database's driver takes it where no field does it."""
    return connection.ops.adapt_datetimefield_value(moment)


def _first_id(moment: datetime) -> int:
    """The id of the first picture from that time on; one beyond all where there is none."""
    found = Image.objects.filter(created_at__gte=moment).order_by("created_at").values_list("pk", flat=True)
    return found.first() or (1 << 62)


def _last_id(moment: datetime) -> int:
    """The id of the last picture before that time; 0 where there is none."""
    found = Image.objects.filter(created_at__lt=moment).order_by("-created_at").values_list("pk", flat=True)
    return found.first() or 0
