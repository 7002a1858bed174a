"""ZIP files of pictures with a manifest: asked for here, made in the background by `archive_making`.

The rows say what is to be made; `sent_by` names who is told that something waits.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.template.defaultfilters import filesizeformat

from accounts import events
from accounts.models import User
from gallery import archive_files, files, storage, walking
from gallery.models import Archive, Image, Rendition

IMAGES_MAX = 50_000
UNFINISHED_MAX = 2
KEPT = timedelta(days=7)
ELSEWHERE_BYTES_MAX = 2 * 1024**3
"""Of a file that is made here and then sent to an object store, all at once and within a task's time."""

BATCH = 1_000
# Of a file that no archive needs; one that is being begun has its row first.
LOOSE_FOR = timedelta(hours=1)
Status = Archive.Status
_NAME = re.compile(r"archives/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.zip")
_senders: list[Callable[[], None]] = []


class CannotPack(Exception):
    """The archive isn't made. `code` is one word, the message a sentence for the person who asked."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class TooManyUnfinished(CannotPack):
    """The person has as many under way as one may have."""

    def __init__(self) -> None:
        detail = f"You have {UNFINISHED_MAX} downloads under way already. Wait for one, or cancel it."
        super().__init__("too_many_archives", detail)


def sent_by(send: Callable[[], None]) -> None:
    """Name who has a worker go on with what waits; `generation` does at start."""
    if send not in _senders:
        _senders.append(send)


def create(
    user: User, image_ids: list[int], *, now: datetime, variant: str = "original", title: str = ""
) -> Archive:
    """Have an archive made of images that the person may see, by their keys.

    :raises CannotPack: of no images or too many, or larger than the limit; says how large, and the limit.
    :raises TooManyUnfinished:
    """
    _check_count(len(image_ids))
    if not image_ids:
        raise CannotPack("no_images", "There is no picture among these that you can see.")
    _check_size(size_of(image_ids, variant))
    words = title.strip() or f"{len(image_ids):,} picture{'' if len(image_ids) == 1 else 's'}"
    with transaction.atomic():
        # The person's row is the lock: of two calls at once, one comes after the other.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if Archive.objects.filter(unfinished(), owner=user).count() >= UNFINISHED_MAX:
            raise TooManyUnfinished
        archive = Archive.objects.create(
            owner=user,
            title=words[:120],
            variant=variant,
            image_ids=image_ids,
            images=len(image_ids),
            created_at=now,
        )
        tell(archive)
        for send in _senders:
            send()
    return archive


def cancel(archive: Archive, *, now: datetime) -> bool:
    """Stop making it; whether it was under way. What was written of it goes."""
    mine = Archive.objects.filter(unfinished(), pk=archive.pk)
    with transaction.atomic():
        if not mine.update(status=Status.CANCELED, finished_at=now, leased_until=None, image_ids=[]):
            return False
        tell(archive)
    archive_files.of(archive.public_id).remove()
    return True


def remove(archive: Archive, *, now: datetime) -> None:
    """Cancel it where it is under way, and forget it with its file."""
    cancel(archive, now=now)
    _forget(archive)


def of(user: User) -> QuerySet[Archive]:
    """The person's own, newest first, without what they are of."""
    return Archive.objects.filter(owner=user).defer("image_ids").order_by("-pk")


def unfinished() -> Q:
    return Q(status__in=[Status.WAITING, Status.RUNNING])


def due(now: datetime) -> QuerySet[Archive]:
    """Those that nobody is at work on."""
    free = Q(status=Status.WAITING) | Q(status=Status.RUNNING, leased_until__lte=now)
    return Archive.objects.filter(free)


def waiting(*, now: datetime) -> bool:
    """Whether a worker has something to go on with."""
    return due(now).exists()


def tidy(*, now: datetime) -> int:
    """Forget archives that are past their time, and remove files that none needs; how many there were."""
    over = Q(expires_at__lte=now) | Q(expires_at=None, finished_at__lte=now - KEPT)
    gone = 0
    for archive in Archive.objects.filter(~unfinished(), over).defer("image_ids"):
        _forget(archive)
        gone += 1
    for batch in walking.batches(walking.walk(archive_files.FOLDER), BATCH):
        gone += _remove_loose(one.name for one in batch if one.modified < now - LOOSE_FOR)
    for public_id in archive_files.halves(older_than=now - LOOSE_FOR):
        if not Archive.objects.filter(unfinished(), public_id=public_id).exists():
            archive_files.of(public_id).remove()
            gone += 1
    return gone


def size_of(image_ids: list[int], variant: str) -> int:
    """How many bytes the images' files are, about; a few more are added to each."""
    total = 0
    for start in range(0, len(image_ids), BATCH):
        images = Image.objects.filter(pk__in=image_ids[start : start + BATCH])
        size: Any = "original__size_bytes"
        if variant != "original":
            copies = Rendition.objects.filter(original=OuterRef("original"), size=int(variant))
            size = Coalesce(Subquery(copies.values("size_bytes")[:1]), "original__size_bytes")
        total += images.aggregate(total=Sum(size, default=0))["total"]
    return total


def tell(archive: Archive) -> None:
    """Have the person's pages look again. Events know pictures, of which this is about many."""
    events.record(user_id=archive.owner_id, kind=events.Kind.IMAGE)


def file_name(archive: Archive) -> str:
    """Our own name for the file to be saved under."""
    words = files.slug(archive.title) or "pictures"
    return f"{words}-{archive.public_id.hex[:8]}.zip"


def _check_count(count: int) -> None:
    if count > IMAGES_MAX:
        raise CannotPack(
            "too_many_images",
            f"That is {count:,} pictures; one download holds {IMAGES_MAX:,}. Take them in several parts.",
        )


def _check_size(size: int) -> None:
    limit = settings.ARCHIVE_BYTES_MAX
    if storage.folder(archive_files.FOLDER) is None:
        limit = min(limit, ELSEWHERE_BYTES_MAX)
    if size > limit:
        raise CannotPack(
            "archive_too_large",
            f"These pictures are {filesizeformat(size)}; one download holds {filesizeformat(limit)}. "
            "Take them in several parts, or smaller copies of them.",
        )


def _forget(archive: Archive) -> None:
    """The file first: a row without a file is found again, a file without a row has nobody to say so."""
    archive_files.of(archive.public_id).remove()
    if archive.name:
        default_storage.delete(archive.name)
    archive.delete()


def _remove_loose(names: Iterable[str]) -> int:
    """Remove those of the stored files that no row is of: a person went, or a worker was too late."""
    ids = {UUID(match[1]): name for name in names if (match := _NAME.fullmatch(name))}
    known = set(Archive.objects.filter(public_id__in=ids).values_list("public_id", flat=True))
    for public_id in ids.keys() - known:
        default_storage.delete(ids[public_id])
    return len(ids.keys() - known)
