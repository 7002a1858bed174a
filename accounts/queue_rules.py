"""Lanes and limits of the queue: whose turn comes how often, and how many of theirs run at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import rule_terms
from accounts.ledger_refusals import check_words
from accounts.models import Lane, QueueRule, Team, User
from accounts.rule_terms import InvalidRule

__all__ = [
    "CONCURRENCY_MAX",
    "Lane",
    "QueueRules",
    "Standing",
    "end_rule",
    "in_force",
    "of",
    "set_rule",
    "standing",
]

CONCURRENCY_MAX = 10_000


@dataclass(frozen=True)
class QueueRules:
    """Lanes and limits in force, of everybody they concern."""

    # By the person's id: their own rule's, else their team's. Who is absent is in the normal lane.
    lanes: Mapping[int, Lane] = field(default_factory=dict)
    # By the person's id: their own rule's. Who is absent has the limit of the settings.
    person_max: Mapping[int, int] = field(default_factory=dict)
    # By the person's id, for teams with a limit; and that limit, of all members together, by the team's id.
    team_of: Mapping[int, int] = field(default_factory=dict)
    team_max: Mapping[int, int] = field(default_factory=dict)

    def lane(self, user_id: int) -> Lane:
        """The person's lane."""
        return self.lanes.get(user_id, Lane.NORMAL)

    def limit(self, user_id: int) -> int | None:
        """How many of the person's own may run at once; None for any number. Their team's is apart."""
        return self.person_max.get(user_id) or settings.PERSON_PLACES_MAX or None


def in_force() -> QueueRules:
    """Every rule in force with whom it concerns, by one query however many there are.

    Who is switched off keeps theirs: what they asked for before may still wait.
    """
    own: dict[int, Lane] = {}
    shared: dict[int, Lane] = {}
    person_max: dict[int, int] = {}
    team_of: dict[int, int] = {}
    team_max: dict[int, int] = {}
    rows = _in_force().values_list(
        "user_id", "team_id", "team__memberships__user_id", "lane", "concurrency_max"
    )
    for user_id, team_id, member_id, lane, limit in rows:
        person_id, lanes = (user_id, own) if user_id is not None else (member_id, shared)
        if lane and person_id is not None:
            lanes[person_id] = Lane(lane)
        if limit is None:
            continue
        if user_id is not None:
            person_max[user_id] = limit
        else:
            team_max[team_id] = limit
            if member_id is not None:
                team_of[member_id] = team_id
    return QueueRules({**shared, **own}, person_max, team_of, team_max)


@dataclass(frozen=True)
class Standing:
    """What holds for one person, and the rules that say so."""

    own: QueueRule | None
    team: QueueRule | None

    @property
    def lane(self) -> Lane:
        said = [rule.lane for rule in (self.own, self.team) if rule is not None and rule.lane]
        return Lane(said[0]) if said else Lane.NORMAL

    @property
    def at_once(self) -> int | None:
        """How many of the person's own may run at once."""
        own = self.own.concurrency_max if self.own else None
        return own or settings.PERSON_PLACES_MAX or None

    @property
    def team_at_once(self) -> int | None:
        """How many of all the team's members together."""
        return self.team.concurrency_max if self.team else None

    @property
    def is_as_usual(self) -> bool:
        """Nothing sets the person apart or holds them up."""
        return self.lane == Lane.NORMAL and self.at_once is None and self.team_at_once is None

    @property
    def rules(self) -> list[QueueRule]:
        return [rule for rule in (self.own, self.team) if rule is not None]


def standing(user: User) -> Standing:
    """What holds for a person now."""
    concerned = Q(user=user) | Q(team__memberships__user=user)
    found = list(_in_force().filter(concerned).select_related("team", "created_by"))
    own = next((rule for rule in found if rule.user_id is not None), None)
    return Standing(own, next((rule for rule in found if rule.team_id is not None), None))


def of(*, user: User | None = None, team: Team | None = None) -> QueueRule | None:
    """The rule in force of the person's own, or of the team."""
    return _in_force().filter(user=user, team=team).select_related("created_by").first()


@transaction.atomic
def set_rule(
    *,
    lane: str,
    concurrency_max: int | None,
    reason: str,
    by: User,
    now: datetime,
    user: User | None = None,
    team: Team | None = None,
) -> QueueRule:
    """Put a rule in force in place of the scope's earlier one; it holds from the next claim on.

    What runs already is left to end. The caller holds the scope's lock.

    :raises InvalidRule: :raises InvalidReason:
    """
    rule_terms.check_one_scope(user, team)
    _check_terms(lane, concurrency_max)
    check_words(reason=reason)
    _in_force().filter(user=user, team=team).update(ended_at=now)
    return QueueRule.objects.create(
        user=user,
        team=team,
        lane=lane,
        concurrency_max=concurrency_max,
        reason=reason,
        created_by=by,
        created_at=now,
    )


def end_rule(*, rule: QueueRule, now: datetime) -> bool:
    """Take a rule out of force; answers whether it was."""
    return bool(_in_force().filter(pk=rule.pk).update(ended_at=now))


def _in_force() -> QuerySet[QueueRule]:
    return QueueRule.objects.filter(ended_at__isnull=True)


def _check_terms(lane: object, concurrency_max: object) -> None:
    if lane != "":
        rule_terms.check_choice(lane, Lane.values, field="lane")
    elif concurrency_max is None:
        raise InvalidRule("lane", "Choose a lane, or how many at once, or both.")
    # bool is an int to Python, and no number to anybody.
    is_number = type(concurrency_max) is int and 1 <= concurrency_max <= CONCURRENCY_MAX
    if concurrency_max is not None and not is_number:
        detail = f"This is a whole number from 1 to {CONCURRENCY_MAX:,}, or nothing for any number."
        raise InvalidRule("concurrency_max", detail)
