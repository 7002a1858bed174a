"""An answer that comes when nobody waits for it is not charged, and it is on the receipt."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts import ledger
from accounts.models import Event, LedgerEntry
from generation import calls, catalog, claims, execution, late, receipts, recovery, submission
from generation.catalog import ProviderFacts
from generation.models import Attempt, Generation, Offer
from generation.progress import Reason
from generation.providers.base import Abilities, Adapter, Answer, Cost, ImageLink, Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from tests import factories
from tests.api import rows
from tests.generation.together import THREADS, at_once

pytestmark = pytest.mark.django_db

STATED = Decimal("0.039")
UNKNOWN = Reason("provider_timeout", "The image provider took too long.")


def sent(**wish: Any) -> tuple[claims.Claim, Attempt]:
    """A call under way, with the vendor's id."""
    generation = factories.generation(**wish)
    claim = next(c for c in claims.take(limit=100, now=timezone.now()) if c.generation_id == generation.pk)
    attempt = factories.begin(claim)
    calls.accepted(claim, attempt, vendor_id="job-7")
    return claim, attempt


def reaped(**wish: Any) -> Attempt:
    """One whose generation ended by its deadline, which is the attempt's end too."""
    _, attempt = sent(**wish)
    Generation.objects.filter(pk=attempt.generation_id).update(leased_until=timezone.now())
    recovery.sweep(now=deadline(attempt))
    return Attempt.objects.get(pk=attempt.pk)


def deadline(attempt: Attempt) -> datetime:
    moment: datetime = Generation.objects.get(pk=attempt.generation_id).deadline_at
    return moment


def came_late(attempt: Attempt, **changes: Any) -> bool:
    told: dict[str, Any] = {
        "images": 1,
        "cost_usd": STATED,
        "vendor_credits": None,
        "vendor_id": "",
        "now": deadline(attempt) + timedelta(seconds=40),
    }
    return late.came_late(attempt, **(told | changes))


def receipt_of(attempt: Attempt, *, with_costs: bool = False) -> receipts.Receipt:
    found = receipts.with_facts(Generation.objects.all()).get(pk=attempt.generation_id)
    return receipts.receipt(found, with_costs=with_costs)


def last_line(attempt: Attempt, *, with_costs: bool = False) -> str:
    return receipt_of(attempt, with_costs=with_costs).timeline[-1].text


# --- What is kept -----------------------------------------------------------------------------------


def test_an_answer_after_the_deadline_is_kept_and_nobody_is_charged() -> None:
    attempt = reaped()
    before = LedgerEntry.objects.count()

    assert came_late(attempt, vendor_credits=5)

    attempt.refresh_from_db()
    assert (attempt.status, attempt.answered_at) == ("outcome_unknown", None)
    assert (attempt.late_images, attempt.vendor_cost_usd, attempt.vendor_credits) == (1, STATED, 5)
    assert attempt.late_at == deadline(attempt) + timedelta(seconds=40)
    assert LedgerEntry.objects.count() == before
    assert ledger.standing(attempt.generation.user) == ledger.Standing(1_000, 0)


def test_an_answer_in_time_is_none_of_its_business() -> None:
    _, attempt = sent()

    assert not came_late(attempt)

    attempt.refresh_from_db()
    assert (attempt.late_at, attempt.vendor_cost_usd) == (None, None)


def test_it_is_kept_when_another_worker_has_claimed_it() -> None:
    _, attempt = sent()
    now = timezone.now()
    Generation.objects.update(leased_until=now)
    claims.take(limit=1, now=now)

    assert came_late(attempt, now=now)


def test_an_attempt_that_has_an_answer_of_its_own_keeps_that() -> None:
    done = rows.finished(factories.person())
    attempt = done.attempts.get()
    Attempt.objects.update(answered_at=timezone.now(), vendor_cost_usd=Decimal("0.01"))

    assert not came_late(attempt)
    attempt.refresh_from_db()
    assert (attempt.late_at, attempt.vendor_cost_usd) == (None, Decimal("0.01"))


def test_the_first_late_answer_stands() -> None:
    attempt = reaped()

    assert [came_late(attempt), came_late(attempt, images=4, cost_usd=Decimal(9))] == [True, False]

    attempt.refresh_from_db()
    assert (attempt.late_images, attempt.vendor_cost_usd) == (1, STATED)


def test_what_is_not_said_takes_nothing_away() -> None:
    attempt = reaped()
    Attempt.objects.update(vendor_cost_usd=STATED)

    came_late(attempt, cost_usd=None, vendor_id="job-8")

    attempt.refresh_from_db()
    assert (attempt.vendor_cost_usd, attempt.vendor_id) == (STATED, "job-7")


