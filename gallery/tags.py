"""Tags: found while they are typed, put on pictures and taken off, renamed, merged and coloured.

Everybody who signs in has one vocabulary. A picture's owner tags it, and so do the members of the team that
it is shown to. A tag that is on other people's pictures is changed by those with the permission
`gallery.change_tag` alone; its maker may as long as only their own pictures have it.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from accounts.models import Team, User
from gallery import texts
from gallery.models import Image, ImageTag, Tag
from gallery.refusals import NotAllowed, Refused
from gallery.search import marking, marks
from gallery.search.words import normalised

CHANGE = "gallery.change_tag"
TAGS_MAX = 20
"""Of one image."""
NAME_MAX = 60
_KEY_MAX = 120
_BATCH = 1_000
MERGE_SECONDS = 2.0
"""So long a merge moves tags within the call; the rest is moved later."""


class BadName(Refused):
    """It can't be the name of a tag."""

    code, field = "invalid_tag", "tags"


class TooManyTags(Refused):
    """An image would have more tags than it may."""

    code, field = "too_many_tags", "tags"

    def __init__(self) -> None:
        super().__init__(f"A picture has {TAGS_MAX} tags at most. Remove one first.")


class NameTaken(Refused):
    """Another tag has that name; the two may be merged."""

    code, field = "name_taken", "name"

    def __init__(self, tag: Tag) -> None:
        super().__init__(f"There is a tag “{tag.name}” already. Merge the two instead.")
        self.tag = tag


# Finding and making


def suggest(user: User, text: str, limit: int = 10) -> list[Tag]:
    """Tags with a word that begins like the text, the most used first; of an empty text the most used."""
    tags = Tag.objects.filter(merged_into=None)
    if text.strip():
        key = normalised(text)
        if not key:
            return []
        tags = tags.filter(Q(key__startswith=key) | Q(key__contains=f" {key}"))
    return list(tags.order_by("-uses", "key")[:limit])


def get(key: str) -> Tag | None:
    """The tag of that name, however it is written; of a merged one what it was merged into."""
    found = Tag.objects.select_related("merged_into").filter(key=normalised(key)).first()
    return found and (found.merged_into or found)


def named(names: Iterable[str], *, by: User | None = None) -> list[Tag]:
    """The tags of these names, in their order, those that are missing made by `by`.

    Call it outside of a transaction that holds rows: two people may make the same tag at once.

    :raises BadName: :raises TooManyTags: more names than one image may have tags.
    """
    wanted = {_key(name): texts.line(name) for name in names}
    if len(wanted) > TAGS_MAX:
        raise TooManyTags
    found = _by_key(wanted)
    if missing := sorted(set(wanted) - set(found)):
        Tag.objects.bulk_create(
            (Tag(name=wanted[key], key=key, created_by=by) for key in missing), ignore_conflicts=True
        )
        found = _by_key(wanted)
    return list(dict.fromkeys(found[key] for key in wanted))


def known(names: Iterable[str]) -> list[Tag]:
    """Those tags of these names that there are.

    :raises BadName:
    """
    return list(dict.fromkeys(_by_key({_key(name) for name in names}).values()))


def of(image_ids: Iterable[int]) -> dict[int, list[Tag]]:
    """The tags of each image, by name, in one query."""
    found: dict[int, list[Tag]] = defaultdict(list)
    rows = ImageTag.objects.filter(image__in=list(image_ids)).select_related("tag__merged_into")
    for row in rows:
        found[row.image_id].append(row.tag)
    return {pk: shown(tags) for pk, tags in found.items()}


def shown(tags: Iterable[Tag]) -> list[Tag]:
    """Tags as they are shown: by name, each merged one as what it was merged into."""
    return sorted({tag.merged_into or tag for tag in tags}, key=lambda tag: tag.key)


def _key(name: str) -> str:
    cleaned = texts.line(name)
    key = normalised(cleaned)
    if not key:
        raise BadName("A tag needs a letter or a digit.")
    if len(cleaned) > NAME_MAX or len(key) > _KEY_MAX:
        raise BadName(f"A tag has {NAME_MAX} letters at most.")
    return key


def _by_key(keys: Iterable[str]) -> dict[str, Tag]:
    tags = Tag.objects.select_related("merged_into").filter(key__in=list(keys))
    return {tag.key: tag.merged_into or tag for tag in tags}


# On pictures


def taggable_by(user: User) -> QuerySet[Image]:
    """A person's own images, and those that are shown to their team."""
    teams = Team.objects.filter(memberships__user=user).values("pk")
    shared = Q(visibility__in=[Image.Visibility.TEAM, Image.Visibility.EVERYONE], team__in=teams)
    images: QuerySet[Image] = Image.objects.kept().filter(Q(owner=user) | shared)
    return images


def add(user: User, image_ids: Iterable[int], names: Iterable[str]) -> list[int]:
    """Put the tags on those of the images that the person may tag; the ids of those that had not all before.

    An image that would have too many tags gets none.

    :raises BadName: :raises TooManyTags: for the names alone.
    """
    tags = named(names, by=user)
    changed: set[int] = set()
    for some in _batches(image_ids):
        with transaction.atomic():
            for ids in attach(user, some, tags, at=timezone.now()).values():
                changed.update(ids)
    return sorted(changed)


