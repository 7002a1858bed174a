"""The credits page, its fragment for open pages, and the theme switch."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import ledger, statement
from accounts.models import User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return factories.person(credits=100, name="Mara Lindqvist")


@pytest.fixture
def signed_in(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def page(client: Client, path: str = "/credits/") -> str:
    response = client.get(path)
    assert response.status_code == 200, response
    return re.sub(r"\s+", " ", response.content.decode())


def spend(user: User, amount: int, key: str) -> None:
    hold = ledger.hold(user=user, amount=amount, key=key, reason=f"prompt {key}", by=user)
    ledger.capture(hold=hold, amount=amount, reason=f"prompt {key}")


@pytest.mark.parametrize("path", ["/credits/", "/credits/standing", "/settings/api-keys/"])
def test_a_stranger_is_sent_to_sign_in(client: Client, path: str) -> None:
    assert client.get(path).headers["Location"].startswith("/accounts/login/")


def test_it_says_what_is_available_held_and_spent(signed_in: Client, owner: User) -> None:
    spend(owner, 10, "a")
    ledger.hold(user=owner, amount=6, key="b", reason="prompt b", by=owner)

    text = page(signed_in)

    assert '<span class="display">84</span>' in text
    assert "About 42 more images" in text
    assert "On hold <b>6</b>" in text
    assert re.search(r"Spent in \w+ <b>10</b>", text)


def test_holds_stand_before_what_has_moved(signed_in: Client, owner: User) -> None:
    spend(owner, 10, "moved")
    ledger.hold(user=owner, amount=6, key="waiting", reason="prompt waiting", by=owner)

    text = page(signed_in)

    assert text.index("prompt waiting") < text.index("prompt moved")


def test_a_grant_names_who_gave_it(signed_in: Client, owner: User) -> None:
    admin = factories.person(name="Jonas Berg")
    ledger.grant(user=owner, amount=50, key="x", reason="For the campaign", by=admin)

    assert "Granted by Jonas Berg" in page(signed_in)


def test_a_prompt_is_shown_as_text(signed_in: Client, owner: User) -> None:
    spend(owner, 2, "<script>alert(1)</script>")

    assert "<script>alert(1)" not in page(signed_in)


def test_older_lines_are_a_link_away_and_keep_the_filter(
    signed_in: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(statement.page.__kwdefaults__, "size", 2)
    for number in range(3):
        spend(owner, 2, f"number {number}")

    link = re.search(r'href="(\?show=spent&amp;before=[^"#]+)', page(signed_in, "/credits/?show=spent"))
    assert link is not None
    text = page(signed_in, "/credits/" + link[1].replace("&amp;", "&"))

    assert "prompt number 0" in text
    assert "prompt number 1" not in text


@pytest.mark.parametrize("query", ["show=none", "before=1", "before=a.b.c"])
def test_a_made_up_place_is_not_found(signed_in: Client, query: str) -> None:
    assert signed_in.get(f"/credits/?{query}").status_code == 404


def test_the_month_is_there_as_a_table_too(signed_in: Client, owner: User) -> None:
    spend(owner, 10, "a")

    assert re.search(r'<th scope="row">\w+ \d+ \w+</th><td class="number">10</td>', page(signed_in))


def test_the_page_asks_the_database_as_often_for_many_lines_as_for_few(
    signed_in: Client, owner: User
) -> None:
    counts = []
    for more in (1, 8):
        for number in range(more):
            spend(owner, 2, f"{more}-{number}")
            ledger.hold(user=owner, amount=2, key=f"open {more}-{number}", reason="open", by=owner)
        with CaptureQueriesContext(connection) as captured:
            page(signed_in)
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 18


def test_the_fragment_has_the_credits_as_they_are_now(signed_in: Client, owner: User) -> None:
    spend(owner, 10, "a")

    response = signed_in.get("/credits/standing")

    assert "90 credits available" in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]
    assert "<html" not in response.content.decode()


def test_the_theme_is_kept_and_one_comes_back(signed_in: Client) -> None:
    response = signed_in.post("/settings/theme", {"theme": "light", "next": "/credits/"})

    assert response.headers["Location"] == "/credits/"
    assert 'data-theme="light"' in page(signed_in)


def test_the_theme_switch_leads_nowhere_else(signed_in: Client) -> None:
    response = signed_in.post("/settings/theme", {"theme": "light", "next": "https://elsewhere.example/"})

    assert response.headers["Location"] == "/"


def test_an_unknown_theme_is_not_kept(signed_in: Client) -> None:
    signed_in.post("/settings/theme", {"theme": "pink"})

    assert "theme" not in signed_in.cookies
