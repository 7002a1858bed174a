"""The spend report over a million entries of 1,000 people in 20 teams, on PostgreSQL: at most a second.

REPORT_ROUNDS chooses how often each is asked; figures are medians. The first ask, which finds nothing read
before, is not among them.
"""

import os
import statistics
import time
from datetime import UTC, datetime, timedelta

from bench import entries, report
from tests import services

ROUNDS = int(os.environ.get("REPORT_ROUNDS", "5"))
PEOPLE, TEAMS = 1_000, 20
# Of ten holds nine are captured and half a one refunded: 0.95 entries a hold.
EACH = 1_053
SINCE = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = 90


def rows() -> list[report.Row]:
    from accounts.models import LedgerEntry, Team
    from generation import reports
    from generation.reports import Scope

    people = entries.people(PEOPLE, teams=TEAMS)
    seconds = DAYS * 86_400 / EACH
    entries.live(
        entries.Life(people[0].credit_account.pk, PEOPLE, EACH, SINCE.isoformat(), seconds, teams=TEAMS)
    )
    entries.delivered()
    until = SINCE + timedelta(days=DAYS + 1)
    month = SINCE + timedelta(days=30)
    number = LedgerEntry.objects.count()
    cases = {
        "everybody": (Scope(SINCE, until), False),
        "everybody, with vendors' cost": (Scope(SINCE, until), True),
        "everybody, one month": (Scope(SINCE, month), False),
        "one team": (Scope(SINCE, until, team=Team.objects.all()[0]), False),
        "one person": (Scope(SINCE, until, user=people[7]), False),
    }
    table: list[report.Row] = []
    for name, (scope, with_costs) in cases.items():
        found = reports.report(scope, with_costs=with_costs)
        taken = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            reports.report(scope, with_costs=with_costs)
            taken.append(time.perf_counter() - began)
        table.append(
            {
                "report": name,
                "entries in the ledger": number,
                "credits found": found.total.credits,
                "median s": statistics.median(taken),
                "slowest s": max(taken),
            }
        )
    return table


def main() -> None:
    url = services.postgres_url()
    if url is None:
        report.skip(f"needs PostgreSQL: {services.POSTGRES.get}")
    with entries.database(str(url)):
        report.report("reports", rows())


if __name__ == "__main__":
    main()
