"""The provider board as pages and API: who sees what, and what admins do on it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from accounts import sealing
from accounts.models import AdminAct, User
from generation.models import Attempt, Provider, ProviderHealth, ProviderTest, RoutingPolicy
from tests import factories
from tests.api.conftest import caller
from tests.generation.attempts import attempt

pytestmark = pytest.mark.django_db
KEY = "key-of-tests"


def person_with(*names: str) -> User:
    user = factories.person(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return user


@pytest.fixture
def boss(client: Client) -> User:
    user = factories.person(is_superuser=True, is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def provider() -> Provider:
    return Provider.objects.get(name="aimlapi")


@pytest.fixture
def failed(provider: Provider) -> Attempt:
    return attempt(
        at=timezone.now() - timedelta(minutes=5),
        status=Attempt.Status.NOT_ACCEPTED,
        detail="The image provider is busy.",
        vendor_text="upstream 503 of us-east",
    )


def page(client: Client) -> str:
    answer = client.get("/providers/")
    assert answer.status_code == 200
    return str(answer.content.decode())


# Who sees what


def test_everybody_signed_in_sees_state_success_times_and_price(client: Client, failed: Attempt) -> None:
    client.force_login(factories.person())

    shown = page(client)

    for words in (
        "AI/ML API",
        "Unsteady",
        "0%",
        "p95",
        "2 credits",
        "Gemini 2.5 Flash Image",
        "3 references",
    ):
        assert words in shown
    for secret in ("$0.042", "us-east", "weight", "ests", "Auto routing", "Edit", "/switch", "/test"):
        assert secret not in shown


def test_strangers_sign_in_first(client: Client) -> None:
    assert client.get("/providers/").status_code == 302
    assert client.post("/providers/aimlapi/switch").status_code == 302


def test_who_sees_credits_sees_costs_and_errors_and_does_nothing(client: Client, failed: Attempt) -> None:
    client.force_login(person_with("see_credits"))

    shown = page(client)

    assert "$0.042" in shown
    assert "upstream 503 of us-east" in shown
    assert "/switch" not in shown
    assert "Auto routing" not in shown
    for address in ("aimlapi/switch", "aimlapi/test", "routing", "nobody/test"):
        assert client.post(f"/providers/{address}", {"policy": "cheapest"}).status_code == 403
    assert not AdminAct.objects.exists()


def test_who_sets_providers_needs_no_other_permission(client: Client) -> None:
    client.force_login(person_with("set_providers"))

    shown = page(client)

    assert "/switch" in shown
    assert "Auto routing" in shown


def test_the_board_is_linked_where_people_look(client: Client, boss: User) -> None:
    assert '/providers/"' in client.get("/credits/").content.decode()
    assert '/providers/"' in client.get("/people/").content.decode()


def test_nobody_reads_the_key(client: Client, boss: User, provider: Provider) -> None:
    shown = page(client)

    assert "…ests" in shown
    assert KEY not in shown
    assert provider.sealed_key not in shown


def test_a_key_that_cannot_be_opened_says_so(client: Client, boss: User, settings: Any) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", []
    client.force_login(boss)

    shown = page(client)

    assert "Its key was sealed under another SECRET_KEY. Enter it again." in shown
    assert "No provider is set up." in shown


def test_without_any_provider_the_board_says_what_to_do(client: Client, boss: User) -> None:
    Provider.objects.update(enabled=False)
    assert "No provider is set up." in page(client)

    Provider.objects.all().delete()
    assert "No providers yet" in page(client)


def test_vendors_words_cannot_write_markup(client: Client, boss: User, failed: Attempt) -> None:
    Attempt.objects.update(vendor_text="<script>alert(1)</script>")

    assert "<script>alert(1)" not in page(client)


# What admins do


def test_a_switch_is_recorded_and_clears_what_was_wrong(
    client: Client, boss: User, provider: Provider
) -> None:
    ProviderHealth.objects.create(
        provider=provider, failures=9, open_until=timezone.now() + timedelta(hours=1)
    )

    client.post("/providers/aimlapi/switch", {"on": "0"})
    provider.refresh_from_db()
    assert not provider.enabled
    client.post("/providers/aimlapi/switch", {"on": "1"})
    client.post("/providers/aimlapi/switch", {"on": "1"})

    provider.refresh_from_db()
    assert provider.enabled
    assert ProviderHealth.objects.get().open_until is None
    acts = AdminAct.objects.order_by("pk")
    assert [(act.verb, act.before["on"], act.after["on"]) for act in acts] == [
        ("set_provider", "yes", "no"),
        ("set_provider", "no", "yes"),
    ]


def test_one_without_a_key_stays_off(client: Client, boss: User, provider: Provider) -> None:
    Provider.objects.update(enabled=False, sealed_key="")

    answer = client.post("/providers/aimlapi/switch", {"on": "1"}, follow=True)

    assert "stays off. Enter its key" in answer.content.decode()
    provider.refresh_from_db()
    assert not provider.enabled


def test_a_test_leaves_a_task_and_shows_that_it_runs(client: Client, boss: User) -> None:
    answer = client.post("/providers/aimlapi/test", follow=True)

    test = ProviderTest.objects.get()
    assert "A test has been running since" in answer.content.decode()
    (task,) = [SignedPackage.loads(row.payload) for row in OrmQ.objects.filter(key="short")]
    assert (task["func"], task["args"]) == ("generation.tasks.test_provider", (str(test.public_id),))

    answer = client.post("/providers/aimlapi/test", follow=True)
    assert "is running already" in answer.content.decode()
    assert ProviderTest.objects.count() == 1


def test_a_tests_outcome_stands_on_the_board(client: Client, boss: User, provider: Provider) -> None:
    now = timezone.now()
    ProviderTest.objects.create(
        provider=provider, by=boss, started_at=now - timedelta(seconds=3), ended_at=now, ok=False,
        code="bad_key", detail="It doesn't accept the key.", vendor_text="Invalid token",
    )  # fmt: skip

    shown = page(client)

    assert "Test failed" in shown
    assert "Invalid token" in shown


def test_a_stuck_test_is_ended_when_the_board_is_looked_at(
    client: Client, boss: User, provider: Provider
) -> None:
    ProviderTest.objects.create(provider=provider, started_at=timezone.now() - timedelta(minutes=3))

    assert "It didn&#x27;t end in time." in page(client)


def test_the_routing_is_chosen_and_recorded(client: Client, boss: User) -> None:
    client.post("/providers/routing", {"policy": "cheapest"})

    policy = RoutingPolicy.objects.get()
    assert (policy.policy, policy.fail_over) == ("cheapest", False)
    act = AdminAct.objects.get()
    assert act.before == {"policy": "My order", "fail over": "yes"}
    assert act.after == {"policy": "Cheapest", "fail over": "no"}


def test_a_policy_that_there_is_not_is_refused_in_words(client: Client, boss: User) -> None:
    answer = client.post("/providers/routing", {"policy": "dice"})

    assert answer.status_code == 422
    assert "Choose one of those shown." in answer.content.decode()
    assert RoutingPolicy.objects.get().policy == "preferred"


def test_the_log_tells_it_in_words(client: Client, boss: User) -> None:
    client.post("/providers/routing", {"policy": "weighted", "fail_over": "on"})

    log = client.get("/people/log/").content.decode()

    assert "Changed the routing" in log
    assert "Spread by weight" in log


def test_the_page_asks_a_constant_number_of_queries(
    client: Client, boss: User, django_assert_max_num_queries: Any
) -> None:
    generation = factories.generation()
    for number in range(8):
        name = f"p{number}"
        row = Provider.objects.create(name=name, title=name, format="aiml", base_url="http://127.0.0.1:1")
        attempt(generation, at=timezone.now() - timedelta(minutes=number + 1), provider=name)
        ProviderTest.objects.create(provider=row, by=boss, ended_at=timezone.now(), ok=True)

    with django_assert_max_num_queries(18):
        page(client)


# The Studio


def test_the_studio_says_when_nobody_answers(client: Client, provider: Provider) -> None:
    client.force_login(factories.person())
    assert "image provider is" not in client.get("/").content.decode()

    ProviderHealth.objects.create(provider=provider, open_until=timezone.now() + timedelta(minutes=1))
    shown = client.get("/").content.decode()
    assert "No image provider is answering right now." in shown
    assert ">Add to queue<" in shown

    Provider.objects.update(enabled=False)
    assert "No image provider is set up." in client.get("/").content.decode()


# The API


def test_the_api_tells_everybody_the_same_without_costs_and_errors(
    failed: Attempt, provider: Provider
) -> None:
    attempt(at=timezone.now() - timedelta(minutes=4), seconds=2.5)

    (told,) = caller().client.get("/api/v1/providers").json()["results"]

    assert (told["id"], told["state"], told["calls"], told["success"]) == ("aimlapi", "healthy", 2, 0.5)
    assert (told["median_seconds"], told["p95_seconds"], len(told["spans"])) == (2.5, 2.5, 40)
    assert told["spans"][-1] == {"succeeded": 1, "failed": 1}
    assert told["models"][0]["prices"] == [{"image_size": None, "credits": 2, "cost_usd": None}]
    assert told["last_failure"] is None


def test_the_api_tells_admins_more_and_never_a_key(failed: Attempt, provider: Provider) -> None:
    Provider.objects.create(name="off", title="Off", format="aiml", enabled=False)
    admin = caller(factories.person(is_superuser=True)).client

    body = admin.get("/api/v1/providers").json()

    by_name = {row["id"]: row for row in body["results"]}
    first, second = by_name["aimlapi"], by_name["off"]
    assert first["models"][0]["prices"][0]["cost_usd"] == "0.042000"
    assert first["last_failure"]["detail"] == "The image provider is busy."
    assert (second["state"], second["detail"]) == ("off", "Switched off.")
    for secret in (KEY, provider.sealed_key, sealing.seal("a")[:10]):
        assert secret not in json.dumps(body)
