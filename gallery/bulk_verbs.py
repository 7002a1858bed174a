"""What can be done to many pictures at once: a part of it, and how that part is undone.

A part is a few hundred images in a transaction of the caller's. Doing it answers how many of them it changed
and, as JSON, what it takes to undo it. Undoing changes what is still as the act left it and nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import User
from gallery import collections, favourites, sharing, tags, trash
from gallery.models import Collection, CollectionItem, Image, Tag
from gallery.packing import pack, unpack

Before = Any
PART = 500
UNINDEXED_PART = 2_000
"""Where the search index isn't written."""


@dataclass(frozen=True)
class Acting:
    """Who acts, when, and with what the verb needs besides the pictures, as JSON."""

    user: User
    at: datetime
    args: Mapping[str, Any]


@dataclass(frozen=True)
class Verb:
    """`do` and `undo` as the module says; `part` is how many images are done in one transaction."""

    do: Callable[[Acting, list[int]], tuple[int, Before]]
    undo: Callable[[Acting, Before], int]
    part: int = PART


def _tag(acting: Acting, ids: list[int]) -> tuple[int, Before]:
    given = tags.attach(acting.user, ids, _tags(acting), at=acting.at)
    return _number(given.values()), {str(tag): pack(some) for tag, some in given.items() if some}


def _untag_again(acting: Acting, before: Before) -> int:
    given = {int(tag): unpack(ids) for tag, ids in before.items()}
    return tags.take_back(given, by_id=acting.user.pk, at=acting.at)


def _untag(acting: Acting, ids: list[int]) -> tuple[int, Before]:
    lost = tags.detach(acting.user, ids, _tags(acting))
    return _number(lost.values()), {f"{tag}:{by}": pack(sorted(some)) for (tag, by), some in lost.items()}


def _tag_again(acting: Acting, before: Before) -> int:
    changed: set[int] = set()
    for key, ids in before.items():
        tag, _, by = key.partition(":")
        rows = list(Tag.objects.filter(pk=int(tag)))
        given = tags.attach(acting.user, unpack(ids), rows, at=acting.at, by_id=int(by) or None)
        changed.update(*given.values())
    return len(changed)


def _collect(acting: Acting, ids: list[int]) -> tuple[int, Before]:
    # There was room for all when it began.
    new = collections.add(acting.user, _collection(acting), ids, at=acting.at, partly=True)
    return len(new), pack(new)


def _uncollect_again(acting: Acting, before: Before) -> int:
    try:
        collection = _collection(acting)
        return len(collections.remove(acting.user, collection, unpack(before), added_at=acting.at))
    except collections.Unknown:
        return 0


def _uncollect(acting: Acting, ids: list[int]) -> tuple[int, Before]:
    items = collections.remove(acting.user, _collection(acting), ids)
    filed: dict[str, list[CollectionItem]] = {}
    for item in items:
        filed.setdefault(f"{item.added_by_id or 0} {item.added_at.isoformat()}", []).append(item)
    return len(items), {
        how: [pack(item.image_id for item in some), pack(item.position for item in some)]
        for how, some in filed.items()
    }


def _collect_again(acting: Acting, before: Before) -> int:
    try:
        collection = _collection(acting)
    except collections.Unknown:
        return 0
    items = []
    for how, (ids, positions) in before.items():
        by, _, added_at = how.partition(" ")
        items += [
            CollectionItem(
                image_id=image_id,
                position=position,
                added_by_id=int(by) or None,
                added_at=datetime.fromisoformat(added_at),
            )
            for image_id, position in zip(unpack(ids), unpack(positions), strict=True)
        ]
    return len(collections.put_back(acting.user, collection, items))


def _favourite(acting: Acting, ids: list[int]) -> tuple[int, Before]:
    new = favourites.add(acting.user, ids, at=acting.at)
    return len(new), pack(new)


def _unfavourite_again(acting: Acting, before: Before) -> int:
    return len(favourites.remove(acting.user, unpack(before), added_at=acting.at))


def _unfavourite(acting: Acting, ids: list[int]) -> tuple[int, Before]:
    lost = favourites.remove(acting.user, ids)
    return len(lost), pack(sorted(lost))


def _favourite_again(acting: Acting, before: Before) -> int:
    return len(favourites.add(acting.user, unpack(before), at=acting.at))


def _show(acting: Acting, ids: list[int]) -> tuple[int, Before]:
    before = sharing.show_many(acting.user, ids, acting.args["visibility"])
    packed = {f"{visibility}:{team}": pack(some) for (visibility, team), some in before.items()}
    return sum(map(len, before.values())), packed


def _show_again(acting: Acting, before: Before) -> int:
    was = {}
    for key, ids in before.items():
        visibility, _, team = key.partition(":")
        was[visibility, int(team)] = unpack(ids)
    return sharing.restore(acting.user, was, left_as=acting.args["visibility"])


def _trash(acting: Acting, ids: list[int]) -> tuple[int, Before]:
    gone = trash.put(acting.user, ids)
    when: dict[str, list[int]] = {}
    rows = Image.objects.filter(pk__in=gone, trashed_at__isnull=False).order_by("pk")
    for pk, trashed_at in rows.values_list("pk", "trashed_at"):
        when.setdefault(str(trashed_at), []).append(pk)
    return len(gone), {moment: pack(some) for moment, some in when.items()}


def _take_out(acting: Acting, before: Before) -> int:
    back: list[int] = []
    for moment, ids in before.items():
        # What was taken out and thrown away again since was so by a later decision.
        rows = Image.objects.filter(pk__in=unpack(ids), trashed_at=datetime.fromisoformat(moment))
        back += rows.values_list("pk", flat=True)
    return len(trash.take_out(acting.user, back))


VERBS: dict[str, Verb] = {
    "tag": Verb(_tag, _untag_again),
    "untag": Verb(_untag, _tag_again),
    "collect": Verb(_collect, _uncollect_again, part=UNINDEXED_PART),
    "uncollect": Verb(_uncollect, _collect_again, part=UNINDEXED_PART),
    "favourite": Verb(_favourite, _unfavourite_again, part=UNINDEXED_PART),
    "unfavourite": Verb(_unfavourite, _favourite_again, part=UNINDEXED_PART),
    "show": Verb(_show, _show_again),
    "trash": Verb(_trash, _take_out),
}


def _tags(acting: Acting) -> list[Tag]:
    return list(Tag.objects.filter(pk__in=acting.args["tags"]))


def _collection(acting: Acting) -> Collection:
    found = collections.fileable_by(acting.user).filter(pk=acting.args["collection"]).first()
    if found is None:
        raise collections.Unknown(acting.args["collection"])
    return found


def _number(groups: Iterable[Sequence[int]]) -> int:
    """How many images there are in the groups together."""
    return len(set[int]().union(*groups))
