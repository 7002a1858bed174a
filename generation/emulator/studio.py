"""Pictures made off the event loop: references opened, a prompt painted, the result spoilt where asked."""

import asyncio
import functools
import hashlib
import io
import struct
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from PIL import Image

from generation.emulator import painter
from generation.emulator.state import Memory
from generation.wire.messages import ImageBytes, ImageLink

REFERENCE_MAX_BYTES = 30 * 1024 * 1024
FETCH_SECONDS = 10
# Where so many wait for the painter, further pictures are sketched: load shall wait on latency, not on paint.
PAINT_QUEUE_MAX = 16
GRAIN = 14
_SAVE = {
    "png": {"compress_level": 1},
    "jpeg": {"quality": 90},
    "webp": {"quality": 88, "method": 0},
}
_pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="painter")
_waiting = 0


class BadReference(Exception):
    """A reference cannot be fetched, or is no picture."""


@dataclass(frozen=True)
class Commission:
    """What to paint. `size` is pixels; `spoil` is one of the picture faults, or empty."""

    prompt: str
    size: tuple[int, int]
    references: tuple[bytes, ...]
    format: str
    sketch: bool
    spoil: str
    stock: int = 0


async def make(commission: Commission, index: int) -> ImageBytes:
    """The picture with this index of the commission.

    :raises BadReference: a reference is no picture.
    """
    global _waiting
    sketch = commission.sketch or _waiting > PAINT_QUEUE_MAX
    _waiting += 1
    try:
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(_pool, _make, commission, index, sketch)
    finally:
        _waiting -= 1
    width, height = commission.size
    return ImageBytes(data, f"image/{commission.format}", width, height)


def _make(commission: Commission, index: int, sketch: bool) -> bytes:
    if commission.spoil == "junk":
        return b"these bytes are no picture " * 400
    if commission.spoil == "reference" and commission.references:
        return commission.references[0]
    if commission.stock and commission.format == "png" and not (commission.spoil or commission.references):
        return _from_stock(commission, index)
    data = _encoded(_draw(commission, index, sketch), commission.format)
    return data[: len(data) // 2] if commission.spoil == "truncated" else data


def _from_stock(commission: Commission, index: int) -> bytes:
    """One of a few painted before, with a comment that makes its bytes differ from all others'."""
    mark = hashlib.sha256(f"{commission.prompt}\0{index}".encode()).hexdigest().encode()
    data = _painted(commission.size, int(mark[:8], 16) % commission.stock)
    comment = b"tEXtComment\0" + mark
    chunk = struct.pack(">I", len(comment) - 4) + comment + struct.pack(">I", zlib.crc32(comment))
    # Before the last chunk, which is always these twelve bytes: no data.
    return b"".join((memoryview(data)[:-12], chunk, data[-12:]))


@functools.cache
def _painted(size: tuple[int, int], number: int) -> bytes:
    picture = painter.paint(f"stock {number}", index=0, size=size)
    # With the grain of what models draw, so that it is as large as theirs: some 1.7 MB at 1024×1024.
    grain = Image.merge("RGB", [Image.effect_noise(size, GRAIN) for _ in range(3)])
    return _encoded(Image.blend(picture.convert("RGB"), grain, 0.1), "png")


def _draw(commission: Commission, index: int, sketch: bool) -> Image.Image:
    if commission.spoil == "blank":
        return Image.new("RGB", commission.size, "white")
    references = [_open(data) for data in commission.references]
    if sketch and not references:
        return painter.sketch(commission.prompt, index=index, size=commission.size)
    return painter.paint(commission.prompt, index=index, size=commission.size, references=references)


def _open(data: bytes) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"])
        picture.draft("RGB", (2048, 2048))
        return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadReference("it is not a PNG, JPEG or WebP picture") from error


def _encoded(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **_SAVE[kind])
    return file.getvalue()


async def open_references(
    memory: Memory, references: tuple[ImageLink | ImageBytes, ...]
) -> tuple[bytes, ...]:
    """The bytes of references: given, our own results, or fetched.

    :raises BadReference: an address does not answer with a picture.
    """
    found = []
    for reference in references:
        if isinstance(reference, ImageBytes):
            found.append(reference.data)
            continue
        own = memory.result(urlsplit(reference.url).path.removeprefix("/results/"))
        found.append(own.data if own else await asyncio.to_thread(_fetch, reference.url))
    return tuple(found)


def _fetch(url: str) -> bytes:
    if urlsplit(url).scheme not in ("http", "https"):
        raise BadReference("it has no http address")
    try:
        with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as answer:  # noqa: S310 - checked above
            data: bytes = answer.read(REFERENCE_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadReference("it cannot be fetched") from error
    if len(data) > REFERENCE_MAX_BYTES:
        raise BadReference("it is too large")
    return data
