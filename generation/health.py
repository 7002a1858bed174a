"""How providers are doing, shared by all workers: a circuit breaker, rests they ask for, and their limits.

Closed, every call is let through. After `FAILURES` in a row it opens: nobody calls for a while. Then it is
half open: one call at a time probes, and its end closes the circuit or opens it again for twice as long.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Greatest

from generation.catalog import ProviderFacts
from generation.models import Attempt, Generation, Provider, ProviderHealth
from generation.providers.errors import Code, NotAccepted, ProviderError, Refused

FAILURES = 5
OPEN_SECONDS = 30.0
OPEN_SECONDS_MAX = 600.0
# A key or an account that does not work is looked at again now and then, without a person waiting for it.
LOCKED_OUT_SECONDS = 300.0
REST_SECONDS = 5.0
# Longer than any call may take, so that a probe whose worker died makes room for another.
PROBE_SECONDS = 240.0
# An attempt that began earlier has ended, whatever its row says.
IN_FLIGHT_AT_MOST = timedelta(minutes=10)
NEW_SHARE = 0.2

LOCKED_OUT = frozenset({Code.BAD_KEY, Code.NO_MONEY, Code.QUOTA})
_FAILURES = frozenset({Code.UNREACHABLE, Code.BUSY, Code.ERROR, Code.TIMEOUT, Code.UNREADABLE})


class NotNow(Exception):
    """The provider takes no call at this moment; `reason` is for the receipt, `again_at` when it may."""

    def __init__(self, reason: str, again_at: datetime) -> None:
        super().__init__(reason)
        self.reason, self.again_at = reason, again_at


@dataclass(frozen=True)
class Standing:
    """Whether a provider can be called, in a word for pages and a sentence for people."""

    state: str
    detail: str
    again_at: datetime | None = None


def standing(provider: ProviderFacts, now: datetime) -> Standing:
    """`off`, `open` (paused by the circuit), `half_open`, `resting` (by its own wish), `closed` (healthy)."""
    health = provider.health
    if not provider.live:
        return Standing("off", provider.why_not)
    if health.open_until and health.open_until > now:
        return Standing("open", _why_open(health), health.open_until)
    if health.resting_until and health.resting_until > now:
        return Standing("resting", "It asked for a pause.", health.resting_until)
    if health.open_until:
        return Standing("half_open", f"{_why_open(health)} One call at a time tries it again.")
    return Standing("closed", "")


def nobody_answers(providers: Iterable[ProviderFacts], now: datetime) -> bool:
    """Whether all providers that are set up are paused or resting; not when there are none."""
    live = [provider for provider in providers if provider.live]
    return bool(live) and all(standing(provider, now).again_at is not None for provider in live)


def admit(provider: ProviderFacts, *, now: datetime) -> None:
    """Take a place for one call, inside the transaction that writes the attempt.

    :raises NotNow: its circuit is open, it rests, a probe is under way, or a limit is reached.
    """
    health: ProviderHealth | None = provider.health
    assert health is not None
    if is_counted(provider):
        # The row's lock makes counting and writing one step among all workers.
        health = lock(provider.name)
    if health is None:  # it was deleted meanwhile
        return
    if health.resting_until and health.resting_until > now:
        raise NotNow("It asked for a pause.", health.resting_until)
    _within_limits(provider, now)
    if health.open_until:
        _probe(health, now)


def is_counted(provider: ProviderFacts) -> bool:
    """Whether each call has to be written before the next one is admitted."""
    return bool(provider.concurrency_max or provider.per_minute_max or provider.health.open_until)


def lock(provider: str) -> ProviderHealth | None:
    """The provider's row, locked until the transaction ends, and made when this is its first call.

    Of the health alone: an admin's change locks the provider first, and its health after that.
    """
    rows = ProviderHealth.objects.select_for_update(of=("self",)).filter(provider__name=provider)
    if (found := rows.first()) is not None:
        return found
    if (row := Provider.objects.filter(name=provider).first()) is None:
        return None
    ProviderHealth.objects.get_or_create(provider=row)
    return rows.first()


def _probe(health: ProviderHealth, now: datetime) -> None:
    assert health.open_until is not None
    if health.open_until > now:
        raise NotNow(_why_open(health), health.open_until)
    free = Q(probe_until__isnull=True) | Q(probe_until__lte=now)
    until = now + timedelta(seconds=PROBE_SECONDS)
    if not ProviderHealth.objects.filter(free, pk=health.pk).update(probe_until=until):
        again = now + timedelta(seconds=REST_SECONDS)
        raise NotNow("Another call is trying whether it works again.", again)


def _within_limits(provider: ProviderFacts, now: datetime) -> None:
    if provider.concurrency_max:
        in_flight = Attempt.objects.filter(
            provider=provider.name,
            status__in=(Attempt.Status.SENDING, Attempt.Status.ACCEPTED),
            started_at__gt=now - IN_FLIGHT_AT_MOST,
            generation__status=Generation.Status.RUNNING,
            # One whose lease has only just ended may be renewed; its call may go on.
            generation__leased_until__gt=now - timedelta(seconds=settings.LEASE_SECONDS),
        ).count()
        if in_flight >= provider.concurrency_max:
            raise NotNow(f"It is making {in_flight} already, as many as it may.", now + timedelta(seconds=1))
    if provider.per_minute_max:
        a_minute_ago = now - timedelta(minutes=1)
        started = Attempt.objects.filter(provider=provider.name, started_at__gt=a_minute_ago)
        times = list(
            started.order_by("started_at").values_list("started_at", flat=True)[: provider.per_minute_max]
        )
        if len(times) >= provider.per_minute_max:
            raise NotNow(
                f"It was asked {len(times)} times within a minute, as often as it may.",
                times[0] + timedelta(minutes=1),
            )


def succeeded(provider: str, *, seconds: float, now: datetime) -> None:
    """It answered with pictures: whatever was wrong is over."""
    mean = Coalesce(F("seconds_mean") * (1 - NEW_SHARE) + seconds * NEW_SHARE, Value(seconds))
    _update(provider, **_CLOSED, last_success_at=now, seconds_mean=mean)


def failed(provider: str, error: ProviderError, *, now: datetime) -> None:
    """It did not: what that says about the provider, not about the request."""
    code = error.code
    if code == Code.RATE_LIMITED:
        hint = error.retry_after_seconds if isinstance(error, NotAccepted) else None
        until = now + timedelta(seconds=REST_SECONDS if hint is None else hint)
        rests = Greatest(Coalesce(F("resting_until"), until), until)
        _update(provider, resting_until=rests, probe_until=None)
    elif code in LOCKED_OUT:
        until = now + timedelta(seconds=LOCKED_OUT_SECONDS)
        _update(
            provider,
            failures=F("failures") + 1,
            open_until=until,
            open_seconds=LOCKED_OUT_SECONDS,
            open_code=code,
            probe_until=None,
            last_failure_at=now,
        )
    elif code in _FAILURES:
        _count(provider, code, now)
    elif isinstance(error, Refused):
        # It looked at the request and said no: it works.
        _update(provider, **_CLOSED)
    else:
        # It says nothing of the provider, so the next call may probe.
        _update(provider, probe_until=None)


def reset(provider: str) -> None:
    """Forget what was wrong: an admin changed its key, its address or switched it on."""
    _update(provider, **_CLOSED, resting_until=None)


_CLOSED: dict[str, Any] = {
    "failures": 0,
    "open_until": None,
    "open_seconds": 0.0,
    "open_code": "",
    "probe_until": None,
}


@transaction.atomic
def _count(provider: str, code: Code, now: datetime) -> None:
    """One more failure in a row; the circuit opens at the limit, or again when a probe failed."""
    _update(provider, failures=F("failures") + 1, last_failure_at=now)
    doubled = Case(When(open_seconds__gt=0, then=F("open_seconds") * 2), default=Value(OPEN_SECONDS))
    rows = ProviderHealth.objects.select_for_update(of=("self",)).filter(provider__name=provider)
    due = Q(open_until__isnull=True, failures__gte=FAILURES) | Q(open_until__lte=now)
    for row in rows.filter(due).annotate(doubled=doubled):
        seconds = min(row.doubled, OPEN_SECONDS_MAX)
        ProviderHealth.objects.filter(pk=row.pk).update(
            open_until=now + timedelta(seconds=seconds),
            open_seconds=seconds,
            open_code=code,
            probe_until=None,
        )


def _update(provider: str, **changes: Any) -> None:
    if ProviderHealth.objects.filter(provider__name=provider).update(**changes):
        return
    row = Provider.objects.filter(name=provider).first()
    if row is not None:  # else it was deleted while it was being asked
        ProviderHealth.objects.get_or_create(provider=row)
        ProviderHealth.objects.filter(provider=row).update(**changes)


_WHY_OPEN = {
    Code.BAD_KEY: "It doesn't accept our key.",
    Code.NO_MONEY: "Our account there can't pay for more.",
    Code.QUOTA: "Our allowance there is used up.",
}


def _why_open(health: ProviderHealth) -> str:
    known = _WHY_OPEN.get(Code(health.open_code)) if health.open_code in list(Code) else None
    return known or f"Paused after {health.failures} failures in a row."
