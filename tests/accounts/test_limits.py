"""Caps: what they refuse, what counts where, and what a refusal says."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts import audit, keys, ledger, limits
from accounts.models import ApiKey, Cap, CapUse, CountedHold, Hold, Membership, Team, User
from tests.factories import person

pytestmark = pytest.mark.django_db


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# A Tuesday.
NOW = utc("2026-03-10T12:00")
_numbers = iter(range(10**6))


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def admin(clock: object) -> User:
    return person(credits=0, is_superuser=True)


@pytest.fixture
def ada(clock: object) -> User:
    return person(credits=1_000, name="Ada")


@pytest.fixture
def team(ada: User) -> Team:
    made = Team.objects.create(name="Atelier")
    made.memberships.create(user=ada)
    return made


@pytest.fixture
def key(ada: User) -> ApiKey:
    return keys.create(user=ada, name="Laptop").key


@pytest.fixture(autouse=True)
def clean_audit(db: None) -> Iterator[None]:
    """After every test the audit finds nothing: no cap was passed, none miscounts."""
    yield
    assert audit.findings(timezone.now()) == []


def cap(by: User, allowed: int, period: str = "month", **scope: Any) -> Cap:
    return limits.set_cap(allowed=allowed, period=period, reason="budget", by=by, now=timezone.now(), **scope)


def hold(user: User, amount: int, api_key: ApiKey | None = None) -> Hold:
    return ledger.hold(user=user, amount=amount, key=f"{next(_numbers)}", reason="a gull", api_key=api_key)


def fits(user: User, amount: int, api_key: ApiKey | None = None) -> bool:
    """Whether a hold is let through; it is released again."""
    try:
        ledger.release(hold=hold(user, amount, api_key))
    except ledger.LimitReached:
        return False
    return True


def used(made: Cap) -> int:
    return limits._used(made, timezone.now())


@pytest.mark.parametrize("period", ["day", "week", "month", "total"])
@pytest.mark.parametrize("scope", ["user", "team", "api_key"])
def test_a_cap_lets_through_what_it_allows_and_not_one_more(
    scope: str, period: str, admin: User, ada: User, team: Team, key: ApiKey
) -> None:
    made = cap(admin, 50, period, **{scope: {"user": ada, "team": team, "api_key": key}[scope]})

    hold(ada, 50, key)

    assert not fits(ada, 1, key)
    assert used(made) == 50


def test_a_refused_hold_counts_nowhere(admin: User, ada: User, team: Team) -> None:
    person_cap, team_cap = cap(admin, 50, user=ada), cap(admin, 40, team=team)

    assert not fits(ada, 41)

    assert (used(person_cap), used(team_cap), ledger.standing(ada).held) == (0, 0, 0)


@pytest.mark.parametrize(
    ("period", "zone", "still", "anew"),
    [
        ("day", "UTC", "2026-03-10T23:59:59", "2026-03-11T00:00"),
        ("day", "Europe/Berlin", "2026-03-10T22:59:59", "2026-03-10T23:00"),
        ("week", "UTC", "2026-03-15T23:59:59", "2026-03-16T00:00"),
        # Over the change to summer time.
        ("month", "Europe/Berlin", "2026-03-31T21:59:59", "2026-03-31T22:00"),
        ("month", "UTC", "2026-03-31T23:59:59", "2026-04-01T00:00"),
    ],
)
def test_a_cap_begins_anew_with_its_period_in_its_zone(
    period: str, zone: str, still: str, anew: str, admin: User, ada: User, clock: time_machine.Traveller
) -> None:
    cap(admin, 50, period, user=ada, time_zone=zone)
    hold(ada, 50)

    clock.move_to(utc(still))
    assert not fits(ada, 1)
    clock.move_to(utc(anew))
    assert fits(ada, 50)


def test_a_cap_for_good_never_begins_anew(admin: User, ada: User, clock: time_machine.Traveller) -> None:
    cap(admin, 50, "total", user=ada)
    hold(ada, 50)

    clock.move_to(utc("2036-01-01T00:00"))
    assert not fits(ada, 1)


GIVING_BACK: dict[str, tuple[Callable[[Hold], object], int]] = {
    "release": (lambda made: ledger.release(hold=made), 0),
    "partial capture": (lambda made: ledger.capture(hold=made, amount=20, reason=""), 20),
    "whole capture": (lambda made: ledger.capture(hold=made, amount=50, reason=""), 50),
    "refund": (
        lambda made: (
            ledger.capture(hold=made, amount=50, reason=""),
            ledger.refund(hold=made, amount=15, key="1", reason="blurred", by=None),
            ledger.refund(hold=made, amount=15, key="1", reason="blurred", by=None),
        ),
        35,
    ),
}


@pytest.mark.parametrize("name", GIVING_BACK)
def test_what_comes_back_may_be_spent_again(name: str, admin: User, ada: User, team: Team) -> None:
    give_back, left = GIVING_BACK[name]
    both = [cap(admin, 50, user=ada), cap(admin, 50, "day", team=team)]

    give_back(hold(ada, 50))

    assert [used(made) for made in both] == [left, left]


@pytest.mark.parametrize("name", GIVING_BACK)
def test_what_comes_back_is_taken_off_in_the_period_it_counted_in(
    name: str, admin: User, ada: User, clock: time_machine.Traveller
) -> None:
    give_back, left = GIVING_BACK[name]
    made = cap(admin, 50, "day", user=ada)
    earlier = hold(ada, 50)

    clock.move_to(utc("2026-03-11T08:00"))
    hold(ada, 30)
    give_back(earlier)

    assert list(made.uses.order_by("period_start").values_list("used", flat=True)) == [left, 30]


def test_a_new_cap_counts_what_this_period_spent_already(
    admin: User, ada: User, clock: time_machine.Traveller
) -> None:
    clock.move_to(utc("2026-02-28T12:00"))
    hold(ada, 500)
    clock.move_to(NOW)
    ledger.capture(hold=hold(ada, 30), amount=20, reason="")
    hold(ada, 10)

    made = cap(admin, 50, user=ada)

    assert used(made) == 30
    assert (fits(ada, 20), fits(ada, 21)) == (True, False)


def test_what_was_spent_before_a_cap_gives_back_to_it(admin: User, ada: User) -> None:
    earlier = hold(ada, 30)
    made = cap(admin, 50, user=ada)

    ledger.release(hold=earlier)

    assert used(made) == 0


def test_a_cap_may_allow_less_than_was_spent(admin: User, ada: User) -> None:
    hold(ada, 30)

    made = cap(admin, 10, user=ada)

    [standing] = limits.standings(user=ada, now=timezone.now())
    assert (standing.used, standing.left, fits(ada, 1)) == (30, 0, False)
    assert made.allowed == 10


def test_nothing_may_be_allowed_at_all(admin: User, ada: User) -> None:
    cap(admin, 0, user=ada)

    assert not fits(ada, 1)


def test_a_cap_that_is_raised_keeps_what_was_used(admin: User, ada: User) -> None:
    cap(admin, 50, user=ada)
    hold(ada, 50)

    cap(admin, 60, user=ada)

    assert (fits(ada, 10), fits(ada, 11)) == (True, False)


def test_a_cap_that_is_lowered_refuses_at_once(admin: User, ada: User) -> None:
    cap(admin, 50, user=ada)
    hold(ada, 20)

    cap(admin, 25, user=ada)

    assert (fits(ada, 5), fits(ada, 6)) == (True, False)


def test_a_cap_that_has_ended_refuses_nothing_and_counts_nothing(admin: User, ada: User) -> None:
    made = cap(admin, 50, user=ada)
    hold(ada, 50)

    assert limits.end_cap(cap=made, now=timezone.now())

    hold(ada, 60)
    assert used(made) == 50


def test_another_zone_counts_by_its_own_midnight(
    admin: User, ada: User, clock: time_machine.Traveller
) -> None:
    clock.move_to(utc("2026-03-09T23:30"))
    hold(ada, 10)
    clock.move_to(NOW)
    hold(ada, 20)

    assert used(cap(admin, 50, "day", user=ada)) == 20
    assert used(cap(admin, 50, "day", user=ada, time_zone="Europe/Berlin")) == 30


def test_a_team_is_charged_for_its_members_alone(admin: User, ada: User, team: Team) -> None:
    stranger, mate = person(), person()
    team.memberships.create(user=mate)
    made = cap(admin, 50, team=team)

    hold(ada, 20)
    hold(mate, 20)
    hold(stranger, 500)

    assert (used(made), fits(mate, 10), fits(mate, 11)) == (40, True, False)


def test_what_somebody_spent_stays_with_the_team_of_then(admin: User, ada: User, team: Team) -> None:
    made = cap(admin, 50, team=team)
    spent = hold(ada, 30)
    Membership.objects.filter(user=ada).delete()

    hold(ada, 500)
    assert used(made) == 30
    raised = cap(admin, 60, team=team)
    ledger.release(hold=spent)

    assert used(raised) == 0


def test_a_keys_cap_is_for_what_the_key_spends(admin: User, ada: User, key: ApiKey) -> None:
    made = cap(admin, 50, api_key=key)

    hold(ada, 500)
    hold(ada, 20, key)

    assert used(made) == 20


def test_the_tightest_cap_decides_and_says_so(admin: User, ada: User, team: Team) -> None:
    cap(admin, 500, user=ada)
    cap(admin, 100, "day", user=ada)
    cap(admin, 30, "week", team=team)

    with pytest.raises(ledger.LimitReached) as refusal:
        hold(ada, 31)
    assert (refusal.value.scope, refusal.value.period) == ("team", "week")


REFUSALS: dict[str, tuple[Callable[..., Any], tuple[object, ...], str]] = {
    "person": (
        lambda admin, ada, team, key: cap(admin, 50, "day", user=ada),
        ("person", "Ada", "day", 40, 50, utc("2026-03-11T00:00"), "an admin"),
        (
            "This needs 11 credits. You may spend 50 a day; 40 of it are used until 11 March 2026, 00:00 UTC."
            " Ask an admin to raise it."
        ),
    ),
    "team": (
        lambda admin, ada, team, key: cap(admin, 50, "month", team=team),
        ("team", "Atelier", "month", 40, 50, utc("2026-04-01T00:00"), "an admin"),
        (
            "This needs 11 credits. The team Atelier may spend 50 a month; 40 of it are used until"
            " 01 April 2026, 00:00 UTC. Ask an admin to raise it."
        ),
    ),
    "key": (
        lambda admin, ada, team, key: cap(admin, 50, "total", api_key=key),
        ("key", "Laptop", "total", 40, 50, None, "the key's owner or an admin"),
        (
            "This needs 11 credits. The key Laptop may spend 50 in all; 40 of it are used."
            " Ask the key's owner or an admin to raise it."
        ),
    ),
    "a key's own limit": (
        lambda admin, ada, team, key: ApiKey.objects.filter(pk=key.pk).update(spend_limit=50),
        ("key", "Laptop", "total", 40, 50, None, "the key's owner or an admin"),
        (
            "This needs 11 credits. The key Laptop may spend 50 in all; 40 of it are used."
            " Ask the key's owner or an admin to raise it."
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_every_refusal_says_which_limit_used_allowed_until_when_and_whom_to_ask(
    name: str, admin: User, ada: User, team: Team, key: ApiKey
) -> None:
    put_in_force, facts, sentence = REFUSALS[name]
    put_in_force(admin, ada, team, key)
    hold(ada, 40, key)

    with pytest.raises(ledger.LimitReached) as met:
        hold(ada, 11, key)

    said = met.value
    assert facts == (
        said.scope,
        said.name,
        said.period,
        said.used,
        said.allowed,
        said.resets_at,
        said.raised_by,
    )
    assert (str(said), said.needed, said.code) == (sentence, 11, "limit_reached")


def test_a_person_stands_under_the_caps_of_person_and_team(admin: User, ada: User, team: Team) -> None:
    cap(admin, 50, user=ada)
    cap(admin, 80, "day", team=team)
    hold(ada, 30)

    shown = limits.standings(user=ada, now=timezone.now())

    assert [(one.cap.scope, one.used, one.left) for one in shown] == [("person", 30, 20), ("team", 30, 50)]
    assert [one.cap.scope for one in limits.standings(team=team, now=timezone.now())] == ["team"]


def found() -> set[tuple[str, str]]:
    return {(finding.rule, finding.subject) for finding in audit.findings(timezone.now())}


def test_the_audit_finds_a_cap_that_was_passed(admin: User, ada: User) -> None:
    made = cap(admin, 50, user=ada)
    hold(ada, 40)
    Cap.objects.filter(pk=made.pk).update(allowed=39)

    assert found() == {("cap_not_passed", f"use {made.uses.get().pk}")}
    Cap.objects.filter(pk=made.pk).update(allowed=50)


def test_the_audit_finds_a_use_that_is_not_what_its_holds_sum_to(admin: User, ada: User) -> None:
    use = cap(admin, 50, user=ada).uses.get()
    CapUse.objects.filter(pk=use.pk).update(used=7)

    assert found() == {("cap_used_is_sum_of_holds", f"use {use.pk}")}
    CapUse.objects.filter(pk=use.pk).update(used=0)


def test_the_audit_finds_a_hold_that_a_cap_leaves_out(admin: User, ada: User) -> None:
    made = cap(admin, 50, user=ada)
    counted = CountedHold.objects.get(hold=hold(ada, 5))
    CountedHold.objects.filter(pk=counted.pk).delete()
    CapUse.objects.update(used=0)

    assert found() == {("cap_counts_every_hold", f"cap {made.pk}")}
    CapUse.objects.update(used=5)
    counted.save(force_insert=True)


def test_the_audit_finds_a_hold_that_counts_against_another_persons_cap(admin: User, ada: User) -> None:
    use = cap(admin, 50, user=person()).uses.get()
    counted = CountedHold.objects.create(hold=hold(ada, 5), use=use)
    CapUse.objects.update(used=5)

    assert found() == {("cap_counts_its_own_holds", f"use {use.pk}")}
    counted.delete()
    CapUse.objects.update(used=0)
