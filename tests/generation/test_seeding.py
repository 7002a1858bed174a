"""What a start makes of the environment: which providers there are, which are on, which are real."""

import io
from typing import Any

import pytest
import structlog
from django.core.management import call_command
from django.test import Client

from accounts import sealing
from generation import catalog, seeding
from generation.adapters import Adapters
from generation.models import ImageModel, Offer, Provider, RoutingPolicy
from generation.providers import formats
from tests import factories

pytestmark = pytest.mark.django_db
KEY = "sk-live-0123456789abcdWXYZ"


@pytest.fixture
def two_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Google's format were spoken too, whichever there are."""
    known = {"aiml": formats.FORMATS["aiml"], "google": formats.FORMATS["aiml"]}
    for module in (seeding, catalog, formats):
        monkeypatch.setattr(module, "FORMATS", known)


@pytest.fixture
def start(settings: Any, two_formats: None) -> Any:
    """A first start with these keys and addresses, in local mode or not."""
    for model in (Offer, Provider, ImageModel, RoutingPolicy):
        model.objects.all().delete()

    def started(keys: dict[str, str], *, local: bool = True, addresses: dict[str, str] | None = None) -> None:
        settings.LOCAL_MODE = local
        settings.PROVIDER_KEYS = keys
        settings.PROVIDER_ADDRESSES = addresses or {}
        seeding.seed()

    return started


def states() -> dict[str, tuple[bool, bool]]:
    """Each provider: on, stand-in."""
    return {row.name: (row.enabled, row.emulated) for row in Provider.objects.all()}


def test_a_first_start_with_a_key_has_that_provider_and_it_is_real(start: Any) -> None:
    start({"google": KEY}, addresses={"google": "https://eu.example.com"})

    assert states() == {"aimlapi": (False, False), "google": (True, False)}
    google = Provider.objects.get(name="google")
    assert (sealing.unseal(google.sealed_key), google.key_hint) == (KEY, "WXYZ")
    assert google.base_url == "https://eu.example.com"


def test_a_first_local_start_without_a_key_has_stand_ins_for_all(start: Any) -> None:
    start({})

    assert states() == {"aimlapi": (True, True), "google": (True, True)}


def test_a_key_given_later_goes_to_its_provider_and_sends_the_stand_ins_home(start: Any) -> None:
    start({})

    start({"google": KEY})

    assert states() == {"aimlapi": (False, True), "google": (True, False)}


def test_a_key_given_later_does_not_replace_the_one_there(start: Any) -> None:
    start({"google": KEY})

    start({"google": "another-key-of-the-environment"})

    assert sealing.unseal(Provider.objects.get(name="google").sealed_key) == KEY


def test_nothing_that_was_edited_is_overwritten(start: Any) -> None:
    start({"google": KEY})
    Provider.objects.filter(name="google").update(
        title="Ours", enabled=False, weight=7, base_url="https://mine.example.com"
    )
    Provider.objects.filter(name="aimlapi").delete()
    ImageModel.objects.filter(slug="nano-banana").delete()
    RoutingPolicy.objects.update(policy="cheapest", fail_over=False)
    Offer.objects.update(costs={"": "9"})

    start({"google": KEY, "aimlapi": KEY})

    google = Provider.objects.get()
    assert (google.title, google.enabled, google.weight) == ("Ours", False, 7)
    assert google.base_url == "https://mine.example.com"
    assert not ImageModel.objects.filter(slug="nano-banana").exists()
    assert RoutingPolicy.objects.get().policy == "cheapest"
    assert all(offer.costs == {"": "9"} for offer in Offer.objects.all())


def test_starting_again_changes_no_row(start: Any) -> None:
    start({"google": KEY})
    before = list(Provider.objects.values())

    start({"google": KEY})

    assert list(Provider.objects.values()) == before


def test_production_without_keys_has_nobody_and_says_so(start: Any, client: Client) -> None:
    start({}, local=False)
    client.force_login(factories.person(is_superuser=True))

    assert states() == {"aimlapi": (False, False), "google": (False, False)}
    with structlog.testing.capture_logs() as logs:
        seeding.warn_if_nobody()
    assert [(line["log_level"], line["event"][:21]) for line in logs] == [
        ("warning", "no provider is set up")
    ]
    assert "No provider is set up." in client.get("/providers/").content.decode()


def test_with_a_provider_nothing_is_warned_of(start: Any) -> None:
    start({"google": KEY}, local=False)

    with structlog.testing.capture_logs() as logs:
        seeding.warn_if_nobody()

    assert logs == []


@pytest.mark.parametrize("key", ["abcd", "short-key"])
def test_a_short_key_is_not_given_away_by_its_hint(start: Any, key: str) -> None:
    start({"google": key})

    assert Provider.objects.get(name="google").key_hint == ""


def test_another_secret_key_takes_the_provider_out_and_work_goes_to_others(start: Any, settings: Any) -> None:
    start({"google": KEY})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", []
    Provider.objects.filter(name="aimlapi").update(enabled=True, sealed_key=sealing.seal(KEY))

    model = catalog.load().find("")

    assert [offer.provider.name for offer in model.live_offers()] == ["aimlapi"]
    assert catalog.load().providers["google"].why_not == (
        "Its key was sealed under another SECRET_KEY. Enter it again."
    )


def test_no_log_and_no_text_of_ours_holds_the_key(
    start: Any, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as logs:
        start({"google": KEY})
        facts = catalog.load().providers["google"]
        connection = facts.connection()
        settings.SECRET_KEY = "another"
        assert Adapters(None).of(facts) is None  # type: ignore[arg-type]

    out = io.StringIO()
    call_command("dumpdata", "generation", stdout=out)
    told = [repr(logs), caplog.text, repr(facts), repr(connection), out.getvalue()]
    assert connection.api_key == KEY
    assert [text for text in told if KEY in text or KEY[:12] in text] == []
