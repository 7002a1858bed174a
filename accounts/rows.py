"""Rows read and written by SQL that is put together once for each model, for what every spend sends.

The ORM works its statement out anew at each call, which costs more than the database's part of these short
ones. Columns are the model's, so a migration changes nothing here. There are no signals and no `save()`:
it is for models of ours that have neither.

A verb such as `insert` runs one statement. `finding`, `inserting` and `updating` only say it, and `send` runs
several of them at the cost of waiting for one.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Field, Model

M = TypeVar("M", bound=Model)
# Not the key: rows that only refer to the locked one need not wait for it. SQLite has locked at BEGIN.
LOCKING = {"postgresql": " FOR NO KEY UPDATE", "sqlite": ""}
# Any number may hold a row at once; nobody deletes it meanwhile.
HOLDING = {"postgresql": " FOR KEY SHARE", "sqlite": ""}


# SQL with a `%s` for each value, and the values.
Statement = tuple[str, Sequence[Any]]


def send(*statements: Statement) -> list[list[tuple[Any, ...]]]:
    """Run statements one after another, and answer the rows of each; what one writes, the next one sees.

    PostgreSQL gets them as one message, so that a transaction's statements that need no answer of one another
    are waited for once.
    """
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            return [cursor.execute(text, values).fetchall() for text, values in statements]
        # psycopg keeps how it took a statement apart, but not for so long a one as all of them together.
        with connection.wrap_database_errors:
            message = "; ".join(cursor.mogrify(text, values) for text, values in statements)
        cursor.execute(message)
        answers = []
        for _ in statements:
            # None where it answers no rows; its description would be made of every column.
            answers.append([] if cursor.rownumber is None else cursor.fetchall())
            cursor.nextset()
        return answers


def find(model: type[M], *, where: str, values: Sequence[Any], lock: bool = False) -> M | None:
    """The row of a condition on columns, with a `%s` for each value; locked until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(*finding(model, where=where, values=values, lock=lock))
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


def finding(
    model: type[Model], *, where: str, values: Sequence[Any], lock: bool = False, only: tuple[str, ...] = ()
) -> Statement:
    """Reads the rows of a condition on columns, for `as_read`; `where` may end with an order.

    `only` are the columns that are wanted, all where there are none; what is asked of the others later
    goes to the database.
    """
    statement = f"SELECT {columns(model, only=only)} FROM {model._meta.db_table} WHERE {where}"  # noqa: S608
    return statement + LOCKING[connection.vendor] * lock, values


def hold(model: type[Model], ids: Iterable[int], *, where: str = "TRUE") -> set[int]:
    """Those of the rows that are there, by a condition on columns; they stay until the transaction ends.

    For who is about to write rows that refer to what was read before: it may be gone by now.
    """
    wanted = sorted(set(ids))
    if not wanted:
        return set()
    places, key = ", ".join(["%s"] * len(wanted)), model._meta.pk.column
    statement = (
        f"SELECT {key} FROM {model._meta.db_table} WHERE {key} IN ({places}) AND {where} ORDER BY {key}"  # noqa: S608
    )
    with connection.cursor() as cursor:
        cursor.execute(statement + HOLDING[connection.vendor], wanted)
        return {pk for (pk,) in cursor.fetchall()}


def insert(row: Model, *beside: Statement) -> None:
    """Write a new row and give it its id; `beside` are sent with it, and run after it."""
    insert_each([row], *beside)


def insert_each(new: Sequence[Model], *beside: Statement) -> None:
    """Write new rows and give them their ids; `beside` are sent with them, and run after them."""
    if not new:
        return
    for row, answered in zip(new, send(*(inserting(row) for row in new), *beside), strict=False):
        is_there(row, answered)


def is_there(row: Model, answered: Sequence[Sequence[Any]]) -> None:
    """Give a new row the id that `inserting` answered."""
    ((row.pk,),) = answered
    row._state.adding, row._state.db = False, connection.alias


