"""The calls of a claim as rows: begun, accepted, answered, looked at, ended.

Each step is one short transaction that says which claim it belongs to. Where the claim is no longer ours it
raises `Fenced` and writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import rows
from generation import claimed, health
from generation.catalog import Offer
from generation.claimed import Fenced
from generation.claims import Claim
from generation.models import Attempt, Generation
from generation.progress import Reason, progress

UNSENT = Reason("not_sent", "It was never sent: the database was away just before.")
# What is read of a generation whose call begins; each column more is planned, sent and read anew every time.
_STANDING = ("id", "attempts_made", "cancel_requested_at")


class CancelRequested(Exception):
    """The person stopped it before it was sent."""


class OutcomeLost(Exception):
    """An earlier call for the same pictures was sent, and nobody knows what became of it."""


Refusal = Fenced | CancelRequested | OutcomeLost | health.NotNow


@dataclass(frozen=True)
class Sending:
    """A call about to be made: to whom, for which places from 1, and why there, as the receipt has it."""

    offer: Offer
    positions: tuple[int, ...]
    references: bool = False
    choice: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Beginning:
    """A call of a claim that is about to begin; `generation` is as it was loaded with the claim.

    From it are account and team: a hold stays with them.
    """

    claim: Claim
    generation: Generation
    sending: Sending


@dataclass(frozen=True)
class Answered:
    """What a provider answered to a claim's call: `answer` says of each picture where it is."""

    claim: Claim
    attempt: Attempt
    answer: list[dict[str, str]]
    vendor_id: str = ""
    cost_usd: Decimal | None = None
    vendor_credits: int | None = None
    state: str = ""
    description: str = ""


@transaction.atomic
def begin(beginnings: Sequence[Beginning], *, now: datetime) -> list[Attempt | Refusal]:
    """Write that calls are about to be sent, committed before the first byte of any: one of each claim.

    Answers for each what was begun, or why it may not be: `Fenced`, `CancelRequested`, `health.NotNow` where
    the provider takes no call at this moment, `OutcomeLost` where an earlier call may have been taken, or has
    brought those pictures.
    """
    standing = _standing([one.claim for one in beginnings])
    answers: dict[Claim, Attempt | Refusal] = {}
    together: list[Attempt] = []
    # Providers that count their calls are locked in one order by all.
    for one in sorted(beginnings, key=lambda one: one.sending.offer.provider.name):
        try:
            attempt = _begun(one, standing, now)
        except (Fenced, CancelRequested, OutcomeLost, health.NotNow) as refusal:
            answers[one.claim] = refusal
            continue
        answers[one.claim] = attempt
        if health.is_counted(one.sending.offer.provider):
            _write_begun([attempt])
        else:
            together.append(attempt)
    _write_begun(together)
    return [answers[one.claim] for one in beginnings]


def _standing(claims: Sequence[Claim]) -> dict[Claim, tuple[Generation, list[Attempt]]]:
    """The generations of the claims that are still ours, locked, with the attempts so far."""
    ids = sorted(claim.generation_id for claim in claims)
    among = ", ".join(["%s"] * len(ids))
    mine = f"id IN ({among}) AND status = %s ORDER BY id"
    generations, attempts = rows.send(
        rows.finding(
            Generation, where=mine, values=[*ids, Generation.Status.RUNNING.value], lock=True, only=_STANDING
        ),
        rows.finding(Attempt, where=f"generation_id IN ({among}) ORDER BY number, sequence", values=ids),
    )
    earlier: dict[int, list[Attempt]] = {pk: [] for pk in ids}
    for row in attempts:
        attempt = rows.as_read(Attempt, row)
        earlier[attempt.generation_id].append(attempt)
    found = (rows.as_read(Generation, row, only=_STANDING) for row in generations)
    return {Claim(one.pk, one.attempts_made): (one, earlier[one.pk]) for one in found}


