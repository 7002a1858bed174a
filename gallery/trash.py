"""The trash: pictures that left everywhere, come back within thirty days, and are deleted for good after.

A picture in the trash is on its owner's trash page and nowhere else: not in the gallery, the search index,
collections, share links, the API or the Studio. Its row and files stay, and so do the tags and places that
come back with it. For good means that the row goes, with all that hung on it; its generation keeps what it
cost and the file's digest. Files are the search for orphans' (`leftovers.py`), once no row names them:
`delete_unused` lets go of the rows of originals that nobody has any more.

Everything goes in batches, each in a short transaction, so that fifty thousand pictures hold nobody up and
whatever stops it half-way is made up for by doing it again.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import CASCADE, Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts import events
from accounts.models import User
from gallery import telling
from gallery.models import Image, Original
from gallery.search import index
from gallery.telling import Changed

KEPT_DAYS = 30
KEPT = timedelta(days=KEPT_DAYS)
BATCH = 500
EMPTY_SECONDS = 2.5
"""Of one call that empties it; the rest is deleted by the clock, and is out of the trash all the same."""
UNUSED_KEPT = timedelta(hours=24)
"""How old an original without rows must be: somebody may just have stored it and write theirs soon."""
_UNFINISHED = ("queued", "running")


# What is in it


def of(user: User, *, now: datetime | None = None) -> QuerySet[Image]:
    """The person's pictures that can be taken out still; `trashed_at` says since when they are there."""
    since = (now or timezone.now()) - KEPT
    found: QuerySet[Image] = Image.objects.filter(owner=user, trashed_at__gt=since)
    return found


