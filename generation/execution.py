"""The steps of one attempt as rows: send, accepted, answered, finish, fail, postpone.

Each is one short transaction that says which claim it belongs to. Where the claim is no longer ours the step
raises `Fenced` and writes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import events, ledger
from gallery import ingest, provenance
from gallery.models import Image
from generation.claims import Claim
from generation.models import Attempt, Generation, Output

Status = Generation.Status
# Ends after which another call can't be paid twice for the same pictures.
SAFE_TO_SEND_AGAIN = frozenset({Attempt.Status.NOT_ACCEPTED, Attempt.Status.BROKEN_PROMISE})


class Fenced(Exception):
    """The claim is not ours any more; another worker has it, or it has ended."""


class CancelRequested(Exception):
    """The person stopped it before it was sent."""


class OutcomeLost(Exception):
    """An earlier call was sent, and nobody knows what became of it."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(str(attempt))
        self.attempt = attempt


@dataclass(frozen=True)
class Reason:
    """Why something ended: a stable code, and a sentence for people."""

    code: str
    detail: str


def load(claim: Claim) -> Generation:
    """The generation with what the adapter needs.

    :raises Fenced:
    """
    generation = (
        Generation.objects.select_related("hold", "user")
        .prefetch_related("references__original", "attempts")
        .filter(pk=claim.generation_id, attempts_made=claim.attempt, status=Status.RUNNING)
        .first()
    )
    if generation is None:
        raise Fenced(claim)
    return generation


@transaction.atomic
def begin(claim: Claim, *, provider: str, now: datetime) -> Attempt:
    """Write that a call is about to be sent, committed before its first byte.

    :raises Fenced: :raises CancelRequested:
    :raises OutcomeLost: when an earlier call may have been taken.
    """
    generation = _locked(claim)
    if generation.cancel_requested_at is not None:
        raise CancelRequested(claim)
    for earlier in generation.attempts.all():
        if earlier.status not in SAFE_TO_SEND_AGAIN:
            raise OutcomeLost(earlier)
    return Attempt.objects.create(
        generation=generation,
        number=claim.attempt,
        provider=provider,
        started_at=now,
        account_id=generation.hold.account_id,
        team_id=generation.hold.team_id,
        model=generation.model,
    )


@transaction.atomic
def accepted(claim: Claim, attempt: Attempt, *, vendor_id: str) -> None:
    """Keep the vendor's id, by which the work can be found again."""
    _locked(claim)
    _update(attempt, status=Attempt.Status.ACCEPTED, vendor_id=vendor_id)


@transaction.atomic
def answered(
    claim: Claim,
    attempt: Attempt,
    *,
    answer: list[dict[str, str]],
    vendor_id: str,
    cost_usd: Decimal | None,
    vendor_credits: int | None,
    now: datetime,
) -> None:
    """Keep the answer durably, so that a later claim delivers it instead of paying again."""
    _locked(claim)
    _update(
        attempt,
        status=Attempt.Status.ANSWERED,
        answer=answer,
        vendor_id=vendor_id or attempt.vendor_id,
        vendor_cost_usd=cost_usd,
        vendor_credits=vendor_credits,
        answered_at=now,
    )


@transaction.atomic
def finish(
    claim: Claim, attempt: Attempt, pictures: list[ingest.Stored], *, short: Reason | None, now: datetime
) -> None:
    """Deliver the pictures, capture for them, give the rest back.

    `short` says why there are fewer than were asked for.

    :raises Fenced:
    """
    generation = _locked(claim)
    asked, got = generation.count, len(pictures)
    _end(
        generation, Status.SUCCEEDED if got == asked else Status.PARTIAL, short if got < asked else None, now
    )
    for place, picture in enumerate(pictures, start=1):
        Output.objects.create(
            generation=generation,
            position=place,
            attempt=attempt,
            image=_image(generation, attempt, picture, now),
        )
    ledger.capture(
        hold=generation.hold,
        amount=generation.price * got,
        reason=generation.prompt[:120],
        what=ledger.Spent(model=generation.model, provider=attempt.provider, images=got),
    )
    _update(attempt, status=Attempt.Status.DELIVERED, answer=[], ended_at=now)


