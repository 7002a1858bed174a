"""Lanes and limits as admins give and end them: by whom, what it refuses, and how the record reads."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts import act_words, administration, queue_rules
from accounts.acts import Origin
from accounts.administration import NotAllowed
from accounts.ledger_refusals import InvalidReason
from accounts.models import AdminAct, Lane, Membership, QueueRule, Team, User
from accounts.queue_rules import CONCURRENCY_MAX
from accounts.rule_terms import InvalidRule
from tests.accounts.racing import race
from tests.factories import person

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)


@pytest.fixture
def admin() -> User:
    return person(credits=0, name="Ada Admin", is_superuser=True)


@pytest.fixture
def elif_() -> User:
    return person(credits=0, name="Elif Vural")


@pytest.fixture
def design() -> Team:
    return Team.objects.create(name="Design")


def give(by: User, **terms: Any) -> QueueRule:
    return administration.set_queue_rule(by=by, **{"reason": "Pitch on Friday", "now": NOW, **terms})


def end(by: User, rule: QueueRule, **terms: Any) -> None:
    administration.end_queue_rule(by=by, rule=rule, **{"reason": "Pitch is over", "now": LATER, **terms})


def words_of(act: AdminAct) -> tuple[str, list[tuple[str, str, str]]]:
    return act_words.verb_of(act), act_words.changes_of(act)


def test_a_rule_is_given_and_recorded_with_who_why_and_from_where(admin: User, elif_: User) -> None:
    rule = give(admin, user=elif_, lane="express", concurrency_max=4, origin=Origin("192.0.2.7", "r-1"))

    act = AdminAct.objects.get()
    assert (rule.lane, rule.concurrency_max, rule.reason) == ("express", 4, "Pitch on Friday")
    assert (rule.created_by, rule.created_at, rule.ended_at) == (admin, NOW, None)
    assert (act.by, act.subject_kind, act.subject_id) == (admin, "user", str(elif_.pk))
    assert (act.reason, act.address, act.request_id) == ("Pitch on Friday", "192.0.2.7", "r-1")
    assert queue_rules.in_force().limit(elif_.pk) == 4


def test_a_change_ends_the_row_of_before_and_makes_a_new_one(admin: User, elif_: User) -> None:
    first = give(admin, user=elif_, lane="express", concurrency_max=4)
    second = give(admin, user=elif_, concurrency_max=1_200, now=LATER)

    first.refresh_from_db()
    assert (first.lane, first.concurrency_max, first.ended_at) == ("express", 4, LATER)
    assert queue_rules.of(user=elif_) == second
    assert queue_rules.in_force().lane(elif_.pk) is Lane.NORMAL


def test_a_teams_rule_leaves_its_members_own_alone(admin: User, elif_: User, design: Team) -> None:
    own = give(admin, user=elif_, lane="express")
    shared = give(admin, team=design, lane="background")

    assert (queue_rules.of(user=elif_), queue_rules.of(team=design)) == (own, shared)


def test_a_rule_ends_once(admin: User, elif_: User) -> None:
    rule = give(admin, user=elif_, lane="express")

    for _ in range(2):
        end(admin, rule)

    rule.refresh_from_db()
    assert rule.ended_at == LATER
    assert queue_rules.of(user=elif_) is None
    assert list(AdminAct.objects.order_by("pk").values_list("verb", flat=True)) == [
        "set_queue_rule",
        "end_queue_rule",
    ]


def test_the_log_says_it_in_words(admin: User, elif_: User, design: Team) -> None:
    give(admin, user=elif_, lane="express", concurrency_max=4)
    give(admin, user=elif_, concurrency_max=1_200)
    end(admin, give(admin, team=design, lane="background"))

    assert [words_of(act) for act in AdminAct.objects.order_by("pk")] == [
        ("Set a queue rule", [("queue", "–", "express lane, at most 4 at once")]),
        ("Set a queue rule", [("queue", "express lane, at most 4 at once", "at most 1,200 at once")]),
        ("Set a queue rule", [("queue", "–", "background lane")]),
        ("Ended a queue rule", [("queue", "background lane", "–")]),
    ]


def test_who_may_not_set_rules_neither_gives_nor_ends(admin: User, elif_: User) -> None:
    rule = give(admin, user=elif_, lane="express")
    looker = person(credits=0)
    others = ("see_credits", "grant_credits", "adjust_credits")
    looker.user_permissions.set(Permission.objects.filter(codename__in=others))

    with pytest.raises(NotAllowed):
        give(looker, user=looker, lane="express")
    with pytest.raises(NotAllowed):
        end(looker, rule)

    assert QueueRule.objects.get().ended_at is None
    assert AdminAct.objects.count() == 1


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({}, "lane"),
        ({"lane": ""}, "lane"),
        ({"lane": "overtaking"}, "lane"),
        ({"lane": None}, "lane"),
        ({"concurrency_max": 0}, "concurrency_max"),
        ({"concurrency_max": -1}, "concurrency_max"),
        ({"concurrency_max": True}, "concurrency_max"),
        ({"concurrency_max": 1.5}, "concurrency_max"),
        ({"concurrency_max": CONCURRENCY_MAX + 1}, "concurrency_max"),
        ({"lane": "express", "concurrency_max": 0}, "concurrency_max"),
    ],
)
def test_impossible_terms_are_refused_by_their_field(
    terms: dict[str, Any], field: str, admin: User, elif_: User
) -> None:
    before = give(admin, user=elif_, lane="express")

    with pytest.raises(InvalidRule) as refused:
        give(admin, user=elif_, **terms)

    assert refused.value.field == field
    assert queue_rules.of(user=elif_) == before


def test_a_rule_is_for_one_person_or_one_team(admin: User, elif_: User, design: Team) -> None:
    for scope in ({}, {"user": elif_, "team": design}):
        with pytest.raises(InvalidRule):
            give(admin, lane="express", **scope)


def test_without_a_reason_nothing_is_given_or_ended(admin: User, elif_: User) -> None:
    rule = give(admin, user=elif_, lane="express")

    with pytest.raises(InvalidReason):
        give(admin, user=elif_, lane="background", reason=" ")
    with pytest.raises(InvalidReason):
        end(admin, rule, reason="")

    assert queue_rules.of(user=elif_) == rule


def test_nothing_is_given_when_it_cannot_be_recorded(
    admin: User, elif_: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**kwargs: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("accounts.acts.record", fail)
    with pytest.raises(ZeroDivisionError):
        give(admin, user=elif_, lane="express")

    assert not QueueRule.objects.exists()


OWN: dict[str, dict[str, Any]] = {
    "none": {},
    "lane": {"lane": "background"},
    "limit": {"concurrency_max": 2},
    "both": {"lane": "normal", "concurrency_max": 3},
}
SHARED: dict[str, dict[str, Any]] = {
    "none": {},
    "lane": {"lane": "express"},
    "limit": {"concurrency_max": 9},
    "both": {"lane": "express", "concurrency_max": 9},
}


@pytest.mark.parametrize("shared", SHARED)
@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("usual", [0, 5])
def test_a_person_is_told_what_the_claims_go_by(
    own: str, shared: str, usual: int, admin: User, elif_: User, design: Team, settings: Any
) -> None:
    settings.PERSON_PLACES_MAX = usual
    Membership.objects.create(user=elif_, team=design)
    if OWN[own]:
        end(admin, give(admin, user=elif_, lane="express", concurrency_max=77))
        give(admin, user=elif_, **OWN[own])
    if SHARED[shared]:
        give(admin, team=design, **SHARED[shared])

    told, rules = queue_rules.standing(elif_), queue_rules.in_force()

    assert (told.lane, told.at_once) == (rules.lane(elif_.pk), rules.limit(elif_.pk))
    assert told.team_at_once == rules.team_max.get(rules.team_of.get(elif_.pk, 0))
    assert told.is_as_usual == (own == shared == "none" and not usual)


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_admins_at_once_leave_one_rule_in_force_and_a_record_of_each(
    admin: User, elif_: User, design: Team
) -> None:
    came_of_it = race("queue_rules", admin=admin.pk, user=elif_.pk, team=design.pk, each=6, processes=4)

    assert came_of_it == {"done": 24}
    assert QueueRule.objects.count() == AdminAct.objects.count() == 24
    assert {queue_rules.of(user=elif_), queue_rules.of(team=design)} == set(
        QueueRule.objects.filter(ended_at__isnull=True)
    )
