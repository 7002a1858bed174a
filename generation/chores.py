"""What comes back by the clock: each time done once, however many supervisors run.

The row of a chore says when it is due next; one conditional update moves it on, and who did that sends the
work to the short queue. What is sent is safe to run twice. A time that was missed is made up for once.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db import transaction

from generation import queue
from generation.models import Chore

# By night in Europe and the Americas; the audit reads every entry.
AUDIT_HOUR_UTC = 3


def _next_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _next_night(now: datetime) -> datetime:
    night = now.astimezone(UTC).replace(hour=AUDIT_HOUR_UTC, minute=0, second=0, microsecond=0)
    return night if night > now else night + timedelta(days=1)


CHORES: dict[str, Callable[[datetime], datetime]] = {"allowances": _next_minute, "audit": _next_night}


def send_due(*, now: datetime) -> list[str]:
    """Send what is due to the short queue; answers what it was."""
    return [name for name, following in CHORES.items() if _send_if_due(name, following, now)]


@transaction.atomic
def _send_if_due(name: str, following: Callable[[datetime], datetime], now: datetime) -> bool:
    chore, _ = Chore.objects.get_or_create(name=name, defaults={"due_at": now})
    if chore.due_at > now:
        return False
    mine = Chore.objects.filter(pk=chore.pk, due_at__lte=now).update(due_at=following(now))
    if mine:
        queue.do(name)
    return bool(mine)
