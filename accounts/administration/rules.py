"""Caps, allowances and teams."""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import acts, allowances, ledger, limits, rule_terms, teams
from accounts.acts import HERE, Origin
from accounts.administration.permission import (
    RULES,
    check_gives_to_another,
    check_permission,
    check_scope_gives_to_others,
)
from accounts.ledger_refusals import check_words
from accounts.models import AllowanceRule, ApiKey, Cap, Membership, Team, User


@transaction.atomic
def set_cap(
    *,
    by: User,
    allowed: int,
    period: str,
    reason: str,
    now: datetime,
    user: User | None = None,
    team: Team | None = None,
    api_key: ApiKey | None = None,
    time_zone: str = "UTC",
    origin: Origin = HERE,
) -> Cap:
    """Put a cap in force for one scope, in place of the one of the same period.

    :raises NotAllowed: :raises InvalidRule: :raises InvalidReason:
    """
    check_permission(by, RULES)
    rule_terms.check_one_scope(user, team, api_key)
    teams.lock(team)
    if owner := user or (api_key.user if api_key else None):
        ledger.lock(owner)
    earlier = limits.in_force(user=user, team=team, api_key=api_key, period=period)
    cap = limits.set_cap(
        allowed=allowed,
        period=period,
        reason=reason,
        by=by,
        now=now,
        user=user,
        team=team,
        api_key=api_key,
        time_zone=time_zone,
    )
    acts.record(
        by=by,
        verb="set_cap",
        subject=_scope_of(cap),
        before={"cap": _cap_terms(earlier)},
        after={"cap": _cap_terms(cap)},
        reason=reason,
        origin=origin,
    )
    return cap


@transaction.atomic
def end_cap(*, by: User, cap: Cap, reason: str, now: datetime, origin: Origin = HERE) -> None:
    """Take a cap out of force; repeating it changes nothing.

    :raises NotAllowed: :raises InvalidReason:
    """
    check_permission(by, RULES)
    check_words(reason=reason)
    if limits.end_cap(cap=cap, now=now):
        acts.record(
            by=by,
            verb="end_cap",
            subject=_scope_of(cap),
            before={"cap": _cap_terms(cap)},
            after={"cap": None},
            reason=reason,
            origin=origin,
        )


@transaction.atomic
def set_allowance(
    *,
    by: User,
    kind: str,
    amount: int,
    period: str,
    reason: str,
    now: datetime,
    user: User | None = None,
    team: Team | None = None,
    time_zone: str = "UTC",
    origin: Origin = HERE,
) -> AllowanceRule:
    """Give a person, or each member of a team, credits every period, in place of the rule of before.

    :raises NotAllowed: :raises OwnAccount: :raises InvalidRule: :raises InvalidReason:
    """
    check_permission(by, RULES)
    rule_terms.check_one_scope(user, team)
    check_scope_gives_to_others(by, user, team)
    teams.lock(team)
    if user is not None:
        ledger.lock(user)
    earlier = allowances.in_force(user=user, team=team)
    rule = allowances.set_rule(
        kind=kind,
        amount=amount,
        period=period,
        time_zone=time_zone,
        reason=reason,
        by=by,
        now=now,
        user=user,
        team=team,
    )
    acts.record(
        by=by,
        verb="set_allowance",
        subject=_scope_of(rule),
        before={"allowance": _allowance_terms(earlier)},
        after={"allowance": _allowance_terms(rule)},
        reason=reason,
        origin=origin,
    )
    return rule


@transaction.atomic
def end_allowance(
    *, by: User, rule: AllowanceRule, reason: str, now: datetime, origin: Origin = HERE
) -> None:
    """Give nothing more by a rule; what is due until now is given. Repeating it changes nothing.

    :raises NotAllowed: :raises InvalidReason:
    """
    check_permission(by, RULES)
    check_words(reason=reason)
    teams.lock(rule.team)
    if rule.user is not None:
        ledger.lock(rule.user)
    if allowances.end_rule(rule=rule, now=now):
        acts.record(
            by=by,
            verb="end_allowance",
            subject=_scope_of(rule),
            before={"allowance": _allowance_terms(rule)},
            after={"allowance": None},
            reason=reason,
            origin=origin,
        )


@transaction.atomic
def create_team(
    *, by: User, name: str, now: datetime, time_zone: str = "UTC", reason: str = "", origin: Origin = HERE
) -> Team:
    """:raises NotAllowed: :raises InvalidRule:"""
    check_permission(by, RULES)
    team = teams.create(name=name, time_zone=time_zone, now=now)
    after = {"name": team.name, "time_zone": team.time_zone}
    acts.record(by=by, verb="create_team", subject=team, before={}, after=after, reason=reason, origin=origin)
    return team


@transaction.atomic
def move_to_team(
    *,
    by: User,
    user: User,
    team: Team | None,
    now: datetime,
    role: str = Membership.Role.MEMBER,
    reason: str = "",
    origin: Origin = HERE,
) -> None:
    """Put a person into a team, out of the one before; the team's allowance of this period comes with it.

    :raises NotAllowed: :raises InvalidRule:
    :raises OwnAccount: into a team that gives an allowance, by oneself.
    """
    check_permission(by, RULES)
    rule_terms.check_choice(role, Membership.Role.values, field="role")
    earlier = teams.of(user)
    teams.lock(earlier, team)
    rule = allowances.in_force(team=team) if team is not None else None
    if rule is not None:
        check_gives_to_another(by, user)
    ledger.lock(user)
    teams.put(user, team, role=role, now=now)
    if rule is not None:
        allowances.give_due(rule, user=user, now=now)
    acts.record(
        by=by,
        verb="move_to_team",
        subject=user,
        before={"team": str(earlier) if earlier else None},
        after={"team": str(team) if team else None, "role": role if team else None},
        reason=reason,
        origin=origin,
    )


def _scope_of(rule: Cap | AllowanceRule) -> User | Team | ApiKey:
    scope = rule.user or rule.team or (rule.api_key if isinstance(rule, Cap) else None)
    assert scope is not None  # the database holds that a rule has one
    return scope


def _cap_terms(cap: Cap | None) -> dict[str, Any] | None:
    if cap is None:
        return None
    return {"allowed": cap.allowed, "period": cap.period, "time_zone": cap.time_zone}


def _allowance_terms(rule: AllowanceRule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    return {"kind": rule.kind, "amount": rule.amount, "period": rule.period, "time_zone": rule.time_zone}