def test_an_id_that_was_not_known_is_kept() -> None:
    attempt = reaped()
    Attempt.objects.update(vendor_id="")

    came_late(attempt, vendor_id="job-8")

    attempt.refresh_from_db()
    assert attempt.vendor_id == "job-8"


def test_open_pages_hear_of_it() -> None:
    attempt = reaped()
    Event.objects.all().delete()

    came_late(attempt)

    assert Event.objects.get().subject == str(attempt.generation.public_id)


def test_late_answers_are_counted_with_their_cost() -> None:
    for images in (1, 3):
        came_late(reaped(count=4), images=images)
    rows.finished(factories.person())

    since = timezone.now()
    assert late.counted(since=since) == late.Late(answers=2, images=4, cost_usd=2 * STATED)
    assert late.counted(since=since + timedelta(days=1)) == late.Late(0, 0, Decimal())


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_is_written() -> None:
    attempt = reaped()

    told = at_once(lambda number: str(came_late(attempt, images=number)))

    assert told == {"True": 1, "False": THREADS - 1}


# --- The receipt ------------------------------------------------------------------------------------


def test_the_receipt_says_by_how_much_it_was_late_and_that_it_is_free() -> None:
    attempt = reaped()
    came_late(attempt)

    assert last_line(attempt) == (
        "AI/ML API answered 40 s after the deadline, with 1 picture. You were not charged for that."
    )
    assert receipt_of(attempt).attempts[0].late_images == 1


def test_what_it_may_have_cost_us_is_for_who_may_see_that() -> None:
    attempt = reaped(count=4)
    came_late(attempt, images=3)

    assert last_line(attempt, with_costs=True) == (
        "AI/ML API answered 40 s after the deadline, with 3 pictures. "
        "You were not charged for that; it may have cost us $0.039."
    )
    assert receipt_of(attempt, with_costs=True).vendor_cost_usd == STATED


def test_it_says_when_it_came_after_a_cancel() -> None:
    _, attempt = sent()
    asked = timezone.now()
    submission.cancel(generation=attempt.generation, now=asked)
    execution_ended(attempt, asked)

    came_late(attempt, images=0, cost_usd=None, now=asked + timedelta(minutes=3))

    assert last_line(attempt) == (
        "AI/ML API answered 3 min after it was cancelled, with no picture. You were not charged for that."
    )


def test_it_says_when_it_came_after_the_end() -> None:
    _, attempt = sent()
    ended = timezone.now()
    execution_ended(attempt, ended)

    came_late(attempt, now=ended + timedelta(seconds=5))

    assert last_line(attempt).startswith("AI/ML API answered 5 s after this had ended, with 1 picture.")


def test_one_that_a_later_claim_fetched_in_time_was_not_late() -> None:
    _, attempt = sent()
    now = timezone.now()
    Generation.objects.update(leased_until=now)
    (second,) = claims.take(limit=1, now=now)
    came_late(attempt, now=now)
    attempt.refresh_from_db()
    factories.answered(second, attempt, [{"url": "https://pictures.test/1.png"}], cost_usd=STATED)

    assert "late" not in [step.kind for step in receipt_of(attempt).timeline]
    assert receipt_of(attempt).attempts[0].late_at is None
    assert late.counted(since=now).answers == 0


def test_the_page_and_the_api_say_it(client: Any) -> None:
    attempt = reaped()
    came_late(attempt)
    client.force_login(attempt.generation.user)
    public_id = attempt.generation.public_id

    page = client.get(f"/receipts/{public_id}/").content.decode()
    told = client.get(f"/api/v1/generations/{public_id}/receipt").json()

    assert "answered 40 s after the deadline" in page
    assert "Answered too late, 1 picture<" in page
    assert told["timeline"][-1]["kind"] == "late"
    assert (told["attempts"][0]["late_images"], told["attempts"][0]["cost_usd"]) == (1, None)
    assert told["attempts"][0]["late_at"]


def execution_ended(attempt: Attempt, now: datetime) -> None:
    """The generation failed while the call was out."""
    claim = claims.Claim(attempt.generation_id, attempt.number)
    calls.end_attempt(claim, attempt, Attempt.Status.OUTCOME_UNKNOWN, UNKNOWN, now=now)
    execution.fail(claim, UNKNOWN, now=now)


# --- Asking -----------------------------------------------------------------------------------------


class Vendor:
    """A provider that can be asked by its id; tells what it is told to."""

    name = "aimlapi"
    abilities = Abilities(temperature=False, top_p=False, count_max=4, references_max=3, resumable=True)

    def __init__(self, told: Answer | ProviderError | Exception) -> None:
        self.told = told
        self.asked: list[tuple[str, Spec]] = []

    def of(self, provider: ProviderFacts) -> Adapter | None:
        return self if provider.name == self.name else None  # type: ignore[return-value]

    async def resume(self, vendor_id: str, spec: Spec) -> Answer:
        self.asked.append((vendor_id, spec))
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


