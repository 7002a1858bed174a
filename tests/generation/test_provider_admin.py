"""Providers, models and routing in Django's admin: keys go in and never out, and all of it is recorded."""

import io
import json
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.test import Client
from django.utils import timezone
from django.views.debug import ExceptionReporter
from zeal import zeal_ignore

from accounts import sealing
from accounts.models import AdminAct, User
from generation import catalog
from generation.models import ImageModel, Offer, Provider, ProviderHealth, ProviderTest, RoutingPolicy
from tests import factories

pytestmark = pytest.mark.django_db
SECRET = "sk-live-0123456789abcdWXYZ"
ADMIN = "/admin/generation"


@pytest.fixture
def boss(client: Client) -> User:
    user = factories.person(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="set_providers"))
    client.force_login(user)
    return user


@pytest.fixture
def provider() -> Provider:
    return Provider.objects.get(name="aimlapi")


def form_of(provider: Provider | None, **changes: Any) -> dict[str, Any]:
    """What the provider's page would send, with its offers as they are."""
    form: dict[str, Any] = {
        "title": provider.title if provider else "Mine",
        "format": "aiml",
        "base_url": provider.base_url if provider else "",
        "options": "{}",
        "position": 10,
        "weight": 1,
        "concurrency_max": "",
        "per_minute_max": "",
        "key": "",
    }
    if provider is None or provider.enabled:
        form["enabled"] = "on"
    offers = list(provider.offers.all()) if provider else []
    form |= {"offers-TOTAL_FORMS": len(offers), "offers-INITIAL_FORMS": len(offers)}
    for place, offer in enumerate(offers):
        form |= {f"offers-{place}-{name}": value for name, value in offer_form(offer).items()}
    return form | changes


def offer_form(offer: Offer) -> dict[str, Any]:
    return {
        "id": offer.pk or "",
        "provider": offer.provider_id,
        "model": offer.model_id,
        "vendor_model": offer.vendor_model,
        "edit_model": offer.edit_model,
        "abilities": json.dumps(offer.abilities),
        "costs": json.dumps(offer.costs),
        "enabled": "on",
    }


def change(client: Client, provider: Provider, **changes: Any) -> Any:
    form = {name: value for name, value in form_of(provider, **changes).items() if value is not None}
    with zeal_ignore():  # Django's form asks for the model of each offer by itself
        return client.post(f"{ADMIN}/provider/{provider.pk}/change/", form)


def errors(answer: Any) -> str:
    assert answer.status_code == 200, "the form was taken"
    context = answer.context["adminform"].form
    formsets = [
        error for inline in answer.context["inline_admin_formsets"] for error in inline.formset.errors
    ]
    return f"{context.errors} {formsets}"


# Keys


def test_a_key_goes_in_sealed_and_never_comes_out(client: Client, boss: User, provider: Provider) -> None:
    assert change(client, provider, key=SECRET).status_code == 302

    provider.refresh_from_db()
    assert sealing.unseal(provider.sealed_key) == SECRET
    page = client.get(f"{ADMIN}/provider/{provider.pk}/change/").content.decode()
    assert "ends in …WXYZ" in page
    shown = [page, client.get(f"{ADMIN}/provider/").content.decode(), repr(catalog.load()), repr(provider)]
    out = io.StringIO()
    call_command("dumpdata", stdout=out)
    for text in [*shown, out.getvalue(), json.dumps(list(AdminAct.objects.values()), default=str)]:
        assert SECRET not in text
        assert SECRET[:12] not in text
    assert provider.sealed_key not in page


def test_an_empty_field_keeps_the_key(client: Client, boss: User, provider: Provider) -> None:
    before = provider.sealed_key

    change(client, provider, title="Renamed")

    provider.refresh_from_db()
    assert (provider.sealed_key, provider.title) == (before, "Renamed")


