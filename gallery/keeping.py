"""How images come into the gallery: the row, what it was made from, and its entry in the search index."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from accounts import rows
from gallery.models import Image, ImageSource, Original
from gallery.search import index


@dataclass(frozen=True)
class Source:
    """A picture an image was made from. `image_id` is the image of the gallery it came from, if it did."""

    original_id: int
    image_id: int | None = None


def keep(
    image: Image,
    *,
    sources: Sequence[Source] = (),
    beside: Callable[[Image], Iterable[rows.Statement]] = lambda image: (),
) -> None:
    """Write a new image with its entry in the search index, in the caller's transaction.

    Its `original` is set; what its owner's quota counts is taken from there. `beside` is sent with what is
    written once it has its id.
    """
    original: Original = image.original
    image.size_bytes = original.size_bytes
    rows.insert(image)
    made_from = (
        ImageSource(
            image_id=image.pk,
            position=position,
            original_id=source.original_id,
            source_id=source.image_id,
        )
        for position, source in enumerate(sources, start=1)
    )
    rows.send(
        *(rows.inserting(one) for one in made_from),
        index.adding(image, sources=[source.original_id for source in sources]),
        *beside(image),
    )
