"""How PostgreSQL finds the newest of what an expression asks for.

There are two ways: walking from the newest on and looking at each entry, which is quick for what is common,
and by the GIN index, which reads all places of a word and is quick for what is rare. The planner takes words
and marks for independent, and always looks up all of them, common ones too, though looking at a few thousand
entries is quicker than reading hundreds of thousands of places. So here the newest entries are looked at
first; where they don't suffice, they tell how far one would have to walk, and the planner how common each
clause is, and so which way is quicker, which clauses are worth looking up, and how far back one has to go:
what the index finds beyond that is not looked at, for each is a page of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from accounts import rows
from gallery.search import vocabulary
from gallery.search.conditions import Condition, Conditions, both
from gallery.search.expression import Atom, Expression, Word, tsquery
from gallery.search.index import TABLE

WINDOW = 2_000
"""Entries that are looked at first."""
ASKING = 2_500
"""Walking on over so few costs no more than asking the planner how common each clause is."""
NAMED_MAX = 100
"""A word that begins more than so many is gathered, also where a rarer clause leads to its places."""
# What things cost, an entry that is looked at in order being 1. In the index: a place of the rarest clause,
# which are all read; one of a word that begins too many others to name them, which are gathered first; one
# that is passed over on the way to where a rarer clause is, and going there where that is far. Then an entry
# that was found and is looked at, and an entry's number where only near ones are wanted. Measured with a
# million entries.
_READ, _GATHERED, _PASSED, _SOUGHT, _FOUND, _NUMBER = 0.4, 0.6, 0.01, 35.0, 6.0, 0.15
# The function and not the operator `@@`: it knows no index.
_MATCHES = "ts_match_vq({document}, %s::tsquery)"
Statement = tuple[str, list[Any]]


@dataclass(frozen=True)
class Search:
    """What is looked for, in which order of ids (`ASC` or `DESC`), and how many at most."""

    expression: Expression
    conditions: Conditions
    order: str
    size: int


@dataclass(frozen=True)
class Window:
    """The first entries: how many, the ids of the first and of the last, and about how many there are."""

    entries: int
    total: int
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Part:
    """A clause of the expression, and about how many entries have it.

    `named` has words that begin others as those; `gathers` says that one begins too many, so that the index
    reads all its places first.
    """

    clause: frozenset[Atom]
    size: float
    named: frozenset[Atom] = frozenset()
    gathers: bool = False

    @property
    def alone(self) -> frozenset[Atom]:
        """What is asked for where all its places are read: there gathering beats many names."""
        return self.clause if self._names_many else self.named

    @property
    def cost_alone(self) -> float:
        return self.size * (_GATHERED if self.gathers or self._names_many else _READ)

    @property
    def _names_many(self) -> bool:
        return len(self.named) - len(self.clause) > vocabulary.BEGUN_MAX


def newest(search: Search) -> list[int]:
    """The first ids in the order."""
    if search.conditions.within:
        return _ids(_of_few(search))
    ids, window = _look(search)
    if len(ids) == search.size or window.entries < WINDOW:
        return ids
    parts: list[Part] = []
    walked = window.entries
    end: int | None = window.last
    while True:
        left = entries_to_walk(walked, len(ids), search.size - len(ids))
        # Twice as many as it should take.
        near = walked + 2 * math.ceil(left)
        if left > ASKING:
            parts = parts or _parts(search)
            costs = (cost_of_index(parts, window.total, some) for some in (near, window.total))
            if min(costs) < left:
                return _looked_up(search, parts, window, near)
        behind, end = end, _end(search, window, near)
        ids += _ids(_walk(search, behind, end, search.size - len(ids)))
        if len(ids) == search.size or end is None:
            return ids
        walked = near


def entries_to_walk(walked: int, found: int, more: int) -> float:
    """How many more entries have to be looked at until so many more are found, if it goes on as until now."""
    return more * (walked + 1) / (found + 0.5)


def worth_looking_up(parts: Sequence[Part], total: int, near: int) -> int:
    """How many of the clauses, the rarest being first, the index is to be asked for; at least one.

    What they find of `total` entries is looked at where it is among the nearest so many.
    """
    numbers = range(1, len(parts) + 1)
    return min(numbers, key=lambda number: _cost(parts[:number], total, near))


def cost_of_index(parts: Sequence[Part], total: int, near: int) -> float:
    """What it costs to look up those clauses that are worth it, and to look at what is found so near."""
    return _cost(parts[: worth_looking_up(parts, total, near)], total, near)


def _cost(parts: Sequence[Part], total: int, near: int) -> float:
    first, *others = parts
    found = max(first.size, 1.0)
    cost = first.cost_alone
    for part in others:
        sought = min(_PASSED * part.size, _SOUGHT * found)
        cost += _GATHERED * part.size if part.gathers else sought
        found *= part.size / total
    return cost + near * (_FOUND * found / total + _NUMBER * (near < total))


def every(search: Search) -> Statement:
    """The statement that answers all ids in the order, and its values."""
    return _by_index(search, vocabulary.spelled_out(search.expression).clauses, limit="")


def _parts(search: Search) -> list[Part]:
    """The clauses, the rarest first."""
    clauses = search.expression.clauses
    named = vocabulary.spelled_out(search.expression, most=NAMED_MAX).clauses
    asked = (tsquery(Expression((clause,))) for clause in clauses)
    planned = rows.send(
        *(
            (f"EXPLAIN (FORMAT JSON) SELECT FROM {TABLE} WHERE document @@ %s::tsquery", [one])
            for one in asked
        )
    )
    parts = [
        Part(clause, float(plan[0]["Plan"]["Plan Rows"]), names, gathers=any(map(_begins, names)))
        for clause, names, ((plan,),) in zip(clauses, named, planned, strict=True)
    ]
    return sorted(parts, key=lambda part: part.size)


def _begins(atom: Atom) -> bool:
    return isinstance(atom, Word) and atom.finds_longer


def _asked(parts: Sequence[Part]) -> list[frozenset[Atom]]:
    """What the index is asked for."""
    first, *others = parts
    return [first.alone, *(part.named for part in others)]


def _looked_up(search: Search, parts: Sequence[Part], window: Window, near: int) -> list[int]:
    """The first ids by the index: of those that are near, where that is worth while and they suffice."""
    total = window.total
    end = _end(search, window, near)
    if end is not None and cost_of_index(parts, total, near) < cost_of_index(parts, total, total) / 2:
        chosen = parts[: worth_looking_up(parts, total, near)]
        ids = _ids(_by_index(search, _asked(chosen), [_until(search, end)]))
        if len(ids) == search.size:
            return ids
    return _ids(_by_index(search, _asked(parts[: worth_looking_up(parts, total, total)])))


def _end(search: Search, window: Window, entries: int) -> int | None:
    """The id of about the last of so many entries, as ids go on in the window; None where these are all."""
    end = window.first + round((window.last - window.first) / window.entries * entries)
    return None if entries >= window.total or end <= 0 else end


def _until(search: Search, end: int) -> Condition:
    return ("{id} >= %s" if search.order == "DESC" else "{id} <= %s", end)


def _walk(search: Search, behind: int | None, end: int | None, size: int) -> Statement:
    """What is found among the entries behind an id, up to another one or to the very last."""
    bounds: list[Condition] = [("{id} < %s" if search.order == "DESC" else "{id} > %s", behind)]
    if end is not None:
        bounds.append(_until(search, end))
    conditions = replace(search.conditions, of_id=[*search.conditions.of_id, *bounds])
    joined = " JOIN gallery_image i ON i.id = s.id" if conditions.of_row else ""
    where, values = conditions.joined("s.id", _MATCHES.format(document="s.document"), [_looked_at(search)])
    sql = f"SELECT s.id FROM {TABLE} s{joined} WHERE {where} ORDER BY s.id {search.order} LIMIT {size:d}"  # noqa: S608
    return sql, values


def _look(search: Search) -> tuple[list[int], Window]:
    found, values = _window(search)
    near, bounds = both("s.id", "TRUE", [], search.conditions.of_id)
    ends = ("MAX", "MIN") if search.order == "DESC" else ("MIN", "MAX")
    sql = f"""
        WITH found AS MATERIALIZED ({found}),
          wanting AS (SELECT COUNT(*) < {search.size:d} AS more FROM found)
        SELECT ARRAY(SELECT id FROM found ORDER BY id {search.order}),
          (SELECT ARRAY[COUNT(*), {ends[0]}(w.id), {ends[1]}(w.id)] FROM (
            SELECT s.id FROM {TABLE} s WHERE {near} ORDER BY s.id {search.order} LIMIT {WINDOW}
          ) w WHERE (SELECT more FROM wanting)),
          (SELECT reltuples::bigint FROM pg_class WHERE oid = '{TABLE}'::regclass)
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *bounds])
        ids, (entries, first, last), total = cursor.fetchone()
    # Never analysed yet: -1.
    return ids, Window(entries, max(total, entries), first or 0, last or 0)


