"""The usage page: who sees whose spending, over which days, and the same as files."""

import csv
import io
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import ledger
from accounts.models import LedgerEntry, Membership, Team, User
from tests import factories
from tests.api import rows

pytestmark = pytest.mark.django_db
ROLES = ("member", "manager", "admin")


def spend(user: User, amount: int, model: str = "model-a") -> None:
    hold = ledger.hold(user=user, amount=amount, key=str(LedgerEntry.objects.count()), reason="for a test")
    what = ledger.Spent(model=model, provider="aimlapi", images=1)
    ledger.capture(hold=hold, amount=amount, reason="for a test", what=what)


@pytest.fixture
def nord() -> Team:
    return Team.objects.create(name="Studio Nord")


@pytest.fixture
def people(nord: Team) -> dict[str, User]:
    found = {name: factories.person(name=name.capitalize()) for name in (*ROLES, "elsewhere")}
    Membership.objects.create(user=found["member"], team=nord)
    Membership.objects.create(user=found["manager"], team=nord, role="manager")
    found["admin"].user_permissions.set(Permission.objects.filter(codename="see_credits"))
    for number, user in enumerate(found.values()):
        spend(user, 10 + number)
    return found


def as_(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User, query: str = "") -> str:
    answer = as_(user).get(f"/usage/?{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    assert client.get("/usage/").headers["Location"].startswith("/accounts/login/")


def test_everybody_sees_their_own(people: dict[str, User]) -> None:
    text = page(people["member"])

    assert '<dd class="figure">10</dd>' in text
    assert "Everybody" not in text
    assert "Vendors’ cost" not in text


@pytest.mark.parametrize(
    ("role", "query", "status"),
    [
        ("member", "whose=team", 404),
        ("member", "whose=all", 404),
        ("manager", "whose=team", 200),
        ("manager", "whose=all", 404),
        ("admin", "whose=all", 200),
        ("admin", "whose=team", 404),
        ("admin", "whose=all&team=999999", 404),
        ("admin", "whose=somebody", 404),
    ],
)
def test_who_sees_whose(people: dict[str, User], role: str, query: str, status: int) -> None:
    client = as_(people[role])

    assert client.get(f"/usage/?{query}").status_code == status
    assert client.get(f"/usage/export?{query}&by=model&format=csv").status_code == status


def test_a_manager_sees_the_team_and_nobody_else(people: dict[str, User]) -> None:
    text = page(people["manager"], "whose=team")

    assert '<dd class="figure">21</dd>' in text
    assert ">Member<" in text
    assert ">Elsewhere<" not in text


def test_an_admin_sees_everybody_and_one_team(people: dict[str, User], nord: Team) -> None:
    everybody, one = page(people["admin"], "whose=all"), page(people["admin"], f"whose=all&team={nord.pk}")

    assert '<dd class="figure">46</dd>' in everybody
    assert ">Elsewhere<" in everybody
    assert '<dd class="figure">21</dd>' in one


def test_the_vendors_cost_is_for_admins(people: dict[str, User]) -> None:
    rows.finished(people["member"]).attempts.update(vendor_cost_usd=Decimal("0.039"))

    assert "$0.039" in page(people["admin"], "whose=all")
    assert "$0.039" not in page(people["manager"], "whose=team")


def test_last_month_has_nothing_of_today(people: dict[str, User]) -> None:
    assert '<dd class="figure">0</dd>' in page(people["member"], "period=last-month")


def test_a_year_is_drawn_by_week_and_ends_today(people: dict[str, User]) -> None:
    text = page(people["member"], "period=year")

    assert "Credits a week" in text
    assert text.count('month-bar"') == 1


@pytest.mark.parametrize(
    "query",
    ["since=x", "since=2026-11-05&until=2026-11-01", "since=1990-01-01", "period=decade", "until=2026-11-01"],
)
def test_a_period_that_can_not_be_is_refused_with_words(people: dict[str, User], query: str) -> None:
    answer = as_(people["member"]).get(f"/usage/?{query}")

    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()


def file(user: User, query: str) -> list[list[str]]:
    answer = as_(user).get(f"/usage/export?{query}")
    data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_the_file_says_what_the_table_says(people: dict[str, User]) -> None:
    User.objects.filter(pk=people["member"].pk).update(name="=HYPERLINK(1)")

    found = file(people["manager"], "whose=team&by=person&format=csv")

    assert found[0] == ["Person", "Credits", "Charged", "Refunded", "Images"]
    assert found[1:] == [["Manager", "11", "11", "0", "1"], ["'=HYPERLINK(1)", "10", "10", "0", "1"]]


def test_days_are_a_file_too(people: dict[str, User]) -> None:
    assert file(people["member"], "by=day&format=csv")[1][0] == str(timezone.now().date())


@pytest.mark.parametrize("query", ["by=person&format=csv", "by=model&format=pdf", "by=prompt&format=csv", ""])
def test_a_file_that_can_not_be_is_not_found(people: dict[str, User], query: str) -> None:
    assert as_(people["member"]).get(f"/usage/export?{query}").status_code == 404


def test_the_page_takes_as_many_queries_for_many_as_for_few(
    people: dict[str, User], django_assert_max_num_queries: Callable[[int], CaptureQueriesContext]
) -> None:
    client = as_(people["admin"])
    for number in range(5):
        spend(factories.person(), 3, model=f"model-{number}")

    with django_assert_max_num_queries(18):
        client.get("/usage/?whose=all")
