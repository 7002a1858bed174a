"""Puts the ledger's triggers into the database, and tells which are not there.

`keep` runs after every `migrate`. SQLite renames no table that a trigger speaks of, so a migration that
rebuilds one of these tables begins with `remove`.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.ledger_triggers import ANYWHERE, ON_POSTGRES, ON_SQLITE, TABLES, Effect, Refusal


def rules(connection: BaseDatabaseWrapper) -> dict[str, Effect | Refusal]:
    """The triggers of this kind of database, by name."""
    return ANYWHERE | (ON_POSTGRES if connection.vendor == "postgresql" else ON_SQLITE)


def install(connection: BaseDatabaseWrapper) -> None:
    """Put all triggers of the tables that are there in place, replacing those of before."""
    remove(connection)
    write = _postgres if connection.vendor == "postgresql" else _sqlite
    # A migration of long ago comes before the tables of later ones.
    there = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for name, rule in rules(connection).items():
            for statement in write(name, rule) if rule.table in there else ():
                cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take all triggers away: to reverse or rebuild, and for tests that flush tables."""
    with connection.cursor() as cursor:
        for name, table in _ours(connection):
            on_table = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{on_table}")


def missing(connection: BaseDatabaseWrapper) -> set[str]:
    """The triggers that are not in the database, are switched off, or say something else than here."""
    found = _found_postgres(connection) if connection.vendor == "postgresql" else _found_sqlite(connection)
    says = _postgres_body if connection.vendor == "postgresql" else _sqlite_trigger
    return {name for name, rule in rules(connection).items() if found.get(name) != says(name, rule)}


def keep(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place where one is missing or differs, and leave the tables alone otherwise."""
    if missing(connection) or len(_ours(connection)) != len(rules(connection)):
        install(connection)


def _ours(connection: BaseDatabaseWrapper) -> list[tuple[str, str]]:
    """Name and table of every trigger of ours in the database, those of earlier releases too."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname, tgrelid::regclass::text FROM pg_trigger"
                " WHERE NOT tgisinternal AND tgrelid::regclass::text = ANY(%s)",
                [list(TABLES)],
            )
        else:
            cursor.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'")
        return [(name, table) for name, table in cursor.fetchall() if name.startswith("easel_")]


def _found_sqlite(connection: BaseDatabaseWrapper) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        return dict(cursor.fetchall())


def _found_postgres(connection: BaseDatabaseWrapper) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.tgname, f.prosrc FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid"
            " WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgrelid::regclass::text = ANY(%s)",
            [list(TABLES)],
        )
        return dict(cursor.fetchall())


def _moment(rule: Effect | Refusal) -> str:
    return f"{'AFTER' if isinstance(rule, Effect) else 'BEFORE'} {rule.event} ON {rule.table}"


def _sqlite(name: str, rule: Effect | Refusal) -> list[str]:
    return [_sqlite_trigger(name, rule)]


def _sqlite_trigger(name: str, rule: Effect | Refusal) -> str:
    if isinstance(rule, Effect):
        conditions, action = [rule.when], rule.statements
    else:
        conditions, action = [rule.when, rule.asking], f"SELECT RAISE(ABORT, '{rule.why} ({name})');"
    when = " AND ".join(f"({condition})" for condition in conditions if condition)
    when = f" WHEN {when}" if when else ""
    return f"CREATE TRIGGER {name} {_moment(rule)} FOR EACH ROW{when} BEGIN {action} END"


def _postgres(name: str, rule: Effect | Refusal) -> list[str]:
    each = "STATEMENT" if rule.event == "TRUNCATE" else "ROW"
    when = f" WHEN ({rule.when})" if rule.when else ""
    body = f"$${_postgres_body(name, rule)}$$"
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS {body}",
        f"CREATE TRIGGER {name} {_moment(rule)} FOR EACH {each}{when} EXECUTE FUNCTION {name}()",
    ]


def _postgres_body(name: str, rule: Effect | Refusal) -> str:
    if isinstance(rule, Effect):
        return f" BEGIN {rule.statements} RETURN NULL; END "
    # The same class of error as a CHECK, so that Django raises IntegrityError on both databases.
    refusal = f"RAISE EXCEPTION '{rule.why} ({name})' USING ERRCODE = 'check_violation';"
    if rule.asking:
        return f" BEGIN IF {rule.asking} THEN {refusal} END IF; RETURN NEW; END "
    return f" BEGIN {refusal} END "
