"""Makes a stored picture fit what a provider takes: its types, its bytes, its sides."""

from dataclasses import dataclass
from typing import Any

from gallery.inspection import CONTENT_TYPES, BrokenMessage, CannotRead, raise_refusal, sniffed
from gallery.picture_process import PictureProcess

process = PictureProcess(wall_seconds=30.0, cpu_seconds=8.0)
"""One of its own, started when first needed: writing a large picture anew takes seconds, which a look at
another shouldn't wait for. It is one that was let in before, so more time is no gift to a stranger."""


@dataclass(frozen=True)
class Limits:
    """What is taken. `max_bytes` is of the picture itself, not of its Base64; `max_side` is pixels, or None.

    `content_types` may name any; what is written anew is PNG, JPEG or WebP.
    """

    content_types: frozenset[str]
    max_bytes: int
    max_side: int | None = None


@dataclass(frozen=True)
class Fitted:
    """A picture within the limits. Without `changed` these are the bytes that were given."""

    data: bytes
    content_type: str
    changed: bool


class CannotFit(Exception):
    """The picture can't be given within the limits.

    `code` is `does_not_fit` (even at 64 pixels it has too many bytes), `no_type` (nothing we write is
    taken), or one of `inspection.CODES` for what is no whole picture; `detail` is a sentence for people.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def fit(data: bytes, content_type: str, *, limits: Limits) -> Fitted:
    """The picture as it may be given. Blocks, up to seconds when it has to be written anew; touches no row.

    What fits already comes back as it is. Else it is written as the best type that is taken (PNG for
    transparency if that fits; on white where only JPEG is left), upright and in sRGB, in lower quality and
    then in fewer pixels only as far as needed. The same picture and limits give the same bytes.

    `content_type` is what it is said to be; what the bytes begin like counts where the two differ.

    :raises CannotFit:
    """
    kind = sniffed(data) or content_type
    if kind in limits.content_types and len(data) <= limits.max_bytes and limits.max_side is None:
        return Fitted(data, kind, changed=False)
    if not limits.content_types.intersection(CONTENT_TYPES):
        raise CannotFit("no_type", "The provider takes no type of picture that Easel can write.")
    try:
        return _fitted(data, kind, *_asked(data, limits))
    except CannotRead as refusal:
        raise CannotFit(refusal.code, _words(refusal, limits)) from refusal


def _asked(data: bytes, limits: Limits) -> tuple[dict[str, Any], list[bytes]]:
    return process.ask(
        "fit",
        data,
        content_types=sorted(limits.content_types),
        max_bytes=limits.max_bytes,
        max_side=limits.max_side,
    )


def _fitted(data: bytes, kind: str, header: dict[str, Any], blobs: list[bytes]) -> Fitted:
    raise_refusal(header)
    if not blobs:
        return Fitted(data, kind, changed=False)
    if header.get("content_type") not in CONTENT_TYPES:
        raise BrokenMessage("unknown content type")
    return Fitted(blobs[0], header["content_type"], changed=True)


def _words(refusal: CannotRead, limits: Limits) -> str:
    if refusal.code == "does_not_fit":
        return f"The picture can't be made small enough: the provider takes {limits.max_bytes} bytes."
    return "The picture can't be read, so it can't be made to fit what the provider takes."
