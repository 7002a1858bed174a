"""Half-made archives on this machine: the ZIP as far as it is written, and a journal of what is in it.

With a local storage they lie beside what they become; with another, in `DATA_DIR`, from where the whole
file is sent. Whoever works on one holds its journal locked, which the system lets go of when a process ends:
so two never write to one file, whatever the clocks say.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings

from gallery import storage
from gallery.zips import Entry

FOLDER = "archives"


class Busy(Exception):
    """Another process writes to it."""


@dataclass(frozen=True)
class Files:
    """Where a half-made archive is; `name` is what it is called in the storage when it is whole."""

    part: Path
    journal: Path
    name: str

    def remove(self) -> None:
        """Let go of what is written; that nothing is there is no error."""
        self.part.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)


@dataclass
class Half:
    """A half-made archive that is ours: the open file, at its end, and by place what the journal notes."""

    file: BinaryIO
    journal: BinaryIO
    noted: list[Entry | None]

    def note(self, entry: Entry | None, row: dict[str, Any]) -> None:
        """Note what was just written, if anything, and its row of the manifest; it counts once saved."""
        line = {"entry": astuple(entry) if entry else None, "end": self.file.tell(), "row": row}
        self.journal.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        self.noted.append(entry)

    def rows(self) -> Iterator[dict[str, Any]]:
        """What the manifest says, a row a picture, read from the disk."""
        self.journal.flush()
        with open(self.journal.fileno(), "rb", closefd=False) as lines:
            lines.seek(0)
            for line in lines:
                yield json.loads(line)["row"]

    def save(self) -> None:
        """Have it all on the disk, the file before what the journal says of it."""
        for file in (self.file, self.journal):
            file.flush()
            os.fsync(file.fileno())


def of(public_id: UUID) -> Files:
    """Where the archive is while it is made."""
    name = f"{FOLDER}/{public_id}.zip"
    folder = storage.folder(FOLDER) or Path(settings.DATA_DIR) / FOLDER
    return Files(folder / f".{public_id}.part", folder / f".{public_id}.journal", name)


@contextmanager
def opened(files: Files, *, done: int) -> Iterator[Half]:
    """The half-made archive with its first `done` lines; whatever was written after them is cut off.

    :raises Busy: when another process writes to it.
    """
    files.journal.parent.mkdir(parents=True, exist_ok=True)
    with files.journal.open("a+b") as journal:
        try:
            fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Busy from error
        with files.part.open("r+b" if files.part.exists() else "w+b") as part:
            noted, end = _noted(journal, done)
            # Another machine's disk, or one that lost what it promised: from the beginning, then.
            if len(noted) < done or end > part.seek(0, os.SEEK_END):
                noted, end = [], 0
                journal.truncate(0)
            part.seek(end)
            part.truncate()
            yield Half(part, journal, noted)


def halves(*, older_than: datetime) -> list[UUID]:
    """Half-made archives that nobody has written to since then."""
    folder = of(UUID(int=0)).part.parent
    return [
        UUID(journal.name[1:-8])
        for journal in folder.glob(".*.journal")
        if datetime.fromtimestamp(journal.stat().st_mtime, UTC) < older_than
    ]


def _noted(journal: BinaryIO, done: int) -> tuple[list[Entry | None], int]:
    """The first `done` lines, all after which is cut off, and where the file ends by the last of them."""
    journal.seek(0)
    noted: list[Entry | None] = []
    length = end = 0
    for _ in range(done):
        raw = journal.readline()
        if not raw.endswith(b"\n"):
            break
        length += len(raw)
        line = json.loads(raw)
        end = line["end"]
        noted.append(Entry(*line["entry"]) if line["entry"] else None)
    journal.truncate(length)
    journal.seek(0, os.SEEK_END)
    return noted, end
