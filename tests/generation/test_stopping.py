"""Cancelling: what it costs is said before, and is what it costs."""

from typing import Any

import pytest
from django.utils import timezone

from accounts import ledger
from accounts.models import Event, User
from gallery import ingest
from generation import calls, claimed, claims, execution, stopping, submission
from generation.models import Attempt, Generation
from generation.progress import Reason
from tests import factories

pytestmark = pytest.mark.django_db
REASON = Reason("provider_error", "The image provider had a problem.")


@pytest.fixture
def user() -> User:
    return factories.person()


@pytest.fixture
def generation(user: User) -> Generation:
    return factories.generation(user, count=4)


def now_of(generation: Generation) -> Generation:
    return Generation.objects.with_parts().get(pk=generation.pk)


def terms(generation: Generation) -> tuple[str, int]:
    found = stopping.terms(now_of(generation))
    return found.code, found.credits_max


def claim(generation: Generation) -> claims.Claim:
    (taken,) = claims.take(limit=1, now=timezone.now())
    assert taken.generation_id == generation.pk
    return taken


def stage(number: int) -> dict[str, str]:
    name = f"staging/test/{number}"
    ingest.stage(factories.picture(seed=number), name)
    return {"staged": name}


def answer(taken: claims.Claim, attempt: Attempt, pictures: int) -> None:
    factories.answered(taken, attempt, [stage(number) for number in range(pictures)], vendor_id="v-1")


def end(taken: claims.Claim, attempt: Attempt, status: Attempt.Status) -> None:
    calls.end_attempt(taken, attempt, status, REASON, now=timezone.now())


def cancel(generation: Generation, **options: Any) -> Generation:
    return submission.cancel(generation=generation, now=timezone.now(), **options)


def test_what_waits_is_free_to_cancel(generation: Generation) -> None:
    assert terms(generation) == (stopping.FREE, 0)


def test_what_is_claimed_and_not_sent_is_free_and_ends_at_once(user: User, generation: Generation) -> None:
    taken = claim(generation)
    assert terms(generation) == (stopping.FREE, 0)

    done = cancel(generation)

    assert (done.status, done.hold.released, done.leased_until) == ("canceled", 8, None)
    assert ledger.available(user) == 1_000
    assert done.attempts_made == taken.attempt + 1


def test_a_worker_that_had_claimed_it_can_send_nothing_any_more(generation: Generation) -> None:
    taken = claim(generation)
    cancel(generation)

    with pytest.raises(claimed.Fenced):
        factories.begin(taken)
    with pytest.raises(claimed.Fenced):
        execution.fail(taken, REASON, now=timezone.now())
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("status", ["not_accepted", "refused", "broken_promise", "outcome_unknown"])
def test_what_can_bring_nothing_any_more_is_free(generation: Generation, status: str) -> None:
    taken = claim(generation)
    end(taken, factories.begin(taken), Attempt.Status(status))

    assert terms(generation) == (stopping.FREE, 0)
    assert cancel(generation).status == "canceled"


def test_what_was_sent_may_cost_what_it_was_sent_for(generation: Generation) -> None:
    taken = claim(generation)
    factories.begin(taken, positions=(1, 2, 3))

    assert terms(generation) == (stopping.ARRIVING, 6)
    assert "up to 6 credits" in stopping.terms(now_of(generation)).sentence


def test_a_call_that_was_taken_is_as_one_that_was_sent(generation: Generation) -> None:
    taken = claim(generation)
    calls.accepted(taken, factories.begin(taken), vendor_id="v-1")

    assert terms(generation) == (stopping.ARRIVING, 8)


def test_what_has_arrived_is_counted_with_what_is_on_its_way(generation: Generation) -> None:
    taken = claim(generation)
    answer(taken, factories.begin(taken, positions=(1,)), 1)
    factories.begin(taken, positions=(2, 3))

    found = stopping.terms(now_of(generation))

    assert (found.code, found.credits_max) == (stopping.ARRIVING, 6)
    assert "what has arrived and what still arrives" in found.sentence


def test_what_has_arrived_is_charged_and_the_rest_not_asked_for(generation: Generation) -> None:
    taken = claim(generation)
    answer(taken, factories.begin(taken, positions=(1, 2)), 2)
    end(taken, factories.begin(taken, positions=(3, 4)), Attempt.Status.NOT_ACCEPTED)

    found = stopping.terms(now_of(generation))

    assert (found.code, found.credits_max, found.possible) == (stopping.ARRIVED, 4, True)
    assert "2 images have arrived" in found.sentence
    assert cancel(generation).status == "running"


def test_there_is_nothing_to_cancel_once_all_has_arrived(generation: Generation) -> None:
    taken = claim(generation)
    answer(taken, factories.begin(taken), 4)

    assert not stopping.terms(now_of(generation)).possible


def test_what_is_being_stopped_says_what_it_may_still_cost(generation: Generation) -> None:
    taken = claim(generation)
    factories.begin(taken)
    cancel(generation)

    found = stopping.terms(now_of(generation))

    assert (found.code, found.credits_max, found.possible) == (stopping.STOPPING, 8, False)


def test_cancelling_twice_changes_nothing_the_second_time(generation: Generation) -> None:
    factories.begin(claim(generation))
    first = cancel(generation)
    heard = Event.objects.count()

    second = cancel(generation)

    assert second.cancel_requested_at == first.cancel_requested_at
    assert Event.objects.count() == heard


def test_it_is_not_cancelled_for_more_than_was_said(generation: Generation) -> None:
    factories.begin(claim(generation))

    with pytest.raises(stopping.TermsChanged) as refusal:
        cancel(generation, expected_credits_max=0)

    assert (refusal.value.expected, refusal.value.quoted) == (0, 8)
    assert "can cost 8 credits by now, not 0" in str(refusal.value)
    assert now_of(generation).cancel_requested_at is None


def test_it_is_cancelled_for_less_than_was_said(generation: Generation) -> None:
    assert cancel(generation, expected_credits_max=8).status == "canceled"


def test_an_ended_one_has_nothing_to_cancel(generation: Generation) -> None:
    execution.fail(claim(generation), REASON, now=timezone.now())

    assert terms(generation) == (stopping.FINISHED, 0)
    with pytest.raises(submission.CannotCancel):
        cancel(generation, expected_credits_max=0)


def test_one_that_was_tried_before_says_no_old_reason_when_it_is_cancelled(generation: Generation) -> None:
    taken = claim(generation)
    end(taken, factories.begin(taken), Attempt.Status.NOT_ACCEPTED)
    execution.postpone(taken, wake_at=timezone.now(), reason=REASON)

    done = cancel(generation)

    assert (done.status, done.error_code, done.wake_at) == ("canceled", "", None)


def test_the_beginning_of_a_call_is_heard_of(generation: Generation) -> None:
    taken = claim(generation)
    heard = Event.objects.filter(kind=Event.Kind.GENERATION).count()

    factories.begin(taken)

    assert Event.objects.filter(kind=Event.Kind.GENERATION).count() == heard + 1
