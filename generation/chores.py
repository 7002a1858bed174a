"""What comes back by the clock: each period done once, however many supervisors and workers there are.

A period is a row: due, taken under a lease, done. Every supervisor looks; one conditional update decides
which of them sends it to the short queue, and another which worker does it, so a task may be lost, come twice
or come late. What was sent and not taken, and what was taken and not done, is sent again. A period that
nobody began before the next one is moved on to that: what was missed is made up for once.

A worker that is killed half-way leaves work that is run again, so each of them goes by rows of its own:
allowances by the row of a person's period, mails by the mark on their notice, the audit by the key of its
notice, late answers by their attempt; what is tidied away is not there the second time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts import allowances, notices
from gallery import archives, trash, unfinished
from generation import audit, late, orphans, queue, recovery
from generation.claims import database_now
from generation.models import Chore

log = structlog.get_logger(__name__)

Status = Chore.Status
# By night in Europe and the Americas; the audit reads every entry.
AUDIT_HOUR_UTC = 3
# Before the search for orphans, which finds the files of what this lets go of.
UNUSED_HOUR_UTC = 2
# Until it is sent again, doubled each time: the queue may only be slow.
PAUSE_FIRST = timedelta(minutes=1)
PAUSE_MAX = timedelta(minutes=16)
# Of one go of what walks through many rows or files, well below the time limit of the short queue's tasks.
GO_SECONDS = 60.0
# Likewise, of what requests left of the gallery's longer work.
UNFINISHED_SECONDS = 45.0


@dataclass(frozen=True)
class Kind:
    """`period` answers when the period of a moment began. `work` is given the moment and where to go on.

    It answers where the next go begins, or an empty text when all is done.
    """

    period: Callable[[datetime], datetime]
    work: Callable[[datetime, str], str]


def _minutes(step: int) -> Callable[[datetime], datetime]:
    """Periods of so many minutes; `step` divides the hour."""
    return lambda now: now.replace(minute=now.minute - now.minute % step, second=0, microsecond=0)


def _nightly(hour: int) -> Callable[[datetime], datetime]:
    """Periods of a day, from that hour of UTC on."""

    def period(now: datetime) -> datetime:
        night = now.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
        return night if night <= now else night - timedelta(days=1)

    return period


def _allowances(now: datetime, place: str) -> str:
    allowances.run(now=now)
    notices.send_waiting(now=now)
    return ""


def _audit(now: datetime, place: str) -> str:
    if found := audit.nightly(now):
        log.error("the audit found something", found=len(found), first=str(found[0]))
    return ""


def _late(now: datetime, place: str) -> str:
    late.ask(now=now)
    return ""


def _orphans(now: datetime, place: str) -> str:
    return orphans.remove(now=now, after=place, seconds=GO_SECONDS).place


def _trash(now: datetime, place: str) -> str:
    trash.purge_due(now, seconds=GO_SECONDS)
    return ""


def _unused(now: datetime, place: str) -> str:
    _, after = trash.delete_unused(now=now, after=int(place or 0), seconds=GO_SECONDS)
    return str(after or "")


def _unfinished(now: datetime, place: str) -> str:
    # What is begun is sent to the queue at once; this is for what it lost.
    return "" if unfinished.go_on(seconds=UNFINISHED_SECONDS) else "on"


def _tidy(now: datetime, place: str) -> str:
    recovery.tidy(now=now)
    unfinished.tidy(now=now)
    archives.tidy(now=now)
    orphans.look_aside(now=now)
    return ""


CHORES: dict[str, Kind] = {
    "allowances": Kind(_minutes(1), _allowances),
    "audit": Kind(_nightly(AUDIT_HOUR_UTC), _audit),
    "late": Kind(_minutes(5), _late),
    "orphans": Kind(_nightly(AUDIT_HOUR_UTC), _orphans),
    "tidy": Kind(_minutes(60), _tidy),
    "trash": Kind(_minutes(5), _trash),
    "unfinished": Kind(_minutes(5), _unfinished),
    "unused": Kind(_nightly(UNUSED_HOUR_UTC), _unused),
}


def send_due(*, now: datetime) -> list[str]:
    """Send what is due to the short queue; answers what it was. What can't be sent keeps nothing else."""
    sent = []
    for name in CHORES:
        try:
            if _send_if_due(name, now):
                sent.append(name)
        except Exception:
            log.exception("a chore could not be sent", chore=name)
    return sent


