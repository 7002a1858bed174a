"""What each step of an attempt promises, and who may take it."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts import ledger
from accounts.models import Membership, Team
from gallery import ingest
from generation import catalog, claims, execution, health, recovery, submission
from generation.claims import Claim
from generation.execution import Answered, Beginning, CancelRequested, Delivered, Fenced, OutcomeLost, Sending
from generation.models import Attempt, Generation, Provider
from generation.progress import Reason
from tests import factories

pytestmark = pytest.mark.django_db
Status = Generation.Status
REASON = Reason("some_code", "A sentence.")


@pytest.fixture
def claim() -> Claim:
    factories.generation()
    (taken,) = claims.take(limit=1, now=timezone.now())
    return taken


@pytest.fixture
def lost(claim: Claim) -> Claim:
    """A claim whose lease ran out and that another worker has taken over."""
    claims.take(limit=1, now=timezone.now() + 2 * claims.lease())
    return claim


def row(claim: Claim) -> Generation:
    return Generation.objects.select_related("hold").get(pk=claim.generation_id)


def begin(claim: Claim) -> Attempt:
    return factories.begin(claim)


def finish(claim: Claim, delivered: list[Delivered]) -> None:
    execution.finish(claim, row(claim), delivered, short=None, now=timezone.now())


def stored() -> ingest.Stored:
    return ingest.store(factories.picture(), keep_bytes=True, max_bytes=10**7)


def answered(claim: Claim, attempt: Attempt) -> None:
    answer = [{"url": "https://cdn.example.test/1.png"}]
    factories.answered(claim, attempt, answer, vendor_id="v1", vendor_credits=84_000)


def test_a_lost_claim_may_do_nothing(lost):
    now = timezone.now()
    steps = [
        lambda: begin(lost),
        lambda: finish(lost, [Delivered(1, Attempt(), stored())]),
        lambda: execution.fail(lost, REASON, now=now),
        lambda: execution.stop(lost, now=now),
        lambda: execution.postpone(lost, wake_at=now, reason=REASON),
        lambda: execution.accepted(lost, Attempt(), vendor_id="v"),
        lambda: answered(lost, Attempt()),
    ]
    assert execution.load([lost]) == {}
    for step in steps:
        with pytest.raises(Fenced):
            step()
    assert row(lost).status == Status.RUNNING


def test_a_late_finish_changes_no_credits(claim):
    attempt = begin(claim)
    answered(claim, attempt)
    claims.take(limit=1, now=timezone.now() + 2 * claims.lease())

    with pytest.raises(Fenced):
        finish(claim, [Delivered(1, attempt, stored())])

    assert row(claim).hold.is_open
    assert row(claim).outputs.count() == 0


def test_what_another_has_delivered_is_not_delivered_again(claim):
    attempt = begin(claim)
    answered(claim, attempt)
    (second,) = claims.take(limit=1, now=timezone.now() + 2 * claims.lease())
    finish(second, [Delivered(1, attempt, stored())])

    with pytest.raises(Fenced):
        finish(claim, [Delivered(1, attempt, stored())])

    done = row(claim)
    assert (done.status, done.credits_captured) == (Status.SUCCEEDED, 2)
    assert done.outputs.count() == 1


def test_nothing_is_sent_while_an_earlier_call_is_unaccounted_for(claim):
    begin(claim)
    (second,) = claims.take(limit=1, now=timezone.now() + 2 * claims.lease())

    with pytest.raises(OutcomeLost):
        begin(second)


def test_an_attempt_says_whose_it_is_and_of_what():
    mara = factories.person()
    nord = Team.objects.create(name="Studio Nord")
    Membership.objects.create(user=mara, team=nord)
    asked = factories.generation(mara)
    (taken,) = claims.take(limit=1, now=timezone.now())

    attempt = begin(taken)

    assert (attempt.account_id, attempt.team_id) == (mara.credit_account.pk, nord.pk)
    assert attempt.model == asked.model


def test_attempts_of_before_learn_whose_they_are(claim):
    begun = begin(claim)
    Attempt.objects.update(account=None, model="")
    migration = import_module("generation.migrations.0004_attempts_know_their_account")

    migration.fill(apps, SimpleNamespace(connection=connection))

    attempt = Attempt.objects.get()
    assert (attempt.account_id, attempt.team_id, attempt.model) == (begun.account_id, None, begun.model)
    assert attempt.account_id == row(claim).hold.account_id


def test_it_may_be_sent_again_when_it_was_not_accepted(claim):
    attempt = begin(claim)
    execution.end_attempt(claim, attempt, Attempt.Status.NOT_ACCEPTED, REASON, now=timezone.now())
    (second,) = claims.take(limit=1, now=timezone.now() + 2 * claims.lease())

    assert begin(second).number == 2


def test_nothing_more_is_sent_once_it_was_cancelled():
    generation = factories.generation(count=2)
    (claim,) = claims.take(limit=1, now=timezone.now())
    factories.begin(claim, positions=(1,))
    submission.cancel(generation=generation, now=timezone.now())

    with pytest.raises(CancelRequested):
        factories.begin(claim, positions=(2,))


def beginning(claim: Claim) -> Beginning:
    generation = row(claim)
    offer = catalog.load().find(generation.model).offers["aimlapi"]
    return Beginning(claim, generation, Sending(offer, (1,)))


def test_of_calls_that_begin_together_each_is_told_of_its_own(claim):
    begin(claim)
    factories.generation()
    (stopped,) = claims.take(limit=1, now=timezone.now())
    Generation.objects.filter(pk=stopped.generation_id).update(cancel_requested_at=timezone.now())
    factories.generation()
    (taken_over,) = claims.take(limit=1, now=timezone.now())
    Generation.objects.filter(pk=taken_over.generation_id).update(attempts_made=F("attempts_made") + 1)
    factories.generation()
    (open_,) = claims.take(limit=1, now=timezone.now())

    asked = [beginning(one) for one in (stopped, claim, open_, taken_over)]
    answers = execution.begin(asked, now=timezone.now())

    assert [type(answer) for answer in answers] == [CancelRequested, OutcomeLost, Attempt, Fenced]
    (begun,) = Attempt.objects.exclude(generation=claim.generation_id)
    assert begun == answers[2]
    assert begun.generation_id == open_.generation_id


def test_calls_that_begin_together_keep_to_the_limits_of_their_provider():
    Provider.objects.update(concurrency_max=2)
    for _ in range(3):
        factories.generation()
    asked = [beginning(one) for one in claims.take(limit=3, now=timezone.now())]

    answers = execution.begin(asked, now=timezone.now())

    assert [type(answer) for answer in answers] == [Attempt, Attempt, health.NotNow]
    assert Attempt.objects.count() == 2


@pytest.mark.needs_postgres
def test_calls_begin_by_two_messages_however_many(django_assert_num_queries):
    for _ in range(5):
        factories.generation()
    asked = [beginning(one) for one in claims.take(limit=5, now=timezone.now())]

    # And the two of a transaction within the test's own.
    with django_assert_num_queries(2 + 2):
        answers = execution.begin(asked, now=timezone.now())

    assert [answer.pk for answer in answers] == list(Attempt.objects.values_list("pk", flat=True))


def test_of_answers_that_come_together_each_is_kept_by_its_own_claim(claim):
    lost = begin(claim)
    claims.take(limit=1, now=timezone.now() + 2 * claims.lease())
    factories.generation(count=2)
    (second,) = claims.take(limit=1, now=timezone.now())
    first_of_two, second_of_two = (factories.begin(second, positions=(place,)) for place in (1, 2))
    calls = [(second, second_of_two), (claim, lost), (second, first_of_two)]

    told = execution.answered(
        [Answered(whose, attempt, [{"url": f"https://cdn.test/{attempt.pk}"}]) for whose, attempt in calls],
        now=timezone.now(),
    )

    assert [type(fenced) for fenced in told] == [type(None), Fenced, type(None)]
    kept = Attempt.objects.filter(status="answered").values_list("pk", "answer")
    assert dict(kept) == {
        attempt.pk: [{"url": f"https://cdn.test/{attempt.pk}"}] for attempt in (first_of_two, second_of_two)
    }
    assert (lost.status, lost.answer) == ("sending", [])


def test_cancelling_what_waits_gives_the_credits_back():
    generation = factories.generation()

    done = submission.cancel(generation=generation, now=timezone.now())

    assert done.status == Status.CANCELED
    assert ledger.available(generation.user) == 1_000


def test_cancelling_what_was_sent_only_notes_it(claim):
    begin(claim)

    noted = submission.cancel(generation=row(claim), now=timezone.now())

    assert (noted.status, noted.hold.is_open) == (Status.RUNNING, True)
    assert noted.cancel_requested_at is not None


def test_cancelling_what_has_ended_is_refused(claim):
    execution.fail(claim, REASON, now=timezone.now())

    with pytest.raises(submission.CannotCancel):
        submission.cancel(generation=row(claim), now=timezone.now())


def test_finishing_pays_for_what_was_delivered(claim):
    attempt = begin(claim)
    answered(claim, attempt)

    finish(claim, [Delivered(1, attempt, stored())])

    done = row(claim)
    assert (done.status, done.credits_captured) == (Status.SUCCEEDED, 2)
    assert done.outputs.get().image.prompt == done.prompt


def test_two_pictures_that_are_the_same_are_two_images_of_one_original():
    factories.generation(count=2)
    (claim,) = claims.take(limit=1, now=timezone.now())
    attempt = begin(claim)
    answered(claim, attempt)
    same = stored()

    finish(claim, [Delivered(place, attempt, same) for place in (2, 1)])

    done = row(claim)
    outputs = list(done.outputs.order_by("position").select_related("image__original"))
    assert (done.status, done.credits_captured) == (Status.SUCCEEDED, 4)
    assert [output.position for output in outputs] == [1, 2]
    assert outputs[0].image_id != outputs[1].image_id
    assert {output.image.original.sha256 for output in outputs} == {same.sha256}
    assert outputs[0].image.original.renditions.count() == len(same.renditions)


@pytest.mark.needs_postgres
def test_delivering_takes_two_messages_however_many_pictures(django_assert_num_queries):
    factories.generation()
    (first,) = claims.take(limit=1, now=timezone.now())
    # What a process reads once is read by then.
    finish(first, [Delivered(1, begin(first), stored())])
    factories.generation(count=4)
    (claim,) = claims.take(limit=1, now=timezone.now())
    attempt = begin(claim)
    answered(claim, attempt)
    brought = [
        ingest.store(factories.picture(seed=seed), keep_bytes=True, max_bytes=10**7) for seed in range(4)
    ]
    delivered = [Delivered(place, attempt, one) for place, one in enumerate(brought, start=1)]

    loaded = execution.load([claim])[claim]

    # And the two of a transaction within the test's own.
    with django_assert_num_queries(2 + 2):
        execution.finish(claim, loaded, delivered, short=None, now=timezone.now())

    assert row(claim).outputs.count() == 4


def test_the_sweep_ends_what_is_past_its_deadline(claim):
    begin(claim)
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
    attempt = begin(claim)
    recovery.sweep(now=row(claim).deadline_at + claims.lease())

    with pytest.raises(Fenced):
        answered(claim, attempt)
