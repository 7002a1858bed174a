"""Lanes and limits of the queue."""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import acts, ledger, queue_rules, rule_terms, teams
from accounts.acts import HERE, Origin
from accounts.administration.permission import RULES, check_permission
from accounts.ledger_refusals import check_words
from accounts.models import QueueRule, Team, User


@transaction.atomic
def set_queue_rule(
    *,
    by: User,
    reason: str,
    now: datetime,
    lane: str = "",
    concurrency_max: int | None = None,
    user: User | None = None,
    team: Team | None = None,
    origin: Origin = HERE,
) -> QueueRule:
    """Give a person, or a team, a lane, or say how many run at once, or both; in place of the rule of before.

    :raises NotAllowed: :raises InvalidRule: :raises InvalidReason:
    """
    check_permission(by, RULES)
    rule_terms.check_one_scope(user, team)
    _lock(user, team)
    earlier = queue_rules.of(user=user, team=team)
    rule = queue_rules.set_rule(
        lane=lane,
        concurrency_max=concurrency_max,
        reason=reason,
        by=by,
        now=now,
        user=user,
        team=team,
    )
    acts.record(
        by=by,
        verb="set_queue_rule",
        subject=_scope_of(rule),
        before={"queue": _terms(earlier)},
        after={"queue": _terms(rule)},
        reason=reason,
        origin=origin,
    )
    return rule


@transaction.atomic
def end_queue_rule(*, by: User, rule: QueueRule, reason: str, now: datetime, origin: Origin = HERE) -> None:
    """Take a rule out of force; repeating it changes nothing.

    :raises NotAllowed: :raises InvalidReason:
    """
    check_permission(by, RULES)
    check_words(reason=reason)
    _lock(rule.user, rule.team)
    if queue_rules.end_rule(rule=rule, now=now):
        acts.record(
            by=by,
            verb="end_queue_rule",
            subject=_scope_of(rule),
            before={"queue": _terms(rule)},
            after={"queue": None},
            reason=reason,
            origin=origin,
        )


def _lock(user: User | None, team: Team | None) -> None:
    teams.lock(team)
    if user is not None:
        ledger.lock(user)


def _scope_of(rule: QueueRule) -> User | Team:
    scope = rule.user or rule.team
    assert scope is not None  # the database holds that a rule has one
    return scope


def _terms(rule: QueueRule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    return {"lane": str(rule.lane), "concurrency_max": rule.concurrency_max}
