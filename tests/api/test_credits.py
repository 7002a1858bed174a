"""Credits and the statement over the API, and how its pages follow on each other."""

from typing import Any

import pytest

from accounts import ledger
from tests import factories
from tests.api import rows
from tests.api.conftest import Caller, caller

ENTRIES = "/api/v1/credits/entries"
pytestmark = pytest.mark.django_db


def test_credits_are_balance_held_and_available(owner: Caller) -> None:
    factories.generation(owner.user, count=3)

    assert owner.client.get("/api/v1/credits").json() == {"balance": 1000, "held": 6, "available": 994}


def test_credits_without_an_account_are_nothing(db: None) -> None:
    new = caller(factories.person(credits=0))

    assert new.client.get("/api/v1/credits").json() == {"balance": 0, "held": 0, "available": 0}
    assert new.client.get(ENTRIES).json()["results"] == []


def test_amounts_have_the_sign_the_person_sees(owner: Caller) -> None:
    generation = rows.finished(owner.user, count=2, prompt="A pier")
    ledger.refund(hold=generation.hold, amount=2, key="1", reason="It was late", by=None)
    ledger.adjust(user=owner.user, amount=-7, key="1", reason="A mistake", by=None)

    lines = owner.client.get(ENTRIES).json()["results"]

    shown = [(line["kind"], line["amount"], line["balance"]) for line in lines]
    assert shown == [
        ("adjustment", -7, 991),
        ("refund", 2, 998),
        ("capture", -4, 996),
        ("grant", 1000, 1000),
    ]
    made = str(generation.public_id)
    assert [line["reference"] for line in lines] == ["", made, made, ""]
    assert lines[2]["reason"] == "A pier"


def test_a_parameter_that_means_nothing_is_refused(owner: Caller) -> None:
    answer = owner.client.get(f"{ENTRIES}?kind=grant")

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")


def test_the_statement_has_only_ones_own(owner: Caller, teammate: Caller) -> None:
    rows.finished(teammate.user)

    assert [line["kind"] for line in owner.client.get(ENTRIES).json()["results"]] == ["grant"]


def give(owner: Caller, entries: int) -> None:
    for number in range(entries):
        sign = 1 if number % 3 else -1
        ledger.adjust(user=owner.user, amount=sign * (number + 1), key=str(number), reason="Test", by=None)


def walk(owner: Caller, url: str | None, link: str) -> list[list[int]]:
    pages = []
    while url:
        body = owner.client.get(url).json()
        pages.append([line["balance"] for line in body["results"]])
        url = body[link]
    return pages


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 8, 9, 100])
def test_pages_lead_to_every_row_once_and_back_again(owner: Caller, limit: int) -> None:
    give(owner, 7)
    (everything,) = walk(owner, f"{ENTRIES}?limit=100", "next")
    assert len(everything) == 8

    there = walk(owner, f"{ENTRIES}?limit={limit}", "next")
    last = f"{ENTRIES}?limit={limit}"
    while following := owner.client.get(last).json()["next"]:
        last = following
    back = walk(owner, last, "previous")

    assert [balance for page in there for balance in page] == everything
    assert [balance for page in reversed(back) for balance in page] == everything


def test_new_rows_shift_nothing(owner: Caller) -> None:
    give(owner, 4)
    first = owner.client.get(f"{ENTRIES}?limit=2").json()
    second = owner.client.get(first["next"]).json()["results"]

    ledger.adjust(user=owner.user, amount=50, key="late", reason="Test", by=None)

    assert owner.client.get(first["next"]).json()["results"] == second


def test_newer_rows_are_found_from_the_page_before_them(owner: Caller) -> None:
    give(owner, 4)
    first = owner.client.get(f"{ENTRIES}?limit=2").json()
    previous = owner.client.get(first["next"]).json()["previous"]

    ledger.adjust(user=owner.user, amount=50, key="late", reason="Test", by=None)
    ledger.adjust(user=owner.user, amount=50, key="later", reason="Test", by=None)

    page = owner.client.get(previous).json()
    assert page["results"] == first["results"]
    assert [line["amount"] for line in owner.client.get(page["previous"]).json()["results"]] == [50, 50]


@pytest.mark.parametrize("cursor", ["older-0", "newer-999999999999999999", "older-999999999999999999"])
def test_a_cursor_beyond_the_ends_still_leads_back(owner: Caller, cursor: str) -> None:
    give(owner, 2)

    body = owner.client.get(f"{ENTRIES}?cursor={cursor}").json()

    for link in (body["next"], body["previous"]):
        assert link is None or owner.client.get(link).status_code == 200


def test_the_statement_costs_the_same_number_of_queries(
    owner: Caller, django_assert_max_num_queries: Any
) -> None:
    owner.client.get(ENTRIES)
    with django_assert_max_num_queries(20) as few:
        owner.client.get(ENTRIES)
    give(owner, 20)
    with django_assert_max_num_queries(20) as many:
        assert len(owner.client.get(ENTRIES).json()["results"]) == 21

    assert len(many) == len(few)
