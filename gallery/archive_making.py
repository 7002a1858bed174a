"""Makes what `archives` was asked for: one worker at a time goes on with one of them, some seconds long.

Each picture that is written is noted in a journal, and the row counts what is safe on the disk; so whoever
goes on, after a kill too, begins behind the last one that counts. What can't be seen any more when its turn
comes is left out, and the manifest says so.
"""

import errno
import hashlib
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from accounts import exports
from accounts.models import User
from gallery import archive_files, archives, carrying, files, storage
from gallery.archive_files import Busy, Half
from gallery.models import Archive, Image, ImageTag
from gallery.xmp import Facts
from gallery.zips import Entry, Writer

LEASE = timedelta(seconds=60)
SENDING = timedelta(seconds=150)
"""The lease of a whole file on its way to an object store, longer than a task may take."""
SAVE_SECONDS = 1.0
BATCH = 50
DIGEST_SECONDS = 50.0
"""A file that can't be read in that time gets no digest of the whole; each picture in it has its own."""
BLOCK_BYTES = 1024 * 1024

Clock = Callable[[], datetime]
Row = dict[str, Any]
Status = Archive.Status
# What the manifest says of a picture that is in the archive.
FACTS = (
    "file",
    "title",
    "prompt",
    "tags",
    "provider",
    "model",
    "credits",
    "created_at",
    "generation",
    "image",
)
DIGESTS = ("width", "height", "size_bytes", "sha256", "original_sha256")
COLUMNS = (*FACTS, *DIGESTS, "left_out")
GONE = "It isn't there any more, or you may not see it any more."
MISSING = "Its file can't be read. Ask your admin."
FULL = "There is no room for it where Easel keeps its files. Tell your admin."
FAILED = "Something went wrong on our side while this was made. Ask for it again; if it fails again, tell us."
_log = structlog.get_logger(__name__)


class _Lost(Exception):
    """It was cancelled, or is somebody else's by now."""


def go_on(*, seconds: float, clock: Clock) -> bool:
    """Go on with the archive that waits longest, for about so many seconds; whether something waits still.

    `clock` is that by which all machines go.
    """
    archive = _take(clock())
    if archive is None:
        return False
    half_made = archive_files.of(archive.public_id)
    try:
        with archive_files.opened(half_made, done=archive.done) as half:
            _Making(archive, half, clock, until=time.monotonic() + seconds).run()
    except (Busy, _Lost):
        _log.info("an archive is another's, or was cancelled", archive=archive.pk)
    except (OperationalError, InterfaceError):
        # The database is away: who comes when the lease is over goes on.
        raise
    except Exception as error:
        _log.exception("an archive could not be made", archive=archive.pk)
        is_full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        with suppress(_Lost):
            detail = FULL if is_full else FAILED
            _end(archive, status=Status.FAILED, detail=detail, finished_at=clock())
    if not Archive.objects.filter(archives.unfinished(), pk=archive.pk).exists():
        half_made.remove()
    return archives.waiting(now=clock())


def _take(now: datetime) -> Archive | None:
    """The one that waits longest, as ours: of all who see it free, one changes its row."""
    for _ in range(10):
        seen = archives.due(now).order_by(F("leased_until").asc(nulls_first=True), "pk").first()
        if seen is None:
            return None
        same = archives.due(now).filter(pk=seen.pk, status=seen.status, leased_until=seen.leased_until)
        seen.leased_until = now + LEASE
        if same.update(status=Status.RUNNING, leased_until=seen.leased_until):
            return seen
    return None


def _end(archive: Archive, **changes: Any) -> None:
    """:raises _Lost: when it isn't ours any more; nothing is written then."""
    with transaction.atomic():
        mine = Archive.objects.filter(pk=archive.pk, status=Status.RUNNING, leased_until=archive.leased_until)
        if not mine.update(leased_until=None, image_ids=[], **changes):
            raise _Lost
        archives.tell(archive)


