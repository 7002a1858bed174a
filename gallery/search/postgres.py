"""How PostgreSQL finds the newest of what an expression asks for.

There are two ways: walking from the newest on and looking at each entry, which is quick for what is common,
and by the GIN index, which reads all that was ever found and is quick for what is rare. The planner chooses
by counts of each word and mark, as if they had nothing to do with each other, and is often wrong by a
hundred times. So the first few entries are looked at, then more if that promises to be enough, and only else
the index: in one statement, of which the parts that are not needed do not run.
"""

from typing import Any

from gallery.search.conditions import Conditions, both
from gallery.search.index import TABLE

FEW, MORE = 2_000, 20_000
"""Entries that are looked at one by one."""
# The function and not the operator `@@`: it knows no index.
_MATCHES = "ts_match_vq({document}, %s::tsquery)"


def statement(query: str, conditions: Conditions, order: str, size: int) -> tuple[str, list[Any]]:
    """The statement that answers ids, in that order, at most so many, and its values."""
    if conditions.within:
        return _of_few(query, conditions, order, size)
    parts = [
        _window(query, conditions, order, size, FEW),
        _window(query, conditions, order, size, MORE),
        _by_index(query, conditions, order, size),
    ]
    # Among few entries as many must be found as among more would be enough.
    promising = max(1, size * FEW // MORE)
    sql = f"""
        WITH few AS MATERIALIZED ({parts[0][0]}),
        more AS MATERIALIZED (
          SELECT id FROM ({parts[1][0]}) found
          WHERE (SELECT COUNT(*) FROM few) BETWEEN {promising:d} AND {size - 1:d}
        )
        SELECT id FROM (
          SELECT id FROM few WHERE (SELECT COUNT(*) FROM few) = {size:d}
          UNION ALL
          SELECT id FROM more WHERE (SELECT COUNT(*) FROM more) = {size:d}
          UNION ALL
          SELECT id FROM ({parts[2][0]}) found
          WHERE (SELECT COUNT(*) FROM few) < {size:d} AND (SELECT COUNT(*) FROM more) < {size:d}
        ) either ORDER BY id {order} LIMIT {size:d}"""  # noqa: S608
    return sql, [value for _, values in parts for value in values]


def _window(query: str, conditions: Conditions, order: str, size: int, entries: int) -> tuple[str, list[Any]]:
    """What is found among the first so many entries."""
    near, bounds = both("s.id", "TRUE", [], conditions.of_id)
    joined = " JOIN gallery_image i ON i.id = w.id" if conditions.of_row else ""
    matches = _MATCHES.format(document="w.document")
    where, values = both("w.id", matches, [query], conditions.of_row)
    return (
        (
            f"SELECT w.id FROM (SELECT s.id, s.document FROM {TABLE} s WHERE {near}"  # noqa: S608
            f" ORDER BY s.id {order} LIMIT {entries:d}) w{joined} WHERE {where}"
            f" ORDER BY w.id {order} LIMIT {size:d}"
        ),
        [*bounds, *values],
    )


def _by_index(query: str, conditions: Conditions, order: str, size: int) -> tuple[str, list[Any]]:
    """What is found among all. The `OFFSET` keeps the planner from walking in order after all."""
    joined = " JOIN gallery_image i ON i.id = s.id" if conditions.of_row else ""
    where, values = conditions.joined("s.id", "s.document @@ %s::tsquery", [query])
    return (
        (
            f"SELECT id FROM (SELECT s.id FROM {TABLE} s{joined} WHERE {where} OFFSET 0) all_found"  # noqa: S608
            f" ORDER BY id {order} LIMIT {size:d}"
        ),
        values,
    )


def _of_few(query: str, conditions: Conditions, order: str, size: int) -> tuple[str, list[Any]]:
    """Of what is in a collection or a favourite: those few are looked at one by one."""
    joined = " JOIN gallery_image i ON i.id = s.id" if conditions.of_row else ""
    where, values = conditions.joined("s.id", _MATCHES.format(document="s.document"), [query])
    return (
        f"SELECT s.id FROM {TABLE} s{joined} WHERE {where} ORDER BY s.id {order} LIMIT {size:d}",  # noqa: S608
        values,
    )
