"""What an end with pictures writes, once and by whose claim it is."""

import pytest
from django.utils import timezone

from gallery import ingest
from generation import claims, execution, outputs
from generation.claimed import Fenced
from generation.models import Generation
from generation.outputs import Delivered
from generation.progress import Reason
from tests import factories
from tests.generation.stepping import answered, finish, row, stored

pytestmark = pytest.mark.django_db
Status = Generation.Status
REASON = Reason("some_code", "A sentence.")


def test_a_late_finish_changes_no_credits(claim):
    attempt = factories.begin(claim)
    answered(claim, attempt)
    claims.take(limit=1, now=timezone.now() + 2 * claims.lease())

    with pytest.raises(Fenced):
        finish(claim, [Delivered(1, attempt, stored())])

    assert row(claim).hold.is_open
    assert row(claim).outputs.count() == 0


def test_what_another_has_delivered_is_not_delivered_again(claim):
    attempt = factories.begin(claim)
    answered(claim, attempt)
    (second,) = claims.take(limit=1, now=timezone.now() + 2 * claims.lease())
    finish(second, [Delivered(1, attempt, stored())])

    with pytest.raises(Fenced):
        finish(claim, [Delivered(1, attempt, stored())])

    done = row(claim)
    assert (done.status, done.credits_captured) == (Status.SUCCEEDED, 2)
    assert done.outputs.count() == 1


def test_finishing_pays_for_what_was_delivered(claim):
    attempt = factories.begin(claim)
    answered(claim, attempt)

    finish(claim, [Delivered(1, attempt, stored())])

    done = row(claim)
    assert (done.status, done.credits_captured) == (Status.SUCCEEDED, 2)
    assert done.outputs.get().image.prompt == done.prompt


def test_two_pictures_that_are_the_same_are_two_images_of_one_original():
    factories.generation(count=2)
    (claim,) = claims.take(limit=1, now=timezone.now())
    attempt = factories.begin(claim)
    answered(claim, attempt)
    same = stored()

    finish(claim, [Delivered(place, attempt, same) for place in (2, 1)])

    done = row(claim)
    places = list(done.outputs.order_by("position").select_related("image__original"))
    assert (done.status, done.credits_captured) == (Status.SUCCEEDED, 4)
    assert [output.position for output in places] == [1, 2]
    assert places[0].image_id != places[1].image_id
    assert {output.image.original.sha256 for output in places} == {same.sha256}
    assert places[0].image.original.renditions.count() == len(same.renditions)


@pytest.mark.needs_postgres
def test_delivering_takes_two_messages_however_many_pictures(django_assert_num_queries):
    factories.generation()
    (first,) = claims.take(limit=1, now=timezone.now())
    # What a process reads once is read by then.
    finish(first, [Delivered(1, factories.begin(first), stored())])
    factories.generation(count=4)
    (claim,) = claims.take(limit=1, now=timezone.now())
    attempt = factories.begin(claim)
    answered(claim, attempt)
    brought = [
        ingest.store(factories.picture(seed=seed), keep_bytes=True, max_bytes=10**7) for seed in range(4)
    ]
    delivered = [Delivered(place, attempt, one) for place, one in enumerate(brought, start=1)]

    loaded = execution.load([claim])[claim]

    # And the two of a transaction within the test's own.
    with django_assert_num_queries(2 + 2):
        outputs.finish(claim, loaded, delivered, short=None, now=timezone.now())

    assert row(claim).outputs.count() == 4
