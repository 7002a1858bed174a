"""Taking work: who is next, and until when it is ours."""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from accounts import events, queue_rules
from generation import line
from generation.models import Attempt, Generation, Offer, Provider

Status = Generation.Status
# Claims in a row without an orderly end; it ends a generation that kills every worker it meets.
CLAIMS_LOST_MAX = 12
HAND_BACK_SECONDS_MAX = 30.0
# So many waiting rows are looked at for each free place, since lanes and limits pass some of them over.
LOOKED_AT = 8
# And so many more: each person's first is to be among them, however many people wait.
NEWCOMERS = 2_000
# Held while places are counted and given, so that a limit holds over all workers. Any number of ours.
_LIMITS_LOCK = 0x45_61_73_65_6C

_TAKE = """
    UPDATE generation_generation SET status = 'running', leased_until = %(leased_until)s, wake_at = NULL,
        attempts_made = attempts_made + 1, claims_lost = claims_lost + 1,
        started_at = COALESCE(started_at, %(now)s)
    WHERE id IN (
        SELECT id FROM generation_generation
        WHERE id IN ({ids}) AND deadline_at > %(now)s AND claims_lost < %(lost_max)s
          AND (status = 'queued' AND (wake_at IS NULL OR wake_at <= %(now)s)
               OR status = 'running' AND leased_until <= %(left_before)s)
        {skipping}
    ) RETURNING id, attempts_made, user_id, public_id"""


class Busy(Exception):
    """Another worker counts and gives places at this moment."""


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


def take(
    *,
    limit: int,
    now: datetime,
    served: Mapping[int, int] | None = None,
    grace: timedelta = timedelta(),
    without: Collection[int] = (),
    here: Mapping[int, int] | None = None,
    here_max: int | None = None,
) -> list[Claim]:
    """Claim up to `limit` waiting generations: people take turns as their lanes say, within their limits.

    `served` is how many places each person was given lately, for turns where people are more than places.
    Leases that ran out less than `grace` ago are left: where the database was away, their owners renew them.
    Generations of the ids `without` are left, too. `here` is how many of the worker's places each person
    holds, and `here_max` the most they may.

    :raises Busy: another worker counts places just now.
    """
    left_before = now - grace
    # Looking costs no lock; on SQLite a transaction would keep all writers waiting for nothing.
    if limit < 1 or not _claimable(now, left_before).exists():
        return []
    with transaction.atomic():
        rows = _claimable(now, left_before).exclude(pk__in=without)
        choose = partial(line.next_up, served=served or {}, here=here or {}, here_max=here_max)
        chosen = _chosen(rows, limit, now, left_before, choose)
        taken = _taken(chosen, now, left_before) if chosen else []
        events.record_many(
            ((user_id, public_id) for _, _, user_id, public_id in taken), kind=events.Kind.GENERATION
        )
    place = {pk: index for index, pk in enumerate(chosen)}
    return [Claim(pk, attempt) for pk, attempt, *_ in sorted(taken, key=lambda row: place[row[0]])]


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


def waiting(*, now: datetime, asked_by: datetime | None = None) -> bool:
    """Whether something could be claimed now, of what was asked for by a moment."""
    rows = _claimable(now, now)
    return (rows if asked_by is None else rows.filter(created_at__lte=asked_by)).exists()


def wakes_at(*, now: datetime) -> datetime | None:
    """When the next of what is put off can be claimed; None where nothing is."""
    alive = Generation.objects.filter(deadline_at__gt=now, claims_lost__lt=CLAIMS_LOST_MAX)
    put_off = alive.filter(status=Status.QUEUED, wake_at__gt=now).order_by("wake_at")
    return put_off.values_list("wake_at", flat=True).first()


def lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def running_places(*, now: datetime) -> dict[int, int]:
    """How many places each person holds, by their ids."""
    held = Generation.objects.filter(status=Status.RUNNING, leased_until__gt=now)
    return dict(held.values_list("user_id").annotate(places=Count("pk")))


