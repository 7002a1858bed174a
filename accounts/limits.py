"""Caps: how much a person, a team or a key may spend in a period. Decided with the hold, under its lock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Greatest

from accounts import periods, rows, rule_terms
from accounts.ledger_refusals import LimitReached, check_words
from accounts.models import ApiKey, Cap, CapUse, CountedHold, CreditAccount, Hold, Team, User

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


@dataclass(frozen=True)
class Scope:
    """Where a spend counts: the person's team, and the caps in force, in the order they are locked in."""

    team_id: int | None
    caps: list[Cap]


SCOPE_SQL = f"""
    SELECT m.team_id, {rows.columns(Cap, of="c")} FROM accounts_user u
    LEFT JOIN accounts_membership m ON m.user_id = u.id
    LEFT JOIN accounts_cap c ON c.ended_at IS NULL
      AND (c.user_id = u.id OR c.team_id = m.team_id OR c.api_key_id = %s)
    WHERE u.id = %s ORDER BY c.id"""  # noqa: S608 - names of ours

_COUNT_IF_IT_FITS = """
    UPDATE accounts_capuse SET used = used + %s
    WHERE cap_id = %s AND period_start = %s AND used <= %s RETURNING id"""


def scope_of(*, user_id: int, api_key: ApiKey | None = None) -> Scope:
    """What applies to a spend of the person with that key, by one query; the account's lock keeps it so."""
    with connection.cursor() as cursor:
        cursor.execute(SCOPE_SQL, [api_key.pk if api_key else None, user_id])
        found = cursor.fetchall()
    (team_id, *_), *_ = found
    return Scope(team_id, [rows.as_read(Cap, cap) for _, *cap in found if cap[0] is not None])


def reserve(*, scope: Scope, amount: int, now: datetime) -> list[int]:
    """Count an amount against every cap it falls under, or refuse it; the ids of the periods' rows.

    The account's lock is held. The row of a cap's period is the last lock taken, always in the order of the
    caps, so that a team's members cannot wait for each other.

    :raises LimitReached: the caller's transaction takes back what was counted before it.
    """
    uses = []
    for cap in scope.caps:
        use = _count_if_it_fits(cap, amount, now)
        if use is None:
            # The period may only have begun.
            _use(cap, now)
            use = _count_if_it_fits(cap, amount, now)
        if use is None:
            raise _refusal(cap, amount, now)
        uses.append(use)
    return uses


def check_key(api_key: ApiKey, *, user_id: int, amount: int) -> None:
    """The key's own limit as it is now: the key may have been read before somebody lowered it.

    The account's lock guards the limit, so the key is the same person's.

    :raises LimitReached:
    """
    limit = ApiKey.objects.values_list("spend_limit", flat=True).get(pk=api_key.pk, user=user_id)
    if limit is None:
        return
    used = spent_by_key(api_key)
    if used + amount > limit:
        raise LimitReached(
            needed=amount,
            scope="key",
            name=api_key.name,
            period="total",
            used=used,
            allowed=limit,
            resets_at=None,
        )


def spent_by_key(api_key: ApiKey) -> int:
    """Credits the key has spent or set aside, less refunds."""
    return int(Hold.objects.filter(api_key=api_key).aggregate(total=Sum(_STILL_SPENT, default=0))["total"])


def count(hold: Hold, uses: list[int]) -> None:
    """Remember where a hold counts."""
    for use in uses:
        rows.insert(CountedHold(hold=hold, use_id=use))


def give_back(hold: Hold, amount: int) -> None:
    """Take off what a hold gave back, in the periods it counted in."""
    if not amount:
        return
    # In the order in which `reserve` takes them.
    uses = CapUse.objects.select_for_update(of=("self",)).filter(counted__hold=hold).order_by("cap", "pk")
    for use in list(uses.values_list("pk", flat=True)):
        CapUse.objects.filter(pk=use).update(used=Greatest(F("used") - amount, 0))


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
    check_words(reason=reason)
    scope = Q(user=user, team=team, api_key=api_key)
    _lock_accounts(user, team, api_key, since=periods.start(period, at=now, zone=time_zone))
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
        caps = scope_of(user_id=user.pk).caps
    else:
        caps = list(Cap.objects.filter(team=team, ended_at__isnull=True).select_related("team"))
    return [Standing(cap, _used(cap, now), _resets_at(cap, now)) for cap in caps]


def _count_if_it_fits(cap: Cap, amount: int, now: datetime) -> int | None:
    begun = periods.start(cap.period, at=now, zone=cap.time_zone)
    moment = connection.ops.adapt_datetimefield_value(begun)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_IF_IT_FITS, [amount, cap.pk, moment, cap.allowed - amount])
        found = cursor.fetchone()
    return found[0] if found else None


def uncounted(*, now: datetime) -> Iterator[tuple[Cap, int]]:
    """The caps in force that leave out holds of their period, with how many."""
    for cap in Cap.objects.filter(ended_at__isnull=True).select_related("user", "team", "api_key"):
        begun = periods.start(cap.period, at=now, zone=cap.time_zone)
        counted = CountedHold.objects.filter(hold=OuterRef("pk"), use__cap=cap, use__period_start=begun)
        left_out = _holds_of(cap).filter(~Exists(counted), created_at__gte=begun, created_at__lte=now).count()
        if left_out:
            yield cap, left_out


def _use(cap: Cap, now: datetime) -> CapUse:
    begun = periods.start(cap.period, at=now, zone=cap.time_zone)
    use, made = CapUse.objects.get_or_create(cap=cap, period_start=begun)
    if made:
        earlier = _holds_of(cap).filter(created_at__gte=begun)
        CapUse.objects.filter(pk=use.pk).update(
            used=earlier.aggregate(sum=Sum(_STILL_SPENT, default=0))["sum"]
        )
        CountedHold.objects.bulk_create(
            (CountedHold(hold=hold, use=use, is_earlier=True) for hold in earlier.iterator()), batch_size=500
        )
    return use


def _holds_of(cap: Cap) -> QuerySet[Hold]:
    if cap.team_id is not None:
        return Hold.objects.filter(team_id=cap.team_id)
    if cap.api_key_id is not None:
        return Hold.objects.filter(api_key_id=cap.api_key_id)
    return Hold.objects.filter(account__user=cap.user)


def _lock_accounts(user: User | None, team: Team | None, api_key: ApiKey | None, *, since: datetime) -> None:
    """Wait for what is being held, captured or given back in the scope, also by who has left the team.

    Who has no account yet has nothing to spend.
    """
    people = Q(user=user or (api_key.user if api_key else None))
    if team is not None:
        left = Hold.objects.filter(team=team, created_at__gte=since)
        people = Q(user__membership__team=team) | Q(pk__in=left.values("account"))
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
