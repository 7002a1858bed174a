"""Writes many rows at once: by COPY on PostgreSQL, by `executemany` on SQLite."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, models
from django.db.models import Field

from gallery import tallies
from gallery.search import index


class Table:
    """Rows of a model that wait to be written."""

    def __init__(self, model: type[models.Model], *names: str) -> None:
        """`names` are of the fields that are given, in their order."""
        known = {field.attname: field for field in model._meta.concrete_fields}
        self._fields: list[Field] = [known[name] for name in names]
        self._name = model._meta.db_table
        self._rows: list[Sequence[Any]] = []

    def add(self, *values: Any) -> None:
        self._rows.append(values)

    def flush(self) -> None:
        rows, self._rows = self._rows, []
        columns = [str(field.column) for field in self._fields]
        if connection.vendor == "postgresql":
            copy(self._name, columns, rows)
            return
        places = ", ".join(["%s"] * len(columns))
        adapted = [
            [
                field.get_db_prep_save(value, connection)
                for field, value in zip(self._fields, row, strict=True)
            ]
            for row in rows
        ]
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {self._name} ({', '.join(columns)}) VALUES ({places})",  # noqa: S608
                adapted,
            )


def copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """PostgreSQL's COPY of these rows."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as lines,
    ):
        for row in rows:
            lines.write_row(row)


def write_entries(entries: Sequence[index.Entry]) -> None:
    """New entries of the search index."""
    if connection.vendor == "postgresql":
        copy(index.TABLE, ["id", "document"], ((entry.pk, index.tsvector(entry)) for entry in entries))
    else:
        index.write_entries(entries, is_new=True)


def take_ids(model: type[models.Model], number: int) -> int:
    """The first of so many ids in a row that nobody else will be given."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table])
            first = int(cursor.fetchone()[0])
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, first + number - 1])
            return first
        cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        return int(cursor.fetchone()[0]) + 1


@contextmanager
def in_bulk(*, index_anew: bool) -> Iterator[None]:
    """No counts by triggers meanwhile: all are counted at the end. Nor, where the database lets us, checks
    of foreign keys. `index_anew` where there are no entries yet: looking them up is prepared once.
    """
    tallies.remove(connection)
    with _without_checks():
        if index_anew:
            index.drop_lookup(connection)
        try:
            yield
        finally:
            if index_anew:
                index.create_lookup(connection)
    tallies.install(connection)
    tallies.recount(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE" if connection.in_atomic_block else "VACUUM ANALYZE")
        else:
            cursor.execute(f"INSERT INTO {index.TABLE} ({index.TABLE}) VALUES ('optimize')")  # noqa: S608
            cursor.execute("ANALYZE")


@contextmanager
def _without_checks() -> Iterator[None]:
    if connection.vendor != "postgresql":
        with connection.constraint_checks_disabled():
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        is_superuser = bool(cursor.fetchone()[0])
        if is_superuser:
            cursor.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            if is_superuser:
                cursor.execute("SET session_replication_role = DEFAULT")
