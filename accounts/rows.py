"""Rows read and written by SQL that is put together once for each model, for what every spend sends.

The ORM works its statement out anew at each call, which costs more than the database's part of these short
ones. Columns are the model's, so a migration changes nothing here. There are no signals and no `save()`:
it is for models of ours that have neither.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Field, Model

M = TypeVar("M", bound=Model)
# Not the key: rows that only refer to the locked one need not wait for it. SQLite has locked at BEGIN.
LOCKING = {"postgresql": " FOR NO KEY UPDATE", "sqlite": ""}


def find(model: type[M], *, where: str, values: Sequence[Any], lock: bool = False) -> M | None:
    """The row of a condition on columns, with a `%s` for each value; locked until the transaction ends."""
    statement = f"SELECT {columns(model)} FROM {model._meta.db_table} WHERE {where}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement + LOCKING[connection.vendor] * lock, values)
        found = cursor.fetchone()
    return None if found is None else as_read(model, found)


def get(model: type[M], *, where: str, values: Sequence[Any], lock: bool = False) -> M:
    """As `find`, for a row that is there.

    :raises ObjectDoesNotExist: of the model, when it is not.
    """
    row = find(model, where=where, values=values, lock=lock)
    if row is None:
        raise model.DoesNotExist  # type: ignore[attr-defined]
    return row


def insert(row: Model) -> None:
    """Write a new row and give it its id."""
    model = type(row)
    with connection.cursor() as cursor:
        cursor.execute(_inserting(model), _values(row))
        row.pk = cursor.fetchone()[0]
    row._state.adding, row._state.db = False, connection.alias


def insert_new(row: Model, *, unique: str) -> bool:
    """Write a row and give it its id, unless there is one with the same `unique` columns; whether it was new.

    `unique` is the columns of the constraint, with commas between. An earlier row is left as it is.
    """
    model = type(row)
    statement = _inserting(model).replace(" RETURNING", f" ON CONFLICT ({unique}) DO NOTHING RETURNING")
    with connection.cursor() as cursor:
        cursor.execute(statement, _values(row))
        found = cursor.fetchone()
    if found is None:
        return False
    row.pk = found[0]
    row._state.adding, row._state.db = False, connection.alias
    return True


def update(row: Model, *names: str) -> None:
    """Write the row's fields of these names, as `save(update_fields=names)` does."""
    model = type(row)
    fields = _fields_of(model, names)
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_updating(model, names), [*values, row.pk])


def as_read(model: type[M], values: Sequence[Any]) -> M:
    """The model's row from the values of its `columns`, in their order."""
    row = list(values)
    for index, column, converters in _converted(model, connection.vendor):
        for convert in converters:
            row[index] = convert(row[index], column, connection)
    return model.from_db(connection.alias, [field.attname for field in model._meta.concrete_fields], row)


@cache
def columns(model: type[Model], of: str = "") -> str:
    """All columns, of the table that the statement calls `of`."""
    place = f"{of}." if of else ""
    return ", ".join(f"{place}{field.column}" for field in model._meta.concrete_fields)


@cache
def _written_fields(model: type[Model]) -> list[Field]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]


@cache
def _fields_of(model: type[Model], names: tuple[str, ...]) -> list[Field]:
    known = {field.name: field for field in model._meta.concrete_fields}
    return [known[name] for name in names]


def _values(row: Model) -> list[Any]:
    fields = _written_fields(type(row))
    return [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]


@cache
def _inserting(model: type[Model]) -> str:
    fields = _written_fields(model)
    names, places = ", ".join(str(field.column) for field in fields), ", ".join("%s" for _ in fields)
    table, key = model._meta.db_table, model._meta.pk.column
    return f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING {key}"  # noqa: S608


@cache
def _updating(model: type[Model], names: tuple[str, ...]) -> str:
    changes = ", ".join(f"{field.column} = %s" for field in _fields_of(model, names))
    return f"UPDATE {model._meta.db_table} SET {changes} WHERE {model._meta.pk.column} = %s"  # noqa: S608


@cache
def _converted(model: type[Model], vendor: str) -> list[tuple[int, Any, list[Any]]]:
    """Columns that this kind of database answers otherwise than the field means them: moments, mostly."""
    found = []
    for index, field in enumerate(model._meta.concrete_fields):
        column = field.cached_col
        converters = connection.ops.get_db_converters(column) + column.get_db_converters(connection)
        if converters:
            found.append((index, column, converters))
    return found
