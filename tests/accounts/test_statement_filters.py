"""The statement's filters: period, team and key, on the page and in the files."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import keys, ledger, statement
from accounts.models import LedgerEntry, Membership, Team, User
from accounts.statement import Within
from accounts.statement_form import StatementForm
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def owner() -> User:
    return factories.person(credits=100, name="Mara Lindqvist")


@pytest.fixture
def browser(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def spend(user: User, key: str, amount: int = 2, **options: object) -> LedgerEntry:
    hold = ledger.hold(user=user, amount=amount, key=key, reason=key, **options)  # type: ignore[arg-type]
    return ledger.capture(hold=hold, amount=amount, reason=key)


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    field = LedgerEntry._meta.get_field("created_at")
    monkeypatch.setitem(field.__dict__, "_get_default", lambda: moment)


def said(user: User, **within: object) -> list[str]:
    return [line.what for line in statement.lines(user, within=Within(**within), size=2)]  # type: ignore[arg-type]


def test_a_period_has_its_first_moment_and_not_its_last(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2026, 11, 3, 12, tzinfo=UTC)
    for number in range(6):
        at(monkeypatch, noon + number * DAY)
        spend(owner, f"day {number}")

    assert said(owner, since=noon + DAY, until=noon + 4 * DAY) == ["day 3", "day 2", "day 1"]


def test_clocks_that_differ_by_minutes_lose_no_line(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2026, 11, 3, 12, tzinfo=UTC)
    for minutes in (0, -20, 30, -5, 90, 50, 200):
        at(monkeypatch, noon + timedelta(minutes=minutes))
        spend(owner, f"{minutes}")

    assert set(said(owner, since=noon, until=noon + timedelta(hours=1))) == {"0", "30", "50"}


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL reads small tables whole; run without DATABASE_URL"
)
def test_no_page_of_a_period_reads_a_table_from_end_to_end(owner: User) -> None:
    spend(owner, "today")
    asked: list[tuple[str, object]] = []

    def keep(execute: Callable[..., object], sql: str, params: object, many: bool, context: object) -> object:
        asked.append((sql, params))
        return execute(sql, params, many, context)

    now = timezone.now()
    with connection.execute_wrapper(keep):
        assert statement.page(owner, within=Within(since=now - DAY, until=now + DAY)).lines

    with connection.cursor() as cursor:
        for sql, params in asked:
            # With its values still apart, as SQLite then knows less of them.
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            steps = [step for *_, step in cursor.fetchall()]
            assert not [step for step in steps if step.startswith("SCAN") or "B-TREE" in step], sql


def test_a_hold_that_came_back_counts_on_the_day_it_did(owner: User) -> None:
    hold = ledger.release(hold=ledger.hold(user=owner, amount=4, key="x", reason="a gull"))
    assert hold.settled_at is not None

    assert "a gull" in said(owner, since=hold.settled_at)
    assert "a gull" not in said(owner, until=hold.settled_at)


def test_a_key_shows_what_it_spent_and_what_came_back(owner: User) -> None:
    key = keys.create(user=owner, name="Figma").key
    entry = spend(owner, "by key", 4, api_key=key)
    assert entry.hold is not None
    ledger.refund(hold=entry.hold, amount=1, key="1", reason="blurred", by=None)
    spend(owner, "by hand")

    assert said(owner, key_id=key.pk) == ["blurred", "by key"]


def test_a_team_shows_what_was_spent_in_it(owner: User) -> None:
    spend(owner, "alone")
    member = Membership.objects.create(user=owner, team=Team.objects.create(name="Nord"))
    spend(owner, "with Nord")
    nord, member.team = member.team, Team.objects.create(name="Süd")
    member.save()
    spend(owner, "with Süd")

    assert said(owner, team_id=nord.pk) == ["with Nord"]
    names = [team.name for team in StatementForm({}, user=owner)._field("team").queryset]
    assert names == ["Nord", "Süd"]


def test_the_page_keeps_the_filters_in_every_link(browser: Client, owner: User) -> None:
    spend(owner, "today")

    text = browser.get("/credits/?since=2026-11-01&show=spent").content.decode()

    assert "show=refunds&amp;since=2026-11-01" in text
    assert "?show=spent&amp;since=2026-11-01&amp;format=csv" in text


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "since=2026-11-05&until=2026-11-01", "team=x", "key=unknown", "since=0001-01-01"],
)
def test_a_filter_that_can_not_be_is_refused_with_words(browser: Client, query: str) -> None:
    answer = browser.get(f"/credits/?{query}")

    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()


def test_another_persons_key_is_no_filter(browser: Client) -> None:
    theirs = keys.create(user=factories.person(), name="Theirs").key

    assert browser.get(f"/credits/?key={theirs.key_id}").status_code == 422


def file(browser: Client, query: str) -> list[list[str]]:
    answer = browser.get(f"/credits/export?{query}")
    assert answer.status_code == 200
    data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_the_file_has_every_line_of_the_filter(browser: Client, owner: User) -> None:
    for number in range(3):
        spend(owner, f"=SUM({number})")

    rows = file(browser, "format=csv&show=spent")

    assert [row[2] for row in rows[1:]] == ["'=SUM(2)", "'=SUM(1)", "'=SUM(0)"]
    assert [row[3:5] for row in rows[1:]] == [["-2", "94"], ["-2", "96"], ["-2", "98"]]


def test_the_file_is_as_long_as_the_statement(
    browser: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(statement.lines.__kwdefaults__, "size", 3)
    for number in range(10):
        spend(owner, str(number))

    assert len(file(browser, "format=csv")) == 1 + 11


@pytest.mark.parametrize("query", ["format=pdf", "", "format=csv&since=x"])
def test_a_file_that_can_not_be_is_not_found(browser: Client, query: str) -> None:
    assert browser.get(f"/credits/export?{query}").status_code == 404


def test_nobody_else_gets_my_lines(client: Client, owner: User) -> None:
    spend(owner, "mine alone")
    client.force_login(factories.person(credits=0))

    assert len(file(client, "format=csv")) == 1


@pytest.mark.parametrize(("amount", "kept"), [("50", 50), ("", None)])
def test_one_chooses_below_what_to_be_told(
    browser: Client, owner: User, amount: str, kept: int | None
) -> None:
    browser.post("/credits/low-balance", {"amount": amount})

    owner.refresh_from_db()
    assert owner.low_balance_at == kept


@pytest.mark.parametrize("amount", ["-1", "0", "1.5", "x", str(2**63)])
def test_an_odd_threshold_changes_nothing(browser: Client, owner: User, amount: str) -> None:
    browser.post("/credits/low-balance", {"amount": amount})

    owner.refresh_from_db()
    assert owner.low_balance_at == 20


def test_days_of_the_form_are_whole(owner: User) -> None:
    within = StatementForm({"since": "2026-11-01", "until": "2026-11-30"}, user=owner).within()

    assert (within.since, within.until) == (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert within.until is not None
    assert within.until.date() - date(2026, 11, 1) == 30 * DAY
