"""One cap over many accounts at once: exactly what it allows is sold, and what comes back fits again."""

import pytest
from django.db.models import Sum
from django.utils import timezone

from accounts import audit, ledger, limits
from accounts.models import CapUse, Hold, LedgerEntry, Membership, Team, User
from tests.accounts.racing import LONG, race
from tests.factories import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = 20 if LONG else 1
ALLOWED = 150
# Everybody could spend far more than the team may.
MEMBERS, EACH, PROCESSES = 200, 50, 8
EXPECTED = {
    "done",
    "limit_reached",
    "insufficient_credits",
    "hold_settled",
    "exceeds_hold",
    "exceeds_captured",
}


def team(*, members: int, credits: int = 100) -> list[User]:
    """The members of a new team, with credits each."""
    studio = Team.objects.create(name="Studio")
    people = User.objects.bulk_create(User(email=f"member{number}@easel.test") for number in range(members))
    Membership.objects.bulk_create(Membership(user=user, team=studio) for user in people)
    gifts = [ledger.Grant(user=user, amount=credits, reason="for a test") for user in people]
    ledger.grant_each(grants=gifts, key="test", by=None)
    return people


def cap(people: list[User], *, allowed: int, period: str = "total") -> None:
    limits.set_cap(
        team=people[0].membership.team,
        allowed=allowed,
        period=period,
        reason="for a test",
        by=person(credits=0, is_superuser=True),
        now=timezone.now(),
    )


def still_spent() -> int:
    """Credits that all holds have cost or keep, by the holds themselves."""
    sums = Hold.objects.aggregate(held=Sum("amount"), back=Sum("released"), refunded=Sum("refunded"))
    return sums["held"] - sums["back"] - sums["refunded"]


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_200_accounts_of_a_team_spend_exactly_what_its_cap_allows(round_number: int) -> None:
    people = team(members=MEMBERS)
    cap(people, allowed=ALLOWED)

    came_of_it = race("shares", users=[user.pk for user in people], each=EACH, processes=PROCESSES)

    assert came_of_it == {"done": ALLOWED, "limit_reached": EACH * PROCESSES - ALLOWED}
    assert LedgerEntry.objects.filter(kind="capture").aggregate(sum=Sum("amount"))["sum"] == ALLOWED
    assert CapUse.objects.get().used == ALLOWED
    assert audit.findings(timezone.now()) == []


def test_a_period_that_begins_in_the_middle_of_a_race_is_opened_once() -> None:
    people = team(members=40)
    cap(people, allowed=30, period="month")
    # As at midnight on the first: the cap is older than the period.
    CapUse.objects.all().delete()

    came_of_it = race("shares", users=[user.pk for user in people], each=10, processes=PROCESSES)

    assert came_of_it == {"done": 30, "limit_reached": 10 * PROCESSES - 30}
    assert CapUse.objects.get().used == 30
    assert audit.findings(timezone.now()) == []


def test_two_caps_of_one_team_and_random_verbs_neither_lock_up_nor_count_wrong() -> None:
    people = team(members=6, credits=60)
    cap(people, allowed=120)
    cap(people, allowed=90, period="month")
    number = 500 if LONG else 60

    came_of_it = race("verbs", users=[user.pk for user in people], each=number, threads=8, seed=11)

    assert set(came_of_it) <= EXPECTED
    assert came_of_it.total() == 8 * number
    assert came_of_it["limit_reached"] > 0
    assert set(CapUse.objects.values_list("used", flat=True)) == {still_spent()}
    assert still_spent() <= 90
    assert audit.findings(timezone.now()) == []


@pytest.mark.needs_postgres
def test_a_cap_that_looks_before_it_counts_is_seen_to_sell_too_much() -> None:
    people = team(members=MEMBERS)
    cap(people, allowed=ALLOWED)

    came_of_it = race(
        "shares", users=[user.pk for user in people], each=EACH, processes=PROCESSES, unguarded=True
    )

    assert came_of_it["done"] > ALLOWED
