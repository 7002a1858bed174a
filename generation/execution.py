"""A claim from its reading to an end without pictures: failed, stopped, put off, or taken from who had it.

Each step is one short transaction that says which claim it belongs to. Where the claim is no longer ours the
step raises `Fenced` and writes nothing. Its calls are in `calls`, its end with pictures in `outputs`.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import prefetch_related_objects

from accounts import ledger, rows
from accounts.models import Hold
from generation import claimed
from generation.calls import CancelRequested
from generation.claims import Claim
from generation.models import Attempt, Generation
from generation.progress import Reason

Status = Generation.Status
TOO_LATE = Reason("deadline_passed", "It came too late to be delivered.")
# What the holds of generations are, and what is read of them.
_HOLDS_OF = "id IN (SELECT hold_id FROM generation_generation WHERE id IN ({among}))"
_WHOSE = ("id", "account_id", "team_id")


def load(claims: Sequence[Claim]) -> dict[Claim, Generation]:
    """The generations of the claims that are still ours, with what a call needs, in a few queries for all."""
    if not claims:
        return {}
    ids = [claim.generation_id for claim in claims]
    among = ", ".join(["%s"] * len(ids))
    read, held, *linked = rows.send(
        rows.finding(Generation, where=f"id IN ({among}) AND status = %s", values=[*ids, Status.RUNNING]),
        rows.finding(Hold, where=_HOLDS_OF.format(among=among), values=ids, only=_WHOSE),
        (f"SELECT DISTINCT generation_id FROM generation_reference WHERE generation_id IN ({among})", ids),  # noqa: S608
        (f"SELECT DISTINCT generation_id FROM generation_attempt WHERE generation_id IN ({among})", ids),  # noqa: S608
    )
    found = [rows.as_read(Generation, row) for row in read]
    holds = {hold.pk: hold for hold in (rows.as_read(Hold, row, only=_WHOSE) for row in held)}
    for one in found:
        one.hold = holds[one.hold_id]
    # Most have neither, nor go on from a picture.
    lookups = {"references": "references__original", "attempts": "attempts"}
    for (name, lookup), having in zip(lookups.items(), linked, strict=True):
        _prefetch(name, lookup, found, {pk for (pk,) in having})
    on = [one for one in found if one.continues_id is not None]
    prefetch_related_objects(on, "continues__original", "continues__output__attempt")
    mine = {Claim(one.pk, one.attempts_made): one for one in found}
    return {claim: mine[claim] for claim in claims if claim in mine}


def _prefetch(name: str, lookup: str, generations: Sequence[Generation], having: set[int]) -> None:
    """What is behind `name`; only those of the ids `having` have anything."""
    prefetch_related_objects([one for one in generations if one.pk in having], lookup)
    for one in generations:
        if one.pk not in having:
            # As Django leaves it where it finds nothing: what more is asked of it goes to the database.
            read = getattr(one, name).all()
            read._result_cache, read._prefetch_done = [], True
            one.__dict__.setdefault("_prefetched_objects_cache", {})[name] = read


@transaction.atomic
def fail(claim: Claim, reason: Reason, *, now: datetime) -> None:
    """End it without pictures and give everything back; what was answered and is not delivered came too late.

    :raises Fenced:
    """
    generation = claimed.locked(claim)
    claimed.end(generation, Status.FAILED, reason, now)
    ledger.release(hold=generation.hold)
    _end_answers(generation, now)


def _end_answers(generation: Generation, now: datetime) -> None:
    """Answers that nobody will deliver any more."""
    undelivered = Attempt.objects.filter(generation=generation, status=Attempt.Status.ANSWERED)
    undelivered.update(
        status=Attempt.Status.BROKEN_PROMISE, code=TOO_LATE.code, detail=TOO_LATE.detail, ended_at=now
    )


@transaction.atomic
def stop(claim: Claim, *, now: datetime) -> None:
    """End what the person cancelled before it was sent.

    :raises Fenced:
    """
    generation = claimed.locked(claim)
    claimed.end(generation, Status.CANCELED, None, now)
    ledger.release(hold=generation.hold)


@transaction.atomic
def postpone(claim: Claim, *, wake_at: datetime, reason: Reason) -> None:
    """Put it back in the queue until `wake_at`, holding no place meanwhile.

    :raises Fenced: :raises CancelRequested:
    """
    generation = claimed.locked(claim)
    if generation.cancel_requested_at is not None:
        raise CancelRequested(claim)
    generation.status, generation.leased_until, generation.wake_at = Status.QUEUED, None, wake_at
    generation.error_code, generation.error_detail = reason.code, reason.detail
    generation.claims_lost = 0
    changed = ("status", "leased_until", "wake_at", "error_code", "error_detail", "claims_lost")
    rows.update(generation, *changed)
    claimed.tell(generation)


@transaction.atomic
def reap(generation_id: int, reason: Reason, *, seen_attempts: int, now: datetime) -> bool:
    """End what nobody works on any more; whoever still does is fenced off. Answers whether it ended here.

    A row that somebody holds is left for the next time, as may be one that died with it; and so is one whose
    person's account is held.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
    free = Generation.objects.select_for_update(skip_locked=True, of=("self",))
    generation = free.select_related("hold").filter(pk=generation_id).first()
    if generation is None or generation.is_terminal or generation.attempts_made != seen_attempts:
        return False
    generation.attempts_made += 1
    claimed.end(generation, Status.FAILED, reason, now)
    ledger.release(hold=generation.hold)
    generation.attempts.filter(status__in=["sending", "accepted"]).update(
        status=Attempt.Status.OUTCOME_UNKNOWN, code=reason.code, detail=reason.detail, ended_at=now
    )
    return True
