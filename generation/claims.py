"""Taking work: who is next, and until when it is ours."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Q, Window
from django.db.models.functions import Coalesce, RowNumber
from django.utils import timezone

from accounts import events
from generation.models import Generation

Status = Generation.Status
# Claims in a row without an orderly end; it ends a generation that kills every worker it meets.
CLAIMS_LOST_MAX = 12
HAND_BACK_SECONDS_MAX = 30.0


@dataclass(frozen=True)
class Claim:
    """A generation that is ours under this attempt number until the lease ends."""

    generation_id: int
    attempt: int


def database_now() -> datetime:
    """The database's clock, which all machines share; with SQLite that is this machine's."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def take(*, limit: int, now: datetime) -> list[Claim]:
    """Claim up to `limit` waiting generations: round-robin between people, oldest first within a person."""
    claims: list[Claim] = []
    for pk, user_id, public_id, attempts_made in _next(limit, now):
        claimed = (
            Generation.objects.filter(_claimable(now), pk=pk, attempts_made=attempts_made)
            .filter(deadline_at__gt=now)
            .update(
                status=Status.RUNNING,
                leased_until=now + lease(),
                wake_at=None,
                attempts_made=F("attempts_made") + 1,
                claims_lost=F("claims_lost") + 1,
                started_at=Coalesce("started_at", now),
            )
        )
        if claimed:
            claims.append(Claim(pk, attempts_made + 1))
            events.record(user_id=user_id, kind=events.Kind.GENERATION, subject=str(public_id))
    return claims


def renew(claims: list[Claim], *, now: datetime) -> None:
    """Extend the leases of those of the claims that are still ours."""
    mine = Q()
    for claim in claims:
        mine |= Q(pk=claim.generation_id, attempts_made=claim.attempt)
    if claims:
        Generation.objects.filter(mine, status=Status.RUNNING).update(leased_until=now + lease())


def hand_back(claim: Claim, *, now: datetime) -> None:
    """End the lease soon, so that the next claim finds out how far it came; later each time it comes back."""
    mine = Generation.objects.filter(
        pk=claim.generation_id, attempts_made=claim.attempt, status=Status.RUNNING
    )
    for lost in mine.values_list("claims_lost", flat=True):
        pause = min(2.0 ** (lost - 1) - 1, HAND_BACK_SECONDS_MAX)
        mine.update(leased_until=now + timedelta(seconds=pause))


def waiting(*, now: datetime) -> bool:
    """Whether something could be claimed now."""
    return Generation.objects.filter(_claimable(now), deadline_at__gt=now).exists()


def wakes_by(*, seconds: float, now: datetime) -> bool:
    """Whether something queued wants to be tried again within that many seconds."""
    soon = now + timedelta(seconds=max(0.0, seconds))
    return Generation.objects.filter(status=Status.QUEUED, wake_at__lte=soon, deadline_at__gt=now).exists()


def lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def _claimable(now: datetime) -> Q:
    due = Q(wake_at__isnull=True) | Q(wake_at__lte=now)
    idle = (Q(status=Status.QUEUED) & due) | Q(status=Status.RUNNING, leased_until__lte=now)
    return idle & Q(claims_lost__lt=CLAIMS_LOST_MAX)


def _next(limit: int, now: datetime) -> list[tuple[int, int, object, int]]:
    running = dict(
        Generation.objects.filter(status=Status.RUNNING, leased_until__gt=now)
        .values_list("user_id")
        .annotate(places=Count("pk"))
    )
    turn = Window(RowNumber(), partition_by=F("user_id"), order_by=F("id").asc())
    rows = (
        Generation.objects.filter(_claimable(now), deadline_at__gt=now)
        .annotate(turn=turn)
        .order_by("turn", "pk")
        .values_list("pk", "user_id", "public_id", "attempts_made", "turn")
    )[: limit + sum(running.values())]
    # A person's first waiting row comes after as many turns as they have places already.
    ordered = sorted(rows, key=lambda row: (row[4] + running.get(row[1], 0), row[0]))
    return [row[:4] for row in ordered[:limit]]