def days_left(image: Image, *, now: datetime) -> int:
    """Whole days until a picture in the trash is deleted for good, at least 0."""
    assert image.trashed_at is not None
    return max(0, -(-(image.trashed_at + KEPT - now) // timedelta(days=1)))


# In and out


def put(user: User, image_ids: Iterable[int]) -> list[int]:
    """Put pictures of the person's into the trash; answers the ids of those that went in just now.

    Others' pictures, unknown ids and what is in it already are passed over.
    """
    return _in_batches(image_ids, lambda ids: _put(user, ids, timezone.now()))


def take_out(user: User, image_ids: Iterable[int]) -> list[int]:
    """Have pictures of the person's back where they were; answers the ids of those that came back."""
    return _in_batches(image_ids, lambda ids: _take_out(user, ids))


@transaction.atomic
def _put(user: User, ids: Sequence[int], now: datetime) -> list[int]:
    held = _held(Image.objects.kept().filter(owner=user, pk__in=ids))
    went = [pk for pk, _ in held]
    Image.objects.filter(pk__in=went).update(trashed_at=now)
    index.remove(went)
    telling.tell(changed for _, changed in held)
    return went


@transaction.atomic
def _take_out(user: User, ids: Sequence[int]) -> list[int]:
    held = _held(of(user).filter(pk__in=ids))
    came = [pk for pk, _ in held]
    Image.objects.filter(pk__in=came).update(trashed_at=None)
    index.write(came)
    telling.tell(changed for _, changed in held)
    return came


def _held(rows: QuerySet[Image]) -> list[tuple[int, Changed]]:
    """Ids of the rows, which are locked, and what it takes to tell of each."""
    held = rows.select_for_update().order_by("pk")
    found = held.values_list("pk", "public_id", "owner_id", "team_id", "visibility")
    return [(pk, Changed(public_id, owner, team, {seen})) for pk, public_id, owner, team, seen in found]


# For good


def delete(user: User, image_ids: Iterable[int]) -> list[int]:
    """Delete pictures in the person's trash for good, now; answers the ids of those that are gone.

    Passed over is what isn't in the trash, and what an unfinished generation goes on from.
    """

    def gone(ids: Sequence[int]) -> list[int]:
        return _purge(of(user).filter(pk__in=ids))

    return _in_batches(image_ids, gone)


def empty(user: User) -> int:
    """Delete all that is in the person's trash for good; answers how many pictures it was.

    What the time doesn't do for is out of the trash at once and deleted by the clock within minutes.
    """
    due = timezone.now() - KEPT
    with transaction.atomic():
        emptied = of(user).update(trashed_at=due)
        if emptied:
            events.record(user_id=user.pk, kind=events.Kind.IMAGE)
    _purge_all(Image.objects.filter(owner=user, trashed_at__lte=due), seconds=EMPTY_SECONDS)
    return emptied


def purge_due(now: datetime, *, seconds: float = float("inf")) -> int:
    """Delete for good what has been in the trash for thirty days; answers how many pictures.

    Ends after about so many seconds; the next call goes on. What an unfinished generation goes on from waits.
    """
    return _purge_all(Image.objects.filter(trashed_at__lte=now - KEPT), seconds=seconds)


def delete_unused(*, now: datetime, after: int = 0, seconds: float = float("inf")) -> tuple[int, int | None]:
    """Let go of originals that no row has any more: how many, and the id to go on after, or None at the end.

    Their files are orphans from then on.
    """
    ends = time.monotonic() + seconds
    deleted = 0
    while ids := list(
        Original.objects.filter(pk__gt=after, created_at__lt=now - UNUSED_KEPT)
        .order_by("pk")
        .values_list("pk", flat=True)[:BATCH]
    ):
        deleted += _delete_unused(ids)
        after = ids[-1]
        if time.monotonic() >= ends:
            return deleted, after
    return deleted, None


def _purge_all(due: QuerySet[Image], *, seconds: float) -> int:
    ends = time.monotonic() + seconds
    gone = last = 0
    while ids := list(due.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        gone += len(_purge(due.filter(pk__in=ids)))
        last = ids[-1]
        if time.monotonic() >= ends:
            break
    return gone


@transaction.atomic
def _purge(rows: QuerySet[Image]) -> list[int]:
    """Delete these images, but for those that somebody else is at, or that are still to be gone on from."""
    needed = Image.objects.filter(pk=OuterRef("pk"), continued_by__status__in=_UNFINISHED)
    ids = list(
        rows.filter(~Exists(needed))
        .select_for_update(of=("self",), **_passing_over())
        .values_list("pk", flat=True)
    )
    # Looked at once more now that nobody can begin to go on from them: see `submission`.
    ids = list(Image.objects.filter(~Exists(needed), pk__in=ids).values_list("pk", flat=True))
    owners = sorted(set(Image.objects.filter(pk__in=ids).values_list("owner_id", flat=True)))
    Image.objects.filter(pk__in=ids).delete()
    events.record_each(user_ids=owners, kind=events.Kind.IMAGE)
    return ids


@transaction.atomic
def _delete_unused(ids: Sequence[int]) -> int:
    unused = Original.objects.filter(*_unused(), pk__in=ids)
    # Who is about to write a row of it holds it: `ingest.recording`, `rows.hold`.
    locked = list(unused.select_for_update(of=("self",), **_passing_over()).values_list("pk", flat=True))
    if not locked:
        return 0
    really = list(Original.objects.filter(*_unused(), pk__in=locked).values_list("pk", flat=True))
    Original.objects.filter(pk__in=really).delete()
    return len(really)


def _unused() -> list[Any]:
    """Conditions that no row of any kind refers to an original; what belongs to it alone doesn't count."""
    referring: Any = Original._meta.get_fields(include_hidden=True)
    users = (
        one for one in referring if one.auto_created and not one.concrete and one.on_delete is not CASCADE
    )
    return [
        ~Exists(relation.related_model._base_manager.filter(**{relation.field.name: OuterRef("pk")}))
        for relation in users
    ]


def _passing_over() -> dict[str, bool]:
    """Rows that somebody else has locked are left for the next time, so that nobody waits in a ring."""
    return {"skip_locked": connection.features.has_select_for_update_skip_locked}


def _in_batches(image_ids: Iterable[int], act: Callable[[Sequence[int]], list[int]]) -> list[int]:
    ids = sorted(set(image_ids))
    done: list[int] = []
    for start in range(0, len(ids), BATCH):
        done += act(ids[start : start + BATCH])
    return done
