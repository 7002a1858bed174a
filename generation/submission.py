"""From a wish to a generation: one transaction prices, holds the credits, writes the row, wakes a worker."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts import events, idempotency, ledger
from accounts.models import ApiKey, User
from gallery.models import Image
from generation import branches, pricing, queue
from generation.models import Branch, Generation, Reference
from generation.references import GivenReference
from generation.wishes import Wish


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

    `fork` asks for a new branch though the picture is the last of its own.
    """

    image: Image | None = None
    fork: bool = False


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
) -> Submitted:
    """Hold the credits and queue the work, or change nothing. `turn` makes it one of a conversation.

    :raises ledger.InsufficientCredits: :raises ledger.LimitReached:
    :raises PriceChanged: :raises idempotency.FingerprintDiffers:
    """
    if key and (earlier := idempotency.find(owner=user, key=key)):
        return Submitted(Generation.objects.get(public_id=earlier), replayed=True)
    public_id = uuid.uuid4()
    with transaction.atomic():
        if key:
            kept = idempotency.keep(owner=user, key=key, reference=str(public_id))
            if kept != str(public_id):
                return Submitted(Generation.objects.get(public_id=kept), replayed=True)
        branch = _branch(user, turn, now) if turn else None
        image = turn.image if turn else None
        generation = _create(
            user, wish, references, now, api_key, expected_credits, public_id, branch=branch, continues=image
        )
    return Submitted(generation)


def _branch(user: User, turn: Beginning, now: datetime) -> Branch:
    # Taken before anything of the conversation is read, so that one person's turns are placed one by one.
    ledger.lock(user)
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
) -> Generation:
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
        branch=branch,
        continues=continues,
        price=quote.price,
        hold=hold,
        created_at=now,
        deadline_at=now + timedelta(seconds=settings.GENERATION_DEADLINE_SECONDS),
    )
    Reference.objects.bulk_create(
        Reference(generation=generation, position=place, original=given.original, image=given.image)
        for place, given in enumerate(references, start=1)
    )
    events.record(user_id=user.pk, kind=events.Kind.GENERATION, subject=str(public_id))
    queue.wake(public_id)
    return generation


@transaction.atomic
def cancel(*, generation: Generation, now: datetime) -> Generation:
    """Stop it: at no cost while nothing was sent; later it is noted, and what still arrives is charged.

    :raises CannotCancel: when it has ended.
    """
    generation = Generation.objects.select_for_update().select_related("hold").get(pk=generation.pk)
    if generation.is_terminal:
        raise CannotCancel(generation)
    if generation.status == Generation.Status.QUEUED and not _may_still_arrive(generation):
        generation.status = Generation.Status.CANCELED
        generation.finished_at = generation.cancel_requested_at = now
        generation.save(update_fields=["status", "finished_at", "cancel_requested_at"])
        ledger.release(hold=generation.hold)
        generation.hold.refresh_from_db()
    elif generation.cancel_requested_at is None:
        # What waits for another try is claimed at once, to find that it is over.
        generation.cancel_requested_at, generation.wake_at = now, None
        generation.save(update_fields=["cancel_requested_at", "wake_at"])
    events.record(user_id=generation.user_id, kind=events.Kind.GENERATION, subject=str(generation.public_id))
    return generation


def _may_still_arrive(generation: Generation) -> bool:
    done_with = ("not_accepted", "broken_promise", "refused")
    return generation.attempts.exclude(status__in=done_with).exists()
