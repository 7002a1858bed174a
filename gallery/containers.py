"""The parts of a picture's file, as PNG, JPEG and WebP are put together; no pixel is decoded.

Only the standard library. A part is where it is in the file, so that a file of any size is looked at, and
served with parts of it replaced, without being held in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

PARTS_MAX = 20_000
"""A picture of 30 MB in pieces of 8 kB has fewer than 4,000."""

PNG = b"\x89PNG\r\n\x1a\n"
JPEG_APP1, JPEG_APP11, JPEG_APP13, JPEG_SCAN = "APP1", "APP11", "APP13", "SOS"
_SCAN = 0xDA


class CannotFollow(Exception):
    """The file isn't put together as its type says, or of too many parts."""


@dataclass(frozen=True)
class Part:
    """One part, from `start` up to `end`; what it holds begins at `payload` and takes `length` bytes.

    `name` is a PNG chunk's type, a JPEG segment's as `APP1` or by its number, or a WebP chunk's. A JPEG's
    last part is all from its first scan on. The signature of a file is no part.
    """

    name: str
    start: int
    payload: int
    length: int
    end: int


@dataclass(frozen=True)
class Container:
    """A file's type, `image/png`, `image/jpeg` or `image/webp`; its size in bytes, and its parts in order."""

    content_type: str
    size: int
    parts: tuple[Part, ...]


def look(file: BinaryIO) -> Container:
    """The parts of an open file.

    :raises CannotFollow: for what is no PNG, JPEG or WebP, is cut off, or is of too many parts.
    """
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    if head.startswith(PNG):
        return Container("image/png", size, _counted(_png(file, size)))
    if head.startswith(b"\xff\xd8\xff"):
        return Container("image/jpeg", size, _counted(_jpeg(file, size)))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        # What stands behind the announced end is no part of the picture.
        announced = int.from_bytes(head[4:8], "little") + 8
        return Container("image/webp", size, _counted(_webp(file, min(size, announced))))
    raise CannotFollow("no picture")


def payload(file: BinaryIO, part: Part, limit: int | None = None) -> bytes:
    """What a part holds, or the beginning of it."""
    file.seek(part.payload)
    return file.read(part.length if limit is None else min(limit, part.length))


def holds_credentials(file: BinaryIO, container: Container) -> bool:
    """Whether the file has a box for signed Content Credentials (C2PA), whatever it says.

    They are in a PNG's chunk `caBX`, in a JPEG's APP11 segments as JUMBF, and in a WebP's chunk `C2PA`, as
    the C2PA specification has it in its appendix on embedding manifests.
    """
    for part in container.parts:
        if part.name in ("caBX", "C2PA"):
            return True
        if part.name == JPEG_APP11 and payload(file, part, 2) == b"JP":
            return True
    return False


def _counted(parts: Iterator[Part]) -> tuple[Part, ...]:
    found = []
    for part in parts:
        found.append(part)
        if len(found) > PARTS_MAX:
            raise CannotFollow("too many parts")
    return tuple(found)


def _png(file: BinaryIO, size: int) -> Iterator[Part]:
    place = len(PNG)
    name = ""
    while place < size and name != "IEND":
        file.seek(place)
        head = file.read(8)
        length = int.from_bytes(head[:4], "big")
        end = place + 12 + length
        if len(head) < 8 or end > size:
            raise CannotFollow("cut off")
        name = head[4:].decode("latin-1")
        yield Part(name, place, place + 8, length, end)
        place = end
    if name != "IEND":
        raise CannotFollow("cut off")


def _jpeg(file: BinaryIO, size: int) -> Iterator[Part]:
    place = 2
    while True:
        file.seek(place)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            raise CannotFollow("no segment")
        if head[1] == 0xFF:  # a byte that only fills
            place += 1
            continue
        length = int.from_bytes(head[2:], "big")
        if head[1] == _SCAN:
            yield Part(JPEG_SCAN, place, place, size - place, size)
            return
        end = place + 2 + length
        if length < 2 or end > size:
            raise CannotFollow("cut off")
        yield Part(_segment(head[1]), place, place + 4, length - 2, end)
        place = end


def _segment(marker: int) -> str:
    return f"APP{marker - 0xE0}" if 0xE0 <= marker <= 0xEF else f"{marker:02X}"


def _webp(file: BinaryIO, size: int) -> Iterator[Part]:
    place = 12
    while place + 8 <= size:
        file.seek(place)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        end = place + 8 + length + length % 2
        if place + 8 + length > size:
            raise CannotFollow("cut off")
        yield Part(head[:4].decode("latin-1"), place, place + 8, length, min(end, size))
        place = end
