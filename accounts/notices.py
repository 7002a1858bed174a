"""Things to look at until they are over: a person's low balance, and what the audit found, for admins.

A notice is written with what causes it. The mail goes out later, by `send_waiting`, so that no spending waits
for a mail server.
"""

from collections.abc import Iterable
from datetime import datetime

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts import events, rows
from accounts.models import CreditAccount, Notice, User

log = structlog.get_logger(__name__)

SEE_CREDITS = "accounts.see_credits"
_AUDIT = "audit"
_SENT_AT_ONCE = 100


def fell(user_id: int, *, threshold: int | None, before: int, after: int) -> None:
    """Raise a notice when what is available crossed the threshold; all in whole credits."""
    if threshold is None or not after < threshold <= before:
        return
    _raise_low(user_id, threshold=threshold, available=after)


def rose(user_ids: Iterable[int]) -> None:
    """Resolve the notices of those who have enough again, by what the database says they have."""
    enough = Q(user__low_balance_at__isnull=True) | Q(
        user__low_balance_at__lte=F("user__credit_account__balance") - F("user__credit_account__held")
    )
    low = Notice.objects.filter(kind=Notice.Kind.LOW_BALANCE, user__in=user_ids, resolved_at__isnull=True)
    low.filter(enough).update(resolved_at=timezone.now())


def look_at(user: User) -> None:
    """Raise or resolve by the person's threshold as it is now; for when they chose another."""
    account = CreditAccount.objects.filter(user=user).first()
    available = account.available if account else 0
    low = Notice.objects.filter(key=_low_key(user.pk), resolved_at__isnull=True)
    low.update(resolved_at=timezone.now())
    if user.low_balance_at is not None and available < user.low_balance_at:
        _raise_low(user.pk, threshold=user.low_balance_at, available=available)


def tell_of_audit(*, found: int, first: str, now: datetime) -> None:
    """What an audit found becomes the admins' notice; nothing found resolves it. `first` is an example."""
    current = Notice.objects.filter(key=_AUDIT, resolved_at__isnull=True)
    if not found:
        current.update(resolved_at=now)
        return
    number = "one thing" if found == 1 else f"{found:,} things"
    text = f"The audit of the ledger found {number}, such as: {first}"[:500]
    # Nobody is mailed: this stands on every admin's page until it is mended.
    Notice.objects.bulk_create(
        [Notice(kind=Notice.Kind.AUDIT, key=_AUDIT, text=text, created_at=now, mailed_at=now)],
        ignore_conflicts=True,
    )
    current.update(text=text)


def open_for(user: User) -> QuerySet[Notice]:
    """What the person should look at, newest first; admins see what is for every admin too."""
    mine = Q(user=user)
    if user.has_perm(SEE_CREDITS):
        mine |= Q(user__isnull=True)
    return Notice.objects.filter(mine, resolved_at__isnull=True).order_by("-pk")


def newest_open(user: User, number: int) -> list[Notice]:
    """The newest of `open_for`, without the ORM: every page asks."""
    others = " OR user_id IS NULL" if user.has_perm(SEE_CREDITS) else ""
    statement = f"""
        SELECT {rows.columns(Notice)} FROM {Notice._meta.db_table}
        WHERE (user_id = %s{others}) AND resolved_at IS NULL ORDER BY id DESC LIMIT {number:d}
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [user.pk])
        return [rows.as_read(Notice, row) for row in cursor.fetchall()]


def send_waiting(*, now: datetime) -> int:
    """Mail what was not mailed yet, each once however many do this at once; answers how many were sent."""
    waiting = Notice.objects.filter(mailed_at__isnull=True, resolved_at__isnull=True, user__isnull=False)
    sent = 0
    for notice in waiting.select_related("user").order_by("pk")[:_SENT_AT_ONCE]:
        mine = Notice.objects.filter(pk=notice.pk, mailed_at__isnull=True).update(mailed_at=now)
        if mine:
            sent += _send(notice)
    return sent


def _send(notice: Notice) -> bool:
    """A mail that the server does not take waits for the next round."""
    assert notice.user is not None  # as it was asked for
    if not notice.user.is_active:
        return False
    body = f"{notice.text}\n\nYour credits: {settings.SITE_URL}/credits/\n"
    try:
        send_mail("Your credits are low", body, None, [notice.user.email])
    except OSError:  # smtplib's errors are of this kind
        log.exception("a notice could not be mailed", notice=notice.pk)
        Notice.objects.filter(pk=notice.pk).update(mailed_at=None)
        return False
    return True


def _raise_low(user_id: int, *, threshold: int, available: int) -> None:
    text = f"You have {available:,} credits left, fewer than the {threshold:,} you asked to be told at."
    Notice.objects.bulk_create(
        [
            Notice(
                user_id=user_id,
                kind=Notice.Kind.LOW_BALANCE,
                key=_low_key(user_id),
                text=text,
                created_at=timezone.now(),
            )
        ],
        ignore_conflicts=True,
    )
    events.record(user_id=user_id, kind=events.Kind.NOTICE)


def _low_key(user_id: int) -> str:
    return f"low_balance:{user_id}"