class _Making:
    def __init__(self, archive: Archive, half: Half, clock: Clock, *, until: float) -> None:
        self.archive, self.half, self.clock, self.until = archive, half, clock, until
        entries = [entry for entry in half.noted if entry is not None]
        self.writer = Writer(half.file, when=archive.created_at, entries=entries)
        self.names = {entry.name for entry in entries}
        self.saved_at = time.monotonic()

    def run(self) -> None:
        """To the end, or until the time is up; then it waits for the next to go on."""
        if self._pictures():
            self._finish()
        else:
            self._save(lease=timedelta())

    # --- The pictures -----------------------------------------------------------------------------

    def _pictures(self) -> bool:
        """Whether all of them are in it, or were left out."""
        owner = User.objects.get(pk=self.archive.owner_id)
        ids = self.archive.image_ids
        while (place := len(self.half.noted)) < len(ids):
            some = ids[place : place + BATCH]
            batch = _Batch(owner, some, self.archive.variant)
            for pk in some:
                if time.monotonic() >= self.until:
                    return False
                self._picture(batch, pk)
                self._save_now_and_then()
        return True

    def _picture(self, batch: "_Batch", pk: int) -> None:
        image = batch.images.get(pk)
        if image is None:
            return self.half.note(None, {"image": batch.lost.get(pk), "left_out": GONE})
        variant = self.archive.variant
        try:
            stored = files.stored(image.original, variant)
            with carrying.opened(stored.name, batch.facts[pk]) as file:
                data = file.read()
        except OSError:
            _log.exception("a stored file could not be read", image=image.pk)
            return self.half.note(None, {"image": str(image.public_id), "left_out": MISSING})
        entry = self.writer.add(self._name(files.file_name(image, variant)), data)
        self.half.note(entry, batch.row(image, entry, data))

    def _name(self, wanted: str) -> str:
        """The name, or one like it that no file in it has yet."""
        stem, _, suffix = wanted.rpartition(".")
        others = (f"{stem}-{number}.{suffix}" for number in itertools.count(2))
        name = next(name for name in itertools.chain([wanted], others) if name not in self.names)
        self.names.add(name)
        return name

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self.saved_at >= SAVE_SECONDS:
            self._save()

    def _save(self, lease: timedelta = LEASE) -> None:
        """Have it on the disk, then say so, and hold it for longer.

        :raises _Lost:
        """
        self.half.save()
        self._hold(lease, done=len(self.half.noted))
        self.saved_at = time.monotonic()

    def _hold(self, lease: timedelta, **changes: Any) -> None:
        leased_until = self.clock() + lease
        with transaction.atomic():
            mine = Archive.objects.filter(
                pk=self.archive.pk, status=Status.RUNNING, leased_until=self.archive.leased_until
            )
            if not mine.update(leased_until=leased_until, **changes):
                raise _Lost
            if changes:
                archives.tell(self.archive)
        self.archive.leased_until = leased_until

    # --- The end ----------------------------------------------------------------------------------

    def _finish(self) -> None:
        self._save()
        self.writer.add_stream("manifest.json", self._json)
        self.writer.add_stream("manifest.csv", self._csv)
        self.writer.finish()
        self.half.save()
        self._hold(LEASE)
        size, digest = self.half.file.tell(), self._digest()
        self._hold(SENDING)
        half_made = archive_files.of(self.archive.public_id)
        storage.move_in(half_made.part, half_made.name)
        now = self.clock()
        ready = {"finished_at": now, "expires_at": now + archives.KEPT, "name": half_made.name}
        try:
            _end(self.archive, status=Status.READY, size_bytes=size, sha256=digest, **ready)
        except _Lost:
            storage.delete(half_made.name)
            raise

    def _json(self) -> Iterator[bytes]:
        about = {
            "title": self.archive.title,
            "asked_for_at": self.archive.created_at.isoformat(),
            "files": self.archive.variant,
        }
        yield json.dumps(about, ensure_ascii=False).encode("utf-8", "replace")[:-1] + b',\n"pictures": ['
        yield from _listed(row for row in self.half.rows() if "left_out" not in row)
        yield b'],\n"left_out": ['
        yield from _listed(row for row in self.half.rows() if "left_out" in row)
        yield b"]}\n"

    def _csv(self) -> Iterator[bytes]:
        return exports.csv_chunks(COLUMNS, map(_cells, self.half.rows()))

    def _digest(self) -> str:
        """Of the whole file; empty where it takes too long."""
        digest, ends = hashlib.sha256(), time.monotonic() + DIGEST_SECONDS
        self.half.file.seek(0)
        while block := self.half.file.read(BLOCK_BYTES):
            digest.update(block)
            if time.monotonic() > ends:
                return ""
        return digest.hexdigest()


class _Batch:
    """Some of the images that may be seen at this moment, with what is said of them."""

    def __init__(self, owner: User, ids: list[int], variant: str) -> None:
        seen = Image.objects.visible_to(owner).filter(pk__in=ids).with_files()
        self.images: dict[int, Image] = {image.pk: image for image in seen}
        facts = carrying.facts_of_each(self.images.values())
        self.facts: dict[int, Facts] = dict(zip(self.images, facts, strict=True))
        gone = Image.objects.filter(pk__in=set(ids) - self.images.keys())
        self.lost = {pk: str(public_id) for pk, public_id in gone.values_list("pk", "public_id")}
        self.tags: dict[int, list[str]] = defaultdict(list)
        tagged = ImageTag.objects.filter(image__in=self.images).order_by("tag__name")
        for pk, name in tagged.values_list("image_id", "tag__name"):
            self.tags[pk].append(name)

    def row(self, image: Image, entry: Entry, data: bytes) -> Row:
        """What the manifest says of a picture that is in it."""
        return {
            "file": entry.name,
            "title": image.title,
            "prompt": image.prompt,
            "tags": self.tags.get(image.pk, []),
            "provider": image.provider,
            "model": image.model,
            "credits": image.credits,
            "created_at": image.created_at.isoformat(),
            "generation": str(image.generation_id) if image.generation_id else None,
            "image": str(image.public_id),
            "width": image.original.width,
            "height": image.original.height,
            "size_bytes": entry.size,
            "sha256": hashlib.sha256(data).hexdigest(),
            "original_sha256": image.original.sha256,
        }


def _listed(rows: Iterable[Row]) -> Iterator[bytes]:
    """The rows as members of a JSON list."""
    for number, row in enumerate(rows):
        yield (",\n" if number else "\n").encode() + json.dumps(row, ensure_ascii=False).encode()


def _cells(row: Row) -> list[exports.Cell]:
    return ["; ".join(row.get("tags", [])) if name == "tags" else row.get(name) for name in COLUMNS]
