"""What each step of an attempt promises, and who may take it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import ledger
from generation import calls, claims, execution, recovery, submission
from generation.claimed import Fenced
from generation.claims import Claim
from generation.models import Attempt, Generation
from generation.outputs import Delivered
from generation.progress import Reason
from tests import factories
from tests.generation.stepping import answered, finish, row, stored

pytestmark = pytest.mark.django_db
Status = Generation.Status
REASON = Reason("some_code", "A sentence.")


@pytest.fixture
def lost(claim: Claim) -> Claim:
    """A claim whose lease ran out and that another worker has taken over."""
    claims.take(limit=1, now=timezone.now() + 2 * claims.lease())
    return claim


def test_a_lost_claim_may_do_nothing(lost):
    now = timezone.now()
    steps = [
        lambda: factories.begin(lost),
        lambda: finish(lost, [Delivered(1, Attempt(), stored())]),
        lambda: execution.fail(lost, REASON, now=now),
        lambda: execution.stop(lost, now=now),
        lambda: execution.postpone(lost, wake_at=now, reason=REASON),
        lambda: calls.accepted(lost, Attempt(), vendor_id="v"),
        lambda: answered(lost, Attempt()),
    ]
    assert execution.load([lost]) == {}
    for step in steps:
        with pytest.raises(Fenced):
            step()
    assert row(lost).status == Status.RUNNING


def test_cancelling_what_waits_gives_the_credits_back():
    generation = factories.generation()

    done = submission.cancel(generation=generation, now=timezone.now())

    assert done.status == Status.CANCELED
    assert ledger.available(generation.user) == 1_000


def test_cancelling_what_was_sent_only_notes_it(claim):
    factories.begin(claim)

    noted = submission.cancel(generation=row(claim), now=timezone.now())

    assert (noted.status, noted.hold.is_open) == (Status.RUNNING, True)
    assert noted.cancel_requested_at is not None


def test_cancelling_what_has_ended_is_refused(claim):
    execution.fail(claim, REASON, now=timezone.now())

    with pytest.raises(submission.CannotCancel):
        submission.cancel(generation=row(claim), now=timezone.now())


def test_the_sweep_ends_what_is_past_its_deadline(claim):
    factories.begin(claim)
    done = row(claim)

    recovery.sweep(now=done.deadline_at + timedelta(seconds=claims.lease().seconds + 1))

    done = row(claim)
    assert (done.status, done.error_code) == (Status.FAILED, "deadline_passed")
    assert done.attempts.get().status == Attempt.Status.OUTCOME_UNKNOWN
    assert ledger.available(done.user) == 1_000


def test_the_sweep_leaves_what_is_being_served(claim):
    swept = recovery.sweep(now=timezone.now())

    assert swept.reaped == 0
    assert row(claim).status == Status.RUNNING


def test_the_sweep_ends_what_was_tried_too_often(claim):
    Generation.objects.filter(pk=claim.generation_id).update(claims_lost=claims.CLAIMS_LOST_MAX)

    recovery.sweep(now=timezone.now() + 2 * claims.lease())

    assert row(claim).error_code == "attempts_used_up"


def test_a_reaped_generation_takes_no_late_result(claim):
    attempt = factories.begin(claim)
    recovery.sweep(now=row(claim).deadline_at + claims.lease())

    with pytest.raises(Fenced):
        answered(claim, attempt)
