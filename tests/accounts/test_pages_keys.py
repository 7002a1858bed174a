"""The API keys page: made once, shown once, revoked by name."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import keys, ledger
from accounts.models import ApiKey, User
from tests import factories

pytestmark = pytest.mark.django_db
PAGE = "/settings/api-keys/"
NEW = "/settings/api-keys/new/"


@pytest.fixture
def owner() -> User:
    return factories.person(credits=100)


@pytest.fixture
def signed_in(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def terms(**changed: object) -> dict[str, object]:
    return {
        "name": "Figma plugin",
        "scopes": ["read", "generate"],
        "spend_limit": "",
        "expires": "90",
    } | changed


def test_a_new_key_is_shown_once_and_works(signed_in: Client, owner: User) -> None:
    response = signed_in.post(NEW, terms())

    secret = re.search(r'value="(esl_\w+)"', response.content.decode())
    assert response.status_code == 201
    assert secret is not None
    found = keys.find(text=secret[1], now=timezone.now())
    assert found is not None
    assert found.user == owner
    assert secret[1] not in signed_in.get(PAGE).content.decode()


def test_the_answer_with_the_secret_is_never_kept(signed_in: Client) -> None:
    assert "no-store" in signed_in.post(NEW, terms()).headers["Cache-Control"]


def test_the_terms_of_the_form_are_the_terms_of_the_key(signed_in: Client) -> None:
    signed_in.post(NEW, terms(scopes=["read"], spend_limit="500", expires="30"))

    key = ApiKey.objects.get()
    assert (key.name, key.scopes, key.spend_limit) == ("Figma plugin", ["read"], 500)
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)


def test_a_key_may_never_expire(signed_in: Client) -> None:
    signed_in.post(NEW, terms(expires=""))

    assert ApiKey.objects.get().expires_at is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": " "}, "Give the key a name."),
        ({"name": "two\nlines"}, "A name is one line of plain text."),
        ({"scopes": []}, "Choose what the key may do."),
        ({"scopes": ["admin"]}, "admin is not one of the available choices."),
        ({"spend_limit": "much"}, "Write a whole number of credits, or leave it empty."),
        ({"spend_limit": "0"}, "A limit is at least 1 credit."),
        ({"expires": "1"}, "1 is not one of the available choices."),
    ],
)
def test_a_wrong_form_says_so_and_makes_no_key(
    signed_in: Client, wrong: dict[str, object], says: str
) -> None:
    response = signed_in.post(NEW, terms(**wrong))

    assert response.status_code == 422
    assert says in response.content.decode()
    assert not ApiKey.objects.exists()


def test_a_form_sent_twice_makes_one_key(signed_in: Client) -> None:
    signed_in.post(NEW, terms())

    again = signed_in.post(NEW, terms())

    assert again.status_code == 422
    assert "You have a key called “Figma plugin” already." in again.content.decode()
    assert ApiKey.objects.count() == 1


def test_the_name_of_a_revoked_key_is_free_again(signed_in: Client, owner: User) -> None:
    old = keys.create(user=owner, name="Figma plugin").key
    keys.revoke(key=old, now=timezone.now())

    assert signed_in.post(NEW, terms()).status_code == 201


def test_the_list_says_what_a_key_may_and_what_it_spent(signed_in: Client, owner: User) -> None:
    key = keys.create(user=owner, name="Batch", spend_limit=50).key
    hold = ledger.hold(user=owner, amount=8, key="k", reason="x", by=owner, api_key=key)
    ledger.capture(hold=hold, amount=6, reason="x")
    ledger.refund(hold=hold, amount=2, key="1", reason="x", by=None)

    text = re.sub(r"\s+", " ", signed_in.get(PAGE).content.decode())

    assert f"esl_{key.key_id[:4]}…{key.last_four}" in text
    assert "Read and generate" in text
    assert "4 of 50 credits spent" in text
    assert "never used" in text


def test_another_persons_keys_are_not_listed(signed_in: Client) -> None:
    keys.create(user=factories.person(), name="Theirs")

    assert "Theirs" not in signed_in.get(PAGE).content.decode()


def test_revoking_asks_by_name_and_then_ends_the_key(signed_in: Client, owner: User) -> None:
    created = keys.create(user=owner, name="Old tool")
    path = f"{PAGE}{created.key.key_id}/revoke/"

    asked = signed_in.get(path).content.decode()
    assert keys.find(text=created.secret, now=timezone.now()) is not None
    signed_in.post(path)

    assert "Revoke “Old tool”?" in asked
    assert keys.find(text=created.secret, now=timezone.now()) is None
    assert signed_in.get(path).status_code == 404


@pytest.mark.parametrize("is_staff", [False, True])
def test_nobody_else_may_revoke_it(client: Client, owner: User, is_staff: bool) -> None:
    created = keys.create(user=owner, name="Mine")
    client.force_login(factories.person(is_staff=is_staff, is_superuser=is_staff))

    response = client.post(f"{PAGE}{created.key.key_id}/revoke/")

    assert response.status_code == 404
    assert keys.find(text=created.secret, now=timezone.now()) is not None


def test_the_list_asks_the_database_as_often_for_many_keys_as_for_one(signed_in: Client, owner: User) -> None:
    counts = []
    for more in (1, 5):
        for number in range(more):
            keys.create(user=owner, name=f"key {more}-{number}")
        with CaptureQueriesContext(connection) as captured:
            assert signed_in.get(PAGE).status_code == 200
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 7