def in_line(*, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Ids and people of what waits for a place, oldest first: of each person no more than `limit`.

    At most `LOOKED_AT` times `limit` and `NEWCOMERS` in all, those whose turn comes first.
    """
    return _in_line(_claimable(now, now), limit, LOOKED_AT * limit + NEWCOMERS)


def _claimable(now: datetime, left_before: datetime) -> "QuerySet[Generation]":
    due = Q(wake_at__isnull=True) | Q(wake_at__lte=now)
    idle = (Q(status=Status.QUEUED) & due) | Q(status=Status.RUNNING, leased_until__lte=left_before)
    return Generation.objects.filter(idle, claims_lost__lt=CLAIMS_LOST_MAX, deadline_at__gt=now)


def _chosen(
    rows: QuerySet[Generation],
    limit: int,
    now: datetime,
    left_before: datetime,
    next_up: Callable[..., list[int]],
) -> list[int]:
    """The ids of those whose turn it is."""
    rules = queue_rules.in_force()
    room, full = _room(left_before)
    if rules.person_max or rules.team_max or settings.PERSON_PLACES_MAX or room is not None:
        _lock_limits()
    if full:
        rows = rows.exclude(provider__in=full).exclude(model__in=_made_by_none_but(full))
    # Leases that are left to their owners still hold their places.
    running = running_places(now=left_before)
    if room is not None:
        limit = min(limit, room - sum(running.values()))
    if limit < 1:
        return []
    waiting = _in_line(rows, limit, LOOKED_AT * (limit + sum(running.values())) + NEWCOMERS)
    return next_up(waiting, running=running, rules=rules, free=limit)


def _in_line(rows: "QuerySet[Generation]", each: int, most: int) -> list[tuple[int, int]]:
    turn = Window(RowNumber(), partition_by=F("user_id"), order_by=F("id").asc())
    found = rows.annotate(turn=turn).filter(turn__lte=each).order_by("turn", "pk")
    return sorted(found.values_list("pk", "user_id")[:most])


def _made_by_none_but(full: list[str]) -> list[str]:
    """Models that only providers make that take no call now."""
    offered = Offer.objects.filter(enabled=True, provider__enabled=True)
    others = offered.exclude(provider__name__in=full).values("model__slug")
    made = offered.filter(provider__name__in=full).exclude(model__slug__in=others)
    return list(made.values_list("model__slug", flat=True).distinct())


def _room(now: datetime) -> tuple[int | None, list[str]]:
    """How many generations can run at all at the providers, None without a limit; and who takes none now.

    A generation holds its place a little longer than its call, so a quarter more may run than calls.
    """
    limits = dict(Provider.objects.filter(enabled=True).values_list("name", "concurrency_max"))
    limited = {name: limit for name, limit in limits.items() if limit}
    if not limited:
        return None, []
    in_flight = Counter(
        Attempt.objects.filter(
            provider__in=limited,
            status__in=(Attempt.Status.SENDING, Attempt.Status.ACCEPTED),
            generation__status=Status.RUNNING,
            generation__leased_until__gt=now,
        ).values_list("provider", flat=True)
    )
    full = [name for name, limit in limited.items() if in_flight[name] >= limit]
    total = sum(limited.values())
    return (total + 1 + total // 4 if len(limited) == len(limits) else None), full


def _lock_limits() -> None:
    """:raises Busy: who holds it may be dead; nobody waits for them."""
    # SQLite's transactions are one after another as it is.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LIMITS_LOCK])
            if not cursor.fetchone()[0]:
                raise Busy


def _taken(ids: list[int], now: datetime, left_before: datetime) -> list[tuple[int, int, int, str]]:
    """Claim those that nobody has taken meanwhile: id, attempt, whose, and public id."""
    skipping = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    statement = _TAKE.format(ids=", ".join(map(str, ids)), skipping=skipping)
    adapt = connection.ops.adapt_datetimefield_value
    values = {
        "now": adapt(now),
        "left_before": adapt(left_before),
        "leased_until": adapt(now + lease()),
        "lost_max": CLAIMS_LOST_MAX,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found = cursor.fetchall()
    return [(pk, attempt, user_id, str(uuid.UUID(str(public)))) for pk, attempt, user_id, public in found]