@transaction.atomic
def fail(claim: Claim, reason: Reason, *, now: datetime) -> None:
    """End it without pictures and give everything back.

    :raises Fenced:
    """
    generation = _locked(claim)
    _end(generation, Status.FAILED, reason, now)
    ledger.release(hold=generation.hold)


@transaction.atomic
def stop(claim: Claim, *, now: datetime) -> None:
    """End what the person cancelled before it was sent.

    :raises Fenced:
    """
    generation = _locked(claim)
    _end(generation, Status.CANCELED, None, now)
    ledger.release(hold=generation.hold)


@transaction.atomic
def postpone(claim: Claim, *, wake_at: datetime, reason: Reason) -> None:
    """Put it back in the queue until `wake_at`, holding no place meanwhile.

    :raises Fenced:
    """
    generation = _locked(claim)
    generation.status, generation.leased_until, generation.wake_at = Status.QUEUED, None, wake_at
    generation.error_code, generation.error_detail = reason.code, reason.detail
    generation.save(update_fields=["status", "leased_until", "wake_at", "error_code", "error_detail"])
    _tell(generation)


@transaction.atomic
def end_attempt(
    claim: Claim,
    attempt: Attempt,
    status: Attempt.Status,
    reason: Reason,
    *,
    now: datetime,
    vendor_text: str = "",
    cost_usd: Decimal | None = None,
    vendor_credits: int | None = None,
) -> None:
    """Write how a call ended that brought no pictures.

    :raises Fenced:
    """
    _locked(claim)
    changes: dict[str, Any] = {
        "status": status,
        "code": reason.code,
        "detail": reason.detail[:500],
        "vendor_text": vendor_text[:1000],
        "ended_at": now,
    }
    if cost_usd is not None:
        changes["vendor_cost_usd"] = cost_usd
    if vendor_credits is not None:
        changes["vendor_credits"] = vendor_credits
    _update(attempt, **changes)


@transaction.atomic
def reap(generation_id: int, reason: Reason, *, seen_attempts: int, now: datetime) -> bool:
    """End what nobody works on any more; whoever still does is fenced off. Answers whether it ended here."""
    generation = (
        Generation.objects.select_for_update().select_related("hold").filter(pk=generation_id).first()
    )
    if generation is None or generation.is_terminal or generation.attempts_made != seen_attempts:
        return False
    generation.attempts_made += 1
    _end(generation, Status.FAILED, reason, now)
    ledger.release(hold=generation.hold)
    generation.attempts.filter(status__in=["sending", "accepted"]).update(
        status=Attempt.Status.OUTCOME_UNKNOWN, code=reason.code, detail=reason.detail, ended_at=now
    )
    return True


def _locked(claim: Claim) -> Generation:
    generation = (
        Generation.objects.select_for_update(of=("self",))
        .select_related("hold")
        .filter(pk=claim.generation_id, attempts_made=claim.attempt, status=Status.RUNNING)
        .first()
    )
    if generation is None:
        raise Fenced(claim)
    return generation


def _end(generation: Generation, status: Status, reason: Reason | None, now: datetime) -> None:
    generation.status, generation.finished_at = status, now
    generation.leased_until = generation.wake_at = None
    generation.error_code = reason.code if reason else ""
    generation.error_detail = reason.detail[:500] if reason else ""
    generation.save(
        update_fields=[
            "status",
            "finished_at",
            "leased_until",
            "wake_at",
            "error_code",
            "error_detail",
            "attempts_made",
        ]
    )
    _tell(generation)


def _image(generation: Generation, attempt: Attempt, picture: ingest.Stored, now: datetime) -> Image:
    return Image.objects.create(
        owner_id=generation.user_id,
        original=ingest.record(picture),
        prompt=generation.prompt,
        model=generation.model,
        # For good: a real provider set up later made none of these.
        provider=provenance.EMULATOR if settings.PROVIDER_EMULATED else attempt.provider,
        aspect_ratio=generation.aspect_ratio,
        credits=generation.price,
        created_at=now,
    )


def _update(attempt: Attempt, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(attempt, name, value)
    attempt.save(update_fields=list(changes))


def _tell(generation: Generation) -> None:
    events.record(user_id=generation.user_id, kind=events.Kind.GENERATION, subject=str(generation.public_id))
