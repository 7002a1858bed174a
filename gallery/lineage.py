"""Lineage: what a picture was made from, and what was made from it, as far as who looks may see."""

from dataclasses import dataclass

from accounts.models import User
from gallery.models import Image, ImageSource, Original, Upload

MADE_MAX = 24
"""Of what was made from a picture, the newest."""


@dataclass(frozen=True)
class Source:
    """A picture that went in: an image, a file its owner gave, or one that who looks can't see.

    `upload` is the file as it can be shown, while its owner still has it.
    """

    image: Image | None = None
    original: Original | None = None
    upload: Upload | None = None

    @property
    def is_hidden(self) -> bool:
        return self.image is None and self.original is None


@dataclass(frozen=True)
class Lineage:
    """Both directions. `more` says that older ones were made from it too."""

    sources: tuple[Source, ...] = ()
    made: tuple[Image, ...] = ()
    more: bool = False


def of(user: User, image: Image) -> Lineage:
    """The picture's lineage, for who may see the picture; in a constant number of queries."""
    given = list(ImageSource.objects.filter(image=image).select_related("original").order_by("position"))
    seen = Image.objects.visible_to(user).with_files().with_facts(user)
    images = seen.in_bulk([one.source_id for one in given if one.source_id is not None]) if given else {}
    uploads = _uploads(user, image, given)
    made_from = ImageSource.objects.filter(source=image).values("image_id")
    made = list(seen.filter(pk__in=made_from).order_by("-pk")[: MADE_MAX + 1])
    return Lineage(
        tuple(_source(one, images, uploads, is_mine=image.owner_id == user.pk) for one in given),
        tuple(made[:MADE_MAX]),
        more=len(made) > MADE_MAX,
    )


def _source(
    one: ImageSource, images: dict[int, Image], uploads: dict[int, Upload], *, is_mine: bool
) -> Source:
    if one.source_id is not None:
        return Source(image=images.get(one.source_id))
    if not is_mine:
        return Source()
    return Source(original=one.original, upload=uploads.get(one.original_id))


def _uploads(user: User, image: Image, given: list[ImageSource]) -> dict[int, Upload]:
    """The owner's files among what was given, by their originals; nobody else is shown any."""
    originals = [one.original_id for one in given if one.source_id is None]
    if not originals or image.owner_id != user.pk:
        return {}
    rows = Upload.objects.filter(owner=user, original__in=originals).select_related("original")
    return {upload.original_id: upload for upload in rows.order_by("pk")}
