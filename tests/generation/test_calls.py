"""A claim's calls: which may begin, what is kept of their answers, and that many do so at once."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.models import Membership, Team
from generation import calls, catalog, claims, health, submission
from generation.calls import Answered, Beginning, CancelRequested, OutcomeLost, Sending
from generation.claimed import Fenced
from generation.claims import Claim
from generation.models import Attempt, Generation, Provider
from generation.progress import Reason
from tests import factories
from tests.generation.stepping import row

pytestmark = pytest.mark.django_db
Status = Generation.Status
REASON = Reason("some_code", "A sentence.")


def test_nothing_is_sent_while_an_earlier_call_is_unaccounted_for(claim):
    factories.begin(claim)
    (second,) = claims.take(limit=1, now=timezone.now() + 2 * claims.lease())

    with pytest.raises(OutcomeLost):
        factories.begin(second)


def test_an_attempt_says_whose_it_is_and_of_what():
    mara = factories.person()
    nord = Team.objects.create(name="Studio Nord")
    Membership.objects.create(user=mara, team=nord)
    asked = factories.generation(mara)
    (taken,) = claims.take(limit=1, now=timezone.now())

    attempt = factories.begin(taken)

    assert (attempt.account_id, attempt.team_id) == (mara.credit_account.pk, nord.pk)
    assert attempt.model == asked.model


def test_attempts_of_before_learn_whose_they_are(claim):
    begun = factories.begin(claim)
    Attempt.objects.update(account=None, model="")
    migration = import_module("generation.migrations.0004_attempts_know_their_account")

    migration.fill(apps, SimpleNamespace(connection=connection))

    attempt = Attempt.objects.get()
    assert (attempt.account_id, attempt.team_id, attempt.model) == (begun.account_id, None, begun.model)
    assert attempt.account_id == row(claim).hold.account_id


def test_it_may_be_sent_again_when_it_was_not_accepted(claim):
    attempt = factories.begin(claim)
    calls.end_attempt(claim, attempt, Attempt.Status.NOT_ACCEPTED, REASON, now=timezone.now())
    (second,) = claims.take(limit=1, now=timezone.now() + 2 * claims.lease())

    assert factories.begin(second).number == 2


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
    factories.begin(claim)
    factories.generation()
    (stopped,) = claims.take(limit=1, now=timezone.now())
    Generation.objects.filter(pk=stopped.generation_id).update(cancel_requested_at=timezone.now())
    factories.generation()
    (taken_over,) = claims.take(limit=1, now=timezone.now())
    Generation.objects.filter(pk=taken_over.generation_id).update(attempts_made=F("attempts_made") + 1)
    factories.generation()
    (open_,) = claims.take(limit=1, now=timezone.now())

    asked = [beginning(one) for one in (stopped, claim, open_, taken_over)]
    answers = calls.begin(asked, now=timezone.now())

    assert [type(answer) for answer in answers] == [CancelRequested, OutcomeLost, Attempt, Fenced]
    (begun,) = Attempt.objects.exclude(generation=claim.generation_id)
    assert begun == answers[2]
    assert begun.generation_id == open_.generation_id


def test_calls_that_begin_together_keep_to_the_limits_of_their_provider():
    Provider.objects.update(concurrency_max=2)
    for _ in range(3):
        factories.generation()
    asked = [beginning(one) for one in claims.take(limit=3, now=timezone.now())]

    answers = calls.begin(asked, now=timezone.now())

    assert [type(answer) for answer in answers] == [Attempt, Attempt, health.NotNow]
    assert Attempt.objects.count() == 2


@pytest.mark.needs_postgres
def test_calls_begin_by_two_messages_however_many(django_assert_num_queries):
    for _ in range(5):
        factories.generation()
    asked = [beginning(one) for one in claims.take(limit=5, now=timezone.now())]

    # And the two of a transaction within the test's own.
    with django_assert_num_queries(2 + 2):
        answers = calls.begin(asked, now=timezone.now())

    assert [answer.pk for answer in answers] == list(Attempt.objects.values_list("pk", flat=True))


def test_of_answers_that_come_together_each_is_kept_by_its_own_claim(claim):
    lost = factories.begin(claim)
    claims.take(limit=1, now=timezone.now() + 2 * claims.lease())
    factories.generation(count=2)
    (second,) = claims.take(limit=1, now=timezone.now())
    first_of_two, second_of_two = (factories.begin(second, positions=(place,)) for place in (1, 2))
    pairs = [(second, second_of_two), (claim, lost), (second, first_of_two)]

    told = calls.answered(
        [Answered(whose, attempt, [{"url": f"https://cdn.test/{attempt.pk}"}]) for whose, attempt in pairs],
        now=timezone.now(),
    )

    assert [type(fenced) for fenced in told] == [type(None), Fenced, type(None)]
    kept = Attempt.objects.filter(status="answered").values_list("pk", "answer")
    assert dict(kept) == {
        attempt.pk: [{"url": f"https://cdn.test/{attempt.pk}"}] for attempt in (first_of_two, second_of_two)
    }
    assert (lost.status, lost.answer) == ("sending", [])
