"""API keys: shape, digest, who they let in, and the command that makes one."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts import keys
from accounts.models import ApiKey, User

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return User.objects.create_user("owner@easel.test", "a-good-password")


def test_a_key_is_prefix_id_secret_and_checksum(owner: User) -> None:
    created = keys.create(user=owner, name="Laptop")

    assert len(created.secret) == 4 + 12 + 32 + 6
    assert created.secret.startswith(f"esl_{created.key.key_id}")
    assert created.secret.isascii()


def test_the_secret_is_nowhere_in_the_row(owner: User) -> None:
    created = keys.create(user=owner, name="Laptop")

    row = ApiKey.objects.filter(pk=created.key.pk).values().get()
    assert created.secret[16:48] not in repr(row)
    assert row["last_four"] == created.secret[-4:]


def test_a_live_key_finds_its_owner(owner: User) -> None:
    created = keys.create(user=owner, name="Laptop")

    found = keys.find(text=created.secret, now=NOW)

    assert found is not None
    assert found.user == owner


@pytest.mark.parametrize(
    "text", ["", "esl_", "esl_ü", "sk-" + "a" * 51, "esl_" + "a" * 50, "esl_" + "1" * 5000]
)
def test_a_malformed_key_never_asks_the_database(
    text: str, django_assert_num_queries: Any, owner: User
) -> None:
    with django_assert_num_queries(0):
        assert keys.find(text=text, now=NOW) is None


def test_one_letter_off_never_asks_the_database(owner: User, django_assert_num_queries: Any) -> None:
    secret = keys.create(user=owner, name="Laptop").secret
    mistyped = secret[:20] + ("a" if secret[20] != "a" else "b") + secret[21:]

    with django_assert_num_queries(0):
        assert keys.find(text=mistyped, now=NOW) is None


def test_another_secret_under_a_known_id_finds_nothing(owner: User) -> None:
    secret = keys.create(user=owner, name="Laptop").secret
    body = secret[:16] + "0" * 32

    assert keys.find(text=body + keys._checksum(body), now=NOW) is None


def test_a_revoked_key_finds_nothing(owner: User) -> None:
    created = keys.create(user=owner, name="Laptop")

    keys.revoke(key=created.key, now=NOW)

    assert keys.find(text=created.secret, now=NOW) is None
    assert created.key.revoked_at == NOW


def test_revoking_twice_keeps_the_first_time(owner: User) -> None:
    created = keys.create(user=owner, name="Laptop")

    keys.revoke(key=created.key, now=NOW)
    keys.revoke(key=created.key, now=NOW + timedelta(days=1))

    assert created.key.revoked_at == NOW


def test_a_key_ends_at_its_expiry(owner: User) -> None:
    secret = keys.create(user=owner, name="Laptop", expires_at=NOW).secret

    assert keys.find(text=secret, now=NOW - timedelta(seconds=1)) is not None
    assert keys.find(text=secret, now=NOW) is None


def test_the_key_of_a_deactivated_owner_finds_nothing(owner: User) -> None:
    secret = keys.create(user=owner, name="Laptop").secret
    User.objects.filter(pk=owner.pk).update(is_active=False)

    assert keys.find(text=secret, now=NOW) is None


def test_the_last_use_is_written_once_a_minute(owner: User, django_assert_num_queries: Any) -> None:
    created = keys.create(user=owner, name="Laptop")
    keys.find(text=created.secret, now=NOW)

    with django_assert_num_queries(1):
        keys.find(text=created.secret, now=NOW + timedelta(seconds=59))
    created.key.refresh_from_db()
    assert created.key.last_used_at == NOW

    keys.find(text=created.secret, now=NOW + timedelta(seconds=60))
    created.key.refresh_from_db()
    assert created.key.last_used_at == NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read", "admin"]}, "scopes"),
        ({"spend_limit": 0}, "spend_limit"),
        ({"spend_limit": 10**13}, "spend_limit"),
    ],
)
def test_terms_that_make_no_key(owner: User, terms: dict[str, Any], field: str) -> None:
    with pytest.raises(keys.InvalidKey) as refusal:
        keys.create(user=owner, **{"name": "Laptop", **terms})

    assert refusal.value.field == field
    assert not ApiKey.objects.exists()


def test_the_command_prints_only_the_key(owner: User) -> None:
    out, err = StringIO(), StringIO()

    call_command("create_api_key", "OWNER@easel.test", stdout=out, stderr=err)

    found = keys.find(text=out.getvalue().strip(), now=NOW)
    assert found is not None
    assert found.user == owner
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().strip() not in err.getvalue()


def test_the_command_sets_scope_limit_and_expiry(owner: User) -> None:
    arguments = ["--scope", "read", "--spend-limit", "20", "--expires-days", "3", "--name", "Feed"]

    call_command("create_api_key", owner.email, *arguments, stdout=StringIO(), stderr=StringIO())

    key = ApiKey.objects.get()
    assert (key.name, key.scopes, key.spend_limit) == ("Feed", ["read"], 20)
    assert key.expires_at is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ["nobody@easel.test"],
        ["owner@easel.test", "--spend-limit", "0"],
        ["owner@easel.test", "--expires-days", "0"],
    ],
)
def test_the_command_refuses_in_a_sentence(owner: User, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("create_api_key", *arguments, stdout=StringIO(), stderr=StringIO())

    assert not ApiKey.objects.exists()
