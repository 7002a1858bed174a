"""Allowances: credits given every day, week or month, each period once however many run at once.

The row of a person's period (`AllowanceGiven`) decides, under the account's lock: it says that the period was
looked at, also where a top-up had nothing to add. A rule that takes another's place begins when the period
that the earlier one gave ends, so that nobody is given two for one period.
"""

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from accounts import ledger, periods, rule_terms
from accounts.ledger_refusals import check_words
from accounts.models import AllowanceGiven, AllowanceRule, Membership, Team, User

log = structlog.get_logger(__name__)


def in_force(*, user: User | None = None, team: Team | None = None) -> AllowanceRule | None:
    """The rule of the person's own, or of the team."""
    return AllowanceRule.objects.filter(user=user, team=team, ended_at__isnull=True).first()


@transaction.atomic
def set_rule(
    *,
    kind: str,
    amount: int,
    period: str,
    time_zone: str,
    reason: str,
    by: User,
    now: datetime,
    user: User | None = None,
    team: Team | None = None,
) -> AllowanceRule:
    """Put a rule in force in place of the scope's earlier one, and give what is due by it now.

    :raises InvalidRule: :raises InvalidReason:
    """
    rule_terms.check_one_scope(user, team)
    rule_terms.check_choice(kind, AllowanceRule.Kind.values, field="kind")
    rule_terms.check_amount(amount, least=1)
    rule_terms.check_choice(period, AllowanceRule.Period.values, field="period")
    rule_terms.check_zone(time_zone)
    check_words(reason=reason)
    if earlier := in_force(user=user, team=team):
        end_rule(rule=earlier, now=now)
    rule = AllowanceRule.objects.create(
        user=user,
        team=team,
        kind=kind,
        amount=amount,
        period=period,
        time_zone=time_zone,
        starts_at=_begins(user, team, now),
        reason=reason,
        created_by=by,
        created_at=now,
    )
    give(rule, now=now)
    return rule


@transaction.atomic
def end_rule(*, rule: AllowanceRule, now: datetime) -> bool:
    """End a rule after giving what is due; answers whether it was in force."""
    give(rule, now=now)
    return bool(AllowanceRule.objects.filter(pk=rule.pk, ended_at__isnull=True).update(ended_at=now))


def run(*, now: datetime) -> int:
    """Give what is due by every rule; answers how many people were given credits. Safe to run at any time.

    A rule that fails is logged and left for the next run, so that the others are not.
    """
    given = 0
    rules = AllowanceRule.objects.filter(ended_at__isnull=True, starts_at__lte=now)
    for rule in rules.select_related("user", "team").order_by("pk"):
        try:
            given += give(rule, now=now)
        except Exception:
            log.exception("an allowance could not be given", rule=rule.pk)
    return given


def give(rule: AllowanceRule, *, now: datetime) -> int:
    """Give what is due by a rule to everyone it is for; answers how many people were given credits."""
    if rule.ended_at is not None or rule.starts_at > now:
        return 0
    current = periods.start(rule.period, at=now, zone=rule.time_zone)
    due = _people(rule).filter(Q(given_until__isnull=True) | Q(given_until__lt=current))
    # In the order in which all lock accounts, the ones still to be opened last.
    people = list(due.order_by(F("credit_account__pk").asc(nulls_last=True)))
    return sum(give_due(rule, user=user, now=now) for user in people)


@transaction.atomic
def give_due(rule: AllowanceRule, *, user: User, now: datetime) -> bool:
    """Give a person what is due by a rule; answers whether any credits were given.

    Each missed period of an "add" is caught up; a "top up" is done for the current period alone.
    """
    ledger.lock(user)
    since = _since(rule, user)
    if since is None or rule.starts_at > now:
        return False
    given = AllowanceGiven.objects.filter(rule=rule, user=user)
    until = given.aggregate(last=Max("period_start"))["last"]
    since = max(since, until) if until else since
    starts = periods.starts_between(rule.period, since=since, until=now, zone=rule.time_zone)
    done = set(given.filter(period_start__gte=starts[0]).values_list("period_start", flat=True))
    if rule.kind == AllowanceRule.Kind.TOP_UP:
        starts = starts[-1:]
    return sum(_give(rule, user, start) for start in starts if start not in done) > 0


def _give(rule: AllowanceRule, user: User, start: datetime) -> bool:
    amount = rule.amount if user.is_active else 0
    if rule.kind == AllowanceRule.Kind.TOP_UP:
        amount = max(0, amount - ledger.standing(user).balance)
    entry = None
    if amount:
        key = f"allowance:{rule.pk}:{user.pk}:{start:%Y-%m-%dT%H:%M:%SZ}"
        entry = ledger.grant(user=user, amount=amount, key=key, reason=rule.reason, by=None)
    AllowanceGiven.objects.create(rule=rule, user=user, period_start=start, amount=amount, entry=entry)
    return entry is not None


def _people(rule: AllowanceRule) -> QuerySet[User]:
    """Whom the rule is for, with the last period each was given."""
    scope = Q(pk=rule.user_id) if rule.team_id is None else Q(membership__team=rule.team_id)
    last = Max("allowances_given__period_start", filter=Q(allowances_given__rule=rule))
    return User.objects.filter(scope).annotate(given_until=last)


def _since(rule: AllowanceRule, user: User) -> datetime | None:
    """Nothing is due for what was before the rule or before the person joined; None: not in the team now."""
    if rule.team_id is None:
        return rule.starts_at
    membership = Membership.objects.filter(user=user, team=rule.team_id).first()
    return max(rule.starts_at, membership.joined_at) if membership else None


def _begins(user: User | None, team: Team | None, now: datetime) -> datetime:
    """Now, or the end of the period that an earlier rule of the scope has given already."""
    begins = now
    for rule in AllowanceRule.objects.filter(user=user, team=team, starts_at__lte=now):
        last = AllowanceGiven.objects.filter(rule=rule).aggregate(last=Max("period_start"))["last"]
        if last is not None:
            ends = periods.following(rule.period, at=last, zone=rule.time_zone)
            assert ends is not None  # an allowance's period ends
            begins = max(begins, ends)
    return begins
