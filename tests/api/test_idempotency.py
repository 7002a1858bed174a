"""The same call again, later or at the same time, has one effect and one answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import idempotency, ledger
from accounts.models import Hold
from generation.models import Generation, ImageModel
from tests import factories
from tests.api import rows
from tests.api.conftest import Caller, caller

URL = "/api/v1/generations"
CALLERS = 50
pytestmark = pytest.mark.django_db


def post(owner: Caller, body: Any, key: str = "once") -> Any:
    return owner.client.post(URL, body, headers={"Idempotency-Key": key})


def test_the_same_call_answers_the_same_generation(owner: Caller) -> None:
    first, second = post(owner, {"prompt": "A pier"}), post(owner, {"prompt": "A pier"})

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first["Location"] == second["Location"]
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert Hold.objects.count() == 1


def test_order_and_spaces_of_the_body_make_no_other_call(owner: Caller) -> None:
    client, headers = owner.client, {"Idempotency-Key": "once"}
    one, two = b'{"prompt": "A pier", "count": 2}', b'{"count":2,"prompt":"A pier"}'

    first = client.post(URL, one, content_type="application/json", headers=headers)
    second = client.post(URL, two, content_type="application/json", headers=headers)

    assert first.json()["id"] == second.json()["id"]


def test_a_replay_tells_how_it_is_now(owner: Caller) -> None:
    post(owner, {"prompt": "A pier"})
    rows.finish(Generation.objects.get())

    assert post(owner, {"prompt": "A pier"}).json()["status"] == "succeeded"


def test_another_body_under_the_key_is_refused(owner: Caller) -> None:
    post(owner, {"prompt": "A pier"})

    answer = post(owner, {"prompt": "A harbour"})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Generation.objects.count() == 1


def test_a_key_is_its_owners(owner: Caller, teammate: Caller) -> None:
    first, second = post(owner, {"prompt": "A pier"}), post(teammate, {"prompt": "A pier"})

    assert first.json()["id"] != second.json()["id"]


def test_a_refused_call_may_be_sent_again_under_its_key(owner: Caller) -> None:
    poor = caller(factories.person(credits=1))
    assert post(poor, {"prompt": "A pier"}).status_code == 402
    ledger.grant(user=poor.user, amount=10, key="more", reason="A test", by=None)

    assert post(poor, {"prompt": "A pier"}).status_code == 202


def test_a_replay_is_answered_though_the_offer_is_gone(owner: Caller) -> None:
    first = post(owner, {"prompt": "A pier"})
    ImageModel.objects.update(enabled=False)

    assert post(owner, {"prompt": "A pier"}).json()["id"] == first.json()["id"]


def test_a_key_is_forgotten_after_48_hours(owner: Caller) -> None:
    first = post(owner, {"prompt": "A pier"})

    idempotency.prune(now=timezone.now() + timedelta(hours=47))
    assert post(owner, {"prompt": "A pier"}).json()["id"] == first.json()["id"]
    idempotency.prune(now=timezone.now() + timedelta(hours=49))
    assert post(owner, {"prompt": "A pier"}).json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "schlüssel", "\x7f"])
def test_a_key_is_visible_ascii_of_bounded_length(owner: Caller, key: str) -> None:
    answer = post(owner, {"prompt": "A pier"}, key)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert not Generation.objects.exists()


def together(callers: int, call: Any) -> list[Any]:
    """The answers of as many threads, begun at once, each with a connection of its own."""
    gate = threading.Barrier(callers)

    def one(number: int) -> Any:
        try:
            gate.wait(timeout=20)
            return call(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(one, range(callers)))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_under_one_key_make_one_generation_and_one_hold() -> None:
    owner = caller()

    def call(_: int) -> Any:
        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {owner.secret}")
        return client.post(URL, {"prompt": "A pier"}, headers={"Idempotency-Key": "once"})

    answers = together(CALLERS, call)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert (Generation.objects.count(), Hold.objects.count()) == (1, 1)
    assert ledger.standing(owner.user).held == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_many_at_once_spend_no_more_than_there_is() -> None:
    owner = caller(factories.person(credits=10))

    def call(number: int) -> Any:
        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {owner.secret}")
        return client.post(URL, {"prompt": "A pier"}, headers={"Idempotency-Key": str(number)})

    statuses = [answer.status_code for answer in together(20, call)]

    assert (statuses.count(202), statuses.count(402)) == (5, 15)
    assert ledger.standing(owner.user).available == 0
