"""One generation over several calls and providers: who is asked after whom, and what is paid."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import ledger
from accounts.models import LedgerEntry
from generation import calls, claims, delivery, health
from generation.desk import Desk
from generation.models import Attempt, Generation, ImageModel, Offer, Provider, ProviderHealth, RoutingPolicy
from generation.providers.base import Accepted, Answer, ImageBytes, Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.runner import Runner
from tests import factories
from tests.generation.conftest import FakeProvider, Only

pytestmark = pytest.mark.django_db(transaction=True)
Status = Generation.Status


class Named(FakeProvider):
    """A provider of its own name, whose offer says what it can do."""

    def __init__(self, name: str, *answers: Any, **abilities: Any) -> None:
        super().__init__(*answers)
        self.name = name
        self.abilities = replace(FakeProvider.abilities, **abilities)
        self.resumed: list[str] = []
        self.on_resume: Answer | ProviderError = NotAccepted(Code.ERROR)
        self.ids: list[str] = []

    async def generate(self, spec: Spec, *, accepted: Accepted) -> Answer:
        if self.ids:
            await accepted(self.ids.pop(0))
        return await super().generate(spec, accepted=accepted)

    async def resume(self, vendor_id: str, spec: Spec) -> Answer:
        self.resumed.append(vendor_id)
        if isinstance(self.on_resume, ProviderError):
            raise self.on_resume
        return self.on_resume


class Finding(Named):
    """One that finds a call again whose id never came."""

    found: str | None = None
    asked: list[frozenset[str]]

    async def find(self, spec: Spec, *, since: Any, taken: frozenset[str]) -> str | None:
        self.asked = [*getattr(self, "asked", []), taken]
        return self.found


def picture(seed: int = 0) -> Answer:
    return Answer(images=(ImageBytes(factories.picture(1024, 1024, seed=seed)),))


def each(*seeds: int) -> Callable[[Spec], Answer]:
    """A picture of its own for each call, by the place that is asked for."""
    left = list(seeds)

    def answer(spec: Spec) -> Answer:
        return picture(left.pop(0))

    return answer


@pytest.fixture
def providers() -> Callable[..., None]:
    """Set up these providers and nobody else, in this order."""

    def make(*adapters: Named, **abilities: Any) -> None:
        Provider.objects.all().delete()
        model = ImageModel.objects.get(slug="gemini-2.5-flash-image")
        for position, adapter in enumerate(adapters):
            row = Provider.objects.create(
                name=adapter.name, title=adapter.name.title(), format="aiml", base_url="http://127.0.0.1:1",
                position=position,
            )  # fmt: skip
            able = {"count_max": adapter.abilities.count_max, "resumable": adapter.abilities.resumable}
            Offer.objects.create(provider=row, model=model, vendor_model="m", abilities=able)

    return make


def run(*adapters: Named) -> None:
    async def work() -> None:
        desk = Desk()
        try:
            await Runner(adapters=Only(*adapters), places=8, desk=desk).run()
        finally:
            desk.close()

    asyncio.run(work())


def after(generation: Generation) -> Generation:
    found: Generation = Generation.objects.select_related("hold").get(pk=generation.pk)
    return found


def captures(generation: Generation) -> list[int]:
    entries = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.CAPTURE, hold=generation.hold)
    return [entry.amount for entry in entries]


# Who is asked after whom


def test_the_next_one_is_asked_when_one_did_not_take_it(providers: Any) -> None:
    first, second = Named("first", NotAccepted(Code.BUSY)), Named("second", picture())
    providers(first, second)
    generation = factories.generation()

    run(first, second)

    assert (len(first.calls), len(second.calls)) == (1, 1)
    tried = list(generation.attempts.all())
    assert [(one.provider, one.status) for one in tried] == [
        ("first", "not_accepted"),
        ("second", "delivered"),
    ]
    assert tried[1].choice["passed_over"] == [
        {"provider": "first", "reason": "It didn't take the work just now."}
    ]
    assert tried[0].choice["reason"] == "First in your admins' order."
    assert after(generation).status == Status.SUCCEEDED


@pytest.mark.parametrize(
    "outcome", [OutcomeUnknown(Code.TIMEOUT), OutcomeUnknown(Code.ERROR), Refused(Code.CONTENT)]
)
def test_nobody_else_is_asked_where_that_could_pay_twice(providers: Any, outcome: ProviderError) -> None:
    first, second = Named("first", outcome), Named("second", picture())
    providers(first, second)
    generation = factories.generation()

    run(first, second)

    assert (len(first.calls), len(second.calls)) == (1, 0)
    assert after(generation).status == Status.FAILED
    assert ledger.standing(generation.user) == ledger.Standing(1_000, 0)


def test_without_fail_over_the_next_one_is_never_asked(providers: Any) -> None:
    never = NotAccepted(Code.BAD_KEY, final_for_provider=True)
    first, second = Named("first", never), Named("second", picture())
    providers(first, second)
    RoutingPolicy.objects.update(fail_over=False)
    generation = factories.generation()

    run(first, second)

    assert (len(first.calls), len(second.calls)) == (1, 0)
    assert after(generation).error_code == "bad_key"


def test_who_was_chosen_is_not_replaced_by_another(providers: Any) -> None:
    never = NotAccepted(Code.NO_MONEY, final_for_provider=True)
    first, second = Named("first", picture()), Named("second", never)
    providers(first, second)
    generation = factories.generation(provider="second")

    run(first, second)

    assert (len(first.calls), len(second.calls)) == (0, 1)
    assert after(generation).error_code == "out_of_provider_credit"


def test_one_that_is_paused_is_passed_over_and_the_receipt_says_why(providers: Any) -> None:
    first, second = Named("first", picture()), Named("second", picture())
    providers(first, second)
    for _ in range(health.FAILURES):
        health.failed("first", NotAccepted(Code.UNREACHABLE), now=timezone.now())
    generation = factories.generation()

    run(first, second)

    (attempt,) = generation.attempts.all()
    assert (attempt.provider, attempt.choice["reason"]) == ("second", "The only one that can make it now.")
    assert attempt.choice["passed_over"] == [
        {"provider": "first", "reason": "Paused after 5 failures in a row."}
    ]


def test_one_at_its_limit_hands_on_to_the_next(providers: Any) -> None:
    first, second = Named("first", each(1, 2), count_max=1), Named("second", each(3, 4), count_max=1)
    providers(first, second)
    Provider.objects.filter(name="first").update(per_minute_max=2)
    generation = factories.generation(count=4)

    run(first, second)

    assert (len(first.calls), len(second.calls)) == (2, 2)
    done = after(generation)
    assert (done.status, done.credits_captured) == (Status.SUCCEEDED, 8)
    passed = [one.choice["passed_over"] for one in generation.attempts.filter(provider="second")]
    assert "as often as it may" in passed[0][0]["reason"]


def test_a_429_of_one_generation_spares_the_provider_the_next(providers: Any) -> None:
    resting = NotAccepted(Code.RATE_LIMITED, retry_after_seconds=200)
    first, second = Named("first", resting), Named("second", picture(1))
    providers(first, second)
    factories.generation()
    run(first, second)
    factories.generation()

    run(first, second)

    assert (len(first.calls), len(second.calls)) == (1, 2)


# Several calls for one generation


def test_four_calls_of_one_are_one_price_and_one_capture(providers: Any) -> None:
    one = Named("one", each(1, 2, 3, 4), count_max=1)
    providers(one)
    generation = factories.generation(count=4)

    run(one)

    assert [spec.count for spec in one.calls] == [1, 1, 1, 1]
    assert captures(generation) == [8]
    assert [output.position for output in generation.outputs.all()] == [1, 2, 3, 4]
    assert sorted(place for one in generation.attempts.all() for place in one.positions) == [1, 2, 3, 4]


def test_three_of_four_are_paid_for_once(providers: Any) -> None:
    one = Named("one", picture(1), picture(2), Refused(Code.CONTENT), picture(4), count_max=1)
    providers(one)
    generation = factories.generation(count=4)

    run(one)

    done = after(generation)
    assert (done.status, done.error_code) == (Status.PARTIAL, "content_refused")
    assert (captures(generation), done.hold.released) == ([6], 2)
    assert ledger.standing(done.user) == ledger.Standing(994, 0)


def test_an_unknown_outcome_of_one_call_gives_back_that_one_alone(providers: Any) -> None:
    one = Named("one", picture(1), OutcomeUnknown(Code.TIMEOUT), picture(3), count_max=1)
    providers(one)
    generation = factories.generation(count=3)

    run(one)

    done = after(generation)
    assert len(one.calls) == 3
    assert (done.status, captures(generation), done.hold.released) == (Status.PARTIAL, [4], 2)
    assert sorted(attempt.status for attempt in generation.attempts.all()) == [
        "delivered",
        "delivered",
        "outcome_unknown",
    ]


def test_what_one_did_not_take_another_makes_and_the_rest_stays(providers: Any) -> None:
    first = Named("first", picture(1), NotAccepted(Code.BUSY), count_max=1)
    second = Named("second", picture(9), count_max=1)
    providers(first, second)
    generation = factories.generation(count=2)

    run(first, second)

    assert after(generation).status == Status.SUCCEEDED
    assert (len(first.calls), len(second.calls), captures(generation)) == (2, 1, [4])


def test_a_broken_picture_is_asked_for_once_more_and_no_other(providers: Any) -> None:
    broken = Answer(images=(ImageBytes(b"junk"),))
    one = Named("one", picture(1), broken, picture(3), count_max=1)
    providers(one)
    generation = factories.generation(count=2)

    run(one)

    assert after(generation).status == Status.SUCCEEDED
    assert (len(one.calls), captures(generation)) == (3, [4])


# Coming back


@pytest.fixture
def died(providers: Any) -> Callable[..., Generation]:
    """A worker has sent it and died; `vendor_id` is as far as it came."""

    def make(adapter: Named, *, vendor_id: str = "") -> Generation:
        providers(adapter)
        generation = factories.generation()
        (claim,) = claims.take(limit=1, now=timezone.now())
        attempt = factories.begin(claim, provider=adapter.name)
        if vendor_id:
            calls.accepted(claim, attempt, vendor_id=vendor_id)
        Generation.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
        return generation

    return make


def test_after_a_crash_it_is_fetched_by_the_vendors_id_and_not_made_again(died: Any) -> None:
    one = Named("one", resumable=True)
    one.on_resume = picture(1)
    generation = died(one, vendor_id="v-1")

    run(one)

    assert (one.calls, one.resumed) == ([], ["v-1"])
    assert (after(generation).status, captures(generation)) == (Status.SUCCEEDED, [2])


def test_after_a_crash_without_an_id_it_is_looked_for(died: Any) -> None:
    one = Finding("one", resumable=True)
    one.found, one.on_resume = "v-7", picture(1)
    generation = died(one)

    run(one)

    assert (one.calls, one.resumed, one.asked) == ([], ["v-7"], [frozenset()])
    assert after(generation).status == Status.SUCCEEDED
    assert generation.attempts.get().vendor_id == "v-7"


def test_what_belongs_to_another_call_is_named_when_looking(died: Any) -> None:
    one = Finding("one", resumable=True)
    generation = died(one)
    other = factories.generation()
    Attempt.objects.create(generation=other, number=1, provider="one", vendor_id="v-6", status="delivered")
    Generation.objects.filter(pk=other.pk).update(status="canceled", finished_at=timezone.now())

    run(one)

    assert one.asked == [frozenset({"v-6"})]
    assert (one.resumed, one.calls) == ([], [])
    assert after(generation).error_code == "outcome_unknown"
    assert ledger.available(generation.user) == 1_000


def test_after_a_crash_nobody_can_come_back_to_it_is_given_back(died: Any) -> None:
    one = Named("one")
    generation = died(one, vendor_id="v-1")

    run(one)

    assert (one.calls, one.resumed) == ([], [])
    assert (after(generation).status, ledger.available(generation.user)) == (Status.FAILED, 1_000)


def test_a_broken_connection_is_picked_up_by_the_id_within_the_same_claim(providers: Any) -> None:
    one = Named("one", OutcomeUnknown(Code.ERROR), resumable=True)
    one.ids, one.on_resume = ["v-1"], picture(1)
    providers(one)
    generation = factories.generation()

    run(one)

    assert (len(one.calls), one.resumed) == (1, ["v-1"])
    assert after(generation).status == Status.SUCCEEDED


def test_past_its_deadline_nobody_is_asked_and_all_is_given_back(providers: Any) -> None:
    one = Named("one", picture(1))
    providers(one)
    generation = factories.generation()
    soon = timezone.now() + timedelta(seconds=delivery.DELIVERY_SECONDS - 1)
    Generation.objects.update(deadline_at=soon)

    run(one)

    assert one.calls == []
    assert (after(generation).error_code, ledger.available(generation.user)) == ("deadline_passed", 1_000)


def test_a_call_is_told_how_long_is_left(providers: Any) -> None:
    one = Named("one", picture(1))
    providers(one)
    factories.generation()
    Generation.objects.update(deadline_at=timezone.now() + timedelta(seconds=delivery.DELIVERY_SECONDS + 60))

    run(one)

    (spec,) = one.calls
    assert 30 < spec.deadline_seconds <= 60


def test_success_is_told_to_the_circuit(providers: Any) -> None:
    one = Named("one", picture(1))
    providers(one)
    ProviderHealth.objects.create(provider=Provider.objects.get(), failures=4)
    factories.generation()

    run(one)

    row = ProviderHealth.objects.get()
    assert (row.failures, row.last_success_at is not None) == (0, True)
