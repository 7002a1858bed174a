"""Pairs of hold and capture a second through `accounts.ledger`, beside psycopg with the same statements.

On PostgreSQL, from 8 processes: on one account that all of them want, and on 1,000 accounts. The candidates
take turns; figures are medians of the rounds. LEDGER_SECONDS and LEDGER_ROUNDS choose how long it takes.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bench import report
from tests import services

PROCESSES = 8
ACCOUNTS = 1_000
SECONDS = float(os.environ.get("LEDGER_SECONDS", "4"))
ROUNDS = int(os.environ.get("LEDGER_ROUNDS", "3"))
CREDITS = 10**9

Pair = Callable[[int, str], None]


def through_the_ledger() -> Pair:
    from accounts import ledger
    from accounts.models import User

    people = {user.pk: user for user in User.objects.all()}

    def pair(user: int, key: str) -> None:
        hold = ledger.hold(user=people[user], amount=2, key=key, reason="bench", reference=key)
        ledger.capture(hold=hold, amount=2, reason="bench")

    return pair


def through_psycopg() -> Pair:
    """What the ledger sends, without Django: the same statements in the same two transactions."""
    import psycopg
    from django.db import connection

    from accounts import limits
    from accounts.models import CreditAccount, Event, Hold, LedgerEntry

    spent = CreditAccount.objects.get(code="spent").pk
    raw = psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor})
    account_columns = [field.column for field in CreditAccount._meta.concrete_fields]
    account_by, hold_by = selecting(CreditAccount), selecting(Hold)
    new_hold, new_entry, new_event = inserting(Hold), inserting(LedgerEntry), inserting(Event)

    def write(cursor: Any, new: tuple[str, dict[str, Any]], **values: Any) -> int:
        return cursor.execute(new[0], {**new[1], **values, "created_at": datetime.now(UTC)}).fetchone()[0]

    def locked(cursor: Any, column: str, value: int) -> dict[str, Any]:
        row = cursor.execute(f"{account_by} {column} = %s FOR NO KEY UPDATE", [value]).fetchone()
        return dict(zip(account_columns, row, strict=True))

    def pair(user: int, key: str) -> None:
        with raw.transaction(), raw.cursor() as cursor:
            account, name = locked(cursor, "user_id", user), f"hold:{user}:{key}"
            assert cursor.execute(f"{hold_by} key = %s", [name]).fetchone() is None
            cursor.execute(limits.SCOPE_SQL, [None, user]).fetchall()
            terms = {"account_id": account["id"], "amount": 2, "key": name}
            hold = write(cursor, new_hold, **terms, reason="bench", reference=key)
            write(cursor, new_event, user_id=user, kind="credits")
        with raw.transaction(), raw.cursor() as cursor:
            account = locked(cursor, "id", account["id"])
            cursor.execute(f"{hold_by} id = %s AND account_id = %s", [hold, account["id"]]).fetchone()
            moved = {"source_id": account["id"], "destination_id": spent, "amount": 2, "hold_id": hold}
            words = {"kind": "capture", "key": f"capture:{name}", "reason": "bench", "reference": key}
            write(cursor, new_entry, **moved, **words, source_balance=account["balance"] - 2)
            write(cursor, new_event, user_id=user, kind="credits")

    return pair


def selecting(model: Any) -> str:
    columns = ", ".join(field.column for field in model._meta.concrete_fields)
    return f"SELECT {columns} FROM {model._meta.db_table} WHERE"


def inserting(model: Any) -> tuple[str, dict[str, Any]]:
    """An INSERT with named parameters, and what the columns hold that a pair says nothing about."""
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(field.column for field in fields)
    places = ", ".join(f"%({field.column})s" for field in fields)
    table = model._meta.db_table
    return (
        f"INSERT INTO {table} ({columns}) VALUES ({places}) RETURNING id",
        {field.column: field.get_default() for field in fields},
    )


CANDIDATES: dict[str, Callable[[], Pair]] = {"ledger": through_the_ledger, "psycopg": through_psycopg}


def work(candidate: str, users: list[int], mark: str, start: Any, results: Any) -> None:
    try:
        results.put(timed(CANDIDATES[candidate](), users, mark, start))
    except Exception as error:
        start.abort()
        results.put(error)


def timed(pair: Pair, users: list[int], mark: str, start: Any) -> tuple[float, float]:
    """Pairs a second, and CPU seconds of a pair, from the moment all processes are ready."""
    pair(users[0], f"{mark}-warm")
    start.wait()
    began, cpu, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < SECONDS:
        pair(users[done * 37 % len(users)], f"{mark}-{done}")
        done += 1
    return done / (time.perf_counter() - began), (time.process_time() - cpu) / done


def measure(candidate: str, users: list[int], mark: str) -> tuple[float, float]:
    """Pairs a second of all processes together, and CPU milliseconds of the caller for a pair."""
    from django.db import connections

    connections.close_all()
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(PROCESSES), context.SimpleQueue()
    children = [
        context.Process(
            target=work, args=(candidate, users[n % len(users) :] + users[:n], f"{mark}-{n}", start, results)
        )
        for n in range(PROCESSES)
    ]
    for child in children:
        child.start()
    measured = [results.get() for _ in children]
    for child in children:
        child.join()
    for failed in (found for found in measured if isinstance(found, Exception)):
        raise failed
    return sum(rate for rate, _ in measured), 1_000 * statistics.mean(cpu for _, cpu in measured)


def people(number: int) -> list[int]:
    from accounts import ledger
    from accounts.models import User

    made = User.objects.bulk_create(User(email=f"bench{n}@easel.test") for n in range(number))
    for user in made:
        ledger.grant(user=user, amount=CREDITS, key="bench", reason="bench", by=None)
    return [user.pk for user in made]


def rows(users: list[int]) -> list[dict[str, str | float]]:
    table: list[dict[str, str | float]] = []
    for accounts, some in ((1, users[:1]), (len(users), users)):
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in CANDIDATES}
        for number in range(ROUNDS):
            for name in CANDIDATES:
                figures[name].append(measure(name, some, f"{accounts}-{name}-{number}"))
        rates = {name: statistics.median(rate for rate, _ in found) for name, found in figures.items()}
        table += [
            {
                "accounts": accounts,
                "candidate": name,
                "pairs per second": rates[name],
                "CPU ms per pair": statistics.median(cpu for _, cpu in figures[name]),
                "of psycopg": rates[name] / rates["psycopg"],
            }
            for name in CANDIDATES
        ]
    return table


@contextmanager
def database_of_its_own() -> Iterator[None]:
    """An empty database on the PostgreSQL that tests use; afterwards the audit proves its books right."""
    url = services.postgres_url()
    if url is None:
        report.skip(f"needs PostgreSQL: {services.POSTGRES.get}")
    os.environ |= {"DATABASE_URL": str(url), "DJANGO_SETTINGS_MODULE": "config.settings"}
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from accounts import audit

    own = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"bench_easel_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, serialize=False)
    try:
        yield
        with audit.snapshot():
            assert audit.findings(timezone.now()) == [], "credits were made or lost under load"
    finally:
        connection.creation.destroy_test_db(own, verbosity=0)


def main() -> None:
    with database_of_its_own():
        report.report("ledger", rows(people(ACCOUNTS)))


if __name__ == "__main__":
    main()
