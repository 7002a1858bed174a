"""How PostgreSQL finds the newest of what an expression asks for.

There are two ways: walking from the newest on and looking at each entry, which is quick for what is common,
and by the GIN index, which reads all places of a word and is quick for what is rare. The planner takes words
and marks for independent, and always looks up all of them, common ones too, though looking at a few thousand
entries is quicker than reading hundreds of thousands of places. So here the newest entries are looked at
first; where they don't suffice, they tell how common each part of the expression is, and so which way is
quicker, and which parts are worth looking up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from gallery.search.conditions import Conditions, both
from gallery.search.expression import Expression, tsquery
from gallery.search.index import TABLE

WINDOW = 2_000
"""Entries that are looked at first."""
# What things cost, an entry that is looked at in order being 1: one found by the index and looked at then,
# and one place of a word in the index. Measured with a million entries.
_FOUND, _PLACE = 2.0, 0.3
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
    """What the window had: how many entries, how many that were looked for, how many with each clause; and
    how many entries there are in all.
    """

    entries: int
    found: int
    having: Sequence[int]
    total: int


def newest(search: Search) -> list[int]:
    """The first ids in the order."""
    if search.conditions.within:
        return _ids(_of_few(search))
    ids, sample = _look(search)
    if len(ids) == search.size or sample.entries < WINDOW:
        return ids
    walked = entries_to_walk(sample, search.size)
    clauses = worth_looking_up(sample)
    if walked <= cost_of_index(sample, clauses):
        # Twice as many as it should take.
        ids = _ids(_window(search, 2 * math.ceil(walked)))
        if len(ids) == search.size:
            return ids
    return _ids(_by_index(search, clauses))


def entries_to_walk(sample: Sample, size: int) -> float:
    """How many entries have to be looked at until so many are found, if it goes on as in the sample."""
    rate = (sample.found + 0.5) / (sample.entries + 1)
    return min(size / rate, float(sample.total))


def worth_looking_up(sample: Sample) -> list[int]:
    """The numbers of the clauses that the index is to be asked for, the rarest first; at least one."""
    rarest = sorted(range(len(sample.having)), key=lambda number: sample.having[number])
    return min(
        (rarest[:end] for end in range(1, len(rarest) + 1)), key=lambda some: cost_of_index(sample, some)
    )


def cost_of_index(sample: Sample, clauses: Sequence[int]) -> float:
    """What it costs to look up these clauses and to look at what has all of them."""
    rates = [(sample.having[number] + 0.5) / (sample.entries + 1) for number in clauses]
    return sample.total * (_PLACE * sum(rates) + _FOUND * math.prod(rates))


def every(search: Search) -> Statement:
    """The statement that answers all ids in the order, and its values."""
    return _by_index(search, range(len(search.expression.clauses)), limit="")


def _look(search: Search) -> tuple[list[int], Sample]:
    found, values = _window(search, WINDOW)
    near, bounds = both("s.id", "TRUE", [], search.conditions.of_id)
    clauses = [tsquery(Expression((clause,))) for clause in search.expression.clauses]
    counts = [f"COUNT(*) FILTER (WHERE {_MATCHES.format(document='w.document')})" for _ in clauses]
    sql = f"""
        WITH found AS MATERIALIZED ({found})
        SELECT ARRAY(SELECT id FROM found ORDER BY id {search.order}),
          (SELECT ARRAY[COUNT(*), {", ".join(counts)}] FROM (
            SELECT s.document FROM {TABLE} s WHERE {near} ORDER BY s.id {search.order} LIMIT {WINDOW}
          ) w WHERE (SELECT COUNT(*) FROM found) < {search.size:d}),
          (SELECT reltuples::bigint FROM pg_class WHERE oid = '{TABLE}'::regclass)
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *clauses, *bounds])
        ids, (entries, *having), total = cursor.fetchone()
    # Never analysed yet: -1.
    return ids, Sample(entries, len(ids), having, max(total, entries))


def _ids(statement: Statement) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return [row[0] for row in cursor.fetchall()]


def _window(search: Search, entries: int) -> Statement:
    """What is found among the first so many entries."""
    near, bounds = both("s.id", "TRUE", [], search.conditions.of_id)
    joined = " JOIN gallery_image i ON i.id = w.id" if search.conditions.of_row else ""
    matches = _MATCHES.format(document="w.document")
    where, values = both("w.id", matches, [tsquery(search.expression)], search.conditions.of_row)
    sql = f"""
        SELECT w.id FROM (
          SELECT s.id, s.document FROM {TABLE} s WHERE {near} ORDER BY s.id {search.order} LIMIT {entries:d}
        ) w{joined} WHERE {where} ORDER BY w.id {search.order} LIMIT {search.size:d}
    """  # noqa: S608
    return sql, [*bounds, *values]


def _by_index(search: Search, clauses: Sequence[int], *, limit: str | None = None) -> Statement:
    """What is found among all, by looking up these clauses. What they find is looked at."""
    looked_up = [tsquery(Expression((search.expression.clauses[number],))) for number in clauses]
    matches = " AND ".join(["s.document @@ %s::tsquery"] * len(looked_up))
    joined = " JOIN gallery_image i ON i.id = s.id" if search.conditions.of_row else ""
    where, values = search.conditions.joined(
        "s.id",
        f"{matches} AND {_MATCHES.format(document='s.document')}",
        [*looked_up, tsquery(search.expression)],
    )
    # The OFFSET keeps the planner from walking in order after all.
    sql = f"""
        SELECT id FROM (SELECT s.id FROM {TABLE} s{joined} WHERE {where} OFFSET 0) found
        ORDER BY id {search.order} {f"LIMIT {search.size:d}" if limit is None else limit}
    """  # noqa: S608
    return sql, values


def _of_few(search: Search) -> Statement:
    """Of what is in a collection or a favourite: those few are looked at one by one."""
    joined = " JOIN gallery_image i ON i.id = s.id" if search.conditions.of_row else ""
    matches = _MATCHES.format(document="s.document")
    where, values = search.conditions.joined("s.id", matches, [tsquery(search.expression)])
    sql = f"""
        SELECT s.id FROM {TABLE} s{joined} WHERE {where} ORDER BY s.id {search.order} LIMIT {search.size:d}
    """  # noqa: S608
    return sql, values
