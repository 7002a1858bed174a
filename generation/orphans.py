"""Files of the storage that nobody's row names, a day after they were stored: found, and removed.

* `originals/`, `renditions/`: set aside, then let go, as `gallery.leftovers` says.
* `staging/`: an unfinished generation's are kept, whatever its rows say. Nobody reads those of one that
  ended, and a worker that still writes for it is fenced off from naming them.
* `turns/`: the same, but for those that an attempt names, which later turns go on from.
* Half of a file, written under a name of its own by a process that died.

It goes by names, in batches that are looked up by an index, and can end anywhere: every removal is whole, and
`place` says where the next search begins.
"""

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from gallery import leftovers, storage, walking
from gallery.leftovers import ASIDE
from gallery.models import Original
from gallery.walking import Found
from generation.models import Attempt, Generation

log = structlog.get_logger(__name__)

T = TypeVar("T")

KEPT = timedelta(hours=24)
BATCH = 500
FOLDERS = (ASIDE, *leftovers.FOLDERS, "staging", "turns")
UNFINISHED = ("queued", "running")


@dataclass(frozen=True)
class Searched:
    """What a search did, as counts of files. `place` is empty when it came to the end."""

    seen: int = 0
    removed: int = 0
    put_back: int = 0
    failed: int = 0
    place: str = ""


def remove(
    *, now: datetime, after: str = "", seconds: float = float("inf"), dry_run: bool = False
) -> Searched:
    """Search from behind the name `after` on, for about so many seconds; `dry_run` removes nothing.

    Of what is aside, `look_aside` counts apart: it was removed once already.
    """
    search = _Search(older_than=now - KEPT, dry_run=dry_run)
    ends = time.monotonic() + seconds
    done = Searched()
    for folder in _folders_from(after):
        begins = after if after.partition("/")[0] == folder else ""
        for batch in walking.batches(walking.walk(folder, after=begins), BATCH):
            done = _sum(done, search.look_at(folder, batch))
            if time.monotonic() >= ends:
                return replace(done, place=batch[-1].name)
    log.info("searched for orphans", seen=done.seen, removed=done.removed, failed=done.failed)
    return done


def look_aside(*, now: datetime) -> Searched:
    """Put back what a row names by now, and let go what has been aside for a day."""
    search, done = _Search(older_than=now - KEPT, dry_run=False), Searched()
    for batch in walking.batches(walking.walk(ASIDE), BATCH):
        done = _sum(done, search.look_at(ASIDE, batch))
    return done


def _folders_from(after: str) -> list[str]:
    return [folder for folder in FOLDERS if folder >= after.partition("/")[0]]


def _sum(one: Searched, other: Searched) -> Searched:
    return Searched(
        seen=one.seen + other.seen,
        removed=one.removed + other.removed,
        put_back=one.put_back + other.put_back,
        failed=one.failed + other.failed,
    )


class _Search:
    def __init__(self, *, older_than: datetime, dry_run: bool) -> None:
        self.older_than, self.dry_run = older_than, dry_run
        # A database without a single picture is rather the wrong one than that all its files are orphans.
        self.has_pictures = Original.objects.exists()

    def look_at(self, folder: str, batch: list[Found]) -> Searched:
        """Remove what is to be removed of some files of one of the folders."""
        files = [found for found in batch if not found.is_folder]
        old = [found for found in batch if found.modified < self.older_than]
        done = replace(
            self._each([found.name for found in old if _is_part(found.name)], _delete), seen=len(files)
        )
        if folder == ASIDE:
            return _sum(done, self._look_aside(files))
        if not self.has_pictures:
            return done
        if folder in leftovers.FOLDERS:
            return _sum(done, self._contents(old))
        return _sum(done, self._of_generations(folder, old))

    def _look_aside(self, files: list[Found]) -> Searched:
        """What is removed here was counted when it was set aside."""
        back, gone = leftovers.judge(files, older_than=self.older_than)
        gone = gone if self.has_pictures else []
        done, let_go = self._each(back, leftovers.put_back), self._each(gone, leftovers.let_go)
        return Searched(put_back=done.removed, failed=done.failed + let_go.failed)

    def _contents(self, old: list[Found]) -> Searched:
        return self._each(
            leftovers.unnamed(old), lambda content: leftovers.remove(content, older_than=self.older_than)
        )

    def _of_generations(self, folder: str, old: list[Found]) -> Searched:
        ids = {found.name: public_id for found in old if (public_id := _generation_of(found.name))}
        unfinished = set(
            Generation.objects.filter(public_id__in=ids.values(), status__in=UNFINISHED).values_list(
                "public_id", flat=True
            )
        )
        # Read after the states: nothing is named any more for one that has ended.
        named = _named_states(ids.values()) if folder == "turns" else set()
        nobodys = [found for found in old if ids.get(found.name) not in {None, *unfinished}]
        done = self._each(
            [found.name for found in nobodys if not found.is_folder and found.name not in named], _delete
        )
        for found in nobodys if not self.dry_run else ():
            _remove_empty(found.name, folder)
        return done

    def _each(self, things: Iterable[T], act: Callable[[T], bool]) -> Searched:
        """Do it to each, whatever becomes of the others; that a file is gone already is as good."""
        removed = failed = 0
        for thing in things:
            try:
                removed += self.dry_run or act(thing)
            except FileNotFoundError:
                continue
            except Exception:
                log.exception("an orphan could not be removed", file=str(thing))
                failed += 1
        return Searched(removed=removed, failed=failed)


def _delete(name: str) -> bool:
    storage.delete(name)
    return True


def _remove_empty(name: str, folder: str) -> None:
    """Remove the folders of a generation that has ended, from the innermost on, as far as they are empty."""
    while name.startswith(f"{folder}/"):
        storage.remove_empty_folder(name)
        name = name.rpartition("/")[0]


def _is_part(name: str) -> bool:
    base = name.rpartition("/")[2]
    return base.startswith(".") and base.endswith(".part")


def _generation_of(name: str) -> uuid.UUID | None:
    """Whose file it is: `<folder>/<generation>/…`."""
    try:
        return uuid.UUID(name.split("/")[1])
    except (IndexError, ValueError):
        return None


def _named_states(public_ids: Iterable[uuid.UUID]) -> set[str]:
    attempts = Attempt.objects.filter(generation__public_id__in=set(public_ids)).exclude(state="")
    return set(attempts.values_list("state", flat=True))
