"""Collections: who sees them and files into them, their pictures, and in what order those are.

A private collection is its owner's alone; one for the team is seen by all its members, who file pictures into
it and take them out. A picture in it that who looks may not see is left out for them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import BigIntegerField, Count, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Membership, Team, User
from gallery import texts
from gallery.models import Collection, CollectionItem, Image
from gallery.refusals import NotAllowed, Refused
from gallery.sharing import NoTeam

IMAGES_MAX = 10_000
"""Of a collection."""
COLLECTIONS_MAX = 1_000
"""Of one person."""
NAME_MAX = 80
DELETE_TRIES = 3
POSITION_GAP = 1 << 20
"""Between the positions of neighbours, so that twenty halvings find room between any two."""

log = structlog.get_logger(__name__)


class Unknown(Exception):
    """There is no such collection, or the person doesn't see it or may not file into it."""

    code = "not_found"

    def __init__(self, which: object) -> None:
        super().__init__("There is nothing here, or it isn't yours.")
        self.which = which


class BadName(Refused):
    code, field = "invalid_name", "name"


class TooMany(Refused):
    code = "too_many_collections"

    def __init__(self) -> None:
        super().__init__(f"You have {COLLECTIONS_MAX:,} collections. Delete one first.")


class Full(Refused):
    """The collection has no room for all of them; none was filed."""

    code, field = "collection_full", ""

    def __init__(self, collection: Collection) -> None:
        super().__init__(
            f"A collection holds {IMAGES_MAX:,} pictures. “{collection.name}” has no room for all."
        )


@dataclass(frozen=True)
class Listed:
    """A collection as it stands in the sidebar: with its cover as far as who looks may see one.

    `size` is None where who looks may not see all that is in it.
    """

    collection: Collection
    cover: Image | None
    is_mine: bool
    size: int | None


# Who sees them


def visible_to(user: User) -> QuerySet[Collection]:
    """A person's own collections, and those of their team."""
    return Collection.objects.filter(Q(owner=user) | _of_team(user))


def fileable_by(user: User) -> QuerySet[Collection]:
    """Those that the person may file into and take out of: all that they see."""
    return visible_to(user)


def get_fileable(user: User, public_id: UUID) -> Collection:
    """:raises Unknown:"""
    found = fileable_by(user).filter(public_id=public_id).first()
    if found is None:
        raise Unknown(public_id)
    return found


def listed(user: User) -> list[Listed]:
    """All that the person sees, by name, their own first, in two queries however many they are."""
    seen = Image.objects.visible_to(user)
    first = CollectionItem.objects.filter(collection=OuterRef("pk"), image__in=seen)
    chosen = seen.filter(pk=OuterRef("cover_id"))
    rows = visible_to(user).annotate(
        cover_pk=Coalesce(
            Subquery(chosen.values("pk")[:1]),
            Subquery(first.order_by("position", "pk").values("image_id")[:1]),
            output_field=BigIntegerField(),
        )
    )
    found = list(rows)
    covers = Image.objects.select_related("original").in_bulk([row.cover_pk for row in found if row.cover_pk])
    every = [
        Listed(
            row,
            covers.get(row.cover_pk),
            is_mine=row.owner_id == user.pk,
            size=row.size if row.visibility == Collection.Visibility.PRIVATE else None,
        )
        for row in found
    ]
    return sorted(every, key=lambda one: (not one.is_mine, one.collection.name.casefold(), one.collection.pk))


def sizes(user: User, collections: Iterable[Collection]) -> dict[int, int]:
    """How many images of each the person sees, in one query."""
    items = CollectionItem.objects.filter(
        collection__in=[one.pk for one in collections], image__in=Image.objects.visible_to(user)
    )
    counted = items.order_by().values("collection_id").annotate(number=Count("pk"))
    return dict(counted.values_list("collection_id", "number"))


def _of_team(user: User) -> Q:
    teams = Team.objects.filter(memberships__user=user).values("pk")
    return Q(visibility=Collection.Visibility.TEAM, team__in=teams)


# The collection itself, by its owner


def create(user: User, name: str) -> Collection:
    """A new private collection.

    :raises BadName: :raises TooMany:
    """
    name = _name(name)
    if Collection.objects.filter(owner=user).count() >= COLLECTIONS_MAX:
        raise TooMany
    return Collection.objects.create(owner=user, name=name)


def rename(by: User, collection: Collection, name: str) -> Collection:
    """:raises NotAllowed: :raises BadName:"""
    _check_owner(by, collection)
    collection.name = _name(name)
    collection.save(update_fields=["name"])
    return collection


def set_cover(by: User, collection: Collection, image: Image | None) -> Collection:
    """Choose a cover among its pictures; None for the first one.

    :raises NotAllowed: :raises Refused: the picture isn't in it, or the owner doesn't see it.
    """
    _check_owner(by, collection)
    seen = Image.objects.visible_to(by).filter(collection_items__collection=collection)
    if image is not None and not seen.filter(pk=image.pk).exists():
        raise NotInIt
    collection.cover = image
    collection.save(update_fields=["cover"])
    return collection


