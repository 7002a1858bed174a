"""Collections: who sees them, who files into them, and in what order their pictures are."""

from collections.abc import Sequence

from django.db.models import Max, Q, QuerySet

from accounts.models import Team, User
from gallery.models import Collection, CollectionItem, Image

IMAGES_MAX = 10_000
"""Of a collection."""
POSITION_GAP = 1 << 20
"""Between the positions of neighbours, so that twenty halvings find room between any two."""


def visible_to(user: User) -> QuerySet[Collection]:
    """A person's own collections, and those of their team."""
    teams = Team.objects.filter(memberships__user=user).values("pk")
    shared = Q(visibility=Collection.Visibility.TEAM, team__in=teams)
    return Collection.objects.filter(Q(owner=user) | shared)


def file(collection_id: int, images: Sequence[Image], *, by_id: int) -> int:
    """Put images at the end of a collection, in the caller's transaction; how many weren't in it before."""
    last = (
        CollectionItem.objects.filter(collection=collection_id).aggregate(last=Max("position"))["last"] or 0
    )
    known = set(
        CollectionItem.objects.filter(collection=collection_id, image__in=images).values_list(
            "image_id", flat=True
        )
    )
    new = [image for image in images if image.pk not in known]
    CollectionItem.objects.bulk_create(
        (
            CollectionItem(
                collection_id=collection_id,
                image=image,
                position=last + place * POSITION_GAP,
                added_by_id=by_id,
            )
            for place, image in enumerate(new, start=1)
        ),
        ignore_conflicts=True,
        batch_size=500,
    )
    return len(new)
