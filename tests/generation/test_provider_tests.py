"""The test button and its command: one small call, nobody charged, and what it says of the provider."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.administration import NotAllowed
from accounts.models import AdminAct, LedgerEntry, User
from gallery.models import Image, Original
from generation import health, provider_tests
from generation.models import Attempt, Offer, Provider, ProviderHealth, ProviderTest
from generation.providers.base import Answer, Cost, ImageBytes, ImageLink
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from tests import factories
from tests.generation.conftest import FakeProvider, Only
from tests.generation.together import THREADS, at_once

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def provider() -> Provider:
    return Provider.objects.get(name="aimlapi")


@pytest.fixture
def boss() -> User:
    return factories.person(is_superuser=True)


def outcome_of(provider: Provider, boss: User | None, *answers: Any) -> ProviderTest:
    test = provider_tests.begin(by=boss, provider=provider, now=timezone.now())
    done = provider_tests.run(test.public_id, adapters=Only(FakeProvider(*answers)))
    assert done is not None
    return done


def answer(data: bytes | None = None, cost: Cost | None = None) -> Answer:
    picture = factories.picture(1024, 1024) if data is None else data
    return Answer(images=(ImageBytes(picture),), **({"cost": cost} if cost else {}))


def health_of(provider: Provider) -> ProviderHealth:
    return ProviderHealth.objects.get(provider=provider)


def test_a_picture_that_came_is_a_pass_and_is_kept_nowhere(provider: Provider, boss: User) -> None:
    done = outcome_of(provider, boss, answer())

    assert (done.ok, done.code, done.detail) == (True, "", "A picture of 1024 × 1024 came.")
    assert [row for model in (Image, Original, Attempt) for row in model.objects.all()] == []


def test_nobody_is_charged(provider: Provider, boss: User) -> None:
    before = LedgerEntry.objects.count()

    outcome_of(provider, boss, answer())

    assert LedgerEntry.objects.count() == before


def test_the_call_is_as_small_as_it_can_be(provider: Provider, boss: User) -> None:
    fake = FakeProvider(answer())
    test = provider_tests.begin(by=boss, provider=provider, now=NOW)

    provider_tests.run(test.public_id, adapters=Only(fake))

    (spec,) = fake.calls
    assert (spec.count, spec.aspect_ratio, spec.references) == (1, "1:1", ())
    assert (spec.prompt, spec.deadline_seconds) == ("A plain blue circle on white", 60)
    assert spec.model == "google/gemini-2.5-flash-image"


@pytest.mark.parametrize(
    ("cost", "recorded"), [(None, "0.042"), (Cost(usd=Decimal("0.05")), "0.05"), (Cost(usd=Decimal(0)), "0")]
)
def test_the_cost_is_what_the_vendor_says_else_the_listed_one(
    provider: Provider, boss: User, cost: Cost | None, recorded: str
) -> None:
    assert outcome_of(provider, boss, answer(cost=cost)).cost_usd == Decimal(recorded)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (NotAccepted(Code.BAD_KEY, vendor_text="Invalid token"), "bad_key"),
        (NotAccepted(Code.UNREACHABLE), "provider_unreachable"),
        (OutcomeUnknown(Code.TIMEOUT), "provider_timeout"),
        (Refused(Code.CONTENT), "content_refused"),
        (answer(b"<html>"), "result_unreadable"),
        (answer(factories.picture(64, 64)[:200]), "result_unreadable"),
        (Answer(images=(ImageLink("http://169.254.169.254/a.png"),)), "result_unreachable"),
    ],
)
def test_a_failure_says_what_happened(provider: Provider, boss: User, said: Any, code: str) -> None:
    done = outcome_of(provider, boss, said)

    assert (done.ok, done.code) == (False, code)
    assert done.detail.endswith(".")
    assert done.ended_at is not None
    if code == "bad_key":
        assert done.vendor_text == "Invalid token"


def test_a_success_closes_the_circuit(provider: Provider, boss: User) -> None:
    ProviderHealth.objects.create(
        provider=provider, failures=7, open_until=NOW + timedelta(hours=1), open_seconds=600
    )

    outcome_of(provider, boss, answer())

    now = health_of(provider)
    assert (now.failures, now.open_until, now.open_seconds) == (0, None, 0)


def test_a_failure_opens_it_for_nobody(provider: Provider, boss: User) -> None:
    for _ in range(health.FAILURES + 1):
        outcome_of(provider, boss, NotAccepted(Code.BUSY))

    assert not ProviderHealth.objects.filter(provider=provider, open_until__isnull=False).exists()


@pytest.mark.parametrize("code", sorted(health.LOCKED_OUT))
def test_a_key_or_an_account_that_does_not_work_is_told_to_all(
    provider: Provider, boss: User, code: Code
) -> None:
    outcome_of(provider, boss, NotAccepted(code, final_for_provider=True))

    assert health_of(provider).open_code == code


def test_a_provider_that_is_off_can_be_tested_before_it_is_switched_on(
    provider: Provider, boss: User
) -> None:
    Provider.objects.update(enabled=False)

    assert outcome_of(provider, boss, answer()).ok


def test_one_that_cannot_be_asked_says_why(provider: Provider, boss: User) -> None:
    Provider.objects.update(sealed_key="", enabled=False)
    assert outcome_of(provider, boss).detail == "It has no key. Enter one."

    Provider.objects.update(sealed_key="sealed elsewhere")
    assert "Enter it again." in outcome_of(provider, boss).detail

    Provider.objects.update(emulated=True)
    assert outcome_of(provider, boss).detail == "The built-in emulator is not running."


def test_one_without_a_model_says_so(provider: Provider, boss: User) -> None:
    Offer.objects.all().delete()

    assert outcome_of(provider, boss).code == "no_offer"


def test_only_one_of_a_provider_runs(provider: Provider, boss: User) -> None:
    provider_tests.begin(by=boss, provider=provider, now=NOW)

    with pytest.raises(provider_tests.AlreadyRunning):
        provider_tests.begin(by=boss, provider=provider, now=NOW + timedelta(seconds=119))
    assert ProviderTest.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_press_at_once_one_begins(boss: User) -> None:
    def press(_: int) -> str:
        try:
            provider_tests.begin(by=boss, provider=Provider.objects.get(name="aimlapi"), now=NOW)
        except provider_tests.AlreadyRunning:
            return "runs already"
        return "begun"

    assert at_once(press) == {"begun": 1, "runs already": THREADS - 1}


def test_a_stuck_one_fails_after_two_minutes_and_makes_room(provider: Provider, boss: User) -> None:
    stuck = provider_tests.begin(by=boss, provider=provider, now=NOW)

    provider_tests.begin(by=boss, provider=provider, now=NOW + timedelta(minutes=2))

    stuck.refresh_from_db()
    assert (stuck.ok, stuck.code, stuck.ended_at) == (False, "stuck", NOW + timedelta(minutes=2))


def test_a_task_that_runs_twice_calls_once(provider: Provider, boss: User) -> None:
    fake = FakeProvider(answer())
    test = provider_tests.begin(by=boss, provider=provider, now=NOW)

    provider_tests.run(test.public_id, adapters=Only(fake))
    again = provider_tests.run(test.public_id, adapters=Only(fake))

    assert (len(fake.calls), again) == (1, None)


def test_who_may_not_set_providers_may_not_spend_on_a_test(provider: Provider) -> None:
    with pytest.raises(NotAllowed):
        provider_tests.begin(by=factories.person(is_staff=True), provider=provider, now=NOW)
    assert not ProviderTest.objects.exists()


def test_a_test_is_in_the_record(provider: Provider, boss: User) -> None:
    outcome_of(provider, boss, answer())

    assert AdminAct.objects.get().verb == "test_provider"


# The command


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command's provider answers so."""

    def tell(*answers: Any) -> None:
        monkeypatch.setattr(provider_tests, "Adapters", lambda client: Only(FakeProvider(*answers)))

    return tell


def test_the_command_says_that_it_works(told: Any, capsys: pytest.CaptureFixture[str]) -> None:
    told(answer())

    call_command("test_provider", "aimlapi")

    said = capsys.readouterr().out
    assert said.startswith("AI/ML API works after ")
    assert "It cost $0.042" in said


def test_the_command_ends_with_1_when_it_fails(told: Any, capsys: pytest.CaptureFixture[str]) -> None:
    told(NotAccepted(Code.BAD_KEY, vendor_text="Invalid token"))

    with pytest.raises(SystemExit) as ended:
        call_command("test_provider", "aimlapi", "--json")

    said = json.loads(capsys.readouterr().out)
    assert ended.value.code == 1
    assert (said["ok"], said["code"], said["vendor_text"]) == (False, "bad_key", "Invalid token")
    assert ProviderTest.objects.get().by is None


def test_the_command_knows_who_there_is() -> None:
    with pytest.raises(CommandError, match="There are: aimlapi"):
        call_command("test_provider", "acme")
