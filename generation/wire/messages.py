"""What every format can say: requests, answers and errors, free of any vendor's spelling."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True)
class ImageLink:
    """A picture by its address; sizes are pixels where the sender named them."""

    url: str
    content_type: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class ImageBytes:
    """A picture inside the message. Its content type is the sender's claim; only the bytes can be trusted."""

    data: bytes = field(repr=False)
    content_type: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Cost:
    """What the vendor says a call cost: its own credits, and US dollars. None where it said nothing."""

    credits: int | None = None
    usd: Decimal | None = None


# The vendor named no cost.
UNSTATED = Cost()


@dataclass(frozen=True)
class ImageRequest:
    """A request for pictures. None and an empty tuple mean that the request says nothing of it."""

    model: str
    prompt: str
    aspect_ratio: str | None = None
    count: int = 1
    references: tuple[ImageLink | ImageBytes, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    # "1K", "2K" or "4K", where the model draws in several sizes.
    image_size: str | None = None
    # Which of its back ends an aggregator shall use, in the vendor's words.
    provider_route: str | None = None
    # What the answer to the turn before gave to go on from, in the vendor's own words; None begins anew.
    state: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ImageAnswer:
    """What came back. No images and a description: the model explained why it drew nothing."""

    images: tuple[ImageLink | ImageBytes, ...]
    description: str = ""
    cost: Cost = UNSTATED
    vendor_id: str = ""
    # What a next turn sends back to go on from here, whole and untouched; None where the vendor has no turns.
    state: bytes | None = field(default=None, repr=False)


class Meaning(StrEnum):
    """What an error answer says, whatever its status and envelope."""

    INVALID = "invalid"
    CONTENT = "content"
    BAD_KEY = "bad_key"
    NO_MONEY = "no_money"
    QUOTA = "quota"  # used up for longer than a wait is worth: a day's, a plan's
    NOT_ALLOWED = "not_allowed"
    UNKNOWN_MODEL = "unknown_model"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    BROKEN = "broken"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True)
class ErrorAnswer:
    """An error as the vendor gave it. `status` is the HTTP status; `message` its own words, perhaps empty.

    `code` is the vendor's own word for it, `retry_after_seconds` the wait its body asks for, not yet clamped.
    `cause` is the error of a service behind the vendor, which it passes on; a status of 0 there is unnamed.
    """

    status: int
    message: str = ""
    vendor_id: str = ""
    cost: Cost = UNSTATED
    code: str = ""
    retry_after_seconds: float | None = None
    cause: "ErrorAnswer | None" = None
