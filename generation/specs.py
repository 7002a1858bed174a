"""What a provider is asked to draw, made of a generation's rows and the offer that was chosen."""

from dataclasses import dataclass

from gallery import fitting, storage
from gallery.models import Image, Original
from generation.catalog import Model, Offer
from generation.models import Attempt, Generation
from generation.providers.base import ReferenceImage, Spec
from generation.routing import Wanted


@dataclass(frozen=True)
class Turn:
    """How a turn of a conversation begins: by the provider's own state, or from the picture before it.

    `remembered` says that a provider gave a state to go on from, whether or not it can still be used.
    """

    image: Image
    remembered: bool = False
    provider: str = ""
    model: str = ""
    state: str = ""
    state_bytes: int = 0

    def goes_on_at(self, model: Model, offer: Offer) -> bool:
        """Whether the offer can go on from the provider's own state."""
        return bool(
            self.state
            and offer.abilities.multi_turn
            and offer.provider.name == self.provider
            and model.id == self.model
            and self.state_bytes <= offer.abilities.state_max_bytes
        )

    def holder(self, model: Model) -> str:
        """The provider that can go on from its own state; empty where everybody starts from the picture."""
        found = (name for name, offer in model.offers.items() if self.goes_on_at(model, offer))
        return next(found, "")


def turn(generation: Generation) -> Turn | None:
    """The turn's beginning, or None where it is no turn of a conversation. Looks into the storage.

    Another person's picture can be gone on from, but never with what their provider remembers of them.
    """
    image = generation.continues
    return None if image is None else turn_from(image, user_id=generation.user_id)


def turn_from(image: Image, *, user_id: int) -> Turn:
    """How a turn of that person's from the picture would begin; a state whose file is gone is no state."""
    output = getattr(image, "output", None)
    if output is None or image.owner_id != user_id:
        return Turn(image)
    attempt: Attempt = output.attempt
    try:
        size = storage.size(attempt.state) if attempt.state else 0
    except FileNotFoundError:
        return Turn(image, True)
    return Turn(image, bool(attempt.state), attempt.provider, image.model, attempt.state, size)


def wanted(generation: Generation, model: Model) -> Wanted:
    """What a provider must be able to do; a turn's picture counts as one more reference."""
    given = len(generation.references.all())
    return Wanted(
        aspect_ratio=generation.aspect_ratio,
        image_size=generation.image_size,
        references=given + (generation.continues_id is not None),
        temperature=generation.temperature not in (None, model.temperature_default),
        top_p=generation.top_p not in (None, model.top_p_default),
    )


def build(
    generation: Generation,
    *,
    model: Model,
    offer: Offer,
    attempt: Attempt,
    number: str,
    deadline_seconds: float,
) -> Spec:
    """The spec of one call; slow, as it reads files, but no rows that were not loaded with the generation.

    A turn goes on from the state of the provider that holds it, else from its picture as the first reference.
    References are made to fit what the provider takes.

    :raises fitting.CannotFit: :raises FileNotFoundError: a reference's file is gone.
    """
    begun = turn(generation)
    originals = [row.original for row in generation.references.all()]
    state = _state(begun, model, offer)
    if begun is not None and state is None:
        originals.insert(0, begun.image.original)
    references = [_reference(original, offer) for original in originals]
    sampling = offer.abilities
    return Spec(
        model=offer.vendor_model,
        edit_model=offer.edit_model,
        prompt=generation.prompt,
        aspect_ratio=generation.aspect_ratio,
        image_size=(generation.image_size or None) if sampling.image_size else None,
        count=len(attempt.positions),
        references=tuple(references),
        temperature=generation.temperature if sampling.temperature else None,
        top_p=generation.top_p if sampling.top_p else None,
        deadline_seconds=deadline_seconds,
        request_id=number,
        state=state,
    )


def _reference(original: Original, offer: Offer) -> ReferenceImage:
    able = offer.abilities
    limits = fitting.Limits(able.reference_types, able.reference_max_bytes)
    fitted = fitting.fit(storage.get(original.name), original.content_type, limits=limits)
    return ReferenceImage(fitted.data, fitted.content_type)


def _state(begun: Turn | None, model: Model, offer: Offer) -> bytes | None:
    if begun is None or not begun.goes_on_at(model, offer):
        return None
    try:
        return storage.get(begun.state)
    except FileNotFoundError:
        return None
