"""HEIC files for these tests, written by the library's encoder or box by box."""

import io
import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

import pillow_heif
from PIL import Image

from tests.gallery import drawing

# Fast to write; how well it packs does not matter here.
_QUICK = {"preset": "ultrafast"}


def encoded(image: Image.Image, *, quality: int = 90, **options: Any) -> bytes:
    """The image as 8-bit HEIC. `exif` is a raw block, whose orientation becomes `irot` and `imir` too."""
    target = io.BytesIO()
    pillow_heif.from_pillow(image).save(target, quality=quality, enc_params=dict(_QUICK), **options)
    return target.getvalue()


def picture(size: tuple[int, int] = (400, 300), *, mode: str = "RGB", seed: int = 1) -> bytes:
    return encoded(drawing.scene(size, mode=mode, seed=seed))


def deep(image: Image.Image, *, bits: int = 10) -> bytes:
    """The image in 10 or 12 bits a channel."""
    levels = [level << 8 | level for level in image.tobytes()]
    data = struct.pack(f"<{len(levels)}H", *levels)
    file = pillow_heif.from_bytes(f"{image.mode};16", image.size, data)
    target = io.BytesIO()
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    try:
        file.save(target, quality=90, enc_params=dict(_QUICK))
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    return target.getvalue()


def several(images: list[Image.Image], *, primary: int = 0, **options: Any) -> bytes:
    """One file with several stills."""
    file = pillow_heif.HeifFile()
    for image in images:
        file.add_from_pillow(image)
    target = io.BytesIO()
    file.save(target, quality=90, primary_index=primary, enc_params=dict(_QUICK), **options)
    return target.getvalue()


# Box by box


def box(kind: bytes, *parts: bytes, length: int | None = None) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I4s", len(data) + 8 if length is None else length, kind) + data


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0, length: int | None = None) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts, length=length)


def ispe(width: int, height: int) -> bytes:
    return full(b"ispe", struct.pack(">II", width, height))


def found(data: bytes, kind: bytes) -> bytes:
    """The first box of that kind, wherever it is."""
    at = data.index(kind) - 4
    (length,) = struct.unpack_from(">I", data, at)
    return data[at : at + length]


class Item(NamedTuple):
    """One part of a file: `properties` are whole boxes, `references` lead to the items of these ids."""

    id: int
    kind: bytes
    data: bytes
    properties: Iterable[bytes] = ()
    references: Iterable[tuple[bytes, list[int]]] = ()


def file(*items: Item, primary: int = 1, brand: bytes = b"heic", extra: bytes = b"") -> bytes:
    """A file of these items, their data inside `meta`."""
    shared: list[bytes] = []
    places, entries, references, uses, data = b"", b"", b"", b"", b""
    for item in items:
        places += struct.pack(">HHHHII", item.id, 1, 0, 1, len(data), len(item.data))
        entries += full(b"infe", struct.pack(">HH4s", item.id, 0, item.kind), b"\0", version=2)
        for kind, targets in item.references:
            ids = b"".join(struct.pack(">H", target) for target in targets)
            references += box(kind, struct.pack(">HH", item.id, len(targets)), ids)
        numbers = []
        for one in item.properties:
            if one not in shared:
                shared.append(one)
            numbers.append(shared.index(one) + 1)
        uses += struct.pack(">HB", item.id, len(numbers)) + bytes(numbers)
        data += item.data
    meta = full(
        b"meta",
        full(b"hdlr", b"\0\0\0\0pict", bytes(13)),
        full(b"pitm", struct.pack(">H", primary)),
        full(b"iloc", b"\x44\0", struct.pack(">H", len(items)), places, version=1),
        full(b"iinf", struct.pack(">H", len(items)), entries),
        full(b"iref", references) if references else b"",
        box(b"iprp", box(b"ipco", *shared), full(b"ipma", struct.pack(">I", len(items)), uses)),
        box(b"idat", data),
        extra,
    )
    return box(b"ftyp", brand, bytes(4), b"mif1heic") + meta


def coded(size: tuple[int, int] = (64, 64)) -> tuple[bytes, bytes]:
    """`hvcC` and coded data of a small good picture, to build files of."""
    data = picture(size)
    return found(data, b"hvcC"), found(data, b"mdat")[8:]