def do_due(name: str, *, now: datetime) -> bool:
    """Do a chore here and now unless this period's is done, or somebody is at it; answers whether it was.

    Whatever the work raises goes through.
    """
    done = False
    while (chore := _not_done(name, now)) is not None:
        if chore.status == Status.TAKEN and chore.again_at > now:
            break
        if not (_mark_sent(chore, now) and do(chore.pk, now=now)):
            break
        done = True
    return done


def do(chore_id: int, *, now: datetime | None = None) -> bool:
    """Do a chore if its row says that it is still to be done; answers whether it was done here.

    Whatever the work raises goes through, and it is tried again after a pause.
    """
    now = now or database_now()
    chore = _take(chore_id, now)
    if chore is None:
        return False
    try:
        place = CHORES[chore.name].work(now, chore.place)
    except Exception:
        _mine(chore).update(status=Status.DUE, again_at=now + _pause(chore.times_sent))
        raise
    if place:
        _mine(chore).update(status=Status.DUE, again_at=now, place=place, times_sent=0)
    else:
        _mine(chore).update(status=Status.DONE, done_at=now, place="")
    return True


def lease() -> timedelta:
    """Longer than a task of the short queue may take, so nobody is at work on what is taken from them."""
    return timedelta(seconds=settings.Q_CLUSTER["ALT_CLUSTERS"]["short"]["timeout"] + 60)


def _send_if_due(name: str, now: datetime) -> bool:
    chore = _not_done(name, now)
    if chore is None:
        return False
    was_missed = chore.status == Status.DUE and chore.period < CHORES[name].period(now)
    if chore.again_at > now and not was_missed:
        return False
    with transaction.atomic():
        mine = _is_free(chore) and _mark_sent(chore, now)
        if mine:
            queue.do(chore.pk)
    return mine


def _not_done(name: str, now: datetime) -> Chore | None:
    """The row of what is to be done, made where a new period has begun."""
    period = CHORES[name].period(now)
    last = Chore.objects.filter(name=name).order_by("-period").first()
    if last is None or (last.status == Status.DONE and last.period < period):
        last, _ = Chore.objects.get_or_create(name=name, period=period, defaults={"again_at": now})
    return None if last.status == Status.DONE else last


def _is_free(chore: Chore) -> bool:
    """Whether nobody holds the row at this moment; then we do."""
    rows = Chore.objects.select_for_update(skip_locked=True).filter(pk=chore.pk)
    return rows.values_list("pk").first() is not None


def _mark_sent(chore: Chore, now: datetime) -> bool:
    """Whether it is ours to send: of all who saw the row as it was, one changes it."""
    period = max(chore.period, CHORES[chore.name].period(now))
    sent = chore.times_sent if period == chore.period else 0
    seen = Chore.objects.filter(
        pk=chore.pk, status=chore.status, again_at=chore.again_at, period=chore.period
    )
    return bool(
        seen.update(status=Status.DUE, period=period, again_at=now + _pause(sent), times_sent=sent + 1)
    )


def _take(chore_id: int, now: datetime) -> Chore | None:
    free = Q(status=Status.DUE) | Q(status=Status.TAKEN, again_at__lte=now)
    chore = Chore.objects.filter(free, pk=chore_id, name__in=CHORES).first()
    if chore is None:
        return None
    seen = Chore.objects.filter(free, pk=chore_id, times_taken=chore.times_taken)
    if not seen.update(status=Status.TAKEN, again_at=now + lease(), times_taken=F("times_taken") + 1):
        return None
    chore.times_taken += 1
    return chore


def _mine(chore: Chore) -> QuerySet[Chore]:
    """The row, as long as nobody took it after us."""
    return Chore.objects.filter(pk=chore.pk, status=Status.TAKEN, times_taken=chore.times_taken)


def _pause(times: int) -> timedelta:
    return min(PAUSE_FIRST * 2 ** min(times, 10), PAUSE_MAX)