def test_a_key_is_forgotten_when_that_is_asked_for(client: Client, boss: User, provider: Provider) -> None:
    assert "switched on" in errors(change(client, provider, forget="on"))

    change(client, provider, forget="on", enabled=None)

    provider.refresh_from_db()
    assert (provider.sealed_key, provider.key_hint) == ("", "")
    assert AdminAct.objects.get().after["key"] == "none"


def test_a_key_that_is_none_is_refused_and_not_repeated(
    client: Client, boss: User, provider: Provider
) -> None:
    answer = change(client, provider, key="sk live 0123456789")

    assert "characters that no key has" in errors(answer)
    assert "sk live" not in answer.content.decode()


def test_entering_and_forgetting_at_once_is_refused(client: Client, boss: User, provider: Provider) -> None:
    assert "not both" in errors(change(client, provider, key=SECRET, forget="on"))


def test_a_key_makes_a_stand_in_real(client: Client, boss: User, provider: Provider) -> None:
    Provider.objects.update(emulated=True, sealed_key="")
    provider.refresh_from_db()

    change(client, provider, key=SECRET)

    provider.refresh_from_db()
    assert not provider.emulated


def test_neither_error_page_nor_report_shows_a_key(
    client: Client, boss: User, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    reports = []

    def report(request: Any, **_: Any) -> None:
        reports.append(ExceptionReporter(request, *sys.exc_info()).get_traceback_text())

    client.raise_request_exception = False
    got_request_exception.connect(report)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("generation.administration.save_provider", lambda **_: 1 / 0)
            answer = change(client, provider, key=SECRET)
    finally:
        got_request_exception.disconnect(report)

    assert answer.status_code == 500
    (told,) = reports
    assert "ZeroDivisionError" in told
    assert "title" in told
    for text in (answer.content.decode(), told, caplog.text):
        assert SECRET not in text


# What a change does


@pytest.mark.parametrize(
    "changes",
    [{"key": SECRET}, {"key": SECRET, "base_url": "https://eu.example.com"}, {"enabled": None}],
    ids=["key", "address", "off"],
)
def test_what_was_wrong_is_forgotten_with_a_new_key_or_address(
    client: Client, boss: User, provider: Provider, changes: dict[str, Any]
) -> None:
    soon = timezone.now() + timedelta(hours=1)
    ProviderHealth.objects.create(provider=provider, failures=9, open_until=soon, resting_until=soon)

    change(client, provider, **changes)

    health = ProviderHealth.objects.get()
    assert (health.failures, health.open_until, health.resting_until) == (0, None, None)


@pytest.mark.parametrize("address", ["https://elsewhere.example.com", "http://127.0.0.1:9"])
def test_a_kept_key_is_not_sent_to_another_address(
    client: Client, boss: User, provider: Provider, address: str
) -> None:
    answer = change(client, provider, base_url=address)

    assert "Enter the key again" in answer.content.decode()
    provider.refresh_from_db()
    assert provider.base_url != address


def test_another_path_of_the_same_address_keeps_the_key(
    client: Client, boss: User, provider: Provider
) -> None:
    change(client, provider, key=SECRET, base_url="https://eu.example.com/v1")
    sealed = Provider.objects.get(pk=provider.pk).sealed_key

    change(client, provider, base_url="https://eu.example.com/v2")

    kept = Provider.objects.get(pk=provider.pk)
    assert (kept.base_url, kept.sealed_key) == ("https://eu.example.com/v2", sealed)


def test_another_title_clears_nothing(client: Client, boss: User, provider: Provider) -> None:
    ProviderHealth.objects.create(provider=provider, failures=4)

    change(client, provider, title="Renamed")

    assert ProviderHealth.objects.get().failures == 4


def test_a_change_is_recorded_by_whom_and_how(client: Client, boss: User, provider: Provider) -> None:
    change(client, provider, weight=5, key=SECRET, per_minute_max=60)

    act = AdminAct.objects.get()
    assert (act.by, act.verb, act.subject_label) == (boss, "set_provider", "AI/ML API")
    assert (act.before["weight"], act.after["weight"]) == (1, 5)
    assert act.after["key"] == "ends in WXYZ, entered anew"
    assert (act.before["calls a minute"], act.after["calls a minute"]) == (None, 60)


def test_saving_what_is_there_records_nothing(client: Client, boss: User, provider: Provider) -> None:
    assert change(client, provider).status_code == 302

    assert not AdminAct.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": "http://api.example.com"}, "Write https://"),
        ({"base_url": "nowhere"}, "a web address"),
        ({"options": '{"region": "eu"}'}, "has no option region"),
        ({"options": "{"}, "This is no JSON"),
        ({"format": "telepathy"}, "Select a valid choice"),
        ({"weight": 1001}, "less than or equal to 1000"),
        ({"concurrency_max": 0}, "greater than or equal to 1"),
        ({"offers-0-abilities": '{"colour": true}'}, "no ability colour"),
        ({"offers-0-costs": '{"": 0.042}'}, "a text such as"),
        ({"offers-0-costs": '{"8K": "1"}'}, "no size"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    client: Client, boss: User, provider: Provider, changes: dict[str, Any], words: str
) -> None:
    assert words in errors(change(client, provider, **changes))
    assert not AdminAct.objects.exists()


def test_a_provider_with_a_model_is_two_rows(client: Client, boss: User) -> None:
    model = ImageModel.objects.get(slug="gemini-2.5-flash-image")
    new = Offer(model=model, vendor_model="flash", costs={"": "0.01"}, abilities={"count_max": 1})
    form = form_of(None, name="mine", key=SECRET, **{"offers-TOTAL_FORMS": 1})
    form |= {f"offers-0-{name}": value for name, value in offer_form(new).items() if value is not None}

    assert client.post(f"{ADMIN}/provider/add/", form).status_code == 302

    offer = catalog.load().find("").offers["mine"]
    assert (offer.vendor_model, offer.abilities.count_max, str(offer.costs[""])) == ("flash", 1, "0.01")
    assert [act.verb for act in AdminAct.objects.order_by("pk")] == ["add_provider", "add_offer"]


def test_an_offer_is_changed_and_ended(client: Client, boss: User, provider: Provider) -> None:
    change(client, provider, **{"offers-0-vendor_model": "v2", "offers-1-DELETE": "on"})

    assert [offer.vendor_model for offer in provider.offers.all()] == ["v2"]
    assert {act.verb for act in AdminAct.objects.all()} == {"set_offer", "delete_offer"}


def test_a_provider_that_was_asked_is_switched_off_and_not_deleted(
    client: Client, boss: User, provider: Provider
) -> None:
    from tests.generation.attempts import attempt

    attempt(at=timezone.now())
    assert client.post(f"{ADMIN}/provider/{provider.pk}/delete/", {"post": "yes"}).status_code == 403

    other = Provider.objects.create(name="other", title="Other", format="aiml", enabled=False)
    client.post(f"{ADMIN}/provider/{other.pk}/delete/", {"post": "yes"})

    assert Provider.objects.filter(name="aimlapi").exists()
    assert not Provider.objects.filter(name="other").exists()
    assert AdminAct.objects.get().verb == "delete_provider"


# Models and routing

SIZES = [{"name": "", "price": 3, "ratios": {"1:1": [1024, 1024], "16:9": [1344, 768]}}]


def model_form(**changes: Any) -> dict[str, Any]:
    form = {
        "slug": "flux-2.0",
        "name": "Flux 2",
        "aliases": '["flux"]',
        "sizes": json.dumps(SIZES),
        "count_max": 4,
        "references_max": 1,
        "prompt_max": 2000,
        "temperature_max": 2,
        "temperature_default": 1,
        "top_p_default": 0.95,
        "enabled": "on",
        "position": 5,
    }
    return form | changes


def test_adding_a_model_is_a_row(client: Client, boss: User, provider: Provider) -> None:
    assert client.post(f"{ADMIN}/imagemodel/add/", model_form()).status_code == 302
    made = ImageModel.objects.get(slug="flux-2.0")
    Offer.objects.create(provider=provider, model=made, vendor_model="flux")

    found = catalog.load().find("flux")

    assert (found.id, found.price, list(found.ratios)) == ("flux-2.0", 3, ["1:1", "16:9"])
    act = AdminAct.objects.get()
    assert act.after["size"] == "3 credits; 1:1 1024 × 1024, 16:9 1344 × 768"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sizes": "[]"}, "Write 1 to 10 sizes"),
        ({"sizes": json.dumps([{**SIZES[0], "price": 0}])}, "whole number of credits"),
        ({"sizes": "{"}, "This is no JSON"),
        ({"aliases": '["nano-banana"]'}, "means nano-banana already"),
        ({"slug": "google/nano-banana"}, "small letters"),
        ({"slug": "nano-banana"}, "already exists"),
        ({"temperature_default": 3}, "at most the highest"),
    ],
)
def test_a_model_that_cannot_be_is_refused_in_words(
    client: Client, boss: User, changes: dict[str, Any], words: str
) -> None:
    answer = client.post(f"{ADMIN}/imagemodel/add/", model_form(**changes))

    assert words in errors(answer)
    assert ImageModel.objects.filter(name="Flux 2").count() == 0


