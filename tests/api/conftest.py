"""People and their ways in: a signed-in browser, or a program with a key."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import keys
from accounts.models import ApiKey, User
from tests import factories


@dataclass(frozen=True)
class Caller:
    """A person's program: the client sends the key."""

    user: User
    key: ApiKey
    secret: str
    client: APIClient


def caller(user: User | None = None, **terms: Any) -> Caller:
    user = user or factories.person()
    created = keys.create(user=user, **{"name": "Tests", **terms})
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {created.secret}")
    return Caller(user, created.key, created.secret, client)


@pytest.fixture
def owner(db: None) -> Caller:
    return caller()


@pytest.fixture
def teammate(db: None) -> Caller:
    return caller()


@pytest.fixture
def admin(db: None) -> Caller:
    return caller(factories.person(is_staff=True, is_superuser=True))


@pytest.fixture
def stranger() -> Client:
    return APIClient()