def _begun(
    one: Beginning, standing: Mapping[Claim, tuple[Generation, list[Attempt]]], now: datetime
) -> Attempt:
    """The attempt, which is not written yet.

    :raises Fenced: :raises CancelRequested: :raises OutcomeLost: :raises health.NotNow:
    """
    claim, generation, sending = one.claim, one.generation, one.sending
    if claim not in standing:
        raise Fenced(claim)
    found, earlier = standing[claim]
    if found.cancel_requested_at is not None:
        raise CancelRequested(claim)
    if not set(sending.positions) <= set(progress(count=generation.count, attempts=earlier).open):
        raise OutcomeLost(claim)
    offer, hold = sending.offer, generation.hold
    health.admit(offer.provider, now=now)
    return Attempt(
        generation=generation,
        number=claim.attempt,
        sequence=1 + sum(attempt.number == claim.attempt for attempt in earlier),
        positions=list(sending.positions),
        provider=offer.provider.name,
        emulated=offer.provider.emulated,
        vendor_model=(offer.edit_model if sending.references else "") or offer.vendor_model,
        choice=sending.choice,
        started_at=now,
        account_id=hold.account_id,
        team_id=hold.team_id,
        model=generation.model,
    )


def _write_begun(attempts: Sequence[Attempt]) -> None:
    # From here on cancelling costs something, and who makes it is known.
    told = [statement for attempt in attempts for statement in claimed.telling(attempt.generation)]
    rows.insert_each(attempts, *told)


@transaction.atomic
def take_back(claim: Claim, *, known: Sequence[Attempt]) -> None:
    """End calls that were begun and never made, since the database didn't say whether it took them.

    `known` are the attempts that were begun as usual.

    :raises Fenced:
    """
    claimed.locked(claim)
    Attempt.objects.filter(
        generation=claim.generation_id, number=claim.attempt, status=Attempt.Status.SENDING
    ).exclude(pk__in=[attempt.pk for attempt in known]).update(
        status=Attempt.Status.NOT_ACCEPTED, code=UNSENT.code, detail=UNSENT.detail, ended_at=timezone.now()
    )


def accepted(claim: Claim, attempt: Attempt, *, vendor_id: str) -> None:
    """Keep the vendor's id, by which the work can be found again."""
    claimed.update_mine(claim, attempt, status=Attempt.Status.ACCEPTED, vendor_id=vendor_id)


@transaction.atomic
def adopt(claim: Claim, attempt: Attempt, *, vendor_id: str) -> bool:
    """Take a vendor's request for this attempt's, if it can be no other's; whether it is.

    It could be another's that was sent and has no id yet, so then it is nobody's.
    """
    claimed.locked(claim)
    health.lock(attempt.provider)
    since = timezone.now() - health.IN_FLIGHT_AT_MOST
    others = Attempt.objects.filter(provider=attempt.provider, started_at__gt=since).exclude(pk=attempt.pk)
    nameless = Q(status=Attempt.Status.SENDING, vendor_id="", vendor_model=attempt.vendor_model)
    if others.filter(Q(vendor_id=vendor_id) | nameless).exists():
        return False
    claimed.update(attempt, status=Attempt.Status.ACCEPTED, vendor_id=vendor_id)
    return True


def answered(answers: Sequence[Answered], *, now: datetime) -> list[Fenced | None]:
    """Keep answers durably, so that a later claim delivers them instead of paying again.

    Answers for each whether the claim was ours no more; the others are written all the same.
    """
    changes = [
        claimed.Change(
            one.claim,
            one.attempt,
            {
                "status": Attempt.Status.ANSWERED,
                "answer": one.answer,
                "state": one.state,
                "description": one.description[:1000],
                "vendor_id": one.vendor_id or one.attempt.vendor_id,
                "vendor_cost_usd": one.cost_usd,
                "vendor_credits": one.vendor_credits,
                "answered_at": now,
            },
        )
        for one in answers
    ]
    return claimed.update_each(changes)


def looked_at(claim: Claim, attempt: Attempt, *, answer: list[dict[str, str]]) -> None:
    """Keep what became of an answer's pictures: which broke their promise, and where the others are staged.

    :raises Fenced:
    """
    claimed.update_mine(claim, attempt, answer=answer)


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
    changes: dict[str, Any] = {
        "status": status,
        "vendor_id": attempt.vendor_id,
        "code": reason.code,
        "detail": reason.detail[:500],
        "vendor_text": vendor_text[:1000],
        "ended_at": now,
    }
    if cost_usd is not None:
        changes["vendor_cost_usd"] = cost_usd
    if vendor_credits is not None:
        changes["vendor_credits"] = vendor_credits
    claimed.update_mine(claim, attempt, **changes)


def vendor_ids(provider: str) -> frozenset[str]:
    """The provider's ids that belong to attempts already, as far back as a call can reach."""
    since = timezone.now() - health.IN_FLIGHT_AT_MOST
    known = Attempt.objects.filter(provider=provider, started_at__gt=since).exclude(vendor_id="")
    return frozenset(known.values_list("vendor_id", flat=True))
