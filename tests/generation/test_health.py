"""The circuit, rests and limits of providers, shared by all workers, also when they ask at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts import sealing
from generation import catalog, claims, health
from generation.catalog import ProviderFacts
from generation.models import Attempt, Generation, Provider, ProviderHealth
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from tests import factories
from tests.generation.attempts import attempt
from tests.generation.together import THREADS, at_once

NOW = timezone.now()
AWAY = NotAccepted(Code.UNREACHABLE)


def facts() -> ProviderFacts:
    return catalog.load().providers["aimlapi"]


def row() -> ProviderHealth:
    return ProviderHealth.objects.get(provider__name="aimlapi")


def fail(times: int = 1, error: ProviderError = AWAY, *, now: datetime = NOW) -> None:
    for _ in range(times):
        health.failed("aimlapi", error, now=now)


def admit(now: datetime = NOW) -> str:
    try:
        with transaction.atomic():
            health.admit(facts(), now=now)
    except health.NotNow as refused:
        return refused.reason
    return "let through"


# The circuit


@pytest.mark.django_db
def test_it_opens_at_the_fifth_failure_in_a_row() -> None:
    fail(4)
    assert (health.standing(facts(), NOW).state, admit()) == ("closed", "let through")

    fail()

    standing = health.standing(facts(), NOW)
    assert (standing.state, standing.again_at) == ("open", NOW + timedelta(seconds=30))
    assert admit() == "Paused after 5 failures in a row."


@pytest.mark.django_db
def test_a_success_between_begins_the_count_anew() -> None:
    fail(4)
    health.succeeded("aimlapi", seconds=2, now=NOW)
    fail(4)

    assert health.standing(facts(), NOW).state == "closed"


@pytest.mark.django_db
@pytest.mark.parametrize("code", [Code.UNREACHABLE, Code.BUSY, Code.ERROR, Code.TIMEOUT, Code.UNREADABLE])
def test_what_says_that_the_provider_is_unwell_counts(code: Code) -> None:
    fail(5, OutcomeUnknown(code))

    assert row().open_until is not None


@pytest.mark.django_db
@pytest.mark.parametrize("code", [Code.CONTENT, Code.INVALID, Code.NO_IMAGE, Code.MODEL])
def test_a_refusal_says_that_it_works(code: Code) -> None:
    fail(4)
    fail(1, Refused(code))

    assert row().failures == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "words"),
    [(Code.BAD_KEY, "our key"), (Code.NO_MONEY, "can't pay"), (Code.QUOTA, "used up")],
)
def test_a_key_or_an_account_that_does_not_work_opens_it_at_once(code: Code, words: str) -> None:
    fail(1, NotAccepted(code, final_for_provider=True))

    standing = health.standing(facts(), NOW)
    assert (standing.state, standing.again_at) == ("open", NOW + timedelta(minutes=5))
    assert words in standing.detail


@pytest.mark.django_db
def test_after_its_time_it_is_half_open_and_one_call_probes() -> None:
    fail(5)
    later = NOW + timedelta(seconds=30)

    assert health.standing(facts(), later).state == "half_open"
    assert [admit(later), admit(later)] == ["let through", "Another call is trying whether it works again."]


@pytest.mark.django_db
def test_a_probe_that_succeeds_closes_it() -> None:
    fail(5)
    admit(NOW + timedelta(seconds=31))
    health.succeeded("aimlapi", seconds=1, now=NOW + timedelta(seconds=33))

    assert health.standing(facts(), NOW + timedelta(seconds=34)).state == "closed"
    assert [admit(NOW + timedelta(seconds=34)) for _ in range(3)] == ["let through"] * 3


@pytest.mark.django_db
def test_each_probe_that_fails_doubles_the_pause_up_to_ten_minutes() -> None:
    fail(5)
    now, pauses = NOW, []
    for _ in range(7):
        opened = row().open_until
        assert opened is not None
        pauses.append((opened - now).total_seconds())
        now = opened
        assert admit(now) == "let through"
        fail(now=now)

    assert pauses == [30, 60, 120, 240, 480, 600, 600]


@pytest.mark.django_db
def test_failures_that_were_under_way_when_it_opened_lengthen_nothing() -> None:
    fail(5)
    fail(20, now=NOW + timedelta(seconds=5))

    assert row().open_until == NOW + timedelta(seconds=30)


@pytest.mark.django_db
def test_a_probe_whose_worker_died_makes_room() -> None:
    fail(5)
    begun = NOW + timedelta(seconds=30)
    assert admit(begun) == "let through"

    assert admit(begun + timedelta(seconds=239)) != "let through"
    assert admit(begun + timedelta(seconds=240)) == "let through"


@pytest.mark.django_db
def test_reset_forgets_all_of_it() -> None:
    fail(5)
    fail(1, NotAccepted(Code.RATE_LIMITED, retry_after_seconds=200))

    health.reset("aimlapi")

    assert health.standing(facts(), NOW).state == "closed"
    assert (row().failures, row().open_seconds) == (0, 0)


@pytest.mark.django_db
def test_seconds_follow_recent_calls() -> None:
    for seconds in (10, 10, 20):
        health.succeeded("aimlapi", seconds=seconds, now=NOW)

    assert row().seconds_mean == pytest.approx(12)


@pytest.mark.django_db
def test_one_that_was_deleted_meanwhile_is_no_error() -> None:
    Provider.objects.all().delete()

    fail()
    health.succeeded("aimlapi", seconds=1, now=NOW)

    assert not ProviderHealth.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_probes() -> None:
    fail(5)
    later = NOW + timedelta(seconds=30)

    told = at_once(lambda _: admit(later))

    assert told == {"let through": 1, "Another call is trying whether it works again.": THREADS - 1}


@pytest.mark.django_db(transaction=True)
def test_eight_failures_at_once_open_it_once() -> None:
    def fails(_: int) -> str:
        fail()
        return "told"

    assert at_once(fails) == {"told": THREADS}
    assert (row().failures, row().open_until) == (THREADS, NOW + timedelta(seconds=30))


# Rests


@pytest.mark.django_db
@pytest.mark.parametrize(("hint", "seconds"), [(42.0, 42), (None, 5), (0.0, 0)])
def test_a_rest_it_asks_for_holds_for_all(hint: float | None, seconds: int) -> None:
    fail(1, NotAccepted(Code.RATE_LIMITED, retry_after_seconds=hint))

    until = NOW + timedelta(seconds=seconds)
    if seconds:
        assert health.standing(facts(), NOW).again_at == until
        assert admit(until - timedelta(milliseconds=1)) == "It asked for a pause."
    assert admit(until) == "let through"
    assert row().failures == 0


@pytest.mark.django_db
def test_a_shorter_hint_does_not_end_a_longer_rest() -> None:
    fail(1, NotAccepted(Code.RATE_LIMITED, retry_after_seconds=60))
    fail(1, NotAccepted(Code.RATE_LIMITED, retry_after_seconds=1))

    assert row().resting_until == NOW + timedelta(seconds=60)


@pytest.mark.django_db
def test_nobody_answers_when_all_who_are_set_up_are_paused() -> None:
    Provider.objects.create(name="b", title="B", format="aiml", sealed_key=sealing.seal("k"))
    Provider.objects.create(name="off", title="Off", format="aiml", enabled=False)
    fail(5)
    assert not health.nobody_answers(catalog.load().providers.values(), NOW)

    health.failed("b", NotAccepted(Code.RATE_LIMITED, retry_after_seconds=9), now=NOW)

    assert health.nobody_answers(catalog.load().providers.values(), NOW)
    assert not health.nobody_answers(catalog.load().providers.values(), NOW + timedelta(minutes=1))


# Limits


def running(count: int) -> list[Generation]:
    user = factories.person(credits=10_000)
    made = [factories.generation(user) for _ in range(count)]
    claims.take(limit=count, now=timezone.now())
    return made


@pytest.mark.django_db
def test_calls_at_once_are_counted_while_they_are_under_way() -> None:
    Provider.objects.update(concurrency_max=2)
    first, second = running(2)
    now = timezone.now()
    ended = attempt(first, at=now, status=Attempt.Status.SENDING, seconds=None)
    attempt(second, at=now, status=Attempt.Status.ACCEPTED, seconds=None)

    assert admit(now) == "It is making 2 already, as many as it may."

    Attempt.objects.filter(pk=ended.pk).update(status=Attempt.Status.ANSWERED)
    assert admit(now) == "let through"


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"leased_until": NOW - timedelta(minutes=2)}, {"status": "queued"}])
def test_a_call_whose_worker_died_holds_no_place(change: dict[str, Any]) -> None:
    Provider.objects.update(concurrency_max=1)
    (generation,) = running(1)
    attempt(generation, at=timezone.now(), status=Attempt.Status.SENDING, seconds=None)

    Generation.objects.filter(pk=generation.pk).update(**change)

    assert admit(timezone.now()) == "let through"


@pytest.mark.django_db
def test_calls_a_minute_are_counted_whatever_became_of_them() -> None:
    Provider.objects.update(per_minute_max=2)
    generation = factories.generation()
    attempt(generation, at=NOW - timedelta(seconds=61))
    attempt(generation, at=NOW - timedelta(seconds=50))
    assert admit() == "let through"
    attempt(generation, at=NOW - timedelta(seconds=1), status=Attempt.Status.NOT_ACCEPTED)

    with pytest.raises(health.NotNow) as refused, transaction.atomic():
        health.admit(facts(), now=NOW)

    assert refused.value.again_at == NOW + timedelta(seconds=10)
    assert admit(NOW + timedelta(seconds=10)) == "let through"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", ["concurrency_max", "per_minute_max"])
def test_a_limit_is_exact_when_eight_begin_at_once(limit: str) -> None:
    user = factories.person(credits=10_000)
    for _ in range(THREADS):
        factories.generation(user)
    taken = claims.take(limit=THREADS, now=timezone.now())
    assert len(taken) == THREADS
    Provider.objects.update(**{limit: 3})

    def begin(number: int) -> str:
        try:
            factories.begin(taken[number])
        except health.NotNow:
            return "not now"
        return "begun"

    assert at_once(begin) == {"begun": 3, "not now": THREADS - 3}
    assert Attempt.objects.count() == 3
