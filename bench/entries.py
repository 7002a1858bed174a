"""Ledgers of a length that nobody waits for: rows written by the database itself, without their triggers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

CREDITS = 10**9


@dataclass(frozen=True)
class Life:
    """What the accounts between two numbers did: `each` captures a person, one every `seconds` from `since`.

    Every 20th capture is refunded in part, every 10th hold comes back whole.
    """

    first_account: int
    accounts: int
    each: int
    since: str
    seconds: float
    teams: int = 0

    @property
    def captures(self) -> int:
        return self.accounts * self.each


@contextmanager
def database(url: str) -> Iterator[None]:
    """An empty database of our own for a while: on the PostgreSQL of `url`, or in a file for "sqlite"."""
    import os

    with TemporaryDirectory() as folder:
        here = {"sqlite": f"sqlite:///{folder}/easel.sqlite3"}.get(url, url)
        os.environ |= {"DATABASE_URL": here, "DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings"}
        import django

        django.setup()
        from django.db import connection

        own = connection.settings_dict["NAME"]
        names = {"sqlite": f"{folder}/bench.sqlite3"}
        connection.settings_dict["TEST"]["NAME"] = names.get(connection.vendor, f"bench_easel_{os.getpid()}")
        connection.creation.create_test_db(verbosity=0, serialize=False)
        try:
            yield
        finally:
            if connection.vendor == "postgresql":
                # A process that was killed is found dead by the server a little later.
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
            connection.creation.destroy_test_db(own, verbosity=0)


def people(number: int, *, teams: int = 0) -> list[Any]:
    """So many people with accounts, in order of their accounts, spread over teams."""
    from accounts import ledger
    from accounts.models import Membership, Team, User

    count = User.objects.count()
    made = User.objects.bulk_create(
        User(email=f"person{count + n}@easel.test", name=f"Person {count + n}", password="!")
        for n in range(number)
    )
    for user in made:
        ledger.account_of(user)
    if teams:
        nords = Team.objects.bulk_create(Team(name=f"Team {n}") for n in range(teams))
        Membership.objects.bulk_create(
            Membership(user=user, team=nords[n % teams]) for n, user in enumerate(made)
        )
    return list(User.objects.filter(pk__in=[user.pk for user in made]).order_by("credit_account__pk"))


def live(life: Life) -> None:
    """Write a life's holds and entries, and what its accounts hold in the end."""
    from django.db import connection

    from accounts.models import CreditAccount, Hold, LedgerEntry

    base = {"hold": _last(Hold), "entry": _last(LedgerEntry)}
    facts = {
        "spent": CreditAccount.objects.get(code="spent").pk,
        "credits": CREDITS,
        **base,
        **vars(life),
        "captures": life.captures,
        "teams": max(1, life.teams),
        "in_team": life.teams > 0,
        "first_team": _first_team() if life.teams else 0,
    }
    tables = ("accounts_hold", "accounts_ledgerentry")
    _write((_HOLDS, _CAPTURES, _REFUNDS, _BALANCES), facts, (*tables, "accounts_creditaccount"))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"SELECT setval('{table}_id_seq', (SELECT MAX(id) FROM {table}))")


def delivered() -> None:
    """Give every captured hold its generation and attempt, with what the vendor said it cost."""
    _write((_GENERATIONS, _ATTEMPTS), {}, ("generation_generation", "generation_attempt"))


def _write(statements: Iterable[str], facts: dict[str, Any], tables: Iterable[str]) -> None:
    from django.db import connection

    words = _WORDS[connection.vendor]
    with connection.cursor() as cursor:
        with _unchecked(cursor):
            for statement in statements:
                for word, sql in words.items():
                    statement = statement.replace(word, sql)
                cursor.execute(statement, facts)
        for table in tables:
            cursor.execute(f"{words['VACUUM ANALYZE']} {table}")


@contextmanager
def _unchecked(cursor: Any) -> Iterator[None]:
    """Neither triggers nor foreign keys look at what is written, which would take most of the time."""
    from django.db import connection

    from accounts import ledger_rules

    if connection.vendor == "postgresql":
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = origin")
    else:
        cursor.execute("PRAGMA foreign_keys = OFF")
        ledger_rules.remove(connection)
        yield
        ledger_rules.install(connection)
        cursor.execute("PRAGMA foreign_keys = ON")


def _last(model: Any) -> int:
    return model.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _first_team() -> int:
    from accounts.models import Team

    return Team.objects.order_by("pk").values_list("pk", flat=True)[0]


