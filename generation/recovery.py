"""The sweep: finds what stopped moving and gives it an end, and forgets what is past its time."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef, Q

from accounts import idempotency
from accounts.models import Event
from gallery.models import Upload
from generation import claims, execution, queue
from generation.models import Generation, Reference
from generation.progress import Reason

log = structlog.get_logger(__name__)

EVENTS_KEPT = timedelta(days=2)
LOOSE_UPLOADS_KEPT = timedelta(hours=24)
TOO_LONG = Reason("deadline_passed", "This took longer than it may.")
TOO_OFTEN = Reason("attempts_used_up", "This was tried too often without an end.")


@dataclass(frozen=True)
class Swept:
    """What a sweep did, as counts."""

    reaped: int
    woken: int


def sweep(*, now: datetime) -> Swept:
    """End what is past its deadline or its attempts, and wake a worker for what waits."""
    swept = Swept(reaped=_reap(now), woken=_wake(now))
    if swept.reaped or swept.woken:
        log.info("swept", **asdict(swept))
    return swept


def tidy(*, now: datetime) -> int:
    """Forget idempotency keys, events and loose uploads that are past their time; answers how many rows."""
    events, _ = Event.objects.filter(created_at__lt=now - EVENTS_KEPT).delete()
    used = Reference.objects.filter(original=OuterRef("original"))
    loose = Upload.objects.filter(~Exists(used), created_at__lt=now - LOOSE_UPLOADS_KEPT)
    uploads, _ = loose.delete()
    return idempotency.prune(now=now) + events + uploads


def _reap(now: datetime) -> int:
    idle = Q(status="queued") | Q(status="running", leased_until__lte=now)
    over = Q(deadline_at__lte=now) | Q(claims_lost__gte=claims.CLAIMS_LOST_MAX)
    reaped = 0
    for pk, attempts_made, deadline_at in Generation.objects.filter(idle, over).values_list(
        "pk", "attempts_made", "deadline_at"
    ):
        reason = TOO_LONG if deadline_at <= now else TOO_OFTEN
        reaped += execution.reap(pk, reason, seen_attempts=attempts_made, now=now)
    return reaped


def _wake(now: datetime) -> int:
    """A task for waiting work; one is enough, since a runner serves whatever waits."""
    if not claims.waiting(now=now):
        return 0
    queue.wake("sweep")
    return 1
