"""How images come into the gallery: the row, what it was made from, and its entry in the search index."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts import rows
from gallery.models import Image, ImageSource, Original
from gallery.search import index


@dataclass(frozen=True)
class Source:
    """A picture an image was made from. `image_id` is the image of the gallery it came from, if it did."""

    original_id: int
    image_id: int | None = None


def keep(image: Image, *, sources: Sequence[Source] = ()) -> None:
    """Write a new image with its entry in the search index, in the caller's transaction.

    Its `original` is set; what its owner's quota counts is taken from there.
    """
    answered, *_ = rows.send(*keeping(image, sources=sources))
    rows.is_there(image, answered)


def keeping(image: Image, *, sources: Sequence[Source] = ()) -> list[rows.Statement]:
    """Writes what `keep` writes; for `rows.send`, where the row of its original may go before it."""
    original: Original = image.original
    image.size_bytes = original.size_bytes
    by_content = {"original_id": rows.id_of(original, "sha256")} if original.pk is None else None
    itself = {"image_id": rows.id_of(image, "public_id")}
    made_from = (
        ImageSource(position=position, original_id=source.original_id, source_id=source.image_id)
        for position, source in enumerate(sources, start=1)
    )
    return [
        rows.inserting(image, refers=by_content),
        *(rows.inserting(one, refers=itself) for one in made_from),
        index.adding(image, sources=[source.original_id for source in sources]),
    ]
