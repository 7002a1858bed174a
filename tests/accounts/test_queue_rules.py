"""Lanes and limits of the queue: what rows may say, and what holds for whom."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import queue_rules
from accounts.models import Lane, Membership, QueueRule, Team, User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return factories.person(credits=0, is_superuser=True)


@pytest.fixture
def ada() -> User:
    return factories.person(credits=0)


@pytest.fixture
def design() -> Team:
    return Team.objects.create(name="Design")


def member(team: Team) -> User:
    user = factories.person(credits=0)
    Membership.objects.create(user=user, team=team)
    return user


@pytest.fixture
def rule(admin: User) -> Any:
    def make(**terms: Any) -> QueueRule:
        return QueueRule.objects.create(reason="for a test", created_by=admin, **terms)

    return make


@contextmanager
def refused(constraint: str) -> Iterator[None]:
    """SQLite names the columns of a unique constraint, PostgreSQL the constraint."""
    columns = constraint.replace("one_a_person", "user_id").replace("one_a_team", "team_id")
    names = f"{constraint}|{columns.replace('accounts_queuerule_', 'accounts_queuerule.')}"
    with pytest.raises(IntegrityError, match=names), transaction.atomic():
        yield


class TestRows:
    def test_a_rule_is_for_somebody(self, rule):
        with refused("accounts_queuerule_one_scope"):
            rule(lane=Lane.EXPRESS)

    def test_a_rule_is_not_for_a_person_and_a_team(self, rule, ada, design):
        with refused("accounts_queuerule_one_scope"):
            rule(user=ada, team=design, lane=Lane.EXPRESS)

    def test_a_rule_says_something(self, rule, ada):
        with refused("accounts_queuerule_says_something"):
            rule(user=ada)

    def test_nobody_is_held_at_nothing_at_once(self, rule, ada):
        with refused("accounts_queuerule_concurrency_from_one"):
            rule(user=ada, concurrency_max=0)

    def test_there_are_three_lanes(self, rule, ada):
        with refused("accounts_queuerule_lane_known"):
            rule(user=ada, lane="overtaking")

    def test_one_is_in_force_for_a_person(self, rule, ada):
        rule(user=ada, lane=Lane.EXPRESS)
        with refused("accounts_queuerule_one_a_person"):
            rule(user=ada, concurrency_max=2)

    def test_one_is_in_force_for_a_team(self, rule, design):
        rule(team=design, lane=Lane.EXPRESS)
        with refused("accounts_queuerule_one_a_team"):
            rule(team=design, concurrency_max=2)

    def test_any_number_may_have_ended(self, rule, ada):
        for _ in range(2):
            rule(user=ada, lane=Lane.EXPRESS, ended_at=timezone.now())
        rule(user=ada, lane=Lane.NORMAL)

        assert QueueRule.objects.filter(user=ada).count() == 3

    @pytest.mark.parametrize(
        ("terms", "words"),
        [
            ({"lane": Lane.EXPRESS}, "Express lane"),
            ({"concurrency_max": 4}, "at most 4 at once"),
            ({"lane": Lane.BACKGROUND, "concurrency_max": 1_000}, "Background lane, at most 1,000 at once"),
        ],
    )
    def test_a_rule_reads_as_its_terms(self, terms, words):
        assert str(QueueRule(**terms)) == words


class TestInForce:
    def test_without_rules_everybody_is_in_the_normal_lane_without_a_limit(self, ada):
        rules = queue_rules.in_force()

        assert rules.lane(ada.pk) is Lane.NORMAL
        assert rules.limit(ada.pk) is None
        assert rules == queue_rules.QueueRules()

    def test_a_persons_rule_is_theirs_alone(self, rule, ada):
        other = factories.person(credits=0)
        rule(user=ada, lane=Lane.EXPRESS, concurrency_max=4)

        rules = queue_rules.in_force()

        assert (rules.lane(ada.pk), rules.limit(ada.pk)) == (Lane.EXPRESS, 4)
        assert (rules.lane(other.pk), rules.limit(other.pk)) == (Lane.NORMAL, None)

    def test_a_teams_lane_is_each_members_and_its_limit_all_theirs_together(self, rule, ada, design):
        members = {member(design).pk, member(design).pk}
        rule(team=design, lane=Lane.BACKGROUND, concurrency_max=3)

        rules = queue_rules.in_force()

        assert rules.lanes == dict.fromkeys(members, Lane.BACKGROUND)
        assert rules.team_of == dict.fromkeys(members, design.pk)
        assert rules.team_max == {design.pk: 3}
        assert rules.person_max == {}

    def test_the_own_lane_is_before_the_teams(self, rule, design):
        own, other = member(design), member(design)
        rule(team=design, lane=Lane.EXPRESS)
        rule(user=own, lane=Lane.NORMAL)

        rules = queue_rules.in_force()

        assert (rules.lane(own.pk), rules.lane(other.pk)) == (Lane.NORMAL, Lane.EXPRESS)

    def test_a_rule_says_nothing_of_what_it_leaves_out(self, rule, design):
        user = member(design)
        rule(team=design, lane=Lane.EXPRESS, concurrency_max=9)
        rule(user=user, concurrency_max=2)

        rules = queue_rules.in_force()

        assert (rules.lane(user.pk), rules.limit(user.pk)) == (Lane.EXPRESS, 2)
        assert rules.team_of == {user.pk: design.pk}

    def test_a_team_without_a_limit_is_not_counted(self, rule, design):
        member(design)
        rule(team=design, lane=Lane.EXPRESS)

        rules = queue_rules.in_force()

        assert (rules.team_of, rules.team_max) == ({}, {})

    def test_a_team_without_members_concerns_nobody(self, rule, design):
        rule(team=design, lane=Lane.EXPRESS, concurrency_max=3)

        rules = queue_rules.in_force()

        assert (rules.lanes, rules.team_of) == ({}, {})

    def test_what_has_ended_says_nothing(self, rule, ada, design):
        user = member(design)
        rule(user=ada, lane=Lane.EXPRESS, concurrency_max=4, ended_at=timezone.now())
        rule(team=design, lane=Lane.EXPRESS, concurrency_max=4, ended_at=timezone.now())
        rule(user=user, lane=Lane.BACKGROUND)

        assert queue_rules.in_force() == queue_rules.QueueRules(lanes={user.pk: Lane.BACKGROUND})

    def test_who_is_switched_off_keeps_theirs_for_what_still_waits(self, rule, design):
        user = member(design)
        rule(user=user, lane=Lane.BACKGROUND, concurrency_max=1)
        rule(team=design, concurrency_max=2)
        User.objects.filter(pk=user.pk).update(is_active=False)

        rules = queue_rules.in_force()

        assert (rules.lane(user.pk), rules.limit(user.pk)) == (Lane.BACKGROUND, 1)
        assert rules.team_of == {user.pk: design.pk}

    def test_the_setting_holds_for_whom_no_rule_does(self, rule, ada, settings):
        settings.PERSON_PLACES_MAX = 3
        other, laned = factories.person(credits=0), factories.person(credits=0)
        rule(user=ada, concurrency_max=8)
        rule(user=laned, lane=Lane.EXPRESS)

        rules = queue_rules.in_force()

        assert [rules.limit(user.pk) for user in (ada, other, laned)] == [8, 3, 3]

    @pytest.mark.parametrize("count", [1, 12])
    def test_many_rules_are_one_query(self, rule, count, django_assert_num_queries):
        for number in range(count):
            team = Team.objects.create(name=f"Team {number}")
            rule(team=team, lane=Lane.EXPRESS, concurrency_max=3)
            for _ in range(2):
                rule(user=member(team), concurrency_max=2)

        with django_assert_num_queries(1):
            rules = queue_rules.in_force()

        assert len(rules.person_max) == len(rules.team_of) == len(rules.lanes) == 2 * count
