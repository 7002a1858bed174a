"""Favourites: what a person likes, for them alone."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils import timezone

from accounts.models import User
from gallery.models import Favourite, Image

_BATCH = 500


def put(user: User, image: Image, *, liked: bool) -> None:
    """Make it a favourite or none any more; twice is as once."""
    if liked:
        add(user, [image.pk], at=timezone.now())
    else:
        remove(user, [image.pk])


def add(user: User, image_ids: Sequence[int], *, at: datetime) -> list[int]:
    """Make favourites of images that the person sees, in the caller's transaction; which were none before."""
    there = set(Favourite.objects.filter(user=user, image__in=image_ids).values_list("image_id", flat=True))
    seen = Image.objects.visible_to(user).filter(pk__in=image_ids).values_list("pk", flat=True)
    new = sorted(set(seen) - there)
    Favourite.objects.bulk_create(
        (Favourite(user=user, image_id=pk, added_at=at) for pk in new),
        ignore_conflicts=True,
        batch_size=_BATCH,
    )
    return new


def remove(user: User, image_ids: Iterable[int], *, added_at: datetime | None = None) -> list[int]:
    """Take images off the favourites, of those only that were added at that moment; which they were."""
    rows = Favourite.objects.filter(user=user, image__in=list(image_ids))
    if added_at is not None:
        rows = rows.filter(added_at=added_at)
    ids = list(rows.values_list("image_id", flat=True))
    Favourite.objects.filter(user=user, image__in=ids).delete()
    return ids


def among(user: User, image_ids: Iterable[int]) -> set[int]:
    """Which of the images are favourites of the person's."""
    rows = Favourite.objects.filter(user=user, image__in=list(image_ids))
    return set(rows.values_list("image_id", flat=True))
