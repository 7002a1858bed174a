"""Allowances: how much, for whom, when, and each period once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import administration, allowances, audit, ledger
from accounts.models import AllowanceGiven, AllowanceRule, LedgerEntry, Team, User
from tests.accounts.racing import race
from tests.factories import person

pytestmark = pytest.mark.django_db


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


MARCH = utc("2026-03-10T12:00")


@pytest.fixture
def admin() -> User:
    return person(credits=0, is_superuser=True)


@pytest.fixture
def ada() -> User:
    return person(credits=0, name="Ada")


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="Atelier", time_zone="Europe/Berlin")


def allowance(by: User, now: datetime = MARCH, **terms: Any) -> AllowanceRule:
    right = {"kind": "add", "amount": 50, "period": "month", "reason": "monthly", "now": now}
    return administration.set_allowance(by=by, **{**right, **terms})


def join(by: User, user: User, team: Team | None, now: datetime = MARCH) -> None:
    administration.move_to_team(by=by, user=user, team=team, now=now)


def spend(user: User, amount: int) -> None:
    key = f"spent-{LedgerEntry.objects.count()}"
    ledger.capture(
        hold=ledger.hold(user=user, amount=amount, key=key, reason="a gull"), amount=amount, reason=""
    )


def test_the_period_in_which_a_rule_is_made_is_given_at_once(admin: User, ada: User) -> None:
    allowance(admin, user=ada)

    entry = LedgerEntry.objects.get()
    assert (entry.amount, entry.reason, entry.by, entry.kind) == (50, "monthly", None, "grant")
    assert AllowanceGiven.objects.get().period_start == utc("2026-03-01T00:00")


@pytest.mark.parametrize(
    ("period", "zone", "before", "begins"),
    [
        ("day", "Europe/Berlin", "2026-03-28T12:00", "2026-03-28T23:00"),
        ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-29T22:00"),
        ("day", "Europe/Berlin", "2026-10-25T12:00", "2026-10-25T23:00"),
        ("week", "America/New_York", "2026-03-07T12:00", "2026-03-09T04:00"),
        ("month", "Europe/Berlin", "2026-02-28T12:00", "2026-02-28T23:00"),
        ("month", "Asia/Kathmandu", "2028-02-29T12:00", "2028-02-29T18:15"),
    ],
)
def test_the_next_period_is_given_at_its_first_moment_in_the_rules_zone(
    period: str, zone: str, before: str, begins: str, admin: User, ada: User
) -> None:
    allowance(admin, utc(before), user=ada, period=period, time_zone=zone)

    assert allowances.run(now=utc(begins) - timedelta(microseconds=1)) == 0
    assert allowances.run(now=utc(begins)) == 1
    assert allowances.run(now=utc(begins) + timedelta(hours=22)) == 0
    assert ledger.available(ada) == 100


def test_each_missed_period_of_an_add_is_caught_up(admin: User, ada: User) -> None:
    allowance(admin, user=ada)

    assert allowances.run(now=utc("2026-06-02T00:00")) == 1

    assert ledger.available(ada) == 200
    assert set(AllowanceGiven.objects.values_list("period_start__month", flat=True)) == {3, 4, 5, 6}


def test_a_top_up_is_for_the_current_period_alone(admin: User, ada: User) -> None:
    allowance(admin, user=ada, kind="top_up")
    spend(ada, 30)

    allowances.run(now=utc("2026-06-02T00:00"))

    assert ledger.available(ada) == 50
    assert list(AllowanceGiven.objects.order_by("pk").values_list("amount", flat=True)) == [50, 30]


def test_a_top_up_counts_what_is_held(admin: User, ada: User) -> None:
    allowance(admin, user=ada, kind="top_up")
    ledger.hold(user=ada, amount=20, key="1", reason="a gull")

    allowances.run(now=utc("2026-04-01T00:00"))

    assert ledger.standing(ada) == ledger.Standing(balance=50, held=20)


def test_a_top_up_that_found_enough_is_over_for_its_period(admin: User, ada: User) -> None:
    ledger.grant(user=ada, amount=60, key="1", reason="gift", by=None)
    allowance(admin, user=ada, kind="top_up")
    spend(ada, 60)

    assert allowances.run(now=MARCH + timedelta(days=1)) == 0
    assert ledger.available(ada) == 0
    assert allowances.run(now=utc("2026-04-01T00:00")) == 1
    assert ledger.available(ada) == 50


def test_each_member_of_a_team_is_given_in_the_zone_of_the_rule(admin: User, ada: User, team: Team) -> None:
    bo = person(credits=0)
    for member in (ada, bo):
        join(admin, member, team)
    allowance(admin, team=team, time_zone="Europe/Berlin")

    assert allowances.run(now=utc("2026-03-31T22:00")) == 2
    assert (ledger.available(ada), ledger.available(bo)) == (100, 100)


def test_joining_in_the_middle_gives_the_current_period_and_nothing_of_before(
    admin: User, ada: User, team: Team
) -> None:
    allowance(admin, utc("2026-01-10T00:00"), team=team)

    join(admin, ada, team)

    assert ledger.available(ada) == 50
    assert allowances.run(now=MARCH) == 0


def test_leaving_and_joining_again_gives_no_period_twice(admin: User, ada: User, team: Team) -> None:
    allowance(admin, team=team)
    for to in (team, None, team):
        join(admin, ada, to)

    assert ledger.available(ada) == 50


def test_time_outside_the_team_is_not_caught_up(admin: User, ada: User, team: Team) -> None:
    allowance(admin, team=team)
    join(admin, ada, team)
    join(admin, ada, None)

    assert allowances.run(now=utc("2026-05-02T00:00")) == 0
    join(admin, ada, team, utc("2026-06-10T00:00"))

    assert ledger.available(ada) == 100


def test_somebody_switched_off_is_given_nothing_and_nothing_later_for_that_time(
    admin: User, ada: User
) -> None:
    allowance(admin, user=ada)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    allowances.run(now=utc("2026-04-02T00:00"))
    User.objects.filter(pk=ada.pk).update(is_active=True)

    allowances.run(now=utc("2026-05-02T00:00"))

    assert ledger.available(ada) == 100


def test_another_rule_begins_where_the_period_that_was_given_ends(admin: User, ada: User) -> None:
    allowance(admin, user=ada)

    rule = allowance(admin, MARCH + timedelta(days=5), user=ada, amount=80)

    assert (ledger.available(ada), rule.starts_at) == (50, utc("2026-04-01T00:00"))
    allowances.run(now=utc("2026-04-01T00:00"))
    assert ledger.available(ada) == 130


def test_ending_and_setting_again_gives_no_period_twice(admin: User, ada: User) -> None:
    rule = allowance(admin, user=ada)
    administration.end_allowance(by=admin, rule=rule, reason="over", now=MARCH)

    allowance(admin, MARCH + timedelta(days=1), user=ada)

    assert ledger.available(ada) == 50


def test_what_was_due_is_given_before_a_rule_ends(admin: User, ada: User) -> None:
    rule = allowance(admin, user=ada)

    administration.end_allowance(by=admin, rule=rule, reason="over", now=utc("2026-05-02T00:00"))

    assert ledger.available(ada) == 150
    assert allowances.run(now=utc("2026-09-02T00:00")) == 0


def test_a_rule_that_fails_does_not_keep_the_others_from_theirs(
    admin: User, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    bad = allowance(admin, user=person(credits=0))
    allowance(admin, user=ada)
    AllowanceRule.objects.filter(pk=bad.pk).update(time_zone="Europe/Atlantis")

    assert allowances.run(now=utc("2026-04-01T00:00")) == 1
    assert ledger.available(ada) == 100


def test_a_quiet_minute_asks_two_queries_a_rule(
    admin: User, team: Team, django_assert_max_num_queries: Any
) -> None:
    allowance(admin, team=team)
    for _ in range(5):
        join(admin, person(credits=0), team)

    with django_assert_max_num_queries(2):
        allowances.run(now=MARCH)


DAMAGES: dict[str, Callable[[AllowanceGiven], object]] = {
    "another amount": lambda given: AllowanceGiven.objects.update(amount=9),
    "nothing, with an entry": lambda given: AllowanceGiven.objects.update(amount=0),
    "no entry": lambda given: AllowanceGiven.objects.update(entry=None),
    "another person": lambda given: AllowanceGiven.objects.update(user=person()),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_the_audit_finds_an_allowance_that_is_not_its_entry(name: str, admin: User, ada: User) -> None:
    allowance(admin, user=ada)
    given = AllowanceGiven.objects.get()

    DAMAGES[name](given)

    rules = {(finding.rule, finding.subject) for finding in audit.findings(timezone.now())}
    assert ("allowance_is_its_entry", f"allowance given {given.pk}") in rules


def test_the_audit_finds_an_allowance_that_no_rule_gave(admin: User, ada: User) -> None:
    allowance(admin, user=ada)
    entry = LedgerEntry.objects.get()
    AllowanceGiven.objects.all().delete()

    rules = {(finding.rule, finding.subject) for finding in audit.findings(timezone.now())}
    assert rules == {("allowance_entry_is_known", f"entry {entry.pk}")}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["add", "top_up"])
def test_eight_at_once_give_each_period_once(kind: str) -> None:
    admin = person(credits=0, is_superuser=True)
    team = Team.objects.create(name="Atelier")
    people = [person(credits=0) for _ in range(6)]
    now = timezone.now()
    for member in people:
        team.memberships.create(user=member, joined_at=now - timedelta(days=9))
    AllowanceRule.objects.create(
        team=team,
        kind=kind,
        amount=7,
        period="day",
        starts_at=now - timedelta(days=2),
        reason="daily",
        created_by=admin,
    )

    came_of_it = race("allowances", threads=8, now=now.isoformat())

    assert came_of_it == {"done": 8}
    assert {ledger.available(one) for one in people} == {21 if kind == "add" else 7}
    assert audit.findings(timezone.now()) == []