def _ids(statement: Statement) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return [row[0] for row in cursor.fetchall()]


def _window(search: Search) -> Statement:
    """What is found among the first entries."""
    near, bounds = both("s.id", "TRUE", [], search.conditions.of_id)
    joined = " JOIN gallery_image i ON i.id = w.id" if search.conditions.of_row else ""
    matches = _MATCHES.format(document="w.document")
    where, values = both("w.id", matches, [_looked_at(search)], search.conditions.of_row)
    sql = f"""
        SELECT w.id FROM (
          SELECT s.id, s.document FROM {TABLE} s WHERE {near} ORDER BY s.id {search.order} LIMIT {WINDOW}
        ) w{joined} WHERE {where} ORDER BY w.id {search.order} LIMIT {search.size:d}
    """  # noqa: S608
    return sql, [*bounds, *values]


def _by_index(
    search: Search,
    asked: Sequence[frozenset[Atom]],
    nearby: Sequence[Condition] = (),
    *,
    limit: str | None = None,
) -> Statement:
    """What is found among all, or where it is nearby, by asking the index for these clauses.

    What they find is compared with all where these are fewer.
    """
    looked_up = [tsquery(Expression((clause,))) for clause in asked]
    matches, compared = ["s.document @@ %s::tsquery"] * len(looked_up), list(looked_up)
    if len(asked) < len(search.expression.clauses) or search.expression.without:
        matches.append(_MATCHES.format(document="s.document"))
        compared.append(_looked_at(search))
    joined = " JOIN gallery_image i ON i.id = s.id" if search.conditions.of_row else ""
    conditions = replace(search.conditions, of_id=[*search.conditions.of_id, *nearby])
    where, values = conditions.joined("s.id", " AND ".join(matches), compared)
    # The OFFSET keeps the planner from walking in order after all.
    sql = f"""
        SELECT id FROM (SELECT s.id FROM {TABLE} s{joined} WHERE {where} OFFSET 0) found
        ORDER BY id {search.order} {f"LIMIT {search.size:d}" if limit is None else limit}
    """  # noqa: S608
    return sql, values


def _looked_at(search: Search) -> str:
    """What each entry is compared with: what has fewest atoms first, who may see it mostly."""
    return tsquery(replace(search.expression, clauses=tuple(sorted(search.expression.clauses, key=len))))


def _of_few(search: Search) -> Statement:
    """Of what is in a collection or a favourite: those few are looked at one by one."""
    joined = " JOIN gallery_image i ON i.id = s.id" if search.conditions.of_row else ""
    matches = _MATCHES.format(document="s.document")
    where, values = search.conditions.joined("s.id", matches, [_looked_at(search)])
    sql = f"""
        SELECT s.id FROM {TABLE} s{joined} WHERE {where} ORDER BY s.id {search.order} LIMIT {search.size:d}
    """  # noqa: S608
    return sql, values