class NotInIt(Refused):
    code = "not_in_collection"

    def __init__(self) -> None:
        super().__init__("This picture isn't in the collection. Load the page again.")


def show_to(by: User, collection: Collection, visibility: str) -> Collection:
    """Make it the owner's alone or the team's.

    :raises NotAllowed: :raises NoTeam: :raises Refused: for what is no visibility of collections.
    """
    _check_owner(by, collection)
    if visibility not in Collection.Visibility.values:
        raise Refused("Choose one of those shown.")
    team = None
    if visibility == Collection.Visibility.TEAM:
        team = Membership.objects.filter(user=by).values_list("team_id", flat=True).first()
        if team is None:
            raise NoTeam
    collection.visibility, collection.team_id = visibility, team
    collection.save(update_fields=["visibility", "team"])
    return collection


def delete(by: User, collection: Collection) -> None:
    """Delete it; its pictures stay where they are.

    :raises NotAllowed:
    """
    _check_owner(by, collection)
    for tries_left in range(DELETE_TRIES - 1, -1, -1):
        try:
            with transaction.atomic():
                # Who files into it holds its row, so nothing comes in between.
                held = Collection.objects.select_for_update().filter(pk=collection.pk).first()
                if held is not None:
                    held.delete()
            return
        except OperationalError:
            # A generation that delivers into it was in the way, and is over now.
            if not tries_left or connection.in_atomic_block:
                raise


def _name(text: str) -> str:
    name = texts.line(text)
    if not name:
        raise BadName("Give the collection a name.")
    if len(name) > NAME_MAX:
        raise BadName(f"A name has {NAME_MAX} letters at most.")
    return name


def _check_owner(by: User, collection: Collection) -> None:
    if collection.owner_id != by.pk:
        raise NotAllowed("Only the person who made this collection may change it.")


# What is in it


def check_room(collection: Collection, image_ids: Sequence[int]) -> None:
    """:raises Full: it has no room for all of the images that aren't in it."""
    there = set(collection.items.values_list("image_id", flat=True))
    if len(there) + len(set(image_ids) - there) > IMAGES_MAX:
        raise Full(collection)


def add(
    user: User,
    collection: Collection,
    image_ids: Sequence[int],
    *,
    at: datetime | None = None,
    partly: bool = False,
) -> list[int]:
    """Put images that the person sees at its end, in this order; the ids of those that weren't in it.

    `partly` files as many as there is room for.

    :raises Unknown: the person may not file into it, or it is gone. :raises Full: none was filed.
    """
    with transaction.atomic():
        held = _held(collection.pk, fileable_by(user))
        if held is None:
            raise Unknown(collection.pk)
        seen = set(Image.objects.visible_to(user).filter(pk__in=image_ids).values_list("pk", flat=True))
        new = _new(held, [pk for pk in dict.fromkeys(image_ids) if pk in seen])
        if partly:
            new = new[: max(0, IMAGES_MAX - held.size)]
        if held.size + len(new) > IMAGES_MAX:
            raise Full(held)
        _append(held, new, by_id=user.pk, at=at or timezone.now())
    return new


def remove(
    user: User, collection: Collection, image_ids: Iterable[int], *, added_at: datetime | None = None
) -> list[CollectionItem]:
    """Take images out, of those only that were filed at that moment; the rows as they were.

    Of a team's collection, members take out what they see.

    :raises Unknown:
    """
    with transaction.atomic():
        held = _held(collection.pk, fileable_by(user))
        if held is None:
            raise Unknown(collection.pk)
        items = held.items.filter(image__in=list(image_ids))
        if held.owner_id != user.pk:
            items = items.filter(image__in=Image.objects.visible_to(user))
        if added_at is not None:
            items = items.filter(added_at=added_at)
        found = list(items)
        CollectionItem.objects.filter(pk__in=[item.pk for item in found]).delete()
    return found


def put_back(user: User, collection: Collection, items: Sequence[CollectionItem]) -> list[int]:
    """File again what was taken out, where it was, as far as there is room; the ids of the images."""
    with transaction.atomic():
        held = _held(collection.pk, fileable_by(user))
        if held is None:
            return []
        there = Image.objects.filter(pk__in=[item.image_id for item in items]).values_list("pk", flat=True)
        new = set(_new(held, list(there)))
        back = [item for item in items if item.image_id in new][: max(0, IMAGES_MAX - held.size)]
        for item in back:
            item.pk, item.collection = None, held
        CollectionItem.objects.bulk_create(back, ignore_conflicts=True, batch_size=500)
    return [item.image_id for item in back]