# What each database calls these; the statements are PostgreSQL's otherwise.
_WORDS = {
    "postgresql": {
        "NUMBERS": "generate_series(1, %(captures)s) AS numbers(n)",
        "MOMENT": "%(since)s::timestamptz + n * (%(seconds)s / %(accounts)s) * interval '1 second'",
        "RANDOM_ID": "gen_random_uuid()",
        "VACUUM ANALYZE": "VACUUM ANALYZE",
    },
    "sqlite": {
        "NUMBERS": "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL"
        " SELECT n + 1 FROM numbers WHERE n < %(captures)s) SELECT n FROM numbers)",
        "MOMENT": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', %(since)s,"
        " '+' || (n * (%(seconds)s / %(accounts)s)) || ' seconds')",
        "RANDOM_ID": "lower(hex(randomblob(16)))",
        "VACUUM ANALYZE": "ANALYZE",
    },
}

# The n-th row is of the account n modulo their number, so that lives run side by side.
_HOLDS = """
INSERT INTO accounts_hold (id, account_id, amount, captured, released, refunded, key, reason, reference,
  team_id, created_at, settled_at)
SELECT %(hold)s + n, %(first_account)s + n %% %(accounts)s, 2,
  CASE WHEN n / %(accounts)s %% 10 = 3 THEN 0 ELSE 2 END,
  CASE WHEN n / %(accounts)s %% 10 = 3 THEN 2 ELSE 0 END,
  CASE WHEN n / %(accounts)s %% 20 = 7 THEN 1 ELSE 0 END,
  'hold:bench:' || (%(hold)s + n), 'A lighthouse at dusk', 'reference-' || (%(hold)s + n),
  CASE WHEN %(in_team)s THEN %(first_team)s + n %% %(accounts)s %% %(teams)s END, at, at
FROM (SELECT n, MOMENT AS at FROM NUMBERS) lived"""

_CAPTURES = """
INSERT INTO accounts_ledgerentry (id, kind, source_id, destination_id, amount, source_balance, hold_id, key,
  reason, reference, team_id, model, provider, images, created_at)
SELECT %(entry)s + 2 * (id - %(hold)s), 'capture', account_id, %(spent)s, 2, %(credits)s - 2 * id, id,
  'capture:bench:' || id, reason, reference, team_id,
  CASE id %% 3 WHEN 0 THEN 'gemini-2.5-flash-image' ELSE 'model-' || id %% 3 END,
  CASE id %% 4 WHEN 0 THEN 'onemin' ELSE 'aimlapi' END, 1, settled_at
FROM accounts_hold WHERE id > %(hold)s AND captured > 0"""

_REFUNDS = """
INSERT INTO accounts_ledgerentry (id, kind, source_id, destination_id, amount, destination_balance, hold_id,
  key, reason, reference, team_id, model, provider, images, created_at)
SELECT id + 1, 'refund', destination_id, source_id, 1, source_balance + 1, hold_id, 'refund:bench:' || id,
  'blurred', reference, team_id, model, provider, 0, created_at
FROM accounts_ledgerentry
WHERE id > %(entry)s AND hold_id IN (SELECT id FROM accounts_hold WHERE refunded > 0)"""

_BALANCES = """
UPDATE accounts_creditaccount SET balance = %(credits)s
WHERE id >= %(first_account)s AND id < %(first_account)s + %(accounts)s"""

_GENERATIONS = """
INSERT INTO generation_generation (public_id, user_id, status, model, prompt, aspect_ratio, count, provider,
  price, hold_id, attempts_made, deadline_at, error_code, error_detail, created_at, finished_at, image_size,
  name)
SELECT RANDOM_ID, a.user_id, 'succeeded', e.model, h.reason, '1:1', 1, '', 2, h.id, 1, h.created_at,
  '', '', h.created_at, h.settled_at, '', ''
FROM accounts_hold h JOIN accounts_creditaccount a ON a.id = h.account_id
  JOIN accounts_ledgerentry e ON e.hold_id = h.id AND e.kind = 'capture'"""

_ATTEMPTS = """
INSERT INTO generation_attempt (generation_id, number, provider, status, vendor_id, answer, code, detail,
  vendor_text, vendor_cost_usd, started_at, ended_at, account_id, team_id, model, sequence, positions,
  vendor_model, emulated, choice, state, description)
SELECT g.id, 1, 'aimlapi', 'delivered', 'vendor-' || g.id, '[]', '', '', '', 0.039,
  g.created_at, g.finished_at, h.account_id, h.team_id, g.model, 1, '[1]', '', FALSE, '{}', '', ''
FROM generation_generation g JOIN accounts_hold h ON h.id = g.hold_id"""
