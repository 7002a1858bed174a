"""How PostgreSQL finds the newest of what an expression asks for.

There are two ways: walking from the newest on and looking at each entry, which is quick for what is common,
and by the GIN index, which reads all places of a word and is quick for what is rare. The planner takes words
and marks for independent, and always looks up all of them, common ones too, though looking at a few thousand
entries is quicker than reading hundreds of thousands of places. So here the newest entries are looked at
first; where they don't suffice, they tell how common each part of the expression is, and so which way is
quicker, which parts are worth looking up, and how far back one has to go: what the index finds beyond that
is not looked at, for each is a page of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from gallery.search import vocabulary
from gallery.search.conditions import Condition, Conditions, both
from gallery.search.expression import Expression, tsquery
from gallery.search.index import TABLE

WINDOW, COUNTED = 2_000, 500
"""Entries that are looked at first, and those of them by which it is told how common each clause is."""
# What things cost, an entry that is looked at in order being 1: one found by the index and looked at then;
# one place of a word in the index, and one that it looks for there as a rarer word is in it; and an entry's
# number where only near ones are wanted. Measured with a million entries.
_FOUND, _PLACE, _SOUGHT, _NUMBER = 6.0, 0.2, 0.4, 0.1
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
class Sample:
    """What the window had: how many entries, the ids of the first and of the last, and of those that were
    counted how many have each clause; and about how many entries there are in all.
    """

    entries: int
    counted: int
    having: Sequence[int]
    total: int
    first: int = 0
    last: int = 0


def newest(search: Search) -> list[int]:
    """The first ids in the order."""
    if search.conditions.within:
        return _ids(_of_few(search))
    ids, sample = _look(search)
    if len(ids) == search.size or sample.entries < WINDOW:
        return ids
    search, sample = _rarest_first(search, sample)
    walked = sample.entries
    end: int | None = sample.last
    while True:
        left = entries_to_walk(walked, len(ids), search.size - len(ids))
        # Twice as many as it should take.
        near = walked + 2 * math.ceil(left)
        if _index_costs(sample, near) < left:
            return _looked_up(search, sample, near)
        behind, end = end, _end(search, sample, near)
        ids += _ids(_walk(search, behind, end, search.size - len(ids)))
        if len(ids) == search.size or end is None:
            return ids
        walked = near


def entries_to_walk(walked: int, found: int, more: int) -> float:
    """How many more entries have to be looked at until so many more are found, if it goes on as until now."""
    return more * (walked + 1) / (found + 0.5)


def worth_looking_up(sample: Sample, near: int) -> int:
    """How many of the clauses, the rarest being first, the index is to be asked for; at least one.

    What they find is looked at where it is among the nearest so many entries.
    """
    numbers = range(1, len(sample.having) + 1)
    return min(numbers, key=lambda number: cost_of_index(sample, number, near))


def cost_of_index(sample: Sample, clauses: int, near: int) -> float:
    """What it costs to look up so many clauses and to look at what has all of them and is so near."""
    places, found = 0.0, 1.0
    for having in sample.having[:clauses]:
        rate = (having + 0.5) / (sample.counted + 1)
        # A place is looked for only where all rarer ones are.
        places += min(_PLACE * rate, _SOUGHT * found)
        found *= rate
    return sample.total * places + near * (_FOUND * found + _NUMBER * (near < sample.total))


def every(search: Search) -> Statement:
    """The statement that answers all ids in the order, and its values."""
    return _by_index(search, len(search.expression.clauses), limit="")


def _rarest_first(search: Search, sample: Sample) -> tuple[Search, Sample]:
    clauses = search.expression.clauses
    order = sorted(range(len(clauses)), key=lambda number: sample.having[number])
    expression = replace(search.expression, clauses=tuple(clauses[number] for number in order))
    having = [sample.having[number] for number in order]
    return replace(search, expression=expression), replace(sample, having=having)


def _index_costs(sample: Sample, near: int) -> float:
    costs = (cost_of_index(sample, worth_looking_up(sample, some), some) for some in (near, sample.total))
    return min(costs)


def _looked_up(search: Search, sample: Sample, near: int) -> list[int]:
    """The first ids by the index: of those that are near, where that is worth while and they suffice."""
    clauses, clauses_of_near = worth_looking_up(sample, sample.total), worth_looking_up(sample, near)
    cost = cost_of_index(sample, clauses, sample.total)
    end = _end(search, sample, near)
    if end is not None and cost_of_index(sample, clauses_of_near, near) < cost / 2:
        ids = _ids(_by_index(search, clauses_of_near, [_until(search, end)]))
        if len(ids) == search.size:
            return ids
    return _ids(_by_index(search, clauses))


def _end(search: Search, sample: Sample, entries: int) -> int | None:
    """The id of about the last of so many entries, as ids go on in the sample; None where these are all."""
    end = sample.first + round((sample.last - sample.first) / sample.entries * entries)
    return None if entries >= sample.total or end <= 0 else end


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


def _look(search: Search) -> tuple[list[int], Sample]:
    found, values = _window(search)
    near, bounds = both("s.id", "TRUE", [], search.conditions.of_id)
    clauses = [tsquery(Expression((clause,))) for clause in search.expression.clauses]
    counts = [f"COUNT(*) FILTER (WHERE {_MATCHES.format(document='w.document')})" for _ in clauses]
    ends = ("MAX", "MIN") if search.order == "DESC" else ("MIN", "MAX")
    nearest = f"FROM {TABLE} s WHERE {near} ORDER BY s.id {search.order}"
    sql = f"""
        WITH found AS MATERIALIZED ({found}),
          wanting AS (SELECT COUNT(*) < {search.size:d} AS more FROM found)
        SELECT ARRAY(SELECT id FROM found ORDER BY id {search.order}),
          (SELECT ARRAY[COUNT(*), {ends[0]}(w.id), {ends[1]}(w.id)]
            FROM (SELECT s.id {nearest} LIMIT {WINDOW}) w WHERE (SELECT more FROM wanting)),
          (SELECT ARRAY[COUNT(*), {", ".join(counts)}]
            FROM (SELECT s.document {nearest} LIMIT {COUNTED}) w WHERE (SELECT more FROM wanting)),
          (SELECT reltuples::bigint FROM pg_class WHERE oid = '{TABLE}'::regclass)
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *bounds, *clauses, *bounds])
        ids, (entries, first, last), (counted, *having), total = cursor.fetchone()
    # Never analysed yet: -1.
    return ids, Sample(entries, counted, having, max(total, entries), first or 0, last or 0)


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
    search: Search, clauses: int, nearby: Sequence[Condition] = (), *, limit: str | None = None
) -> Statement:
    """What is found among all, or where it is nearby, by looking up the first clauses.

    What they find is compared with the others.
    """
    asked = Expression(search.expression.clauses[:clauses])
    looked_up = [tsquery(Expression((clause,))) for clause in vocabulary.spelled_out(asked).clauses]
    matches, compared = ["s.document @@ %s::tsquery"] * len(looked_up), list(looked_up)
    if clauses < len(search.expression.clauses) or search.expression.without:
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
