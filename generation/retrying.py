"""Asking again for what has ended: where it was, at one provider, or elsewhere. Pages and API both come here.

What is asked for again is what is missing; where nothing or everything came, all of it. "Elsewhere" is the
best provider that the earlier one was not at, chosen when it is asked for and then the only one: what a
person sends away from a provider must not come back to it by failing over.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from accounts import idempotency
from accounts.models import ApiKey, User
from gallery.models import Image
from generation import catalog, conversations, filing, routing, specs, submission, wishes
from generation.branches import DEAD
from generation.catalog import Catalog, Model, Offer
from generation.models import Generation
from generation.references import GivenReference
from generation.submission import Beginning, Submitted
from generation.wishes import InvalidWish, Wish

ELSEWHERE = "elsewhere"


class NotFinished(Exception):
    """It is still being made, so there is nothing to ask for again."""

    code = "not_finished"

    def __init__(self) -> None:
        super().__init__("This is still being made. Wait for its end, or cancel it.")


@dataclass(frozen=True)
class Retry:
    """An earlier generation's wish, checked against what is on offer now, with what it was given."""

    earlier: Generation
    wish: Wish
    references: list[GivenReference]
    continues: Image | None


def check_ended(generation: Generation) -> None:
    """:raises NotFinished: nobody can say yet what of it will be missing."""
    if not generation.is_terminal:
        raise NotFinished


def been_at(generation: Generation) -> frozenset[str]:
    """The providers that were asked for it, or that it was to go to."""
    asked = {attempt.provider for attempt in generation.attempts.all()}
    return frozenset(asked | ({generation.provider} if generation.provider else set()))


def others(generation: Generation, known: Catalog) -> tuple[Offer, ...]:
    """Who else that is set up can make it, in the admins' order; nobody is "else" where nobody was asked."""
    been = been_at(generation)
    if not been:
        return ()
    try:
        model = known.find(generation.model)
    except catalog.UnknownModel:
        return ()
    wanted = specs.wanted(generation, model)
    return tuple(
        offer
        for offer in model.live_offers()
        if offer.provider.name not in been and routing.lack(model, offer, wanted) is None
    )


def missing(generation: Generation) -> int:
    """How many images to ask for again: those that did not come, or all where all or none came."""
    return generation.count - len(generation.outputs.all()) or generation.count


def prepare(
    generation: Generation,
    *,
    user: User,
    now: datetime,
    provider: str = "",
    count: int | None = None,
    deadline_seconds: int | None = None,
) -> Retry:
    """What to ask for. `provider` is a name, `elsewhere`, or empty for where it was to go the first time.

    :raises InvalidWish: it can't be had any more, nobody else can make it, or what it went on from is gone.
    """
    known = catalog.load()
    given = [
        GivenReference(reference.original, reference.image)
        for reference in generation.references.select_related("original", "image")
    ]
    _check_visible(user, given)
    check_source(generation)
    if provider == ELSEWHERE:
        provider = _best_other(generation, known, now=now)
    wish = wishes.check(
        prompt=generation.prompt,
        model=generation.model,
        aspect_ratio=generation.aspect_ratio,
        image_size=generation.image_size,
        count=missing(generation) if count is None else count,
        references=len(given),
        temperature=generation.temperature,
        top_p=generation.top_p,
        provider=provider or generation.provider,
        continues=generation.continues is not None,
        deadline_seconds=deadline_seconds,
        offered_now=known,
    )
    return Retry(generation, filing.as_before(wish, user, generation), given, generation.continues)


def check_source(generation: Generation) -> None:
    """:raises InvalidWish: it went on from a picture that was deleted for good: it would be another thing."""
    first = generation
    while first.retry_of is not None and first.continues_id is None:
        first = first.retry_of
    if first.continues_id is not None or first.branch is None:
        return
    earlier = Generation.objects.filter(branch=first.branch, pk__lt=first.pk).exclude(status__in=DEAD)
    if first.branch.number or earlier.exists():
        detail = "The picture this went on from was deleted, so it can't be asked for again."
        raise InvalidWish("continue_from", "unknown_picture", detail)


def submit(
    retry: Retry,
    *,
    user: User,
    now: datetime,
    api_key: ApiKey | None = None,
    expected_credits: int | None = None,
    key: idempotency.Key | None = None,
) -> Submitted:
    """Ask for it as a generation of its own; a turn goes on as it did, a first one in its conversation.

    Raises as `submission.submit` does.
    """
    if retry.continues is None:
        first_of = retry.earlier.branch
        return submission.submit(
            user=user,
            wish=retry.wish,
            references=retry.references,
            now=now,
            api_key=api_key,
            expected_credits=expected_credits,
            key=key,
            turn=Beginning(branch=first_of) if first_of else None,
            retry_of=retry.earlier,
        )
    return conversations.continue_from(
        user=user,
        image=retry.continues,
        wish=retry.wish,
        references=retry.references,
        now=now,
        api_key=api_key,
        expected_credits=expected_credits,
        key=key,
        retry_of=retry.earlier,
    )


def _best_other(generation: Generation, known: Catalog, *, now: datetime) -> str:
    """The first by the admins' policy of those who are well; else the first who is able, for when it is.

    Empty, which leaves the choice to the router, where nobody was asked before.
    """
    if not been_at(generation):
        return ""
    found = others(generation, known)
    if not found:
        raise InvalidWish("provider", "no_other_provider", "No other provider that is set up can make this.")
    model = _only(known.find(generation.model), found)
    wanted = specs.wanted(generation, model)
    ranking = routing.rank(known, model, wanted, now=now, image_size=generation.image_size)
    best = ranking.candidates[0].offer if ranking.candidates else found[0]
    return best.provider.name


def _only(model: Model, offers: Iterable[Offer]) -> Model:
    return replace(model, offers={offer.provider.name: offer for offer in offers})


def _check_visible(user: User, given: list[GivenReference]) -> None:
    """:raises InvalidWish: a picture that was given is one the person may no longer see."""
    ids = {reference.image.pk for reference in given if reference.image is not None}
    if Image.objects.visible_to(user).filter(pk__in=ids).count() < len(ids):
        raise InvalidWish(
            "references",
            "reference_gone",
            "A picture you gave as a reference is no longer shared with you. Use the prompt without it.",
        )
