"""Pairs of hold and capture a second through `accounts.ledger`, beside psycopg with the same statements.

On PostgreSQL, from 8 processes: on one account that all of them want, and on 1,000 accounts. The candidates
take turns; figures are medians of the rounds. LEDGER_SECONDS and LEDGER_ROUNDS choose how long it takes.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
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


ACCOUNT = "SELECT id, kind, user_id, code, balance, held FROM accounts_creditaccount"
HOLD = (
    "SELECT id, account_id, amount, captured, released, refunded, key, reason, reference, by_id, api_key_id,"
    " created_at, settled_at FROM accounts_hold"
)
NEW_HOLD = (
    "INSERT INTO accounts_hold (account_id, amount, captured, released, refunded, key, reason, reference,"
    " by_id, api_key_id, created_at, settled_at)"
    " VALUES (%s, %s, 0, 0, 0, %s, %s, %s, NULL, NULL, now(), NULL) RETURNING id"
)
NEW_ENTRY = (
    "INSERT INTO accounts_ledgerentry (kind, source_id, destination_id, amount, source_balance,"
    " destination_balance, hold_id, key, reason, reference, by_id, created_at)"
    " VALUES ('capture', %s, %s, %s, %s, NULL, %s, %s, %s, %s, NULL, now()) RETURNING id"
)
NEW_EVENT = (
    "INSERT INTO accounts_event (user_id, kind, subject, created_at)"
    " VALUES (%s, 'credits', '', now()) RETURNING id"
)


def through_psycopg() -> Pair:
    """What the ledger sends, without Django: the same statements in the same two transactions."""
    import psycopg
    from django.db import connection

    from accounts.models import CreditAccount

    spent = CreditAccount.objects.get(code="spent").pk
    raw = psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor})

    def pair(user: int, key: str) -> None:
        with raw.transaction(), raw.cursor() as cursor:
            account = cursor.execute(
                f"{ACCOUNT} WHERE user_id = %s LIMIT 1 FOR NO KEY UPDATE", [user]
            ).fetchone()
            name = f"hold:{account[0]}:{key}"
            assert cursor.execute(f"{HOLD} WHERE key = %s LIMIT 1", [name]).fetchone() is None
            assert account[4] - account[5] >= 2
            (hold,) = cursor.execute(NEW_HOLD, [account[0], 2, name, "bench", key]).fetchone()
            cursor.execute(NEW_EVENT, [user])
        with raw.transaction(), raw.cursor() as cursor:
            account = cursor.execute(f"{ACCOUNT} WHERE id = %s FOR NO KEY UPDATE", [account[0]]).fetchone()
            held = cursor.execute(f"{HOLD} WHERE id = %s AND account_id = %s", [hold, account[0]]).fetchone()
            assert held[12] is None
            entry = [account[0], spent, 2, account[4] - 2, hold, f"capture:{name}", "bench", key]
            cursor.execute(NEW_ENTRY, entry)
            cursor.execute(NEW_EVENT, [user])

    return pair


CANDIDATES: dict[str, Callable[[], Pair]] = {"ledger": through_the_ledger, "psycopg": through_psycopg}


def work(candidate: str, users: list[int], mark: str, start: Any, results: Any) -> None:
    from django.db import connections

    connections.close_all()
    pair = CANDIDATES[candidate]()
    pair(users[0], f"{mark}-warm")
    start.wait()
    began, cpu, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < SECONDS:
        pair(users[done * 37 % len(users)], f"{mark}-{done}")
        done += 1
    results.put((done / (time.perf_counter() - began), (time.process_time() - cpu) / done))


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


def main() -> None:
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
        report.report("ledger", rows(people(ACCOUNTS)))
        with audit.snapshot():
            assert audit.findings(timezone.now()) == [], "credits were made or lost under load"
    finally:
        connection.creation.destroy_test_db(own, verbosity=0)


if __name__ == "__main__":
    main()
