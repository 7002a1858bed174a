"""How a claimed generation ends, by what the provider does."""

import threading

import pytest
from django.db import connection
from django.utils import timezone

from accounts import ledger
from accounts.models import Event
from generation import calls, claims, delivery, execution, stopping, submission
from generation.models import Attempt, Generation, ImageModel, Offer
from generation.progress import Reason
from generation.providers.base import Answer, ImageBytes, ImageLink
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from generation.references import GivenReference
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
Status = Generation.Status


def answer(*pictures: bytes) -> Answer:
    return Answer(images=tuple(ImageBytes(data) for data in pictures))


def good(seed: int = 0) -> bytes:
    return factories.picture(1024, 1024, seed=seed)


def after(generation: Generation) -> Generation:
    return Generation.objects.select_related("hold").get(pk=generation.pk)


def test_pictures_are_stored_and_paid_for(serve, fake):
    generation = factories.generation(count=2)

    serve(fake())

    done = after(generation)
    assert done.status == Status.SUCCEEDED
    assert [output.image.original.width for output in done.outputs.all()] == [1024, 1024]
    assert done.credits_captured == done.credits_quoted == 4
    assert ledger.standing(done.user) == ledger.Standing(balance=996, held=0)


def test_what_was_asked_reaches_the_provider(serve, fake):
    provider = fake()
    factories.generation(prompt="two cats", aspect_ratio="1:1", count=3)

    serve(provider)

    spec = provider.calls[0]
    assert (spec.prompt, spec.aspect_ratio, spec.count) == ("two cats", "1:1", 3)
    assert spec.model == "google/gemini-2.5-flash-image"


def test_a_refusal_gives_the_credits_back_with_a_reason(serve, fake):
    generation = factories.generation()

    serve(fake(Refused(Code.CONTENT, vendor_text="no")))

    done = after(generation)
    assert (done.status, done.error_code) == (Status.FAILED, "content_refused")
    assert "declined this prompt" in done.error_detail
    assert ledger.available(done.user) == 1_000


def test_what_was_not_accepted_is_tried_again(serve, fake, monkeypatch):
    monkeypatch.setattr(delivery.random, "uniform", lambda low, high: 0)
    provider = fake(NotAccepted(Code.RATE_LIMITED, retry_after_seconds=0.1), answer(good()))
    generation = factories.generation()

    serve(provider)

    assert after(generation).status == Status.SUCCEEDED
    statuses = [attempt.status for attempt in generation.attempts.all()]
    assert statuses == [Attempt.Status.NOT_ACCEPTED, Attempt.Status.DELIVERED]


def test_a_provider_that_says_soon_for_ever_is_asked_as_long_as_the_deadline_lasts(settings, monkeypatch):
    monkeypatch.setattr(delivery.random, "uniform", lambda low, high: 0)

    pauses = [delivery.pause_seconds(attempt, 0.5) for attempt in range(1, 12)]

    assert pauses[0] == 0.5
    assert sum(pauses) > settings.GENERATION_DEADLINE_SECONDS


def test_a_provider_that_never_will_is_not_asked_again(serve, fake):
    provider = fake(NotAccepted(Code.BAD_KEY, final_for_provider=True))
    generation = factories.generation()

    serve(provider)

    assert after(generation).error_code == "bad_key"
    assert len(provider.calls) == 1


def test_an_unknown_outcome_is_refunded_and_never_sent_again(serve, fake):
    provider = fake(OutcomeUnknown(Code.TIMEOUT))
    generation = factories.generation()

    serve(provider)
    serve(provider)

    assert after(generation).status == Status.FAILED
    assert ledger.available(generation.user) == 1_000
    assert len(provider.calls) == 1


def test_fewer_pictures_than_asked_are_charged_for_alone(serve, fake):
    generation = factories.generation(count=4)

    serve(fake(answer(good(1), good(2), good(3))))

    done = after(generation)
    assert (done.status, done.error_code) == (Status.PARTIAL, "too_few_images")
    assert (done.credits_captured, done.hold.released) == (6, 2)


def test_more_pictures_than_asked_are_left(serve, fake):
    generation = factories.generation(count=1)

    serve(fake(answer(good(1), good(2))))

    assert after(generation).outputs.count() == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not a picture at all", "result_unreadable"),
        (factories.picture(512, 512), "broken_promise"),
        (factories.picture(1344, 768), "broken_promise"),
    ],
    ids=["junk", "too small", "wrong shape"],
)
def test_a_broken_promise_is_tried_once_more_and_then_refunded(serve, fake, data, code):
    provider = fake(answer(data))
    generation = factories.generation()

    serve(provider)

    done = after(generation)
    assert (done.status, done.error_code) == (Status.FAILED, code)
    assert len(provider.calls) == 2
    assert ledger.available(generation.user) == 1_000


