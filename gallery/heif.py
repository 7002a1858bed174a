"""Reads HEIC and HEIF, as phones make them. Runs only in `picture_worker`, which limits what it may take.

The library that decodes is imported at the first such picture of a process (some 15 ms, 6 MB), so that
a process that meets none starts as fast as before.
"""

import contextlib
import re
import resource
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from pillow_heif import HeifImage

OPENING_MEMORY_BYTES = 384 * 1024 * 1024
"""Address space while a file is opened. The library copies what is attached to pictures (EXIF, say) once for
each picture it is attached to, and a file may attach megabytes to hundreds; only decoding needs more."""

_SIZE = re.compile(rb"ispe\0...(....)(....)", re.DOTALL)


def declared_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Width and height of every part as the file declares them, pixels; nothing is decoded.

    A picture is put together from parts (tiles, layers, transparency), any of which may be larger than
    the whole, and each is decoded as a whole. They are found by their marks wherever the file describes
    itself, rather than by following its structure: a lie about a length hides none of them.
    """
    for described in _descriptions(data):
        for width, height in _SIZE.findall(described):
            yield int.from_bytes(width), int.from_bytes(height)


def _descriptions(data: bytes) -> Iterator[bytes]:
    """The file without its boxes `mdat`, which hold compressed pixels; all of it from where it is broken."""
    at = 0
    while len(data) - at >= 8:
        length, kind = struct.unpack_from(">I4s", data, at)
        if length == 1 and len(data) - at >= 16:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        if not 8 <= length <= len(data) - at:
            break
        if kind != b"mdat":
            yield data[at : at + length]
        at += length
    yield data[at:]


def opened(data: bytes) -> "HeifImage":
    """The picture that the file says is to be shown, not decoded yet. Its `size` is that of the upright one.

    A file may hold more stills: a burst, a depth map, a thumbnail. Only this one is the picture.
    """
    import pillow_heif
    from pillow_heif import options

    # One thread: its memory and its processor seconds are what the limits were measured with.
    options.DECODE_THREADS = 1
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    with less_memory(OPENING_MEMORY_BYTES):
        file = pillow_heif.open_heif(data, convert_hdr_to_8bit=True, remove_stride=False)
        return file[file.primary_index]


@contextlib.contextmanager
def less_memory(limit_bytes: int) -> Iterator[None]:
    """Address space is limited to so many bytes, where it was limited to more, until the block ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    # macOS refuses a limit of address space.
    with contextlib.suppress(ValueError, OSError):
        if soft == resource.RLIM_INFINITY or soft > limit_bytes:
            resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def pixels(image: "HeifImage") -> Image.Image:
    """Decoded and upright, with its colour profile in `info`, if it has one.

    The decoder turns it by the file's own `irot` and `imir`. EXIF may say the same again; the standard has
    it ignored, and so do we.
    """
    data: Any = image.data
    picture = Image.frombytes(image.mode, image.size, data, "raw", image.mode, image.stride)
    if profile := image.info.get("icc_profile"):
        picture.info["icc_profile"] = profile
    return picture.convert("RGBA") if picture.mode == "RGBa" else picture
