"""All that is stored in a folder, in the order of names: a million files in the memory of a few thousand."""

import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.files.storage import Storage, default_storage

WINDOW = 10_000
"""Names of one folder that are held at once; a larger folder is read several times."""


@dataclass(frozen=True)
class Found:
    """A stored file and when it was stored last, or an empty folder and when it was changed last."""

    name: str
    modified: datetime
    is_folder: bool = False


def walk(folder: str, *, after: str = "", of: Storage = default_storage) -> Iterator[Found]:
    """What is in the folder and below it; `after` is the name of the last one seen by an earlier walk.

    What is stored or removed meanwhile may be in it or not. Object stores have no empty folders.
    """
    try:
        path = Path(of.path(folder))
    except NotImplementedError:
        return _walk_bucket(of, folder, after)
    return _walk_folder(path, folder, after.removeprefix(f"{folder}/") if after else "")


def batches(found: Iterator[Found], size: int) -> Iterator[list[Found]]:
    """So many at a time."""
    while batch := list(islice(found, size)):
        yield batch


def _walk_folder(folder: Path, name: str, after: str) -> Iterator[Found]:
    first, _, below = after.partition("/")
    for entry in _entries(folder, first):
        here = f"{name}/{entry.name}"
        try:
            if not entry.is_dir(follow_symlinks=False):
                if entry.name != first or below:
                    yield Found(here, _moment(entry))
                continue
            rest = below if entry.name == first else ""
            inside = False
            for found in _walk_folder(Path(entry.path), here, rest):
                inside = True
                yield found
            if not inside and not rest and here != f"{name}/{after}":
                yield Found(here, _moment(entry), is_folder=True)
        except FileNotFoundError:  # removed since it was listed
            continue


def _entries(folder: Path, first: str) -> Iterator["os.DirEntry[str]"]:
    """The folder's entries from that name on, in order."""
    at_or_after = True
    while True:
        try:
            with os.scandir(folder) as entries:
                wanted = (e for e in entries if e.name > first or (at_or_after and e.name == first))
                window = heapq.nsmallest(WINDOW, wanted, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        yield from window
        if len(window) < WINDOW:
            return
        first, at_or_after = window[-1].name, False


def _moment(entry: "os.DirEntry[str]") -> datetime:
    return datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)


def _walk_bucket(of: Storage, folder: str, after: str) -> Iterator[Found]:
    """An object store lists in the order of keys, a thousand a request, and says when each was stored."""
    storage: Any = of
    root = f"{storage.location.strip('/')}/" if storage.location else ""
    options = {"Marker": root + after} if after else {}
    for item in storage.bucket.objects.filter(Prefix=f"{root}{folder}/", **options):
        yield Found(item.key.removeprefix(root), item.last_modified)
