"""Taking work: who is next, and until when it is ours."""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts import events, queue_rules, rows
from accounts.rows import Statement
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
# Where other workers were quicker it chooses among the rest, so often in all.
CHOICES = 3
# Held while places are counted and given, so that a limit holds over all workers. Any number of ours.
_LIMITS_LOCK = 0x45_61_73_65_6C

# What could be claimed, with values as `_claimable` gives them.
_CLAIMABLE = """
    (status = 'queued' AND (wake_at IS NULL OR wake_at <= %s) OR status = 'running' AND leased_until <= %s)
    AND deadline_at > %s AND claims_lost < %s"""
_TAKE = """
    UPDATE generation_generation SET status = 'running', leased_until = %s, wake_at = NULL,
        attempts_made = attempts_made + 1, claims_lost = claims_lost + 1,
        started_at = COALESCE(started_at, %s)
    WHERE id IN (SELECT id FROM generation_generation WHERE id IN ({ids}) AND {claimable} {skipping})
    RETURNING id, attempts_made, user_id, public_id"""
# Of each person the oldest so many, those whose turn comes first.
_IN_LINE = """
    SELECT id, user_id FROM (
        SELECT id, user_id, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY id) AS turn
        FROM generation_generation WHERE {claimable}{among}
    ) waiting WHERE turn <= %s ORDER BY turn, id LIMIT %s"""
_RUNNING = """
    SELECT user_id, COUNT(*) FROM generation_generation
    WHERE status = 'running' AND leased_until > %s GROUP BY user_id"""


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
    if limit < 1 or not _is_any_claimable(now, left_before):
        return []
    passed, held, given = set(without), Counter(here), Counter(served)
    taken: list[tuple[int, int, int, str]] = []
    with transaction.atomic():
        for _ in range(CHOICES):
            choose = partial(line.next_up, served=given, here=held, here_max=here_max)
            chosen = _chosen(limit - len(taken), now, left_before, passed, choose)
            place = {pk: index for index, pk in enumerate(chosen)}
            some = _taken(chosen, now, left_before) if chosen else []
            taken += sorted(some, key=lambda row: place[row[0]])
            if len(some) == len(chosen):
                break
            passed |= place.keys()
            mine = Counter(user_id for _, _, user_id, _ in some)
            held, given = held + mine, given + mine
        events.record_many(
            ((user_id, public_id) for _, _, user_id, public_id in taken), kind=events.Kind.GENERATION
        )
    return [Claim(pk, attempt) for pk, attempt, *_ in taken]


def renew(claims: list[Claim], *, now: datetime) -> None:
    """Extend the leases of those of the claims that are still ours."""
    if not claims:
        return
    mine = ", ".join(["(%s, %s)"] * len(claims))
    text = f"""UPDATE generation_generation SET leased_until = %s
        WHERE status = %s AND (id, attempts_made) IN (VALUES {mine})"""  # noqa: S608 - places for values alone
    pairs = [value for claim in claims for value in (claim.generation_id, claim.attempt)]
    rows.send((text, [_moment(now + lease()), Status.RUNNING.value, *pairs]))


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
    return _is_any_claimable(now, now, asked_by=asked_by)


def wakes_at(*, now: datetime) -> datetime | None:
    """When the next of what is put off can be claimed; None where nothing is."""
    alive = Generation.objects.filter(deadline_at__gt=now, claims_lost__lt=CLAIMS_LOST_MAX)
    put_off = alive.filter(status=Status.QUEUED, wake_at__gt=now).order_by("wake_at")
    return put_off.values_list("wake_at", flat=True).first()


def lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def running_places(*, now: datetime) -> dict[int, int]:
    """How many places each person holds, by their ids."""
    (found,) = rows.send(_running(now))
    return {user_id: places for user_id, places in found}  # noqa: C416


def in_line(*, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Ids and people of what waits for a place, oldest first: of each person no more than `limit`.

    At most `LOOKED_AT` times `limit` and `NEWCOMERS` in all, those whose turn comes first.
    """
    (found,) = rows.send(_in_line(now, now, limit, LOOKED_AT * limit + NEWCOMERS))
    return sorted((pk, user_id) for pk, user_id in found)


def _moment(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _claimable(now: datetime, left_before: datetime) -> Statement:
    """The condition, and its values."""
    return _CLAIMABLE, [_moment(now), _moment(left_before), _moment(now), CLAIMS_LOST_MAX]


def _is_any_claimable(now: datetime, left_before: datetime, *, asked_by: datetime | None = None) -> bool:
    condition, values = _claimable(now, left_before)
    if asked_by is not None:
        condition, values = f"{condition} AND created_at <= %s", [*values, _moment(asked_by)]
    (found,) = rows.send((f"SELECT 1 FROM generation_generation WHERE {condition} LIMIT 1", values))  # noqa: S608
    return bool(found)


def _running(now: datetime) -> Statement:
    return _RUNNING, [_moment(now)]


def _in_line(
    now: datetime, left_before: datetime, each: int, most: int, among: str = "", values: Sequence[Any] = ()
) -> Statement:
    """`among` is a further condition on generations, with its `values`."""
    condition, given = _claimable(now, left_before)
    text = _IN_LINE.format(claimable=condition, among=f" AND {among}" if among else "")
    return text, [*given, *values, each, most]


def _chosen(
    limit: int,
    now: datetime,
    left_before: datetime,
    without: Collection[int],
    next_up: Callable[..., list[int]],
) -> list[int]:
    """The ids of those whose turn it is."""
    rules = queue_rules.in_force()
    room, full = _room(left_before)
    if rules.person_max or rules.team_max or settings.PERSON_PLACES_MAX or room is not None:
        _lock_limits()
    left_out: list[tuple[str, Sequence[Any]]] = [("id", sorted(without))]
    if full:
        left_out += [("provider", full), ("model", _made_by_none_but(full))]
    # Leases that are left to their owners still hold their places.
    (running,) = rows.send(_running(left_before))
    if room is not None:
        limit = min(limit, room - sum(places for _, places in running))
    if limit < 1:
        return []
    conditions = [f"{column} NOT IN ({', '.join(['%s'] * len(some))})" for column, some in left_out if some]
    values = [value for _, some in left_out for value in some]
    most = LOOKED_AT * (limit + sum(places for _, places in running)) + NEWCOMERS
    (found,) = rows.send(_in_line(now, left_before, limit, most, " AND ".join(conditions), values))
    waiting = sorted((pk, user_id) for pk, user_id in found)
    return next_up(waiting, running=dict(running), rules=rules, free=limit)


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
    condition, claimable = _claimable(now, left_before)
    statement = _TAKE.format(
        ids=", ".join(map(str, ids)),
        claimable=condition,
        skipping="FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else "",
    )
    (found,) = rows.send((statement, [_moment(now + lease()), _moment(now), *claimable]))
    return [(pk, attempt, user_id, str(uuid.UUID(str(public)))) for pk, attempt, user_id, public in found]