def test_every_model_of_a_new_installation_can_be_edited(client: Client, boss: User) -> None:
    for model in ImageModel.objects.all():
        form = model_form(
            name=model.name + "!",
            aliases=json.dumps(model.aliases),
            sizes=json.dumps(model.sizes),
            references_max=14,
        )
        answer = client.post(f"{ADMIN}/imagemodel/{model.pk}/change/", form)
        assert answer.status_code == 302, errors(answer)


def test_a_new_price_leaves_what_runs_as_it_was_quoted(client: Client, boss: User) -> None:
    generation = factories.generation(count=2)
    model = ImageModel.objects.get(slug=generation.model)
    sizes = [{**model.sizes[0], "price": 9}]
    aliases = json.dumps(model.aliases)

    client.post(
        f"{ADMIN}/imagemodel/{model.pk}/change/", model_form(sizes=json.dumps(sizes), aliases=aliases)
    )

    generation.refresh_from_db()
    assert (generation.price, catalog.load().find("").price) == (2, 2 if model.position == 5 else 9)


def test_routing_is_one_row(client: Client, boss: User) -> None:
    assert client.get(f"{ADMIN}/routingpolicy/add/").status_code == 403
    assert client.post(f"{ADMIN}/routingpolicy/1/delete/", {"post": "yes"}).status_code == 403

    client.post(f"{ADMIN}/routingpolicy/1/change/", {"policy": "fastest"})

    policy = RoutingPolicy.objects.get()
    assert (policy.policy, policy.fail_over) == ("fastest", False)
    assert AdminAct.objects.get().verb == "set_routing"


@pytest.mark.parametrize("name", ["providerhealth", "providertest"])
def test_what_easel_writes_is_read_only(client: Client, boss: User, provider: Provider, name: str) -> None:
    made = (
        ProviderHealth.objects.create(provider=provider)
        if name == "providerhealth"
        else ProviderTest.objects.create(provider=provider, by=boss)
    )

    assert client.get(f"{ADMIN}/{name}/").status_code == 200
    assert client.get(f"{ADMIN}/{name}/{made.pk}/change/").status_code == 200
    assert client.post(f"{ADMIN}/{name}/{made.pk}/change/", {}).status_code == 403
    assert client.get(f"{ADMIN}/{name}/add/").status_code == 403


def test_staff_without_the_permission_see_none_of_it(client: Client, provider: Provider) -> None:
    client.force_login(factories.person(is_staff=True))

    for name in ("provider", "imagemodel", "routingpolicy", "providerhealth", "providertest"):
        assert client.get(f"{ADMIN}/{name}/").status_code == 403
    assert client.post(f"{ADMIN}/provider/{provider.pk}/change/", form_of(provider)).status_code == 403
