"""A page of the statement of a person with a million entries, beside one with 100: at most 1.5 times as long.

On SQLite and on PostgreSQL, each in a process of its own; `sqlite` or `postgresql` as argument asks for one.
STATEMENT_ROUNDS chooses how often each page is read; they take turns, figures are medians.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bench import entries, report
from tests import services

ROUNDS = int(os.environ.get("STATEMENT_ROUNDS", "60"))
LONG, SHORT = 1_053_000, 106
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
SECONDS = 180.0
DATABASES = ("sqlite", "postgresql")


def pages(long: Any, short: Any) -> dict[str, Callable[[], Any]]:
    from accounts import statement
    from accounts.models import LedgerEntry
    from accounts.statement import Place, Within

    entry = LedgerEntry.objects.filter(source__user=long)
    ids = entry.order_by("pk").values_list("pk", flat=True)
    number = ids.count()

    def at(share: float) -> Place:
        found = entry.get(pk=ids[int(number * share)])
        return Place(found.pk, found.created_at)

    half, end = at(0.5), at(0.001)
    back = SINCE + timedelta(days=100)
    week = Within(since=back, until=back + timedelta(days=7))
    return {
        "100 entries, newest": lambda: statement.page(short),
        "1,000,000, newest": lambda: statement.page(long),
        "1,000,000, half way down": lambda: statement.page(long, after=half),
        "1,000,000, at the end": lambda: statement.page(long, after=end),
        "1,000,000, refunds half way down": lambda: statement.page(
            long, within=Within(kind="refunds"), after=half
        ),
        "1,000,000, a week five years ago": lambda: statement.page(long, within=week),
    }


def rows() -> list[report.Row]:
    long, short = entries.people(2)
    entries.live(entries.Life(long.credit_account.pk, 1, LONG, SINCE.isoformat(), SECONDS))
    entries.live(entries.Life(short.credit_account.pk, 1, SHORT, SINCE.isoformat(), SECONDS))
    asked = pages(long, short)
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(ROUNDS):
        for name, read in asked.items():
            began = time.perf_counter()
            lines = len(read().lines)
            taken[name].append(time.perf_counter() - began)
            assert lines == 50, f"{name} has {lines} lines"
    medians = {name: statistics.median(times) * 1_000 for name, times in taken.items()}
    least = next(iter(medians.values()))
    return [
        {"statement": name, "median ms": median, "of 100 entries": median / least}
        for name, median in medians.items()
    ]


def measure(database: str) -> None:
    url = "sqlite" if database == "sqlite" else services.postgres_url()
    if url is None:
        report.skip(f"needs PostgreSQL: {services.POSTGRES.get}")
    with entries.database(str(url)):
        report.report(f"statement_{database}", rows())


def main() -> None:
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    for database in DATABASES:
        print(f"\n{database}", flush=True)
        subprocess.run([sys.executable, __file__, database], check=True)


if __name__ == "__main__":
    main()
