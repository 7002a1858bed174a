"""A report says what the statements say, summed up five ways."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import ledger, statement
from accounts.models import LedgerEntry, Membership, Team, User
from generation import reports
from generation.reports import Line, Scope
from tests import factories
from tests.api import rows

pytestmark = pytest.mark.django_db


def scope(**whose: object) -> Scope:
    now = timezone.now()
    return Scope(since=now - timedelta(days=1), until=now + timedelta(days=1), **whose)  # type: ignore[arg-type]


def spend(user: User, amount: int, *, model: str = "a", provider: str = "aimlapi", images: int = 1) -> None:
    number = LedgerEntry.objects.count()
    hold = ledger.hold(user=user, amount=amount, key=str(number), reason="for a test")
    what = ledger.Spent(model=model, provider=provider, images=images)
    ledger.capture(hold=hold, amount=amount, reason="for a test", what=what)


def refund_last(amount: int) -> None:
    entry = LedgerEntry.objects.filter(kind="capture").latest("pk")
    assert entry.hold is not None
    ledger.refund(hold=entry.hold, amount=amount, key=str(entry.pk), reason="blurred", by=None)


def team(*people: User, name: str = "Studio Nord") -> Team:
    made = Team.objects.create(name=name)
    for person in people:
        Membership.objects.create(user=person, team=made)
    return made


def credits(lines: list[Line]) -> dict[str, int]:
    return {line.label: line.credits for line in lines}


@pytest.fixture
def mara() -> User:
    return factories.person(name="Mara")


@pytest.fixture
def jonas() -> User:
    return factories.person(name="Jonas")


def test_spending_is_summed_by_each_dimension(mara: User, jonas: User) -> None:
    team(mara)
    spend(mara, 8, model="a", provider="aimlapi", images=4)
    spend(mara, 2, model="b", provider="aimlapi")
    spend(jonas, 6, model="a", provider="other", images=3)

    by = reports.report(scope(), with_costs=False).by

    assert credits(by["person"]) == {"Mara": 10, "Jonas": 6}
    assert credits(by["team"]) == {"Studio Nord": 10, "No team": 6}
    assert credits(by["model"]) == {"a": 14, "b": 2}
    assert credits(by["provider"]) == {"AI/ML API": 10, "other": 6}
    assert [(line.key, line.images) for line in by["day"]] == [(str(timezone.now().date()), 8)]


def test_refunds_are_taken_off_where_the_credits_were_spent(mara: User, jonas: User) -> None:
    team(mara)
    spend(mara, 8, model="a")
    refund_last(3)

    found = reports.report(scope(), with_costs=False)

    assert (found.total.captured, found.total.refunded, found.total.credits) == (8, 3, 5)
    for name in ("person", "team", "model", "provider", "day"):
        assert [line.credits for line in found.by[name]] == [5], name


def test_grants_and_corrections_are_no_spending(mara: User) -> None:
    ledger.adjust(user=mara, amount=-5, key="1", reason="granted twice", by=None)

    assert reports.report(scope(), with_costs=False).total.captured == 0


def test_a_person_sees_their_own_and_a_team_its_own(mara: User, jonas: User) -> None:
    nord = team(mara)
    spend(mara, 8)
    refund_last(1)
    spend(jonas, 6)

    mine = reports.report(scope(user=jonas), with_costs=False)
    ours = reports.report(scope(team=nord), with_costs=False)

    assert (mine.total.credits, ours.total.credits) == (6, 7)


def test_somebody_without_an_account_spent_nothing(mara: User) -> None:
    spend(mara, 8)
    nobody = factories.person(credits=0)

    assert reports.report(scope(user=nobody), with_costs=False).total.captured == 0


def test_what_was_spent_in_a_team_stays_with_it(mara: User) -> None:
    nord = team(mara)
    spend(mara, 8)
    Membership.objects.update(team=Team.objects.create(name="Studio Süd"))

    assert reports.report(scope(team=nord), with_costs=False).total.credits == 8


def test_the_month_of_the_statement_and_of_the_report_agree(mara: User) -> None:
    spend(mara, 8)
    refund_last(3)
    today = timezone.now().date()
    month = statement.month(mara, today=today)
    since = datetime(today.year, today.month, 1, tzinfo=UTC)
    whole = Scope(since, since + timedelta(days=len(month.days)), user=mara)

    assert reports.report(whole, with_costs=False).total.credits == month.spent == 5


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(mara: User) -> None:
    spend(mara, 8)
    at = LedgerEntry.objects.latest("pk").created_at

    assert reports.report(Scope(at, at + timedelta(days=1)), with_costs=False).total.credits == 8
    assert reports.report(Scope(at - timedelta(days=1), at), with_costs=False).total.credits == 0


def test_an_entry_in_the_middle_of_the_period_is_counted_once(mara: User) -> None:
    for amount in (1, 2, 4):
        spend(mara, amount)

    for middle in LedgerEntry.objects.filter(kind="capture").values_list("created_at", flat=True):
        around = Scope(middle - timedelta(days=1), middle + timedelta(days=1))
        assert reports.report(around, with_costs=False).total.credits == 7


def test_the_vendors_cost_stands_beside_the_credits(mara: User) -> None:
    nord = team(mara)
    done = rows.finished(mara, count=2)
    done.attempts.update(vendor_cost_usd=Decimal("0.039"))

    for whose in (scope(), scope(user=mara), scope(team=nord)):
        found = reports.report(whose, with_costs=True)
        assert found.total.cost_usd == Decimal("0.039")
        for name in reports.DIMENSIONS:
            assert [(line.credits, line.cost_usd) for line in found.by[name]] == [(4, Decimal("0.039"))], name
    assert reports.report(scope(), with_costs=False).total.cost_usd is None


def test_what_a_failure_cost_us_is_there_though_nothing_was_charged(mara: User) -> None:
    done = rows.finished(mara)
    done.attempts.update(vendor_cost_usd=Decimal("0.5"), started_at=timezone.now() - timedelta(days=9))
    long_ago = timezone.now() - timedelta(days=10)

    found = reports.report(Scope(long_ago, long_ago + timedelta(days=2)), with_costs=True)

    assert (found.total.credits, found.total.cost_usd) == (0, Decimal("0.5"))


def test_a_report_takes_as_many_queries_for_many_as_for_few(
    mara: User, django_assert_max_num_queries: Callable[[int], CaptureQueriesContext]
) -> None:
    for number in range(5):
        spend(factories.person(), 2, model=str(number))

    with django_assert_max_num_queries(10):
        reports.report(scope(), with_costs=True)


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 11, 1), None),
        (date(2026, 11, 2), 150),
        (date(2026, 11, 20), 15),
        (date(2026, 11, 30), None),
    ],
)
def test_the_forecast_goes_on_at_the_pace_so_far(today: date, expected: int | None) -> None:
    total = Line("", "", captured=12, refunded=2)

    assert reports.forecast(total, first=date(2026, 11, 1), length=30, today=today) == expected
