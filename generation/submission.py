"""From a wish to a generation: one transaction prices, holds the credits, writes the row, wakes a worker."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts import events, idempotency, ledger, rows
from accounts.models import ApiKey, User
from gallery import collections, quota
from gallery.models import Image, Original
from generation import branches, pricing, queue, stopping
from generation.models import Branch, Generation, Reference
from generation.references import GivenReference
from generation.wishes import InvalidWish, Wish


class PriceChanged(Exception):
    """The price is not the one the caller expected; nothing was held."""

    code = "price_changed"

    def __init__(self, *, expected: int, quoted: int) -> None:
        super().__init__(f"This now costs {quoted} credits, not {expected}.")
        self.expected, self.quoted = expected, quoted


class CannotCancel(Exception):
    """The generation has ended already."""

    code = "already_finished"

    def __init__(self, generation: Generation) -> None:
        super().__init__(f"This has ended already: {generation.status}.")


@dataclass(frozen=True)
class Beginning:
    """How a turn of a conversation begins: from a picture, or as the first of a new one where there is none.

    `fork` asks for a new branch though the picture is the last of its own. `branch` is where one without a
    picture goes that is there already.
    """

    image: Image | None = None
    fork: bool = False
    branch: Branch | None = None


@dataclass(frozen=True)
class Submitted:
    """The generation, and whether it was there from an earlier call with the same key."""

    generation: Generation
    replayed: bool = False


def submit(
    *,
    user: User,
    wish: Wish,
    references: list[GivenReference],
    now: datetime,
    api_key: ApiKey | None = None,
    expected_credits: int | None = None,
    key: idempotency.Key | None = None,
    turn: Beginning | None = None,
    retry_of: Generation | None = None,
) -> Submitted:
    """Hold the credits and queue the work, or change nothing. `turn` makes it one of a conversation.

    `retry_of` is the one that it is asked for again after.

    :raises ledger.InsufficientCredits: :raises ledger.LimitReached:
    :raises PriceChanged: :raises idempotency.FingerprintDiffers:
    :raises quota.QuotaExceeded: :raises InvalidWish: a picture it is made from was deleted meanwhile.
    """
    if key and (earlier := idempotency.find(owner=user, key=key)):
        return Submitted(Generation.objects.get(public_id=earlier), replayed=True)
    # Before anything is paid for; what is paid for is kept, whatever it comes to.
    quota.check(user)
    public_id = uuid.uuid4()
    with transaction.atomic():
        if key:
            kept = idempotency.keep(owner=user, key=key, reference=str(public_id))
            if kept != str(public_id):
                return Submitted(Generation.objects.get(public_id=kept), replayed=True)
        branch = _branch(user, turn, now) if turn else None
        image = turn.image if turn else None
        generation = _create(
            user,
            wish,
            references,
            now,
            api_key,
            expected_credits,
            public_id,
            branch=branch,
            continues=image,
            retry_of=retry_of,
        )
    return Submitted(generation)


def _branch(user: User, turn: Beginning, now: datetime) -> Branch:
    # Taken before anything of the conversation is read, so that one person's turns are placed one by one.
    ledger.lock(user)
    if turn.branch is not None:
        return branches.rejoin(turn.branch, now=now)
    if turn.image is None:
        return branches.begin(user=user, now=now)
    return branches.place(user=user, image=turn.image, now=now, fork=turn.fork)


def _create(
    user: User,
    wish: Wish,
    references: list[GivenReference],
    now: datetime,
    api_key: ApiKey | None,
    expected_credits: int | None,
    public_id: uuid.UUID,
    *,
    branch: Branch | None,
    continues: Image | None,
    retry_of: Generation | None,
) -> Generation:
    _keep_pictures(references, continues)
    quote = pricing.quote(model=wish.model, count=wish.count, image_size=wish.size.name)
    if expected_credits is not None and expected_credits != quote.credits:
        raise PriceChanged(expected=expected_credits, quoted=quote.credits)
    hold = ledger.hold(
        user=user,
        amount=quote.credits,
        key=str(public_id),
        reason=wish.prompt[:120],
        by=user,
        api_key=api_key,
        reference=str(public_id),
    )
    generation = Generation.objects.create(
        public_id=public_id,
        user=user,
        api_key=api_key,
        model=wish.model.id,
        prompt=wish.prompt,
        aspect_ratio=wish.aspect_ratio,
        image_size=wish.size.name,
        count=wish.count,
        temperature=wish.temperature,
        top_p=wish.top_p,
        provider=wish.provider,
        collection_id=_collection(wish),
        branch=branch,
        continues=continues,
        retry_of=retry_of,
        price=quote.price,
        hold=hold,
        created_at=now,
        deadline_at=now + timedelta(seconds=wish.deadline_seconds or settings.GENERATION_DEADLINE_SECONDS),
    )
    Reference.objects.bulk_create(
        Reference(generation=generation, position=place, original=given.original, image=given.image)
        for place, given in enumerate(references, start=1)
    )
    events.record(user_id=user.pk, kind=events.Kind.GENERATION, subject=str(public_id))
    queue.wake(public_id)
    return generation


def _collection(wish: Wish) -> int | None:
    """Where it is filed; one that was deleted since it was chosen keeps nothing from being made."""
    chosen = wish.collection_id
    return chosen if chosen is not None and collections.keep(chosen) else None


def _keep_pictures(references: list[GivenReference], continues: Image | None) -> None:
    """What it is made from stays until its rows are written; it was looked up before this transaction.

    :raises InvalidWish: a picture was put into the trash, or deleted, since then.
    """
    if not references and continues is None:
        return
    images = {given.image.pk for given in references if given.image is not None}
    images |= {continues.pk} if continues is not None else set()
    kept = rows.hold(Image, images, where="trashed_at IS NULL")
    originals = rows.hold(Original, (given.original.pk for given in references))
    if continues is not None and continues.pk not in kept:
        detail = "This picture isn't there, or you may not see it any more."
        raise InvalidWish("continue_from", "unknown_picture", detail)
    for place, given in enumerate(references, start=1):
        is_gone = given.image is not None and given.image.pk not in kept
        if is_gone or given.original.pk not in originals:
            detail = f"Reference {place} was deleted meanwhile. Remove it, or add it again."
            raise InvalidWish("references", "unknown_reference", detail)


@transaction.atomic
def cancel(*, generation: Generation, now: datetime, expected_credits_max: int | None = None) -> Generation:
    """Stop it by the terms of `stopping`: at once and free where nothing can arrive any more.

    Else it is noted, nothing more is sent, and what still arrives is charged. The row's lock decides whether
    a worker that has it may still send; one that comes later is fenced off. Cancelling twice is no error.

    :raises CannotCancel: when it has ended.
    :raises stopping.TermsChanged: it may cost more than `expected_credits_max`.
    """
    found = Generation.objects.select_for_update(of=("self",)).select_related("hold")
    generation = found.get(pk=generation.pk)
    terms = stopping.terms(generation)
    if terms.code == stopping.FINISHED:
        raise CannotCancel(generation)
    if expected_credits_max is not None and terms.credits_max > expected_credits_max:
        raise stopping.TermsChanged(terms, expected=expected_credits_max)
    if terms.code == stopping.STOPPING:
        return generation
    # What waits for another try is claimed at once, to find that it is over.
    generation.cancel_requested_at, generation.wake_at = now, None
    changed = ["cancel_requested_at", "wake_at"]
    if terms.code == stopping.FREE:
        changed += _end_unsent(generation, now)
    generation.save(update_fields=changed)
    events.record(user_id=generation.user_id, kind=events.Kind.GENERATION, subject=str(generation.public_id))
    return generation


def _end_unsent(generation: Generation, now: datetime) -> list[str]:
    """End what costs nothing, under the next attempt number; answers the fields that are to be saved."""
    ledger.release(hold=generation.hold)
    generation.hold.refresh_from_db()
    generation.status, generation.finished_at = Generation.Status.CANCELED, now
    generation.attempts_made += 1
    generation.leased_until = None
    generation.error_code = generation.error_detail = ""
    return ["status", "finished_at", "attempts_made", "leased_until", "error_code", "error_detail"]
