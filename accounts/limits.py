"""Caps: how much a person, a team or a key may spend in a period. Decided with the hold, under its lock."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Greatest

from accounts import periods, rule_terms
from accounts.ledger_refusals import LimitReached
from accounts.models import ApiKey, Cap, CapUse, CountedHold, CreditAccount, Hold, Membership, Team, User

_STILL_SPENT = F("amount") - F("released") - F("refunded")


@dataclass(frozen=True)
class Standing:
    """How a cap stands: whole credits used and allowed, and when it begins anew (None: never)."""

    cap: Cap
    used: int
    resets_at: datetime | None

    @property
    def left(self) -> int:
        return max(0, self.cap.allowed - self.used)


def team_of(user_id: int) -> int | None:
    """The id of the person's team."""
    return Membership.objects.filter(user_id=user_id).values_list("team_id", flat=True).first()


def reserve(
    *, user_id: int, team_id: int | None, api_key: ApiKey | None, amount: int, now: datetime
) -> list[CapUse]:
    """Count an amount against every cap it falls under, or refuse it; the account's lock is held.

    The row of a cap's period is the last lock taken, so that a team's members cannot wait for each other.

    :raises LimitReached: the caller's transaction takes back what was counted before it.
    """
    uses = []
    for cap in _in_force(user_id, team_id, api_key):
        use = _use(cap, now)
        fits = CapUse.objects.filter(pk=use.pk, used__lte=cap.allowed - amount)
        if not fits.update(used=F("used") + amount):
            raise _refusal(cap, amount, now)
        uses.append(use)
    return uses


def count(hold: Hold, uses: list[CapUse]) -> None:
    """Remember where a hold counts."""
    if uses:
        CountedHold.objects.bulk_create(CountedHold(hold=hold, use=use) for use in uses)


def give_back(hold: Hold, amount: int) -> None:
    """Take off what a hold gave back, in the periods it counted in."""
    if amount:
        CapUse.objects.filter(counted__hold=hold).update(used=Greatest(F("used") - amount, 0))


def in_force(*, period: str, user: User | None, team: Team | None, api_key: ApiKey | None) -> Cap | None:
    """The cap of exactly that scope and period."""
    caps = Cap.objects.filter(user=user, team=team, api_key=api_key, ended_at__isnull=True)
    return caps.filter(period=period).first()


@transaction.atomic
def set_cap(
    *,
    allowed: int,
    period: str,
    reason: str,
    by: User,
    now: datetime,
    user: User | None = None,
    team: Team | None = None,
    api_key: ApiKey | None = None,
    time_zone: str = "UTC",
) -> Cap:
    """Put a cap in force, in place of the one of the same scope and period; spending of this period counts.

    Waits for the holds being made in its scope: afterwards none can pass it. Nothing may be allowed at all.

    :raises InvalidRule: :raises InvalidReason:
    """
    rule_terms.check_one_scope(user, team, api_key)
    rule_terms.check_amount(allowed, least=0, field="allowed")
    rule_terms.check_choice(period, Cap.Period.values, field="period")
    rule_terms.check_zone(time_zone)
    rule_terms.check_reason(reason)
    scope = Q(user=user, team=team, api_key=api_key)
    _lock_accounts(user, team, api_key)
    Cap.objects.filter(scope, period=period, ended_at__isnull=True).update(ended_at=now)
    cap = Cap.objects.create(
        user=user,
        team=team,
        api_key=api_key,
        period=period,
        allowed=allowed,
        time_zone=time_zone,
        reason=reason,
        created_by=by,
        created_at=now,
    )
    _use(cap, now)
    return cap


def end_cap(*, cap: Cap, now: datetime) -> bool:
    """Take a cap out of force; answers whether it was."""
    return bool(Cap.objects.filter(pk=cap.pk, ended_at__isnull=True).update(ended_at=now))


def standings(*, now: datetime, user: User | None = None, team: Team | None = None) -> list[Standing]:
    """The caps in force of a person (with those of the person's team) or of a team."""
    if user is not None:
        caps = _in_force(user.pk, team_of(user.pk), None)
    else:
        caps = list(Cap.objects.filter(team=team, ended_at__isnull=True).select_related("team"))
    return [Standing(cap, _used(cap, now), _resets_at(cap, now)) for cap in caps]


def _in_force(user_id: int, team_id: int | None, api_key: ApiKey | None) -> list[Cap]:
    scopes = Q(user_id=user_id)
    if team_id is not None:
        scopes |= Q(team_id=team_id)
    if api_key is not None:
        scopes |= Q(api_key_id=api_key.pk)
    caps = Cap.objects.filter(scopes, ended_at__isnull=True).select_related("team", "api_key", "user")
    return list(caps.order_by("pk"))


def _use(cap: Cap, now: datetime) -> CapUse:
    begun = periods.start(cap.period, at=now, zone=cap.time_zone)
    use, made = CapUse.objects.get_or_create(cap=cap, period_start=begun)
    if made:
        earlier = _holds_of(cap).filter(created_at__gte=begun)
        CapUse.objects.filter(pk=use.pk).update(
            used=earlier.aggregate(sum=Sum(_STILL_SPENT, default=0))["sum"]
        )
        CountedHold.objects.bulk_create(CountedHold(hold=hold, use=use) for hold in earlier.iterator())
    return use


def _holds_of(cap: Cap) -> QuerySet[Hold]:
    if cap.team_id is not None:
        return Hold.objects.filter(team_id=cap.team_id)
    if cap.api_key_id is not None:
        return Hold.objects.filter(api_key_id=cap.api_key_id)
    return Hold.objects.filter(account__user=cap.user)


def _lock_accounts(user: User | None, team: Team | None, api_key: ApiKey | None) -> None:
    people = Q(user__membership__team=team) if team else Q(user=user or (api_key.user if api_key else None))
    accounts = CreditAccount.objects.select_for_update(no_key=True, of=("self",)).filter(people)
    list(accounts.order_by("pk").values_list("pk"))


def _used(cap: Cap, now: datetime) -> int:
    begun = periods.start(cap.period, at=now, zone=cap.time_zone)
    uses = CapUse.objects.filter(cap=cap, period_start=begun)
    return uses.values_list("used", flat=True).first() or 0


def _resets_at(cap: Cap, now: datetime) -> datetime | None:
    return periods.following(cap.period, at=now, zone=cap.time_zone)


def _refusal(cap: Cap, amount: int, now: datetime) -> LimitReached:
    return LimitReached(
        needed=amount,
        scope=cap.scope,
        name=cap.api_key.name if cap.api_key else str(cap.team or cap.user),
        period=cap.period,
        used=_used(cap, now),
        allowed=cap.allowed,
        resets_at=_resets_at(cap, now),
    )
