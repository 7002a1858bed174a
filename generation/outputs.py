"""The end of a generation that brought pictures: they are kept, have their places, and are paid for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts import ledger, rows
from gallery import collections, ingest, keeping, provenance
from gallery.models import Image, Original
from generation import claimed
from generation.claimed import Fenced
from generation.claims import Claim
from generation.models import Attempt, Generation, Output, Reference
from generation.progress import Reason

Status = Generation.Status
_REFERENCES_OF = "generation_id = %s ORDER BY position"
# What is read of a generation that was made from others.
_MADE_FROM = ("id", "continues_id")


@dataclass(frozen=True)
class Delivered:
    """A picture that is stored and kept its promise, the place it is for, and the attempt that brought it."""

    position: int
    attempt: Attempt
    picture: ingest.Stored


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
    except (IntegrityError, ledger.HoldSettled):
        # What another claim has delivered can't be delivered again, and its writing stands first.
        with transaction.atomic():
            claimed.locked(claim)
        raise


@transaction.atomic
def _deliver(
    claim: Claim, generation: Generation, delivered: Sequence[Delivered], short: Reason | None, now: datetime
) -> None:
    sources = _sources(claim, generation)
    asked, got = generation.count, len(delivered)
    status, why = (Status.SUCCEEDED, None) if got == asked else (Status.PARTIAL, short)
    (ending, values), *told = claimed.ending(generation, status, why, now)
    still_mine = f"{ending} AND attempts_made = %s AND status = %s RETURNING collection_id"
    attempts = {one.attempt.pk: one.attempt for one in delivered}.values()
    done = [
        claimed.updating(attempt, status=Attempt.Status.DELIVERED, answer=[], ended_at=now)
        for attempt in attempts
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
    _, (still, *_) = ledger.capture_within(
        hold_id=generation.hold_id,
        amount=generation.price * got,
        reason=generation.prompt[:120],
        what=ledger.Spent(model=generation.model, provider=_maker(delivered), images=got),
        before=[(still_mine, [*values, claim.attempt, Status.RUNNING]), *told, *done, *originals, *put_out],
    )
    if not still:
        raise Fenced(claim)
    ((collection_id,),) = still
    if collection_id is not None:
        # After the account, as whoever submits holds the two in that order.
        made = sorted(Image.objects.filter(public_id__in=images), key=lambda one: images.index(one.public_id))
        collections.file(collection_id, made, by_id=generation.user_id)


def _maker(delivered: Sequence[Delivered]) -> str:
    """The provider the entry names: who made most of them."""
    ((provider, _),) = Counter(one.attempt.provider for one in delivered).most_common(1)
    return provider


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
        claimed.reading(claim, _MADE_FROM),
        rows.finding(Reference, where=_REFERENCES_OF, values=[claim.generation_id]),
    )
    begun = claimed.only_one(claim, found, _MADE_FROM).continues
    given = (rows.as_read(Reference, one) for one in references)
    sources = [keeping.Source(one.original_id, one.image_id) for one in given]
    return sources if begun is None else [keeping.Source(begun.original_id, begun.pk), *sources]
