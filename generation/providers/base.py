"""What every adapter takes and gives."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import httpx

from generation.wire.messages import UNSTATED, Cost, ImageBytes, ImageLink

# A picture is given to a provider, and comes back, in the same two ways.
ReferenceImage = ImageBytes
ReferenceLink = ImageLink

__all__ = [
    "Abilities",
    "Accepted",
    "Adapter",
    "Answer",
    "Connection",
    "Cost",
    "Finder",
    "ImageBytes",
    "ImageLink",
    "ReferenceImage",
    "ReferenceLink",
    "Spec",
]


@dataclass(frozen=True)
class Connection:
    """How a provider is reached. `name` is its row's; `options` are its format's own, as an organisation is.

    `outside` is the client for addresses that the vendor's answers name, which keeps out of private networks.

    :raises ValueError: the key could not travel in a header; the text does not repeat it.
    """

    name: str
    base_url: str
    api_key: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    outside: httpx.AsyncClient | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        key = self.api_key
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise ValueError(f"the key of {self.name} holds characters that no key has")


# Told the vendor's id as soon as it is known, so that a row can keep it before the answer is whole.
Accepted = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Abilities:
    """What can be asked of a provider; of None it takes whatever the model knows.

    `count_max` is the pictures one call makes. `ratios` are the shapes it can be told,
    `ratios_with_references` those when there are references too. `image_size` says that it can be told 1K, 2K
    or 4K, `multi_turn` that it goes on from the state of an earlier answer, of at most `state_max_bytes`.
    `resumable` says that an id is enough to fetch a result later, `cancelable` that work it has taken can be
    called off. References have one of `reference_types` and at most `reference_max_bytes` each.
    """

    temperature: bool
    top_p: bool
    count_max: int
    references_max: int
    resumable: bool
    cancelable: bool = False
    multi_turn: bool = False
    state_max_bytes: int = 15 * 1024 * 1024
    image_size: bool = False
    ratios: frozenset[str] | None = None
    ratios_with_references: frozenset[str] | None = None
    reference_types: frozenset[str] = frozenset({"image/png", "image/jpeg", "image/webp"})
    reference_max_bytes: int = 7 * 1024 * 1024


@dataclass(frozen=True)
class Spec:
    """What a provider is asked to draw.

    `model` and `edit_model` are the provider's own ids, the second for calls with references where it has one
    for them. `deadline_seconds` bounds the whole call. `request_id` names it in the vendor's log too.
    `state` is what this provider's answer to the turn before held as its own; the prompt is then the next
    turn's.
    """

    model: str
    prompt: str = field(repr=False)
    aspect_ratio: str
    count: int = 1
    references: tuple[ImageBytes | ImageLink, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    image_size: str | None = None
    edit_model: str = ""
    deadline_seconds: float = 120.0
    request_id: str = ""
    state: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Answer:
    """At least one picture, perhaps fewer than asked. Links are the vendor's and end: copy them at once.

    `state` is what the next turn needs to go on from here, opaque to everybody but the adapter.
    """

    images: tuple[ImageLink | ImageBytes, ...]
    vendor_id: str = ""
    cost: Cost = UNSTATED
    description: str = ""
    state: bytes | None = field(default=None, repr=False)


class Adapter(Protocol):
    """Our side of a provider. It sends once and never repeats a paid call by itself."""

    @property
    def name(self) -> str:
        """The provider's name, as its row has it."""
        ...

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

    async def cancel(self, vendor_id: str) -> bool:
        """Ask to call off work it has taken; whether the provider said that it did. Never raises."""
        ...


@runtime_checkable
class Finder(Protocol):
    """An adapter whose vendor lists what was asked of it, so that a call without an id can be found again."""

    async def find(self, spec: Spec, *, since: datetime, taken: frozenset[str]) -> str | None:
        """The vendor's id of the one request that `spec` was sent as, at `since` or after.

        None when there is none, or more than one could be it; ids in `taken` are other attempts'.

        :raises OutcomeUnknown: the vendor's list cannot be had now.
        """
        ...
