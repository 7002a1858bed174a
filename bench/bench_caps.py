"""What caps cost: pairs of hold and capture a second on 200 accounts of one team, with and without caps.

On PostgreSQL, from 8 processes. Every member's spending waits for the one row of the team's cap, which is
where it is decided who still fits. The kinds take turns; figures are medians of the rounds.
"""

import statistics
from collections.abc import Callable

from bench import report
from bench.bench_ledger import CREDITS, ROUNDS, database_of_its_own, measure, people

MEMBERS = 200


def nobody(users: list[int]) -> None:
    """No cap at all."""


def each_person(users: list[int]) -> None:
    from accounts.models import User

    for user in User.objects.filter(pk__in=users):
        cap(user=user)


def the_team(users: list[int]) -> None:
    from accounts.models import Team

    cap(team=Team.objects.get())


KINDS: dict[str, Callable[[list[int]], None]] = {
    "no cap": nobody,
    "a cap for each person": each_person,
    "one cap for the team": the_team,
}


def cap(**scope: object) -> None:
    from django.utils import timezone

    from accounts import limits
    from accounts.models import User

    terms = {"period": "month", "allowed": CREDITS, "reason": "bench", "now": timezone.now()}
    limits.set_cap(by=User.objects.earliest("pk"), **terms, **scope)


def without_caps() -> None:
    from django.utils import timezone

    from accounts.models import Cap

    Cap.objects.filter(ended_at__isnull=True).update(ended_at=timezone.now())


def members(number: int) -> list[int]:
    from accounts.models import Membership, Team

    users = people(number)
    team = Team.objects.create(name="Bench")
    Membership.objects.bulk_create(Membership(user_id=user, team=team) for user in users)
    return users


def rows(users: list[int]) -> list[dict[str, str | float]]:
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for number in range(ROUNDS):
        for kind, set_caps in KINDS.items():
            without_caps()
            set_caps(users)
            found[kind].append(measure("ledger", users, f"{kind}-{number}"))
    rates = {kind: statistics.median(rate for rate, _ in some) for kind, some in found.items()}
    return [
        {
            "caps": kind,
            "pairs per second": rates[kind],
            "CPU ms per pair": statistics.median(cpu for _, cpu in found[kind]),
            "of no cap": rates[kind] / rates["no cap"],
        }
        for kind in KINDS
    ]


def main() -> None:
    with database_of_its_own():
        report.report("caps", rows(members(MEMBERS)))


if __name__ == "__main__":
    main()
