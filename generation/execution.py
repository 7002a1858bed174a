"""The steps of one attempt as rows: send, accepted, answered, finish, fail, postpone.

Each is one short transaction that says which claim it belongs to. Where the claim is no longer ours the step
raises `Fenced` and writes nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, prefetch_related_objects
from django.utils import timezone

from accounts import events, ledger, rows
from accounts.models import Hold
from gallery import collections, ingest, keeping, provenance
from gallery.models import Image, Original
from generation import health
from generation.catalog import Offer
from generation.claims import Claim
from generation.models import Attempt, Generation, Output, Reference
from generation.progress import Reason, progress

Status = Generation.Status
TOO_LATE = Reason("deadline_passed", "It came too late to be delivered.")
UNSENT = Reason("not_sent", "It was never sent: the database was away just before.")


class Fenced(Exception):
    """The claim is not ours any more; another worker has it, or it has ended."""


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


@dataclass(frozen=True)
class Delivered:
    """A picture that is stored and kept its promise, the place it is for, and the attempt that brought it."""

    position: int
    attempt: Attempt
    picture: ingest.Stored


@dataclass(frozen=True)
class _Change:
    """What is to be written of a claim's attempt."""

    claim: Claim
    attempt: Attempt
    fields: dict[str, Any]

    def set(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            setattr(self.attempt, name, value)


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
        rows.finding(Generation, where=mine, values=[*ids, Status.RUNNING.value], lock=True, only=_STANDING),
        rows.finding(Attempt, where=_ATTEMPTS_OF.format(among=among), values=ids),
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
    told = [statement for attempt in attempts for statement in _telling(attempt.generation)]
    rows.insert_each(attempts, *told)


@transaction.atomic
def take_back(claim: Claim, *, known: Sequence[Attempt]) -> None:
    """End calls that were begun and never made, since the database didn't say whether it took them.

    `known` are the attempts that were begun as usual.

    :raises Fenced:
    """
    _locked(claim)
    Attempt.objects.filter(
        generation=claim.generation_id, number=claim.attempt, status=Attempt.Status.SENDING
    ).exclude(pk__in=[attempt.pk for attempt in known]).update(
        status=Attempt.Status.NOT_ACCEPTED, code=UNSENT.code, detail=UNSENT.detail, ended_at=timezone.now()
    )


def accepted(claim: Claim, attempt: Attempt, *, vendor_id: str) -> None:
    """Keep the vendor's id, by which the work can be found again."""
    _update_mine(claim, attempt, status=Attempt.Status.ACCEPTED, vendor_id=vendor_id)


@transaction.atomic
def adopt(claim: Claim, attempt: Attempt, *, vendor_id: str) -> bool:
    """Take a vendor's request for this attempt's, if it can be no other's; whether it is.

    It could be another's that was sent and has no id yet, so then it is nobody's.
    """
    _locked(claim)
    health.lock(attempt.provider)
    since = timezone.now() - health.IN_FLIGHT_AT_MOST
    others = Attempt.objects.filter(provider=attempt.provider, started_at__gt=since).exclude(pk=attempt.pk)
    nameless = Q(status=Attempt.Status.SENDING, vendor_id="", vendor_model=attempt.vendor_model)
    if others.filter(Q(vendor_id=vendor_id) | nameless).exists():
        return False
    _update(attempt, status=Attempt.Status.ACCEPTED, vendor_id=vendor_id)
    return True


def answered(answers: Sequence[Answered], *, now: datetime) -> list[Fenced | None]:
    """Keep answers durably, so that a later claim delivers them instead of paying again.

    Answers for each whether the claim was ours no more; the others are written all the same.
    """
    changes = [
        _Change(
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
    return _update_each(changes)


def looked_at(claim: Claim, attempt: Attempt, *, answer: list[dict[str, str]]) -> None:
    """Keep what became of an answer's pictures: which broke their promise, and where the others are staged.

    :raises Fenced:
    """
    _update_mine(claim, attempt, answer=answer)


def finish(
    claim: Claim,
    generation: Generation,
    delivered: Sequence[Delivered],
    *,
    short: Reason | None,
    now: datetime,
) -> None:
    """Deliver the pictures, capture for them, give the rest back.

    `generation` is as it was loaded with the claim, `short` says why there are fewer than were asked for.

    :raises Fenced:
    """
    try:
        _deliver(claim, generation, delivered, short, now)
    except IntegrityError:
        # What another claim has delivered can't be delivered again, and its writing stands first.
        with transaction.atomic():
            _locked(claim)
        raise


@transaction.atomic
def _deliver(
    claim: Claim, generation: Generation, delivered: Sequence[Delivered], short: Reason | None, now: datetime
) -> None:
    sources = _sources(claim, generation)
    asked, got = generation.count, len(delivered)
    status, why = (Status.SUCCEEDED, None) if got == asked else (Status.PARTIAL, short)
    (ending, values), *told = _ending(generation, status, why, now)
    still_mine = f"{ending} AND attempts_made = %s AND status = %s RETURNING collection_id"
    attempts = {one.attempt.pk: one.attempt for one in delivered}.values()
    done = [
        _updating(attempt, status=Attempt.Status.DELIVERED, answer=[], ended_at=now) for attempt in attempts
    ]
    recorded: dict[str, list[rows.Statement]] = {}
    put_out, images = [], []
    for place, one in enumerate(sorted(delivered, key=lambda one: one.position), start=1):
        original, recorded[one.picture.sha256] = ingest.recording(one.picture)
        image = _image(generation, one.attempt, original, now)
        output = Output(generation=generation, position=place, attempt=one.attempt, sha256=one.picture.sha256)
        itself = {"image_id": rows.id_of(image, "public_id")}
        put_out += [*keeping.keeping(image, sources=sources), rows.inserting(output, refers=itself)]
        images.append(image.public_id)
    # In one order, since somebody else may bring the same ones.
    originals = [statement for sha256 in sorted(recorded) for statement in recorded[sha256]]
    collection_id: int | None = None

    def check(answers: Sequence[Sequence[tuple[Any, ...]]]) -> None:
        nonlocal collection_id
        if not answers[0]:
            raise Fenced(claim)
        ((collection_id,),) = answers[0]

    ledger.capture_within(
        hold_id=generation.hold_id,
        amount=generation.price * got,
        reason=generation.prompt[:120],
        what=ledger.Spent(model=generation.model, provider=_maker(delivered), images=got),
        before=[(still_mine, [*values, claim.attempt, Status.RUNNING]), *told, *done, *originals, *put_out],
        check=check,
    )
    if collection_id is not None:
        # After the account, as whoever submits holds the two in that order.
        made = sorted(Image.objects.filter(public_id__in=images), key=lambda one: images.index(one.public_id))
        collections.file(collection_id, made, by_id=generation.user_id)


def _maker(delivered: Sequence[Delivered]) -> str:
    """The provider the entry names: who made most of them."""
    ((provider, _),) = Counter(one.attempt.provider for one in delivered).most_common(1)
    return provider


@transaction.atomic
def fail(claim: Claim, reason: Reason, *, now: datetime) -> None:
    """End it without pictures and give everything back; what was answered and is not delivered came too late.

    :raises Fenced:
    """
    generation = _locked(claim)
    _end(generation, Status.FAILED, reason, now)
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
    generation = _locked(claim)
    _end(generation, Status.CANCELED, None, now)
    ledger.release(hold=generation.hold)


@transaction.atomic
def postpone(claim: Claim, *, wake_at: datetime, reason: Reason) -> None:
    """Put it back in the queue until `wake_at`, holding no place meanwhile.

    :raises Fenced: :raises CancelRequested:
    """
    generation = _locked(claim)
    if generation.cancel_requested_at is not None:
        raise CancelRequested(claim)
    generation.status, generation.leased_until, generation.wake_at = Status.QUEUED, None, wake_at
    generation.error_code, generation.error_detail = reason.code, reason.detail
    generation.claims_lost = 0
    changed = ("status", "leased_until", "wake_at", "error_code", "error_detail", "claims_lost")
    rows.update(generation, *changed)
    _tell(generation)


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
    _update_mine(claim, attempt, **changes)


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
    _end(generation, Status.FAILED, reason, now)
    ledger.release(hold=generation.hold)
    generation.attempts.filter(status__in=["sending", "accepted"]).update(
        status=Attempt.Status.OUTCOME_UNKNOWN, code=reason.code, detail=reason.detail, ended_at=now
    )
    return True


def vendor_ids(provider: str) -> frozenset[str]:
    """The provider's ids that belong to attempts already, as far back as a call can reach."""
    since = timezone.now() - health.IN_FLIGHT_AT_MOST
    known = Attempt.objects.filter(provider=provider, started_at__gt=since).exclude(vendor_id="")
    return frozenset(known.values_list("vendor_id", flat=True))


# What the holds of generations are, and the attempts of one in their order.
_HOLDS_OF = "id IN (SELECT hold_id FROM generation_generation WHERE id IN ({among}))"
_ATTEMPTS_OF = "generation_id IN ({among}) ORDER BY number, sequence"
_REFERENCES_OF = "generation_id = %s ORDER BY position"
# What is read of a generation, and of its hold; each column more is planned, sent and read anew every time.
_STANDING = ("id", "attempts_made", "cancel_requested_at")
_MADE_FROM = ("id", "continues_id")
_WHOSE = ("id", "account_id", "team_id")


def _locked(claim: Claim) -> Generation:
    (found,) = rows.send(_mine(claim))
    return _only(claim, found)


def _mine(claim: Claim, only: tuple[str, ...] = ()) -> rows.Statement:
    """Reads the claim's generation and locks it, where it is still the claim's."""
    mine = "id = %s AND attempts_made = %s AND status = %s"
    values = [claim.generation_id, claim.attempt, Status.RUNNING.value]
    return rows.finding(Generation, where=mine, values=values, lock=True, only=only)


def _only(claim: Claim, found: Sequence[Sequence[Any]], only: tuple[str, ...] = ()) -> Generation:
    if not found:
        raise Fenced(claim)
    return rows.as_read(Generation, found[0], only=only)


def _end(generation: Generation, status: Status, reason: Reason | None, now: datetime) -> None:
    rows.send(*_ending(generation, status, reason, now))


def _ending(
    generation: Generation, status: Status, reason: Reason | None, now: datetime
) -> list[rows.Statement]:
    generation.status, generation.finished_at = status, now
    generation.leased_until = generation.wake_at = None
    generation.error_code = reason.code if reason else ""
    generation.error_detail = reason.detail[:500] if reason else ""
    ended = ("status", "finished_at", "leased_until", "wake_at", "error_code", "error_detail")
    return [rows.updating(generation, *ended, "attempts_made"), *_telling(generation)]


def _image(generation: Generation, attempt: Attempt, original: Original, now: datetime) -> Image:
    return Image(
        owner_id=generation.user_id,
        team_id=attempt.team_id,
        original=original,
        prompt=generation.prompt,
        model=generation.model,
        # For good: a real provider set up later made none of these.
        provider=provenance.EMULATOR if attempt.emulated else attempt.provider,
        aspect_ratio=generation.aspect_ratio,
        credits=generation.price,
        generation_id=generation.public_id,
        created_at=now,
    )


def _sources(claim: Claim, generation: Generation) -> list[keeping.Source]:
    """What the pictures of a generation are made from: the one it goes on from, and the references.

    Read anew and held where there are any, since those may be gone that were there when it was claimed.

    :raises Fenced:
    """
    if generation.continues_id is None and not generation.references.all():
        return []
    found, references = rows.send(
        _mine(claim, _MADE_FROM),
        rows.finding(Reference, where=_REFERENCES_OF, values=[claim.generation_id]),
    )
    begun = _only(claim, found, _MADE_FROM).continues
    given = (rows.as_read(Reference, one) for one in references)
    sources = [keeping.Source(one.original_id, one.image_id) for one in given]
    return sources if begun is None else [keeping.Source(begun.original_id, begun.pk), *sources]


def _update(attempt: Attempt, **changes: Any) -> None:
    rows.send(_updating(attempt, **changes))


def _updating(attempt: Attempt, **changes: Any) -> rows.Statement:
    for name, value in changes.items():
        setattr(attempt, name, value)
    return rows.updating(attempt, *changes)


def _update_mine(claim: Claim, attempt: Attempt, **changes: Any) -> None:
    """Write it where the claim is still ours.

    :raises Fenced:
    """
    (fenced,) = _update_each([_Change(claim, attempt, changes)])
    if fenced is not None:
        raise fenced


def _update_each(changes: Sequence[_Change]) -> list[Fenced | None]:
    """Write what is the case of attempts whose claims are still ours, each under its generation's lock."""
    # Several generations are locked in one order by all.
    order = sorted(range(len(changes)), key=lambda index: changes[index].claim.generation_id)
    before, updates = {}, []
    for index in order:
        one = changes[index]
        before[index] = {name: getattr(one.attempt, name) for name in one.fields}
        one.set(one.fields)
        updates.append((one.attempt, tuple(one.fields), _mine(one.claim, ("id",))))
    fenced: dict[int, Fenced] = {}
    for index, written in zip(order, rows.update_each_where(updates), strict=True):
        if not written:
            changes[index].set(before[index])
            fenced[index] = Fenced(changes[index].claim)
    return [fenced.get(index) for index in range(len(changes))]


def _tell(generation: Generation) -> None:
    rows.send(*_telling(generation))


def _telling(generation: Generation) -> list[rows.Statement]:
    return events.noting(
        user_id=generation.user_id, kind=events.Kind.GENERATION, subject=str(generation.public_id)
    )
