"""What admins do: who may, what it does, that it is recorded with it, and that it happens once."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts import administration, allowances, keys, ledger, limits, teams
from accounts.acts import Origin
from accounts.administration import NotAllowed, OwnAccount
from accounts.ledger_refusals import (
    ExceedsCaptured,
    InsufficientCredits,
    InvalidAmount,
    InvalidReason,
    KeyReused,
    Refusal,
)
from accounts.models import AdminAct, AllowanceRule, Cap, Hold, LedgerEntry, Membership, Team, User
from accounts.rule_terms import InvalidRule
from tests.factories import person

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FROM = Origin(address="192.0.2.7", request_id="r-1")


@pytest.fixture
def admin() -> User:
    return person(credits=0, name="Ada Admin", is_superuser=True)


@pytest.fixture
def ada() -> User:
    return person(credits=100, name="Ada")


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="Atelier")


def may(*permissions: str) -> User:
    user = person(credits=0)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return User.objects.get(pk=user.pk)


def captured(user: User, amount: int) -> Hold:
    hold = ledger.hold(user=user, amount=amount, key="spent", reason="a gull", reference="g")
    ledger.capture(hold=hold, amount=amount, reason="a gull")
    hold.refresh_from_db()
    return hold


def why(key: str = "1", reason: str = "for March") -> dict[str, Any]:
    return {"key": key, "reason": reason, "origin": FROM}


def last_act() -> AdminAct:
    return AdminAct.objects.latest("pk")


def test_a_grant_gives_and_is_recorded_with_before_after_why_and_from_where(admin: User, ada: User) -> None:
    entry = administration.grant(by=admin, user=ada, amount=20, **why())

    act = last_act()
    assert ledger.available(ada) == 120
    assert (act.by, act.verb, act.subject_kind, act.subject_id) == (admin, "grant", "user", str(ada.pk))
    assert (act.subject_label, act.reason) == ("Ada", "for March")
    assert (act.before, act.after) == ({"balance": 100}, {"balance": 120, "entry": entry.pk})
    assert (act.address, act.request_id) == ("192.0.2.7", "r-1")


def test_what_is_taken_back_leaves_the_balance(admin: User, ada: User) -> None:
    administration.take_back(by=admin, user=ada, amount=30, **why())

    assert ledger.available(ada) == 70
    assert (last_act().before["balance"], last_act().after["balance"]) == (100, 70)


def test_nothing_is_taken_back_below_what_is_held(admin: User, ada: User) -> None:
    ledger.hold(user=ada, amount=80, key="1", reason="a gull")

    with pytest.raises(InsufficientCredits):
        administration.take_back(by=admin, user=ada, amount=21, **why())
    assert not AdminAct.objects.exists()


@pytest.mark.parametrize(("amount", "left"), [(5, 105), (-5, 95)])
def test_an_adjustment_goes_either_way(amount: int, left: int, admin: User, ada: User) -> None:
    administration.adjust(by=admin, user=ada, amount=amount, **why())

    assert (ledger.available(ada), last_act().after["balance"]) == (left, left)


def test_a_refund_gives_back_and_is_recorded_for_the_person(admin: User, ada: User) -> None:
    hold = captured(ada, 10)

    administration.refund(by=admin, hold=hold, amount=4, **why())

    assert ledger.available(ada) == 94
    assert (last_act().verb, last_act().subject_id) == ("refund", str(ada.pk))


def test_no_more_is_refunded_than_was_captured(admin: User, ada: User) -> None:
    with pytest.raises(ExceedsCaptured):
        administration.refund(by=admin, hold=captured(ada, 10), amount=11, **why())


def test_a_repeated_key_gives_once_and_is_recorded_once(admin: User, ada: User) -> None:
    first = administration.grant(by=admin, user=ada, amount=20, **why())
    ledger.hold(user=ada, amount=80, key="1", reason="a gull")

    assert administration.grant(by=admin, user=ada, amount=20, **why()) == first
    assert (ledger.standing(ada).balance, AdminAct.objects.count()) == (120, 1)


def test_a_key_used_with_another_amount_is_refused(admin: User, ada: User) -> None:
    administration.grant(by=admin, user=ada, amount=20, **why())

    with pytest.raises(KeyReused):
        administration.grant(by=admin, user=ada, amount=21, **why())


AMOUNTS: list[Any] = [0, -1, 1.5, "5", True, 2**63, None]


@pytest.mark.parametrize(
    ("verb", "amount"),
    [
        (verb, amount)
        for verb in ("grant", "take_back", "adjust")
        for amount in AMOUNTS
        if (verb, amount) != ("adjust", -1)
    ],
)
def test_what_is_no_amount_moves_nothing(verb: str, amount: Any, admin: User, ada: User) -> None:
    with pytest.raises(InvalidAmount):
        getattr(administration, verb)(by=admin, user=ada, amount=amount, **why())
    assert (ledger.available(ada), AdminAct.objects.count()) == (100, 0)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
@pytest.mark.parametrize("verb", ["grant", "take_back", "adjust"])
def test_without_a_reason_nothing_moves(verb: str, reason: str, admin: User, ada: User) -> None:
    with pytest.raises(InvalidReason):
        getattr(administration, verb)(by=admin, user=ada, amount=5, **why(reason=reason))
    assert ledger.available(ada) == 100


def test_nothing_is_given_when_it_cannot_be_recorded(
    admin: User, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**kwargs: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("accounts.acts.record", fail)
    with pytest.raises(ZeroDivisionError):
        administration.grant(by=admin, user=ada, amount=20, **why())
    assert (ledger.available(ada), LedgerEntry.objects.count()) == (100, 1)


VERBS: dict[str, tuple[str, Callable[[User, User, Team], object]]] = {
    "grant": (
        "grant_credits",
        lambda by, user, team: administration.grant(by=by, user=user, amount=1, **why()),
    ),
    "take back": (
        "grant_credits",
        lambda by, user, team: administration.take_back(by=by, user=user, amount=1, **why()),
    ),
    "adjust": (
        "adjust_credits",
        lambda by, user, team: administration.adjust(by=by, user=user, amount=1, **why()),
    ),
    "refund": (
        "adjust_credits",
        lambda by, user, team: administration.refund(by=by, hold=captured(user, 5), amount=1, **why()),
    ),
    "set a cap": ("set_rules", lambda by, user, team: cap(by, user=user)),
    "set an allowance": ("set_rules", lambda by, user, team: allowance(by, user=user)),
    "set a queue rule": (
        "set_rules",
        lambda by, user, team: administration.set_queue_rule(
            by=by, user=user, lane="express", reason="pitch", now=NOW
        ),
    ),
    "create a team": (
        "set_rules",
        lambda by, user, team: administration.create_team(by=by, name="Studio", now=NOW),
    ),
    "move to a team": (
        "set_rules",
        lambda by, user, team: administration.move_to_team(by=by, user=user, team=team, now=NOW),
    ),
}


def cap(by: User, **terms: Any) -> Cap:
    return administration.set_cap(
        by=by, **{"allowed": 50, "period": "month", "reason": "budget", "now": NOW, **terms}
    )


def allowance(by: User, **terms: Any) -> AllowanceRule:
    right = {"kind": "add", "amount": 50, "period": "month", "reason": "budget", "now": NOW}
    return administration.set_allowance(by=by, **{**right, **terms})


@pytest.mark.parametrize("name", VERBS)
def test_each_verb_needs_its_own_permission(name: str, ada: User, team: Team) -> None:
    permission, verb = VERBS[name]
    others = {"see_credits", "grant_credits", "adjust_credits", "set_rules"} - {permission}

    with pytest.raises(NotAllowed):
        verb(may(*others), ada, team)
    assert not AdminAct.objects.exists()
    verb(may(permission), ada, team)
    assert AdminAct.objects.count() == 1


@pytest.mark.parametrize("name", ["grant", "adjust", "refund", "set an allowance"])
def test_admins_give_nothing_to_themselves(name: str, team: Team) -> None:
    admin = person(credits=10, is_superuser=True)

    with pytest.raises(OwnAccount):
        VERBS[name][1](admin, admin, team)
    assert not AdminAct.objects.exists()


@pytest.mark.parametrize("name", ["grant", "adjust", "refund", "set an allowance"])
def test_a_setting_lets_admins_give_to_themselves(name: str, team: Team, settings: Any) -> None:
    settings.ADMINS_MAY_GRANT_THEMSELVES = True
    admin = person(credits=10, is_superuser=True)

    VERBS[name][1](admin, admin, team)

    assert AdminAct.objects.count() == 1


def test_admins_set_no_allowance_for_their_own_team_and_join_none_that_has_one(
    admin: User, team: Team
) -> None:
    another = person(credits=0, is_superuser=True)
    allowance(admin, team=team)

    with pytest.raises(OwnAccount):
        administration.move_to_team(by=admin, user=admin, team=team, now=NOW)
    administration.move_to_team(by=another, user=admin, team=team, now=NOW)
    with pytest.raises(OwnAccount):
        allowance(admin, team=team, amount=1_000)


def test_an_inactive_admin_may_nothing(admin: User, ada: User) -> None:
    admin.is_active = False

    with pytest.raises(NotAllowed):
        administration.grant(by=admin, user=ada, amount=1, **why())


def test_previews_say_what_would_be_and_write_nothing(ada: User) -> None:
    hold = captured(ada, 10)
    ledger.hold(user=ada, amount=20, key="open", reason="a gull")

    change = administration.preview_grant(user=ada, amount=50)
    assert (change.before.available, change.after.available) == (70, 120)
    assert administration.preview_take_back(user=ada, amount=70).after.available == 0
    assert administration.preview_adjust(user=ada, amount=-1).after.available == 69
    assert administration.preview_refund(hold=hold, amount=10).after.balance == 100
    assert ledger.standing(ada) == ledger.Standing(90, 20)


@pytest.mark.parametrize(
    ("preview", "refusal"),
    [
        (lambda ada: administration.preview_grant(user=ada, amount=0), InvalidAmount),
        (lambda ada: administration.preview_take_back(user=ada, amount=101), InsufficientCredits),
        (lambda ada: administration.preview_adjust(user=ada, amount=-101), InsufficientCredits),
        (lambda ada: administration.preview_adjust(user=ada, amount=0), InvalidAmount),
        (lambda ada: administration.preview_refund(hold=captured(ada, 5), amount=6), ExceedsCaptured),
    ],
)
def test_a_preview_refuses_what_the_verb_would(
    preview: Callable[[User], object], refusal: type[Refusal], ada: User
) -> None:
    with pytest.raises(refusal):
        preview(ada)


def test_a_cap_takes_the_place_of_the_one_of_its_scope_and_period(admin: User, ada: User) -> None:
    cap(admin, user=ada)
    other = cap(admin, user=ada, period="day", allowed=5)

    raised = cap(admin, user=ada, allowed=80)

    assert set(Cap.objects.filter(ended_at=None)) == {raised, other}
    assert last_act().before == {"cap": {"allowed": 50, "period": "month", "time_zone": "UTC"}}
    assert last_act().after["cap"]["allowed"] == 80


def test_a_cap_ends_once(admin: User, ada: User) -> None:
    made = cap(admin, user=ada)

    for _ in range(2):
        administration.end_cap(by=admin, cap=made, reason="over", now=NOW)

    assert limits.standings(user=ada, now=NOW) == []
    assert [act.verb for act in AdminAct.objects.order_by("pk")] == ["set_cap", "end_cap"]


RULES: dict[str, dict[str, Any]] = {
    "another period": {"period": "year"},
    "no zone": {"time_zone": "Europe/Atlantis"},
    "a path as zone": {"time_zone": "../../etc/passwd"},
    "an empty zone": {"time_zone": ""},
    "a negative amount": {"amount": -1},
    "a fraction": {"amount": 1.5},
    "a huge amount": {"amount": 2**63},
    "a truth": {"amount": True},
    "no scope": {"user": None},
}


@pytest.mark.parametrize("name", RULES)
def test_a_cap_that_cannot_be_is_refused(name: str, admin: User, ada: User) -> None:
    terms = {"user": ada, **RULES[name]}
    if "amount" in terms:
        terms["allowed"] = terms.pop("amount")

    with pytest.raises(InvalidRule):
        cap(admin, **terms)
    assert not AdminAct.objects.exists()


@pytest.mark.parametrize("name", [*RULES, "another kind", "nothing", "for good"])
def test_an_allowance_that_cannot_be_is_refused(name: str, admin: User, ada: User) -> None:
    more = {"another kind": {"kind": "gift"}, "nothing": {"amount": 0}, "for good": {"period": "total"}}

    with pytest.raises(InvalidRule):
        allowance(admin, **{"user": ada, **(RULES | more)[name]})
    assert (ledger.available(ada), AdminAct.objects.count()) == (100, 0)


def test_a_rule_is_for_one_scope(admin: User, ada: User, team: Team) -> None:
    with pytest.raises(InvalidRule):
        cap(admin, user=ada, team=team)
    with pytest.raises(InvalidRule):
        allowance(admin, user=ada, team=team)


def test_a_rule_says_why(admin: User, ada: User) -> None:
    with pytest.raises(InvalidReason):
        cap(admin, user=ada, reason=" ")
    with pytest.raises(InvalidReason):
        allowance(admin, user=ada, reason=" ")


def test_an_allowance_takes_the_place_of_the_one_before(admin: User, ada: User) -> None:
    first = allowance(admin, user=ada)

    second = allowance(admin, user=ada, amount=80)

    first.refresh_from_db()
    assert (first.ended_at, allowances.in_force(user=ada)) == (NOW, second)
    assert last_act().before["allowance"]["amount"] == 50


def test_an_allowance_ends_once(admin: User, ada: User) -> None:
    rule = allowance(admin, user=ada)

    for _ in range(2):
        administration.end_allowance(by=admin, rule=rule, reason="over", now=NOW)

    assert allowances.in_force(user=ada) is None
    assert [act.verb for act in AdminAct.objects.order_by("pk")] == ["set_allowance", "end_allowance"]


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "two\nlines", "ATELIER"])
def test_a_team_has_a_name_of_its_own(name: str, admin: User, team: Team) -> None:
    with pytest.raises(InvalidRule) as refusal:
        administration.create_team(by=admin, name=name, now=NOW)
    assert refusal.value.field == "name"


def test_a_person_is_in_one_team(admin: User, ada: User, team: Team) -> None:
    studio = administration.create_team(by=admin, name="Studio", time_zone="Europe/Berlin", now=NOW)
    administration.move_to_team(by=admin, user=ada, team=team, now=NOW)

    administration.move_to_team(by=admin, user=ada, team=studio, role="manager", now=NOW)

    assert (teams.of(ada), Membership.objects.get(user=ada).role) == (studio, "manager")
    assert (last_act().before, last_act().after) == (
        {"team": "Atelier"},
        {"team": "Studio", "role": "manager"},
    )


def test_a_person_leaves_a_team(admin: User, ada: User, team: Team) -> None:
    team.memberships.create(user=ada)

    administration.move_to_team(by=admin, user=ada, team=None, now=NOW)

    assert teams.of(ada) is None


def test_a_move_within_the_team_changes_the_role_alone(admin: User, ada: User, team: Team) -> None:
    administration.move_to_team(by=admin, user=ada, team=team, now=NOW)

    administration.move_to_team(by=admin, user=ada, team=team, role="manager", now=NOW.replace(month=5))

    member = Membership.objects.get(user=ada)
    assert (member.role, member.joined_at) == ("manager", NOW)


def test_a_role_that_is_none_is_refused(admin: User, ada: User, team: Team) -> None:
    with pytest.raises(InvalidRule):
        administration.move_to_team(by=admin, user=ada, team=team, role="owner", now=NOW)


@pytest.mark.parametrize("amount", [0, -1, 2**63, 1.5])
def test_a_low_balance_that_cannot_be_is_refused(amount: Any, ada: User) -> None:
    with pytest.raises(InvalidRule):
        administration.set_low_balance(user=ada, amount=amount)


def test_a_key_is_capped_like_a_person(admin: User, ada: User) -> None:
    key = keys.create(user=ada, name="Laptop").key
    cap(admin, api_key=key, allowed=5, period="total")

    ledger.hold(user=ada, amount=5, key="1", reason="a gull", api_key=key)
    with pytest.raises(ledger.LimitReached):
        ledger.hold(user=ada, amount=1, key="2", reason="a gull", api_key=key)
    ledger.hold(user=ada, amount=1, key="3", reason="a gull")
