"""Changing marks of many entries by one statement, where nothing else of them changes."""

from collections.abc import Iterable, Sequence

from django.db import connection

from gallery.search.index import TABLE

_BATCH = 500


def change(image_ids: Iterable[int], *, add: Sequence[str] = (), drop: Sequence[str] = ()) -> None:
    """Give the entries of these images some marks and take others; who has no entry gets none.

    For who holds the images' rows, in the transaction that changes the facts behind the marks.
    """
    ids = sorted(set(image_ids))
    if not (add or drop):
        return
    for start in range(0, len(ids), _BATCH):
        _change(ids[start : start + _BATCH], add, set(drop) - set(add))


def _change(ids: Sequence[int], add: Sequence[str], drop: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            added = " ".join(f"'{mark}'" for mark in add)
            cursor.execute(
                f"UPDATE {TABLE} SET document = ts_delete(document, %s::text[]) || %s::tsvector"
                " WHERE id = ANY(%s)",
                [sorted(drop), added, list(ids)],
            )
            return
        places = ", ".join(["%s"] * len(ids))
        cursor.execute(f"SELECT rowid, marks FROM {TABLE} WHERE rowid IN ({places})", ids)
        changed = [
            (" ".join(sorted(set(marks.split()) - set(drop) | set(add))), pk)
            for pk, marks in cursor.fetchall()
        ]
        cursor.executemany(f"UPDATE {TABLE} SET marks = %s WHERE rowid = %s", changed)