def remove(user: User, image_ids: Iterable[int], names: Iterable[str]) -> list[int]:
    """Take the tags off those of the images that the person may tag; the ids of those that had one.

    :raises BadName:
    """
    tags = known(names)
    changed: set[int] = set()
    for some in _batches(image_ids):
        with transaction.atomic():
            for ids in detach(user, some, tags).values():
                changed.update(ids)
    return sorted(changed)


def change(user: User, image: Image, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Take tags off one image that the person may tag, then put others on; all or nothing.

    :raises BadName: :raises TooManyTags:
    """
    added, removed = named(add, by=user), known(remove)
    with transaction.atomic():
        detach(user, [image.pk], removed)
        given = attach(user, [image.pk], added, at=timezone.now())
        there = ImageTag.objects.filter(image=image, tag__in=given).count()
        if there < len(given):
            raise TooManyTags


def attach(
    user: User, image_ids: Sequence[int], tags: Iterable[Tag], *, at: datetime, by_id: int | None = None
) -> dict[int, list[int]]:
    """As `add`, of a few hundred images in the caller's transaction: which images got each tag, by its id.

    `by_id` is whose tags they are, where it isn't the person.
    """
    ids = _locked(taggable_by(user), image_ids)
    # What was merged meanwhile is not given any more, nor what was deleted.
    led = Tag.objects.filter(pk__in=[tag.pk for tag in tags])
    wanted = [tag.pk for tag in _held(Q(pk__in=[tag.merged_into_id or tag.pk for tag in led]))]
    have = dict(
        ImageTag.objects.filter(image__in=ids)
        .values("image_id")
        .annotate(number=Count("pk"))
        .values_list("image_id", "number")
    )
    there = set(ImageTag.objects.filter(image__in=ids, tag__in=wanted).values_list("image_id", "tag_id"))
    new: dict[int, list[int]] = {tag: [] for tag in wanted}
    for pk in ids:
        missing = [tag for tag in wanted if (pk, tag) not in there]
        if have.get(pk, 0) + len(missing) <= TAGS_MAX:
            for tag in missing:
                new[tag].append(pk)
    rows = [
        ImageTag(image_id=pk, tag_id=tag, added_by_id=by_id or user.pk, added_at=at)
        for tag in wanted
        for pk in new[tag]
    ]
    ImageTag.objects.bulk_create(rows, ignore_conflicts=True, batch_size=_BATCH)
    for tag, some in new.items():
        marking.change(some, add=[marks.tag(tag)])
    return new


def detach(user: User, image_ids: Sequence[int], tags: Iterable[Tag]) -> dict[tuple[int, int], list[int]]:
    """As `remove`, of a few hundred images in the caller's transaction.

    Answers which images lost each tag, by its id and by whose it was: 0 where nobody knows.
    """
    ids = _locked(taggable_by(user), image_ids)
    wanted = {tag.pk for tag in tags}
    held = _held(Q(pk__in=wanted) | Q(merged_into__in=wanted))
    rows = ImageTag.objects.filter(tag__in=[tag.pk for tag in held], image__in=ids)
    lost: dict[tuple[int, int], list[int]] = defaultdict(list)
    for tag_id, by_id, image_id in rows.values_list("tag_id", "added_by_id", "image_id"):
        lost[tag_id, by_id or 0].append(image_id)
    rows.delete()
    for (tag_id, _), some in lost.items():
        marking.change(some, drop=[marks.tag(tag_id)])
    return dict(lost)


def take_back(images_of: Mapping[int, Sequence[int]], *, by_id: int, at: datetime) -> int:
    """Take off again the tags that a person put on images at that moment, by the tag's id; of how many."""
    _locked(Image.objects.all(), [pk for ids in images_of.values() for pk in ids])
    # One that was merged in between may have been moved already.
    leads = dict(Tag.objects.filter(pk__in=images_of).values_list("pk", "merged_into_id"))
    came: dict[int, list[int]] = defaultdict(list)
    for tag_id, ids in images_of.items():
        for place in {tag_id, leads.get(tag_id) or tag_id}:
            came[place] += ids
    changed: set[int] = set()
    for tag in _held(Q(pk__in=came)):
        rows = ImageTag.objects.filter(tag=tag, image__in=came[tag.pk], added_by=by_id, added_at=at)
        gone = list(rows.values_list("image_id", flat=True))
        rows.delete()
        marking.change(gone, drop=[marks.tag(tag.pk)])
        changed.update(gone)
    return len(changed)


def _locked(images: QuerySet[Image], ids: Sequence[int]) -> list[int]:
    """Those of the images that are among these, with their rows held in order: one writes their marks."""
    rows = images.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",), no_key=True)
    return list(rows.values_list("pk", flat=True))


def _held(condition: Q) -> list[Tag]:
    """The tags, with their rows held in order, as who counts their uses will hold them anyway."""
    return list(Tag.objects.select_for_update(no_key=True).filter(condition).order_by("pk"))


def _batches(ids: Iterable[int]) -> Iterator[list[int]]:
    every = sorted(set(ids))
    for start in range(0, len(every), _BATCH):
        yield every[start : start + _BATCH]


# The vocabulary itself


def may_change(user: User, tag: Tag) -> bool:
    """Whether the person may rename, merge, colour or delete it."""
    if user.has_perm(CHANGE):
        return True
    others = ImageTag.objects.filter(Q(tag=tag) | Q(tag__merged_into=tag)).exclude(image__owner=user)
    return tag.created_by_id == user.pk and not others.exists()


def rename(by: User, tag: Tag, name: str) -> Tag:
    """Call it something else.

    :raises NotAllowed: :raises BadName: :raises NameTaken:
    """
    _check_may(by, tag)
    key, name = _key(name), texts.line(name)
    other = Tag.objects.filter(key=key).exclude(pk=tag.pk).select_related("merged_into").first()
    if other is not None:
        raise NameTaken(other.merged_into or other)
    tag.key, tag.name = key, name
    try:
        with transaction.atomic():
            tag.save(update_fields=["key", "name"])
    except IntegrityError as error:
        raise NameTaken(Tag.objects.get(key=key)) from error
    return tag


def recolour(by: User, tag: Tag, colour: str) -> Tag:
    """Give it one of `Tag.Colour`, or none.

    :raises NotAllowed: :raises Refused: for what is no colour of tags.
    """
    _check_may(by, tag)
    if colour not in Tag.Colour.values:
        raise Refused("Choose one of the colours shown.")
    tag.colour = colour
    tag.save(update_fields=["colour"])
    return tag


def delete(by: User, tag: Tag) -> None:
    """Take it off all pictures and forget it.

    Its mark stays in the index until the entry is written anew: nobody can ask for it, and ids are used once.

    :raises NotAllowed:
    """
    _check_may(by, tag)
    with transaction.atomic():
        held = Tag.objects.select_for_update().filter(Q(pk=tag.pk) | Q(merged_into=tag.pk)).order_by("pk")
        Tag.objects.filter(pk__in=list(held.values_list("pk", flat=True))).delete()


def merge(by: User, tag: Tag, into: Tag) -> Tag:
    """Make one tag of two: all pictures of `tag` are found by `into` at once, however many they are.

    The old name goes on leading there.

    :raises NotAllowed: for either of them. :raises Refused: for a tag and itself.
    """
    _check_may(by, tag)
    _check_may(by, into)
    if tag.pk == into.pk:
        raise Refused("Choose another tag to merge it into.")
    with transaction.atomic():
        both = Tag.objects.select_for_update().filter(pk__in=[tag.pk, into.pk]).order_by("pk")
        rows = {row.pk: row for row in both}
        if len(rows) < 2:
            raise Refused("This tag is gone. Load the page again.")
        target = rows[into.pk].merged_into_id or into.pk
        if target == tag.pk:
            raise Refused("These two were merged just now. Load the page again.")
        # One step from any name to the tag it leads to.
        Tag.objects.filter(Q(pk=tag.pk) | Q(merged_into=tag.pk)).update(merged_into=target)
    finish_merges(seconds=MERGE_SECONDS)
    return Tag.objects.get(pk=target)


def finish_merges(*, seconds: float = 30.0) -> bool:
    """Move what merged tags are still on to what they were merged into; whether all is done."""
    until = time.monotonic() + seconds
    for tag_id in Tag.objects.filter(merged_into__isnull=False, uses__gt=0).values_list("pk", flat=True):
        while _move_some(tag_id):
            if time.monotonic() >= until:
                return False
    return True


def _move_some(tag_id: int) -> bool:
    """Move a batch; whether there may be more."""
    with transaction.atomic():
        ids = _holders(tag_id)
        into = Tag.objects.filter(pk=tag_id).values_list("merged_into_id", flat=True).first()
        if into is None:
            return False
        _held(Q(pk__in=[tag_id, into]))
        rows = ImageTag.objects.filter(tag=tag_id, image__in=ids)
        moved = list(rows.values_list("pk", "image_id", "added_by_id", "added_at"))
        there = set(ImageTag.objects.filter(tag=into, image__in=ids).values_list("image_id", flat=True))
        new = [
            ImageTag(image_id=image_id, tag_id=into, added_by_id=by_id, added_at=at)
            for _, image_id, by_id, at in moved
            if image_id not in there
        ]
        ImageTag.objects.bulk_create(new, ignore_conflicts=True)
        ImageTag.objects.filter(pk__in=[row[0] for row in moved]).delete()
        marking.change(ids, add=[marks.tag(into)], drop=[marks.tag(tag_id)])
    return len(ids) == _BATCH


def _holders(tag_id: int) -> list[int]:
    """Some images with the tag, in the trash or not, with their rows held."""
    having = ImageTag.objects.filter(tag=tag_id).order_by("image_id").values_list("image_id", flat=True)
    return _locked(Image.objects.all(), list(having[:_BATCH]))


def _check_may(by: User, tag: Tag) -> None:
    if not may_change(by, tag):
        raise NotAllowed("Other people use this tag too. Ask an admin to change it.")
