"""Django's admin: credits move through the ledger alone, and its rows are for reading."""

import re
import uuid

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from zeal import zeal_ignore

from accounts import ledger
from accounts.models import Hold, LedgerEntry, User
from tests import factories

pytestmark = pytest.mark.django_db
PEOPLE = "/admin/accounts/user/"
OURS = sorted(
    model._meta.label_lower
    for model in admin.site._registry
    if model._meta.app_label in ("accounts", "gallery", "generation")
)
# People, and what a verb of `accounts.administration` makes.
ADDED = {
    "gallery.storageuse",
    "accounts.user",
    "accounts.team",
    "accounts.membership",
    "accounts.allowancerule",
    "accounts.cap",
    "accounts.queuerule",
    "generation.provider",
    "generation.imagemodel",
}


@pytest.fixture
def boss() -> User:
    return factories.person(is_staff=True, is_superuser=True, name="Jonas Berg")


@pytest.fixture
def person() -> User:
    return factories.person(credits=100)


@pytest.fixture
def signed_in(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


def asked(person: User, **changed: object) -> dict[str, object]:
    terms = {"direction": "give", "amount": "50", "reason": "For the campaign", "key": str(uuid.uuid4())}
    return {"action": "credits_action", "_selected_action": [person.pk]} | terms | changed


@pytest.mark.parametrize("label", OURS)
def test_every_list_and_row_of_ours_opens(signed_in: Client, label: str) -> None:
    generation = factories.generation()
    name = label.replace(".", "_")

    listed = signed_in.get(reverse(f"admin:{name}_changelist"))

    assert listed.status_code == 200
    model = next(model for model in admin.site._registry if model._meta.label_lower == label)
    # The person who asks and the person who is looked at are two rows, not one in a loop.
    with zeal_ignore([{"model": "accounts.User", "field": "get()"}]):
        if row := model.objects.first():
            assert signed_in.get(reverse(f"admin:{name}_change", args=[row.pk])).status_code == 200
    assert generation.pk


@pytest.mark.parametrize("label", [label for label in OURS if label not in ADDED])
def test_no_row_but_people_rules_providers_and_models_is_added_here(signed_in: Client, label: str) -> None:
    assert signed_in.get(reverse(f"admin:{label.replace('.', '_')}_add")).status_code == 403


@pytest.mark.parametrize("kind", [LedgerEntry, Hold])
def test_entries_and_holds_are_neither_changed_nor_deleted(
    signed_in: Client, kind: type[LedgerEntry] | type[Hold], person: User
) -> None:
    ledger.hold(user=person, amount=8, key="h", reason="x", by=person)
    row = kind.objects.latest("pk")
    name = kind._meta.label_lower.replace(".", "_")

    for action in ("change", "delete"):
        path = reverse(f"admin:{name}_{action}", args=[row.pk])
        assert signed_in.post(path, {"amount": "1", "post": "yes"}).status_code == 403
    assert kind.objects.get(pk=row.pk).amount == row.amount


def test_a_grant_is_asked_for_with_a_reason(signed_in: Client, person: User) -> None:
    text = signed_in.post(
        PEOPLE, {"action": "credits_action", "_selected_action": [person.pk]}
    ).content.decode()

    assert person.email in text
    assert re.search(r'name="reason"[^>]*required', text)


def test_a_grant_goes_through_the_ledger_with_who_and_why(
    signed_in: Client, person: User, boss: User
) -> None:
    signed_in.post(PEOPLE, asked(person))

    entry = LedgerEntry.objects.latest("pk")
    assert ledger.available(person) == 150
    assert (entry.kind, entry.by, entry.reason) == ("grant", boss, "For the campaign")


def test_a_grant_sent_twice_is_given_once(signed_in: Client, person: User) -> None:
    form = asked(person)
    for _ in range(2):
        signed_in.post(PEOPLE, form)

    assert ledger.available(person) == 150


def test_taking_back_is_a_correction(signed_in: Client, person: User) -> None:
    signed_in.post(PEOPLE, asked(person, direction="take"))

    assert ledger.available(person) == 50
    assert LedgerEntry.objects.latest("pk").kind == "adjustment"


def test_taking_back_more_than_there_is_moves_nothing_and_says_so(signed_in: Client, person: User) -> None:
    response = signed_in.post(PEOPLE, asked(person, direction="take", amount="101"), follow=True)

    assert ledger.available(person) == 100
    assert "100 available" in response.content.decode()


@pytest.mark.parametrize("wrong", [{"reason": ""}, {"amount": "0"}, {"amount": "1.5"}, {"key": "x"}])
def test_a_wrong_form_moves_nothing(signed_in: Client, person: User, wrong: dict[str, str]) -> None:
    response = signed_in.post(PEOPLE, asked(person, **wrong))

    assert response.status_code == 200
    assert ledger.available(person) == 100


def test_an_admin_gives_nothing_to_themselves(signed_in: Client, boss: User) -> None:
    signed_in.post(PEOPLE, asked(boss))

    assert ledger.available(boss) == 1_000


def test_a_person_who_is_no_admin_has_no_admin(client: Client, person: User) -> None:
    client.force_login(person)

    assert client.get(PEOPLE).status_code == 302
    assert client.post(PEOPLE, asked(factories.person())).status_code == 302


def test_a_person_made_here_can_sign_in(signed_in: Client) -> None:
    password = "correct horse battery"
    terms = {"email": "New@easel.test", "name": "New", "usable_password": "true"}
    signed_in.post(f"{PEOPLE}add/", terms | {"password1": password, "password2": password})

    assert User.objects.get(email="new@easel.test").check_password(password)


def test_a_prompt_is_not_shown_in_the_admin(signed_in: Client) -> None:
    generation = factories.generation(prompt="a very private idea")

    path = reverse("admin:generation_generation_change", args=[generation.pk])

    assert "a very private idea" not in signed_in.get(path).content.decode()
