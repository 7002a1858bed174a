"""Files under names of our own, through Django's storage: whole or not there, never half written."""

import os
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage


def put(name: str, data: bytes) -> None:
    """Store `data` under `name`. Doing it again with the same bytes changes nothing."""
    path = _local_path(name)
    if path is None:
        _put_elsewhere(name, data)
    elif not _is_there(path, data):
        _put_here(path, data)


def get(name: str) -> bytes:
    """:raises FileNotFoundError: when nothing is stored under `name`."""
    with default_storage.open(name, "rb") as file:
        return bytes(file.read())


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


def _local_path(name: str) -> Path | None:
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        return None


def _is_there(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


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
        Path(temporary).chmod(settings.FILE_UPLOAD_PERMISSIONS or 0o600)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _put_elsewhere(name: str, data: bytes) -> None:
    """An object store writes whole objects; it must be set to overwrite, as config.settings does for S3."""
    stored = default_storage.save(name, ContentFile(data))
    if stored != name:
        default_storage.delete(stored)
        if not default_storage.exists(name):
            raise SuspiciousFileOperation(f"The storage keeps {name} under another name.")