def inserting(row: Model, *, unique: str = "", refers: Mapping[str, Statement] | None = None) -> Statement:
    """Writes a new row and answers its id.

    With `unique`, the columns of a constraint with commas between, an earlier row that has the same is left
    as it is, and nothing is answered. `refers` are columns whose values are looked up: see `id_of`.
    """
    text = _inserting(type(row))
    if unique:
        text = text.replace(" RETURNING", f" ON CONFLICT ({unique}) DO NOTHING RETURNING")
    if not refers:
        return text, _values(row)
    places: list[str] = []
    values: list[Any] = []
    for field, value in zip(_written_fields(type(row)), _values(row), strict=True):
        place, looked_up = refers.get(str(field.column), ("%s", [value]))
        places.append(place)
        values += looked_up
    every = ", ".join("%s" for _ in places)
    return text.replace(f"VALUES ({every})", f"VALUES ({', '.join(places)})"), values


def id_of(row: Model, name: str) -> Statement:
    """Looks up the id of the row with this one's value in a unique field, as it is sent and has no id yet."""
    (field,) = _fields_of(type(row), (name,))
    table, key = type(row)._meta.db_table, type(row)._meta.pk.column
    (value,) = _prepared(row, [field])
    return f"(SELECT {key} FROM {table} WHERE {field.column} = %s)", [value]  # noqa: S608


def update(row: Model, *names: str) -> None:
    """Write the row's fields of these names, as `save(update_fields=names)` does."""
    with connection.cursor() as cursor:
        cursor.execute(*updating(row, *names))


def updating(row: Model, *names: str) -> Statement:
    """Writes the row's fields of these names."""
    model = type(row)
    return _updating(model, names), [*_prepared(row, _fields_of(model, names)), row.pk]


def update_where(row: Model, *names: str, there: Statement) -> bool:
    """As `update`, where another row is found by `there`, and locked until this is written; whether it was.

    One statement, which is its own transaction outside of any.
    """
    return update_each_where([(row, names, there)])[0]


def update_each_where(updates: Sequence[tuple[Model, tuple[str, ...], Statement]]) -> list[bool]:
    """As `update_where` for several rows, by one message; which of them were written."""
    return [bool(answered) for answered in send(*(_updating_where(*update) for update in updates))]


def _updating_where(row: Model, names: tuple[str, ...], there: Statement) -> Statement:
    text, values = updating(row, *names)
    look, looked_for = there
    key = type(row)._meta.pk.column
    if connection.vendor == "postgresql":
        # A lock that was waited for shows the row as it is then, and finds none where it has changed.
        text = f"WITH there AS ({look}) {text} AND EXISTS (SELECT 1 FROM there) RETURNING {key}"  # noqa: S608
        return text, [*looked_for, *values]
    return f"{text} AND EXISTS ({look}) RETURNING {key}", [*values, *looked_for]


def as_read(model: type[M], values: Sequence[Any], *, only: tuple[str, ...] = ()) -> M:
    """The model's row from the values of its `columns`, in their order."""
    row = list(values)
    for index, column, converters in _converted(model, only, connection.vendor):
        for convert in converters:
            row[index] = convert(row[index], column, connection)
    return model.from_db(connection.alias, [field.attname for field in _read_fields(model, only)], row)


@cache
def columns(model: type[Model], of: str = "", only: tuple[str, ...] = ()) -> str:
    """All columns, or those of `only`, of the table that the statement calls `of`."""
    place = f"{of}." if of else ""
    return ", ".join(f"{place}{field.column}" for field in _read_fields(model, only))


@cache
def _read_fields(model: type[Model], only: tuple[str, ...]) -> list[Field]:
    return [field for field in model._meta.concrete_fields if not only or field.column in only]


@cache
def _written_fields(model: type[Model]) -> list[Field]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]


@cache
def _fields_of(model: type[Model], names: tuple[str, ...]) -> list[Field]:
    known = {field.name: field for field in model._meta.concrete_fields}
    return [known[name] for name in names]


def _values(row: Model) -> list[Any]:
    return _prepared(row, _written_fields(type(row)))


def _prepared(row: Model, fields: Sequence[Field]) -> list[Any]:
    # The thread's own connection is looked up once, not for each thing that a field asks of it.
    here = connections[DEFAULT_DB_ALIAS]
    return [field.get_db_prep_save(getattr(row, field.attname), here) for field in fields]


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
def _converted(model: type[Model], only: tuple[str, ...], vendor: str) -> list[tuple[int, Any, list[Any]]]:
    """Columns that this kind of database answers otherwise than the field means them: moments, mostly."""
    found = []
    for index, field in enumerate(_read_fields(model, only)):
        column = field.cached_col
        converters = connection.ops.get_db_converters(column) + column.get_db_converters(connection)
        if converters:
            found.append((index, column, converters))
    return found