def links(count: int = 1, **cost: Any) -> Answer:
    return Answer(
        images=tuple(ImageLink(f"https://vendor.test/{n}.png") for n in range(count)),
        **({"cost": Cost(**cost)} if cost else {}),
    )


def ask(vendor: Vendor, attempt: Attempt, *, minutes: float = 3) -> int:
    return late.ask(now=deadline(attempt) + timedelta(minutes=minutes), adapters=vendor)


def test_the_vendor_is_asked_what_became_of_a_call_that_ended_by_the_deadline() -> None:
    attempt = reaped(count=2)
    vendor = Vendor(links(2, usd=STATED))

    assert ask(vendor, attempt) == 1

    [(vendor_id, spec)] = vendor.asked
    assert (vendor_id, spec.count, spec.deadline_seconds) == ("job-7", 2, late.ANSWER_SECONDS)
    assert last_line(attempt, with_costs=True) == (
        "Asked 3 min after the deadline, AI/ML API said that it had made 2 pictures. "
        "You were not charged for that; it may have cost us $0.039."
    )
    assert ledger.standing(attempt.generation.user) == ledger.Standing(1_000, 0)
    assert ask(vendor, attempt, minutes=40) == 0
    assert len(vendor.asked) == 1


def test_a_vendor_that_states_no_cost_costs_what_the_admins_list_says() -> None:
    attempt = reaped(count=2)
    Offer.objects.filter(provider__name="aimlapi").update(costs={"": "0.02", "1K": "0.02"})

    ask(Vendor(links(2)), attempt)

    attempt.refresh_from_db()
    offer = catalog.load().find(attempt.generation.model).offers["aimlapi"]
    assert attempt.vendor_cost_usd == 2 * offer.costs[attempt.generation.image_size]


@pytest.mark.parametrize("error", [Refused(Code.CONTENT), NotAccepted(Code.BUSY)])
def test_a_vendor_that_made_nothing_says_so(error: ProviderError) -> None:
    attempt = reaped()

    assert ask(Vendor(error), attempt) == 1

    assert last_line(attempt) == (
        "Asked 3 min after the deadline, AI/ML API said that it had made no picture. "
        "You were not charged for that."
    )


@pytest.mark.parametrize("error", [OutcomeUnknown(Code.TIMEOUT), ValueError("a bug")])
def test_one_that_does_not_say_is_asked_once_more_and_then_no_more(error: Exception) -> None:
    attempt = reaped()
    vendor = Vendor(error)

    for minutes in (1, 3, 10, 29, 31, 60, 600):
        assert ask(vendor, attempt, minutes=minutes) == 0

    assert len(vendor.asked) == 2
    attempt.refresh_from_db()
    assert (attempt.late_at, attempt.late_asked) == (None, 2)


def test_nobody_is_asked_without_an_id_about_what_goes_on_or_is_long_over() -> None:
    vendor = Vendor(links())
    nameless = reaped()
    Attempt.objects.filter(pk=nameless.pk).update(vendor_id="")
    old = reaped()
    Attempt.objects.filter(pk=old.pk).update(ended_at=timezone.now() - timedelta(days=2))
    _, going_on = sent()
    Attempt.objects.filter(pk=going_on.pk).update(
        status=Attempt.Status.OUTCOME_UNKNOWN, ended_at=timezone.now()
    )

    assert ask(vendor, old) == 0
    assert vendor.asked == []


def test_a_vendor_that_cannot_be_asked_or_is_not_set_up_is_not() -> None:
    attempt = reaped()
    vendor = Vendor(links())
    vendor.name = "somebody else"

    assert ask(vendor, attempt) == 0

    vendor.name, vendor.abilities = "aimlapi", Abilities(False, False, 1, 0, resumable=False)
    assert ask(vendor, attempt, minutes=40) == 0
    assert vendor.asked == []


def test_so_many_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "ASKED_AT_ONCE", 2)
    attempts = [reaped() for _ in range(3)]
    vendor = Vendor(links())

    assert [ask(vendor, attempts[-1]) for _ in range(3)] == [2, 1, 0]


def test_of_two_that_saw_the_same_call_one_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = reaped()
    vendor = Vendor(OutcomeUnknown(Code.TIMEOUT))
    seen = list(late._unheard(deadline(attempt) + timedelta(minutes=3)))
    monkeypatch.setattr(late, "_unheard", lambda now: seen)

    ask(vendor, attempt)
    ask(vendor, attempt)

    assert len(vendor.asked) == 1