def test_a_promise_kept_at_the_second_call_is_charged_once(serve, fake):
    generation = factories.generation()

    serve(fake(answer(b"junk"), answer(good())))

    assert after(generation).status == Status.SUCCEEDED
    assert after(generation).credits_captured == 2


def test_one_broken_picture_of_two_is_not_charged(serve, fake):
    generation = factories.generation(count=2)
    provider = fake(answer(good(), b"junk"), answer(b"junk"))

    serve(provider)

    done = after(generation)
    assert (done.status, done.credits_captured) == (Status.PARTIAL, 2)
    assert done.error_code == "result_unreadable"
    assert [call.count for call in provider.calls] == [2, 1]


def test_one_broken_picture_of_two_is_asked_for_once_more(serve, fake):
    generation = factories.generation(count=2)

    serve(fake(answer(b"junk", good(1)), answer(good(2))))

    done = after(generation)
    assert (done.status, done.credits_captured) == (Status.SUCCEEDED, 4)
    assert [output.attempt.sequence for output in done.outputs.all()] == [2, 1]


def test_a_reference_given_back_unchanged_is_no_picture(serve, fake):
    user = factories.person()
    original = factories.upload(user, factories.picture(1024, 1024, seed=5)).original
    generation = factories.generation(user, references=[GivenReference(original)])

    serve(fake(answer(factories.picture(1024, 1024, seed=5))))

    assert after(generation).error_detail == "The picture was the reference unchanged."


def test_a_result_on_a_private_address_is_not_fetched(serve, fake):
    generation = factories.generation()

    serve(fake(Answer(images=(ImageLink("http://169.254.169.254/latest/meta-data"),))))

    assert after(generation).error_code == "result_unreachable"


def test_a_bug_in_one_does_not_end_the_others(serve, fake):
    def explode_for_cats(spec):
        if spec.prompt == "cats":
            raise RuntimeError("a bug")
        return answer(good())

    cats, dogs = factories.generation(prompt="cats"), factories.generation(prompt="dogs")

    serve(fake(explode_for_cats))

    assert after(dogs).status == Status.SUCCEEDED
    assert after(cats).status == Status.FAILED
    assert ledger.available(cats.user) == 1_000


def test_a_person_is_told_of_each_step(serve, fake):
    generation = factories.generation()

    serve(fake())

    kinds = list(Event.objects.filter(user=generation.user).order_by("pk").values_list("kind", flat=True))
    # Asked for, claimed, sent, delivered.
    assert kinds.count("generation") == 4
    assert kinds[-1] == "credits"


def test_references_reach_the_provider_in_a_type_and_size_it_takes(serve, fake):
    user = factories.person()
    original = factories.upload(user, factories.picture(900, 700, kind="WEBP")).original
    Offer.objects.filter(provider__name="aimlapi").update(
        abilities={"reference_types": ["image/jpeg"], "reference_max_bytes": 20_000}
    )
    provider = fake()
    factories.generation(user, references=[GivenReference(original)])

    serve(provider)

    (reference,) = provider.calls[0].references
    assert reference.content_type == "image/jpeg"
    assert len(reference.data) <= 20_000 < original.size_bytes


def test_a_reference_that_cannot_be_made_to_fit_costs_nothing(serve, fake):
    user = factories.person()
    original = factories.upload(user, factories.picture(900, 700)).original
    Offer.objects.filter(provider__name="aimlapi").update(abilities={"reference_max_bytes": 50})
    provider = fake()
    generation = factories.generation(user, references=[GivenReference(original)])

    serve(provider)

    assert after(generation).status == Status.FAILED
    assert (provider.calls, ledger.available(user)) == ([], 1_000)


def test_a_ratio_that_is_no_longer_drawn_is_not_paid_for(serve, fake):
    provider = fake()
    generation = factories.generation(aspect_ratio="16:9")
    without_ratio("16:9")

    serve(provider)

    done = after(generation)
    assert (done.status, done.error_code) == (Status.FAILED, "no_provider")
    assert provider.calls == []


