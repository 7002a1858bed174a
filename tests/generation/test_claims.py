"""Who is next, and until when it is theirs."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from generation import claims
from generation.models import Generation, Provider
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


def test_the_last_to_come_is_seen_however_many_wait() -> None:
    for _ in range(12):
        person = factories.person()
        for _ in range(2):
            factories.generation(person)
    newcomer = factories.generation(prompt="the newcomer's")

    seen = claims.in_line(now=timezone.now(), limit=1)

    assert (newcomer.pk, newcomer.user_id) in seen


def test_a_lease_that_is_left_to_its_owner_still_holds_a_place(settings) -> None:
    settings.PERSON_PLACES_MAX = 1
    person = factories.person()
    for _ in range(2):
        factories.generation(person)
    now = timezone.now()
    assert len(claims.take(limit=5, now=now)) == 1

    later = now + claims.lease() * 2
    assert claims.take(limit=5, now=later, grace=timedelta(days=1)) == []
    assert len(claims.take(limit=5, now=later)) == 1


def test_what_is_served_here_is_not_claimed_again() -> None:
    generation = factories.generation()
    now = timezone.now()
    claims.take(limit=1, now=now)

    assert claims.take(limit=1, now=now + claims.lease(), without=[generation.pk]) == []


def test_what_only_a_full_provider_makes_is_left_in_line() -> None:
    Provider.objects.filter(name="aimlapi").update(concurrency_max=1)
    Provider.objects.exclude(name="aimlapi").update(enabled=False)
    person = factories.person()
    for _ in range(4):
        factories.generation(person)
    now = timezone.now()
    (first, *_) = claims.take(limit=1, now=now)
    factories.begin(first)

    assert claims.take(limit=5, now=now) == []
    assert Generation.objects.filter(status="queued").count() == 3


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_who_counts_places_just_now(settings) -> None:
    settings.PERSON_PLACES_MAX = 1
    factories.generation()
    counting, done = threading.Event(), threading.Event()

    def count() -> None:
        with transaction.atomic():
            claims._lock_limits()
            counting.set()
            done.wait(20)
        connection.close()

    other = threading.Thread(target=count)
    other.start()
    try:
        assert counting.wait(20)
        with pytest.raises(claims.Busy):
            claims.take(limit=1, now=timezone.now())
    finally:
        done.set()
        other.join()
    assert len(claims.take(limit=1, now=timezone.now())) == 1


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
def test_where_another_worker_was_quicker_the_next_in_line_are_claimed() -> None:
    """Two that look at once choose the same; the second doesn't wait for its next look with free places."""
    user = factories.person()
    for number in range(4):
        factories.generation(user, prompt=f"{number}")
    taking, done = threading.Event(), threading.Event()

    def take() -> None:
        with transaction.atomic():
            claims.take(limit=2, now=timezone.now())
            taking.set()
            done.wait(20)
        connection.close()

    other = threading.Thread(target=take)
    other.start()
    try:
        assert taking.wait(20)
        taken = claims.take(limit=2, now=timezone.now(), here_max=2)
    finally:
        done.set()
        other.join()
    assert prompts(taken) == ["2", "3"]


def test_no_look_reads_what_has_ended() -> None:
    """As the database plans it: an index leads to what is queued or runs."""
    now = timezone.now()
    condition, values = claims._claimable(now, now)
    wakes = Generation.objects.filter(status="queued", wake_at__gt=now).values("wake_at")
    for statement, given in (
        (f"SELECT id FROM generation_generation WHERE {condition}", values),
        claims._in_line(now, now, 4, 4),
        claims._running(now),
        wakes.query.sql_with_params(),
    ):
        with connection.cursor() as cursor:
            cursor.execute(
                ("EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN ") + statement, given
            )
            plan = str(cursor.fetchall())
        # PostgreSQL reads a table as small as this one in any case.
        if connection.vendor == "sqlite":
            assert "SCAN generation_generation" not in plan
            assert "generation_by_status" in plan
