"""The ledger under many hands: nothing is sold twice, nothing waits for ever, the audit stays clean."""

import pytest
from django.db import connection
from django.utils import timezone

from accounts import audit, ledger
from accounts.models import Hold, LedgerEntry
from tests.accounts.racing import LONG, race
from tests.factories import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = 20 if LONG else 2
# Refusals that a race may meet; anything else is an error.
EXPECTED = {
    "done",
    "insufficient_credits",
    "hold_settled",
    "exceeds_hold",
    "exceeds_captured",
}


def each() -> int:
    return 50 if connection.vendor == "postgresql" else 25


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_16_processes_spend_exactly_the_credits_there_are(round_number: int) -> None:
    owner = person(credits=100)

    came_of_it = race("spends", user=owner.pk, each=each(), processes=16)

    assert came_of_it == {"done": 100, "insufficient_credits": 16 * each() - 100}
    assert ledger.standing(owner) == ledger.Standing(balance=0, held=0)
    assert audit.findings(timezone.now()) == []


def test_the_same_keys_from_8_processes_take_effect_once() -> None:
    owner = person(credits=0)

    came_of_it = race("repeats", user=owner.pk, each=10, processes=8)

    assert came_of_it == {"done": 80}
    assert ledger.standing(owner) == ledger.Standing(balance=10 * 8, held=0)
    assert (Hold.objects.count(), LedgerEntry.objects.count()) == (10, 30)


def test_8_threads_of_random_verbs_on_crossing_accounts_neither_lock_up_nor_lose_a_credit() -> None:
    people = [person(credits=40) for _ in range(4)]
    number = 500 if LONG else 60

    came_of_it = race("verbs", users=[one.pk for one in people], each=number, threads=8, seed=7)

    assert set(came_of_it) <= EXPECTED
    assert came_of_it.total() == 8 * number
    assert came_of_it["done"] > number
    assert audit.findings(timezone.now()) == []


@pytest.mark.needs_postgres
def test_without_the_lock_the_race_is_seen() -> None:
    owner = person(credits=100)

    came_of_it = race("spends", user=owner.pk, each=each(), processes=16, unlocked=True)

    assert set(came_of_it) - EXPECTED
