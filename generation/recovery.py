"""The sweep: finds what stopped moving and gives it an end, and forgets what is past its time."""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import OperationalError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django_q.models import OrmQ, Task

from accounts import idempotency
from accounts.models import Event
from gallery import archives
from gallery.models import Upload
from generation import claims, execution, queue
from generation.models import Chore, Generation, Reference
from generation.progress import Reason

log = structlog.get_logger(__name__)

EVENTS_KEPT = timedelta(days=2)
LOOSE_UPLOADS_KEPT = timedelta(hours=24)
CHORES_KEPT = timedelta(days=7)
QUEUE_ROWS_KEPT = timedelta(days=30)
# Read at a time; each is ended in a transaction of its own.
BATCH = 200
# Ended by one sweep, which keeps the supervisor from its clusters; the next one goes on.
REAPED_MAX = 1_000
FORGOTTEN_AT_ONCE = 1_000
# PostgreSQL's codes of a lock that was waited for in vain and of a deadlock.
OF_ONE_ROW = ("55P03", "40P01")
# So many people whose accounts somebody holds are waited for in one sweep.
BLOCKED_MAX = 5
TOO_LONG = Reason("deadline_passed", "This took longer than it may.")
TOO_OFTEN = Reason("attempts_used_up", "This was tried too often without an end.")


@dataclass(frozen=True)
class Swept:
    """What a sweep did, as counts; `failed` are rows that could not be ended, and are logged."""

    reaped: int
    woken: int
    failed: int = 0


def sweep(*, now: datetime, reaped_max: int | None = REAPED_MAX) -> Swept:
    """End what is past its deadline or its attempts, and wake a worker for what waits.

    A worker is woken even where nothing could be ended.
    """
    try:
        reaped, failed = reap(now=now, at_most=reaped_max)
    finally:
        woken = wake(now=now)
    swept = Swept(reaped=reaped, woken=woken, failed=failed)
    if any(asdict(swept).values()):
        log.info("swept", **asdict(swept))
    return swept


def reap(*, now: datetime, at_most: int | None = None) -> tuple[int, int]:
    """End what is past its deadline or its attempts; answers how many were ended, and how many could not be.

    One that cannot be ended is logged and left for the next sweep; the others are ended all the same.
    """
    reaped = failed = last = 0
    blocked: set[int] = set()
    while batch := _over(now, after=last, blocked=blocked):
        for last, user_id, attempts_made, deadline_at in batch:
            if user_id in blocked:
                continue
            reason = TOO_LONG if deadline_at <= now else TOO_OFTEN
            try:
                reaped += execution.reap(last, reason, seen_attempts=attempts_made, now=now)
            except Exception as error:
                # The database is away, or too busy; so it would be for the others.
                if isinstance(error, OperationalError) and not _is_blocked(error, blocked):
                    raise
                blocked |= {user_id} if isinstance(error, OperationalError) else set()
                log.exception("a generation could not be ended", generation=last)
                failed += 1
            if at_most is not None and reaped >= at_most:
                return reaped, failed
    return reaped, failed


def wake(*, now: datetime) -> int:
    """A task for waiting work; one is enough, since a runner serves whatever waits.

    Archives that nobody is at work on get theirs.
    """
    if archives.waiting(now=now):
        queue.archives()
    if not claims.waiting(now=now):
        return 0
    queue.wake("sweep")
    return 1


def tidy(*, now: datetime) -> int:
    """Forget what is past its time; answers how many rows. What can't be forgotten keeps nothing else."""
    used = Reference.objects.filter(original=OuterRef("original"))
    loose = Upload.objects.filter(~Exists(used), created_at__lt=now - LOOSE_UPLOADS_KEPT)
    done = Chore.objects.filter(status=Chore.Status.DONE, period__lt=now - CHORES_KEPT)
    forget: dict[str, Callable[[], int]] = {
        "idempotency keys": lambda: idempotency.prune(now=now),
        "events": lambda: _forget(Event.objects.filter(created_at__lt=now - EVENTS_KEPT)),
        "loose uploads": lambda: _forget(loose),
        "chores": lambda: _forget(done),
        # Failed tasks, and what nobody took from the queue: hints of work that its rows tell of anyhow.
        "ended tasks": lambda: _forget(Task.objects.filter(stopped__lt=now - QUEUE_ROWS_KEPT)),
        "queued tasks": lambda: _forget(OrmQ.objects.filter(lock__lt=now - QUEUE_ROWS_KEPT)),
    }
    forgotten = 0
    for what, act in forget.items():
        try:
            forgotten += act()
        except Exception:
            log.exception("old rows could not be forgotten", what=what)
    return forgotten


def _is_blocked(error: OperationalError, blocked: set[int]) -> bool:
    """Whether it is only this row, or its person's account, that somebody holds."""
    return getattr(error.__cause__, "sqlstate", None) in OF_ONE_ROW and len(blocked) < BLOCKED_MAX


def _over(now: datetime, *, after: int, blocked: Collection[int]) -> list[tuple[int, int, int, datetime]]:
    idle = Q(status="queued") | Q(status="running", leased_until__lte=now)
    over = Q(deadline_at__lte=now) | Q(claims_lost__gte=claims.CLAIMS_LOST_MAX)
    rows = Generation.objects.filter(idle, over, pk__gt=after).order_by("pk")
    rows = rows.exclude(user__in=blocked) if blocked else rows
    return list(rows.values_list("pk", "user_id", "attempts_made", "deadline_at")[:BATCH])


def _forget(rows: QuerySet[Any]) -> int:
    """Delete the rows, some at a time, so that no transaction is long."""
    forgotten = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]):
        forgotten += rows.model._default_manager.filter(pk__in=keys).delete()[0]
    return forgotten
