"""The ledger's rules that the database itself holds, as triggers on SQLite and PostgreSQL.

They keep `balance`, `held` and `refunded`, and refuse a changed or deleted entry, a deleted hold and a second end of a
hold. SQLite drops a table's triggers when a migration rebuilds it, so a migration that alters one of these tables ends
with `install`; `missing` is part of the audit.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

_ENTRY, _HOLD, _ACCOUNT = "accounts_ledgerentry", "accounts_hold", "accounts_creditaccount"

_HOLD_UNCHANGED = (
    "NEW.account_id = OLD.account_id AND NEW.amount = OLD.amount AND NEW.key = OLD.key"
    " AND NEW.reference = OLD.reference AND NEW.created_at = OLD.created_at"
)
_HOLD_END_UNCHANGED = (
    "NEW.captured = OLD.captured AND NEW.released = OLD.released AND NEW.settled_at = OLD.settled_at"
    " AND NEW.refunded >= OLD.refunded"
)

# name → (table, moment, condition, what is done)
_EFFECTS = {
    "easel_entry_moves_balance": (
        _ENTRY,
        "AFTER INSERT",
        "",
        f"UPDATE {_ACCOUNT} SET balance = balance - NEW.amount WHERE id = NEW.source_id AND kind <> 'system';"
        f" UPDATE {_ACCOUNT} SET balance = balance + NEW.amount WHERE id = NEW.destination_id AND kind <> 'system';"
        f" UPDATE {_HOLD} SET refunded = refunded + NEW.amount WHERE id = NEW.hold_id AND NEW.kind = 'refund';",
    ),
    "easel_hold_sets_aside": (
        _HOLD,
        "AFTER INSERT",
        "",
        f"UPDATE {_ACCOUNT} SET held = held + NEW.amount WHERE id = NEW.account_id;",
    ),
    "easel_hold_gives_back": (
        _HOLD,
        "AFTER UPDATE",
        "OLD.settled_at IS NULL AND NEW.settled_at IS NOT NULL",
        f"UPDATE {_ACCOUNT} SET held = held - OLD.amount WHERE id = OLD.account_id;",
    ),
}

# name → (table, moment, condition, why it is refused)
_REFUSALS = {
    "easel_entry_unchanged": (_ENTRY, "BEFORE UPDATE", "", "ledger entries are never changed"),
    "easel_entry_kept": (_ENTRY, "BEFORE DELETE", "", "ledger entries are never deleted"),
    "easel_hold_kept": (_HOLD, "BEFORE DELETE", "", "holds are never deleted"),
    "easel_hold_begins_open": (
        _HOLD,
        "BEFORE INSERT",
        "NEW.settled_at IS NOT NULL OR NEW.refunded <> 0",
        "a hold begins open",
    ),
    "easel_hold_terms_unchanged": (
        _HOLD,
        "BEFORE UPDATE",
        f"NOT ({_HOLD_UNCHANGED})",
        "a hold keeps its account, amount and key",
    ),
    "easel_hold_ends_once": (
        _HOLD,
        "BEFORE UPDATE",
        f"OLD.settled_at IS NOT NULL AND (NEW.settled_at IS NULL OR NOT ({_HOLD_END_UNCHANGED}))",
        "a settled hold is final",
    ),
}

NAMES = frozenset(_EFFECTS) | frozenset(_REFUSALS)


def install(connection: BaseDatabaseWrapper) -> None:
    """Put all triggers in place, replacing those that are there."""
    statements = _postgres() if connection.vendor == "postgresql" else _sqlite()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take all triggers away: to reverse the migration, and for tests that flush tables."""
    with connection.cursor() as cursor:
        for name, (table, *_) in {**_EFFECTS, **_REFUSALS}.items():
            on_table = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")
        if connection.vendor == "postgresql":
            for table in (_ENTRY, _HOLD):
                cursor.execute(f"DROP TRIGGER IF EXISTS easel_no_truncate ON {table}")


def missing(connection: BaseDatabaseWrapper) -> set[str]:
    """The triggers that should be in the database and are not, or are switched off."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return set(NAMES) - {name for (name,) in cursor.fetchall()}


def _sqlite() -> list[str]:
    statements = []
    for name, (table, moment, condition, action) in _EFFECTS.items():
        statements += [
            f"DROP TRIGGER IF EXISTS {name}",
            _sqlite_trigger(name, table, moment, condition, action),
        ]
    for name, (table, moment, condition, why) in _REFUSALS.items():
        action = f"SELECT RAISE(ABORT, '{why}');"
        statements += [
            f"DROP TRIGGER IF EXISTS {name}",
            _sqlite_trigger(name, table, moment, condition, action),
        ]
    return statements


def _sqlite_trigger(name: str, table: str, moment: str, condition: str, action: str) -> str:
    when = f" WHEN {condition}" if condition else ""
    return f"CREATE TRIGGER {name} {moment} ON {table} FOR EACH ROW{when} BEGIN {action} END"


def _postgres() -> list[str]:
    statements = []
    for name, (table, moment, condition, action) in _EFFECTS.items():
        statements += _postgres_trigger(name, table, moment, condition, f"{action} RETURN NULL;")
    for name, (table, moment, condition, why) in _REFUSALS.items():
        statements += _postgres_trigger(name, table, moment, condition, _postgres_refusal(why))
    statements.append(
        _postgres_function("easel_no_truncate", _postgres_refusal("the ledger is never emptied"))
    )
    for table in (_ENTRY, _HOLD):
        statements.append(f"DROP TRIGGER IF EXISTS easel_no_truncate ON {table}")
        statements.append(
            f"CREATE TRIGGER easel_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION easel_no_truncate()"
        )
    return statements


def _postgres_trigger(name: str, table: str, moment: str, condition: str, body: str) -> list[str]:
    when = f" WHEN ({condition})" if condition else ""
    return [
        _postgres_function(name, body),
        f"DROP TRIGGER IF EXISTS {name} ON {table}",
        f"CREATE TRIGGER {name} {moment} ON {table} FOR EACH ROW{when} EXECUTE FUNCTION {name}()",
    ]


def _postgres_function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def _postgres_refusal(why: str) -> str:
    # The same class of error as a CHECK, so that Django raises IntegrityError on both databases.
    return f"RAISE EXCEPTION '{why}' USING ERRCODE = 'check_violation';"
