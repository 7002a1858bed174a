"""Who is next, and until when it is theirs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from generation import claims
from generation.models import Generation
from tests import factories

pytestmark = pytest.mark.django_db


def prompts(taken: list[claims.Claim]) -> list[str]:
    by_id = dict(Generation.objects.values_list("pk", "prompt"))
    return [by_id[claim.generation_id] for claim in taken]


def test_the_oldest_of_a_person_comes_first():
    user = factories.person()
    for number in range(3):
        factories.generation(user, prompt=f"{number}")

    assert prompts(claims.take(limit=2, now=timezone.now())) == ["0", "1"]


def test_people_take_turns():
    busy, other = factories.person(), factories.person()
    for number in range(5):
        factories.generation(busy, prompt=f"busy {number}")
    factories.generation(other, prompt="other")

    assert prompts(claims.take(limit=2, now=timezone.now())) == ["busy 0", "other"]


def test_who_has_places_already_waits_behind_who_has_none():
    busy, other = factories.person(), factories.person()
    for number in range(4):
        factories.generation(busy, prompt=f"busy {number}")
    claims.take(limit=2, now=timezone.now())
    factories.generation(other, prompt="other")

    assert prompts(claims.take(limit=1, now=timezone.now())) == ["other"]


def test_what_is_claimed_is_not_claimed_again():
    factories.generation()
    now = timezone.now()

    assert len(claims.take(limit=5, now=now)) == 1
    assert claims.take(limit=5, now=now) == []


def test_a_lease_that_ran_out_is_claimed_under_the_next_number():
    factories.generation()
    now = timezone.now()
    (first,) = claims.take(limit=1, now=now)

    (second,) = claims.take(limit=1, now=now + claims.lease())

    assert (first.attempt, second.attempt) == (1, 2)


def test_a_renewed_lease_is_not_claimed():
    factories.generation()
    now = timezone.now()
    taken = claims.take(limit=1, now=now)

    claims.renew(taken, now=now + timedelta(seconds=20))

    assert claims.take(limit=1, now=now + claims.lease()) == []


def test_a_lease_is_renewed_by_who_holds_it_alone():
    generation = factories.generation()
    now = timezone.now()
    lost = claims.take(limit=1, now=now)
    claims.take(limit=1, now=now + claims.lease())
    before = Generation.objects.get(pk=generation.pk).leased_until

    claims.renew(lost, now=now + timedelta(hours=1))

    assert Generation.objects.get(pk=generation.pk).leased_until == before


def test_nothing_is_claimed_before_it_wants_to_wake():
    generation = factories.generation()
    now = timezone.now()
    Generation.objects.filter(pk=generation.pk).update(wake_at=now + timedelta(seconds=9))

    assert claims.take(limit=1, now=now) == []
    assert len(claims.take(limit=1, now=now + timedelta(seconds=9))) == 1


def test_nothing_is_claimed_past_its_deadline():
    generation = factories.generation()

    assert claims.take(limit=1, now=generation.deadline_at) == []


def test_claiming_takes_few_queries(django_assert_max_num_queries):
    for _ in range(6):
        factories.generation()

    # However many are taken; with the transaction's own two.
    with django_assert_max_num_queries(9):
        claims.take(limit=4, now=timezone.now())
