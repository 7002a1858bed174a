"""Files under names of our own, through Django's storage: whole or not there, never half written."""

import contextlib
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage, storages

# Originals mostly, whose copies are what pages show: memory that they would fill is better kept for the
# database and the copies, and new memory for each costs a virtual machine several times the writing.
UNCACHED_BYTES = 512 * 1024


def put(name: str, data: bytes) -> None:
    """Store `data` under `name`. Doing it again with the same bytes only makes it new: see `set_aside`."""
    path = _local_path(name)
    if path is None:
        _put_elsewhere(name, data)
    elif not _is_there(path, data):
        _put_here(path, data)


def get(name: str) -> bytes:
    """:raises FileNotFoundError: when nothing is stored under `name`."""
    with opened(name) as file:
        return bytes(file.read())


def opened(name: str) -> "File[Any]":
    """The file, to be read and closed. While files are moved, also where they were: `FILES_ALSO_IN`.

    :raises FileNotFoundError: when nothing is stored under `name`.
    """
    try:
        return default_storage.open(name, "rb")
    except FileNotFoundError:
        if not settings.FILES_ALSO_IN:
            raise
        return storages[settings.FILES_ALSO_IN].open(name, "rb")


def address_of(name: str, *, content_type: str, disposition: str, max_age: int, seconds: int) -> str | None:
    """A signed address at the object store itself, for so many seconds and reading alone.

    The store answers with the headers that are asked for here. None where we hand files out ourselves:
    from a folder, while they are moved, and unless `FILES_BY_REDIRECT` says otherwise.
    """
    storage: Any = default_storage
    if not settings.FILES_BY_REDIRECT or settings.FILES_ALSO_IN or _local_path(name) is not None:
        return None
    overrides = {
        "ResponseContentType": content_type,
        "ResponseContentDisposition": disposition,
        "ResponseCacheControl": f"private, max-age={max_age}",
    }
    return str(storage.url(name, parameters=overrides, expire=seconds))


def size(name: str) -> int:
    """In bytes.

    :raises FileNotFoundError: when nothing is stored under `name`.
    """
    if not default_storage.exists(name):
        raise FileNotFoundError(name)
    return int(default_storage.size(name))


def delete(name: str) -> None:
    """Remove it; that it is gone already is no error."""
    default_storage.delete(name)


def modified(name: str) -> datetime:
    """When it was stored last.

    :raises FileNotFoundError: when nothing is stored under `name`.
    """
    path = _local_path(name)
    if path is not None:
        return _moment(path)
    if not default_storage.exists(name):
        raise FileNotFoundError(name)
    moment: datetime = default_storage.get_modified_time(name)
    return moment


def set_aside(name: str, aside: str, *, older_than: datetime) -> bool:
    """Move what was stored before `older_than` to the name `aside`; whether it is there now, and not here.

    Who stores the same again meanwhile makes it new or writes it anew. In a folder neither can be missed: the
    move is one step, and what was made new before it is put back. In an object store it can, between the
    last look and the removal; then the file is aside, and whoever keeps a row of it has it put back.

    :raises FileNotFoundError: when nothing is stored under `name`.
    """
    path, aside_path = _local_path(name), _local_path(aside)
    if path is None or aside_path is None:
        return _set_aside_elsewhere(name, aside, older_than)
    if _moment(path) >= older_than:
        return False
    aside_path.parent.mkdir(parents=True, exist_ok=True)
    path.replace(aside_path)
    if _moment(aside_path) >= older_than:
        aside_path.replace(path)
        return False
    os.utime(aside_path)
    return True


def put_back(aside: str, name: str) -> None:
    """Have what was set aside under its own name again, unless the same was stored there meanwhile."""
    if not default_storage.exists(name):
        put(name, get(aside))
    delete(aside)


def folder(name: str) -> Path | None:
    """Where a folder of the storage is on this machine; None where it is elsewhere."""
    return _local_path(name)


def move_in(path: Path, name: str) -> None:
    """Store the file at `path`, which is on the disk whole, under `name`; it is there no more then."""
    target = _local_path(name)
    if target is None:
        with path.open("rb") as file:
            _save(name, File(file))
        path.unlink()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    path.chmod(settings.FILE_UPLOAD_PERMISSIONS or 0o600)
    path.replace(target)


def remove_empty_folder(name: str) -> None:
    """Remove a folder of a local storage that holds nothing; that it does, or is gone, is no error."""
    path = _local_path(name)
    if path is not None:
        with contextlib.suppress(OSError):
            path.rmdir()


def _local_path(name: str) -> Path | None:
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        return None


def _moment(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _is_there(path: Path, data: bytes) -> bool:
    """Whether the same bytes are there; then they are new from now on."""
    try:
        if path.stat().st_size != len(data) or path.read_bytes() != data:
            return False
        os.utime(path)
    except FileNotFoundError:  # before it was read, or after
        return False
    return True


def _set_aside_elsewhere(name: str, aside: str, older_than: datetime) -> bool:
    _put_elsewhere(aside, get(name))
    if modified(name) >= older_than:
        delete(aside)
        return False
    delete(name)
    return True


def _put_here(path: Path, data: bytes) -> None:
    """By a name of its own first, so that neither a reader nor a crash meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            # The rows that name this file are durable when they commit; so it must be before.
            os.fsync(file.fileno())
            if len(data) >= UNCACHED_BYTES:
                _let_go(file.fileno())
        Path(temporary).chmod(settings.FILE_UPLOAD_PERMISSIONS or 0o600)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _let_go(descriptor: int) -> None:
    """Have the system forget what it holds in memory of a file that is on the disk; not every system can."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _put_elsewhere(name: str, data: bytes) -> None:
    """An object store writes whole objects; it must be set to overwrite, as config.settings does for S3."""
    _save(name, ContentFile(data))


def _save(name: str, file: "File[Any]") -> None:
    stored = default_storage.save(name, file)
    if stored != name:
        default_storage.delete(stored)
        if not default_storage.exists(name):
            raise SuspiciousFileOperation(f"The storage keeps {name} under another name.")
