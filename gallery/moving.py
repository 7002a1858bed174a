"""Moves files from one storage to another, checked by their digests; can be stopped, and gone on with.

A pass copies what isn't at the target yet, then reads it there and compares: an original's digest is its
name, any other file's is that of the source. Another pass, once the site uses the target, deletes at the
source what is the same at the target. A copy is whole or not there, whenever the process is killed, and the
place of the last file that was done is kept in a small file. After a pass to the end the next begins anew.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage, storages

from gallery import leftovers, walking

FOLDERS = (leftovers.ASIDE, "archives", *leftovers.FOLDERS, "staging", "turns")
"""All that Easel stores, in the order of their names."""
CHUNK_BYTES = 1024 * 1024
SAVED_EVERY = 20
"""Files after which the place is kept; so many are looked at twice after a kill."""
NAMED_MAX = 1000
"""Names of mismatches that are kept; all are counted."""

log = structlog.get_logger(__name__)


@dataclass
class Moved:
    """What a pass did so far, as counts of files. `place` is the last name that was done."""

    seen: int = 0
    copied: int = 0
    there: int = 0
    deleted: int = 0
    vanished: int = 0
    copied_bytes: int = 0
    mismatched: int = 0
    mismatches: list[str] = field(default_factory=list)
    place: str = ""
    is_done: bool = False


class Move:
    """A pass from one storage to another, by their names in `settings.STORAGES`.

    `delete` removes from the source what the target has; without it what is missing is copied. `dry_run`
    changes nothing and compares sizes alone.
    """

    def __init__(self, source: str, target: str, *, delete: bool = False, dry_run: bool = False) -> None:
        self.source, self.target = storages[source], storages[target]
        self.delete, self.dry_run = delete, dry_run
        kind = "delete" if delete else "copy"
        self._kept = Path(settings.DATA_DIR) / f"move-{source}-{target}-{kind}.json"

    def run(self, *, is_stopped: Callable[[], bool] = lambda: False) -> Moved:
        """Go on from where the last pass was stopped, until the end or until it is stopped."""
        moved = Moved() if self.dry_run else self._read()
        for found in self._files(moved.place):
            if is_stopped():
                self._keep(moved)
                return moved
            self._one(found.name, moved)
            moved.seen += 1
            moved.place = found.name
            if moved.seen % SAVED_EVERY == 0:
                self._keep(moved)
        moved.is_done = True
        if not self.dry_run:
            self._kept.unlink(missing_ok=True)
        return moved

    def _files(self, after: str) -> Iterator[walking.Found]:
        top = after.partition("/")[0]
        for folder in FOLDERS:
            if folder < top:
                continue
            for found in walking.walk(folder, after=after if folder == top else "", of=self.source):
                if not found.is_folder and not _is_part(found.name):
                    yield found

    def _one(self, name: str, moved: Moved) -> None:
        try:
            if self.delete:
                self._delete(name, moved)
            else:
                self._copy(name, moved)
        except FileNotFoundError:
            # Removed at the source since it was listed.
            moved.vanished += 1

    def _copy(self, name: str, moved: Moved) -> None:
        if self.dry_run:
            size = self.source.size(name)
            if _size(self.target, name) == size:
                moved.there += 1
            else:
                moved.copied, moved.copied_bytes = moved.copied + 1, moved.copied_bytes + size
            return
        with self.source.open(name, "rb") as file:
            digest, size = _digest(file)
            if not _is_named(name, digest):
                self._mismatch(name, moved, "the source is damaged")
            elif _size(self.target, name) == size and _digest_at(self.target, name) == digest:
                moved.there += 1
            else:
                file.seek(0)
                _write(self.target, name, file)
                if _digest_at(self.target, name) != digest:
                    self._mismatch(name, moved, "the copy is not what was written")
                else:
                    moved.copied, moved.copied_bytes = moved.copied + 1, moved.copied_bytes + size

    def _delete(self, name: str, moved: Moved) -> None:
        size = self.source.size(name)
        if _size(self.target, name) != size:
            self._mismatch(name, moved, "it isn't at the target as it is here")
            return
        if not self.dry_run:
            with self.source.open(name, "rb") as file:
                digest, _ = _digest(file)
            if not _is_named(name, digest) or _digest_at(self.target, name) != digest:
                self._mismatch(name, moved, "the two differ")
                return
            self.source.delete(name)
        moved.deleted += 1

    def _mismatch(self, name: str, moved: Moved, why: str) -> None:
        log.error("a file could not be moved", name=name, why=why)
        moved.mismatched += 1
        if len(moved.mismatches) < NAMED_MAX:
            moved.mismatches.append(name)

    def _read(self) -> Moved:
        try:
            return Moved(**json.loads(self._kept.read_text()))
        except FileNotFoundError:
            return Moved()

    def _keep(self, moved: Moved) -> None:
        if self.dry_run:
            return
        handle, temporary = tempfile.mkstemp(dir=self._kept.parent, prefix=f".{self._kept.name}")
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(moved), file)
        Path(temporary).replace(self._kept)


def _is_part(name: str) -> bool:
    """Half of a file, which whoever writes it has under a name of its own."""
    base = name.rpartition("/")[2]
    return base.startswith(".") and base.endswith(".part")


def _is_named(name: str, digest: str) -> bool:
    """Whether an original's name says that digest; of any other file it says none."""
    content = leftovers.content_of(name)
    is_original = content is not None and content.name.startswith("originals/")
    return not is_original or (content is not None and content.sha256 == digest)


def _digest(file: "File[Any]") -> tuple[str, int]:
    """SHA-256 and size of all of it."""
    found, size = hashlib.sha256(), 0
    while chunk := file.read(CHUNK_BYTES):
        found.update(chunk)
        size += len(chunk)
    return found.hexdigest(), size


def _digest_at(storage: Storage, name: str) -> str:
    try:
        with storage.open(name, "rb") as file:
            return _digest(file)[0]
    except FileNotFoundError:
        return ""


def _size(storage: Storage, name: str) -> int | None:
    return int(storage.size(name)) if storage.exists(name) else None


def _write(storage: Storage, name: str, file: "File[Any]") -> None:
    """The file under just that name: an object store writes whole objects, a folder gets a part first."""
    try:
        path = Path(storage.path(name))
    except NotImplementedError:
        storage.save(name, File(file, name=name))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as copy:
            shutil.copyfileobj(file, copy, CHUNK_BYTES)
            copy.flush()
            os.fsync(copy.fileno())
        Path(temporary).chmod(settings.FILE_UPLOAD_PERMISSIONS or 0o600)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
