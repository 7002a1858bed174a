"""What every adapter takes and gives."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from generation.wire.messages import UNSTATED, Cost, ImageBytes, ImageLink

# A picture is given to a provider, and comes back, in the same two ways.
ReferenceImage = ImageBytes
ReferenceLink = ImageLink

__all__ = [
    "Abilities",
    "Accepted",
    "Answer",
    "Cost",
    "ImageBytes",
    "ImageLink",
    "Provider",
    "ReferenceImage",
    "ReferenceLink",
    "Spec",
]

# Told the vendor's id as soon as it is known, so that a row can keep it before the answer is whole.
Accepted = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Abilities:
    """What can be asked of a provider; `resumable` says that an id is enough to fetch a result later."""

    temperature: bool
    top_p: bool
    count_max: int
    references_max: int
    resumable: bool


@dataclass(frozen=True)
class Spec:
    """What a provider is asked to draw.

    `model` and `edit_model` are the provider's own ids, the second for calls with references where it has one
    for them. `deadline_seconds` bounds the whole call. `request_id` names it in the vendor's log too.
    """

    model: str
    prompt: str = field(repr=False)
    aspect_ratio: str
    count: int = 1
    references: tuple[ImageBytes | ImageLink, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    edit_model: str = ""
    deadline_seconds: float = 120.0
    request_id: str = ""


@dataclass(frozen=True)
class Answer:
    """At least one picture, perhaps fewer than asked. Links are the vendor's and end: copy them at once."""

    images: tuple[ImageLink | ImageBytes, ...]
    vendor_id: str = ""
    cost: Cost = UNSTATED
    description: str = ""


class Provider(Protocol):
    """An adapter. It sends once and never repeats a paid call by itself."""

    @property
    def name(self) -> str: ...

    @property
    def abilities(self) -> Abilities: ...

    async def generate(self, spec: Spec, *, accepted: Accepted) -> Answer:
        """Have the pictures made.

        :raises NotAccepted: safe to try again or elsewhere.
        :raises OutcomeUnknown: it may have been made and charged.
        :raises Refused: final.
        """
        ...

    async def resume(self, vendor_id: str, spec: Spec) -> Answer:
        """Fetch what an earlier, interrupted call was given the id for. Raises as `generate` does."""
        ...