def move(user: User, collection: Collection, image_id: int, *, beside: int, is_before: bool) -> None:
    """Move an image to just before or just after the one `beside` of the collection, by the images' ids.

    :raises Unknown: :raises NotInIt: either of them isn't in it.
    """
    with transaction.atomic():
        held = _held(collection.pk, fileable_by(user))
        if held is None:
            raise Unknown(collection.pk)
        if beside == image_id:
            return
        places = {item.image_id: item for item in held.items.filter(image__in=[image_id, beside])}
        if len(places) < 2:
            raise NotInIt
        item = places[image_id]
        position = _between(held, item, places[beside], is_before=is_before)
        if position is None:
            _number_anew(held)
            places[beside].refresh_from_db()
            position = _between(held, item, places[beside], is_before=is_before)
        assert position is not None, "neighbours that were just numbered have room"
        item.position = position
        item.save(update_fields=["position"])


def order(user: User, collection: Collection, image_ids: Sequence[int]) -> None:
    """Put these images in this order, at the places that they have among them; the others stay.

    :raises Unknown: :raises NotInIt: one of them isn't in it.
    """
    with transaction.atomic():
        held = _held(collection.pk, fileable_by(user))
        if held is None:
            raise Unknown(collection.pk)
        wanted = list(dict.fromkeys(image_ids))
        items = {item.image_id: item for item in held.items.filter(image__in=wanted)}
        if len(items) < len(wanted):
            raise NotInIt
        if len({item.position for item in items.values()}) < len(items):
            _number_anew(held)
            items = {item.image_id: item for item in held.items.filter(image__in=wanted)}
        positions = sorted(item.position for item in items.values())
        for pk, position in zip(wanted, positions, strict=True):
            items[pk].position = position
        CollectionItem.objects.bulk_update(items.values(), ["position"], batch_size=500)


def file(collection_id: int, images: Sequence[Image], *, by_id: int) -> int:
    """File what was just made, in the transaction that delivers it, as far as there is room; how many.

    It never keeps pictures from being delivered: where the collection is gone, full or no longer the
    person's to file into, they are in the gallery alone.
    """
    try:
        with transaction.atomic():
            user = User.objects.get(pk=by_id)
            held = _held(collection_id, fileable_by(user))
            if held is None:
                return 0
            new = _new(held, [image.pk for image in images])[: max(0, IMAGES_MAX - held.size)]
            _append(held, new, by_id=by_id, at=timezone.now())
            return len(new)
    except DatabaseError:
        log.exception("results could not be filed", collection=collection_id)
        return 0


def keep(pk: int) -> bool:
    """Whether the collection is there; it then isn't deleted before the caller's transaction ends."""
    lock = " FOR KEY SHARE" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM gallery_collection WHERE id = %s{lock}", [pk])  # noqa: S608
        return cursor.fetchone() is not None


def _held(pk: int, among: QuerySet[Collection]) -> Collection | None:
    """The collection with its row held: one files into it at a time, and it isn't deleted meanwhile."""
    return among.select_for_update(of=("self",), no_key=True).filter(pk=pk).first()


def _new(held: Collection, image_ids: Sequence[int]) -> list[int]:
    there = set(held.items.filter(image__in=image_ids).values_list("image_id", flat=True))
    return [pk for pk in image_ids if pk not in there]


def _append(held: Collection, image_ids: Sequence[int], *, by_id: int, at: datetime) -> None:
    last = held.items.aggregate(last=Max("position"))["last"] or 0
    items = (
        CollectionItem(
            collection=held,
            image_id=pk,
            position=last + place * POSITION_GAP,
            added_by_id=by_id,
            added_at=at,
        )
        for place, pk in enumerate(image_ids, start=1)
    )
    CollectionItem.objects.bulk_create(items, batch_size=500)


def _between(
    held: Collection, item: CollectionItem, anchor: CollectionItem, *, is_before: bool
) -> int | None:
    """A position just before or after the anchor; None where there is no room left."""
    others = held.items.exclude(pk=item.pk).exclude(pk=anchor.pk)
    if is_before:
        nearer = others.filter(
            Q(position__lt=anchor.position) | Q(position=anchor.position, pk__lt=anchor.pk)
        )
        beside = nearer.order_by("-position", "-pk").values_list("position", flat=True).first()
        if beside is None:
            return anchor.position - POSITION_GAP
        low, high = beside, anchor.position
    else:
        farther = others.filter(
            Q(position__gt=anchor.position) | Q(position=anchor.position, pk__gt=anchor.pk)
        )
        beside = farther.order_by("position", "pk").values_list("position", flat=True).first()
        if beside is None:
            return anchor.position + POSITION_GAP
        low, high = anchor.position, beside
    return (low + high) // 2 if high - low > 1 else None


def _number_anew(held: Collection) -> None:
    """Give all items positions with full gaps, in their order, by one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE gallery_collectionitem SET position = numbered.place * %s FROM ("
            " SELECT id, ROW_NUMBER() OVER (ORDER BY position, id) AS place"
            " FROM gallery_collectionitem WHERE collection_id = %s) numbered"
            " WHERE gallery_collectionitem.id = numbered.id",
            [POSITION_GAP, held.pk],
        )