def test_a_picture_whose_ratio_went_while_it_was_made_is_delivered(serve, fake):
    def answered(spec):
        meanwhile(lambda: without_ratio("16:9"))
        return answer(factories.picture(1344, 768))

    generation = factories.generation(aspect_ratio="16:9")

    serve(fake(answered))

    assert after(generation).status == Status.SUCCEEDED


def meanwhile(act) -> None:
    """What somebody else does, on a thread and a connection of their own."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def without_ratio(name: str) -> None:
    for model in ImageModel.objects.all():
        for size in model.sizes:
            size["ratios"].pop(name, None)
        model.save()


def test_waiting_for_a_full_provider_uses_up_no_claims(settings):
    settings.GENERATION_DEADLINE_SECONDS = 3_000
    generation = factories.generation()
    for turn in range(2 * claims.CLAIMS_LOST_MAX):
        now = timezone.now()
        (claim,) = claims.take(limit=1, now=now)
        execution.postpone(claim, wake_at=now, reason=Reason("no_provider", f"Full, time {turn}."))

    assert claims.take(limit=1, now=timezone.now())
    assert after(generation).attempts_made == 2 * claims.CLAIMS_LOST_MAX + 1


def test_a_fault_of_ours_is_tried_again_later_and_not_at_once():
    factories.generation()
    pauses = []
    for _ in range(4):
        now = timezone.now()
        (claim,) = claims.take(limit=1, now=now)
        claims.hand_back(claim, now=now)
        row = Generation.objects.get()
        pauses.append(round((row.leased_until - now).total_seconds()))
        Generation.objects.update(leased_until=now)

    assert pauses == [0, 1, 3, 7]


def test_a_cancel_while_it_waits_is_seen_before_it_waits_on(serve, fake):
    generation = factories.generation()

    def refuse(spec):
        meanwhile(lambda: submission.cancel(generation=after(generation), now=timezone.now()))
        raise NotAccepted(Code.RATE_LIMITED, retry_after_seconds=60)

    serve(fake(refuse))

    done = after(generation)
    assert (done.status, done.hold.is_open) == (Status.CANCELED, False)


def test_what_was_said_of_cancelling_is_what_it_costs(serve, fake):
    generation = factories.generation(count=3)
    said = []

    def one_is_taken(spec):
        def cancel():
            now = Generation.objects.with_parts().get(pk=generation.pk)
            said.append(stopping.terms(now).credits_max)
            submission.cancel(generation=now, now=timezone.now(), expected_credits_max=said[0])

        meanwhile(cancel)
        return answer(good(), good(1))

    provider = fake(one_is_taken)
    serve(provider)

    done = after(generation)
    assert said == [6]
    assert (done.status, done.hold.captured, done.hold.released) == (Status.PARTIAL, 4, 2)
    assert len(provider.calls) == 1


def test_a_broken_picture_is_not_asked_for_again_once_it_was_cancelled(serve, fake):
    generation = factories.generation()

    def blank(spec):
        meanwhile(lambda: submission.cancel(generation=after(generation), now=timezone.now()))
        return answer(factories.picture(100, 900))

    provider = fake(blank)
    serve(provider)

    done = after(generation)
    assert (done.status, done.hold.captured, done.hold.is_open) == (Status.CANCELED, 0, False)
    assert len(provider.calls) == 1


def test_cancelled_between_claim_and_call_nothing_is_sent(serve, fake, monkeypatch):
    generation = factories.generation()
    choose = delivery.routing.rank

    def cancelled_first(*args, **kwargs):
        meanwhile(lambda: submission.cancel(generation=after(generation), now=timezone.now()))
        return choose(*args, **kwargs)

    monkeypatch.setattr(delivery.routing, "rank", cancelled_first)
    provider = fake()
    serve(provider)

    done = after(generation)
    assert (done.status, done.hold.released, provider.calls) == (Status.CANCELED, 2, [])


def test_a_vendors_request_is_one_attempts_alone():
    generation = factories.generation(count=2)
    (claim,) = claims.take(limit=1, now=timezone.now())
    first = factories.begin(claim, positions=(1,))
    second = factories.begin(claim, positions=(2,))

    # Either could be the one that the vendor lists, as long as neither has an id.
    assert not calls.adopt(claim, first, vendor_id="r-1")
    calls.accepted(claim, second, vendor_id="r-2")
    assert not calls.adopt(claim, first, vendor_id="r-2")
    assert calls.adopt(claim, first, vendor_id="r-1")
    assert sorted(row.vendor_id for row in generation.attempts.all()) == ["r-1", "r-2"]
