"""The receipt tells what the rows say, in the order in which it came about."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import keys, ledger
from accounts.models import User
from generation import calls, claims, execution, receipts, submission
from generation.models import Attempt, Generation
from generation.progress import Reason
from tests import factories
from tests.api import rows

pytestmark = pytest.mark.django_db


def receipt_of(generation: Generation, *, with_costs: bool = False) -> receipts.Receipt:
    found = receipts.with_facts(Generation.objects.all()).get(pk=generation.pk)
    return receipts.receipt(found, with_costs=with_costs)


def kinds(generation: Generation) -> list[str]:
    return [step.kind for step in receipt_of(generation).timeline]


def texts(generation: Generation) -> list[str]:
    return [step.text for step in receipt_of(generation).timeline]


def refund(generation: Generation, amount: int, *, by: User | None = None, key: str = "1") -> None:
    ledger.refund(hold=generation.hold, amount=amount, key=key, reason="blurred", by=by)


def test_a_delivered_generation_goes_from_quote_to_files() -> None:
    done = rows.finished(factories.person(), count=2)

    assert kinds(done) == ["quoted", "held", "sent", "ended", "stored", "charged"]
    assert texts(done)[0] == "Quoted 2 images at 2 credits each."
    assert texts(done)[-1] == "4 credits charged for 2 images."


def test_the_files_are_named_by_their_content_with_their_copies() -> None:
    done = rows.finished(factories.person())
    original = done.outputs.get().image.original

    (file,) = receipt_of(done).files

    assert (file.sha256, file.size_bytes) == (original.sha256, original.size_bytes)
    assert len(file.renditions) == original.renditions.count()


def test_what_was_not_made_is_said_to_be_given_back() -> None:
    part = rows.finished(factories.person(), count=4, pictures=3)

    found = receipt_of(part)

    assert (found.quoted, found.captured, found.released, found.charged) == (8, 6, 2, 6)
    assert found.timeline[-1].text == "2 credits on hold given back for what wasn't made."


def test_a_failure_says_that_nothing_was_charged() -> None:
    generation = factories.generation()
    rows.fail(generation)

    found = receipt_of(generation)

    assert [step.kind for step in found.timeline] == ["quoted", "held", "released"]
    assert found.timeline[-1].text == "2 credits given back. Nothing was charged."
    assert found.charged == 0


def test_each_refund_names_who_gave_it_and_why() -> None:
    done = rows.finished(factories.person(), count=2)
    refund(done, 1, by=factories.person(name="Jonas Berg"))
    refund(done, 2, key="2")

    found = receipt_of(done)

    assert [step.text for step in found.timeline if step.kind == "refunded"] == [
        "1 credit refunded by Jonas Berg: blurred",
        "2 credits refunded: blurred",
    ]
    assert (found.refunded, found.charged) == (3, 1)


def test_what_moved_adds_up_to_what_was_charged() -> None:
    done = rows.finished(factories.person(), count=4, pictures=3)
    refund(done, 2)

    found = receipt_of(done)

    assert -sum(step.credits or 0 for step in found.timeline) == found.charged == 4


def test_every_attempt_is_there_with_its_outcome() -> None:
    generation = factories.generation()
    now = timezone.now()
    (claim,) = claims.take(limit=1, now=now)
    first = factories.begin(claim)
    busy = Reason("rate_limited", "It has too much to do.")
    calls.end_attempt(claim, first, Attempt.Status.NOT_ACCEPTED, busy, now=now)
    execution.postpone(claim, wake_at=now, reason=busy)
    rows.finish(generation)

    found = receipt_of(generation)

    assert [facts.status for facts in found.attempts] == ["not_accepted", "delivered"]
    said = [step.text for step in found.timeline if step.kind in ("sent", "ended")]
    assert said == [
        "Sent to AI/ML API.",
        "AI/ML API did not take it, so it could safely be sent again. It has too much to do.",
        "Sent to AI/ML API once more.",
        "What AI/ML API made was fetched, checked and stored.",
    ]


def attempt_with_cost() -> Generation:
    done = rows.finished(factories.person())
    done.attempts.update(
        vendor_cost_usd=Decimal("0.039"), vendor_id="vendor-7", vendor_text="busy", vendor_credits=5
    )
    return done


def test_the_vendors_cost_and_words_are_for_admins() -> None:
    done = attempt_with_cost()

    mine, theirs = receipt_of(done), receipt_of(done, with_costs=True)

    assert (mine.vendor_cost_usd, mine.attempts[0].cost_usd, mine.attempts[0].vendor_text) == (None, None, "")
    assert theirs.vendor_cost_usd == theirs.attempts[0].cost_usd == Decimal("0.039")
    assert mine.attempts[0].vendor_id == "vendor-7"


def test_a_cancelled_one_says_when() -> None:
    generation = factories.generation()
    submission.cancel(generation=generation, now=timezone.now() + timedelta(seconds=1))

    assert kinds(generation) == ["quoted", "held", "cancelled", "released"]


def test_a_hold_of_a_key_names_the_key() -> None:
    owner = factories.person()
    key = keys.create(user=owner, name="Figma").key
    generation = factories.generation(owner, api_key=key)

    assert texts(generation)[1] == "2 credits put on hold by the API key “Figma”."


def test_one_that_waits_shows_what_is_held() -> None:
    found = receipt_of(factories.generation(count=3))

    assert (found.held, found.charged, kinds(found.generation)) == (6, 0, ["quoted", "held"])


def test_it_asks_the_database_as_often_for_much_as_for_little(
    django_assert_max_num_queries: Callable[[int], CaptureQueriesContext], settings: Any
) -> None:
    done = rows.finished(factories.person(), count=4)
    for number in range(4):
        refund(done, 1, by=factories.person(), key=str(number))

    with django_assert_max_num_queries(11):
        receipt_of(done)
