"""Writes a ZIP file from beginning to end, stored and not packed, of any size; it can be gone on with.

Only the standard library. Python's `zipfile` can go on with a file only after its directory was written,
which a process that is killed never comes to. Here an entry is whole as soon as it is written, and `Entry` is
all that has to be remembered of it. By PKWARE's APPNOTE 6.3: sizes and places beyond 4 GB as ZIP64.
"""

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

_UTF8, _STORED, _CLASSIC, _ZIP64 = 0x0800, 0, 20, 45
_MADE_ON_UNIX = 3 << 8
_PLAIN_FILE = 0o100644 << 16
_FULL_32, _FULL_16 = 0xFFFF_FFFF, 0xFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a ZIP: its name, where its header begins, its size in bytes and its checksum."""

    name: str
    offset: int
    size: int
    checksum: int


@dataclass(frozen=True)
class When:
    """A moment as ZIP has it, to two seconds and without a zone: a date and a time of 16 bits each."""

    date: int
    time: int

    @classmethod
    def of(cls, moment: datetime) -> "When":
        year = min(max(moment.year, 1980), 2107) - 1980
        return cls(
            year << 9 | moment.month << 5 | moment.day,
            moment.hour << 11 | moment.minute << 5 | moment.second // 2,
        )


class Writer:
    """Adds files at a file's end, and then their directory. `when` is the moment that all of them bear."""

    def __init__(self, file: BinaryIO, *, when: datetime, entries: Iterable[Entry] = ()) -> None:
        self._file = file
        self._when = When.of(when)
        self.entries = list(entries)

    def add(self, name: str, data: bytes) -> Entry:
        """Add a file whose bytes are at hand."""
        return self.add_stream(name, lambda: (data,))

    def add_stream(self, name: str, chunks: Callable[[], Iterable[bytes]]) -> Entry:
        """Add a file whose bytes come twice: to be counted, and to be written."""
        size = checksum = 0
        for chunk in chunks():
            size += len(chunk)
            checksum = zlib.crc32(chunk, checksum)
        entry = Entry(name, self._file.tell(), size, checksum)
        self._file.write(self._local_header(entry))
        for chunk in chunks():
            self._file.write(chunk)
        self.entries.append(entry)
        return entry

    def finish(self) -> None:
        """Write the directory; the file is a ZIP then."""
        begin = self._file.tell()
        for entry in self.entries:
            self._file.write(self._directory_entry(entry))
        end = self._file.tell()
        self._file.write(_end(len(self.entries), begin, end))

    def _local_header(self, entry: Entry) -> bytes:
        name = entry.name.encode()
        extra = _extra(entry.size, entry.size) if entry.size >= _FULL_32 else b""
        size = _FULL_32 if extra else entry.size
        version = _ZIP64 if extra else _CLASSIC
        fields = (version, _UTF8, _STORED, self._when.time, self._when.date, entry.checksum, size, size)
        return struct.pack("<4s5H3L2H", b"PK\x03\x04", *fields, len(name), len(extra)) + name + extra

    def _directory_entry(self, entry: Entry) -> bytes:
        name = entry.name.encode()
        large = [entry.size, entry.size] if entry.size >= _FULL_32 else []
        far = [entry.offset] if entry.offset >= _FULL_32 else []
        extra = _extra(*large, *far) if large or far else b""
        size, offset = _FULL_32 if large else entry.size, _FULL_32 if far else entry.offset
        version = _ZIP64 if extra else _CLASSIC
        fields = (version | _MADE_ON_UNIX, version, _UTF8, _STORED, self._when.time, self._when.date)
        sizes = (entry.checksum, size, size)
        rest = (len(name), len(extra), 0, 0, 0, _PLAIN_FILE, offset)
        return struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *fields, *sizes, *rest) + name + extra


def _extra(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def _end(count: int, begin: int, end: int) -> bytes:
    """The records that lead to the directory; the first two only where the last has no room for numbers."""
    size, ends = end - begin, b""
    if count >= _FULL_16 or size >= _FULL_32 or begin >= _FULL_32:
        numbers = (count, count, size, begin)
        ends = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, _ZIP64, _ZIP64, 0, 0, *numbers)
        ends += struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    few, small, near = min(count, _FULL_16), min(size, _FULL_32), min(begin, _FULL_32)
    return ends + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, few, few, small, near, 0)
