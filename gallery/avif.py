"""Reads AVIF by Pillow's own plug-in. Runs only in `picture_worker`, which limits what it may take."""

import io

from PIL import AvifImagePlugin, Image, ImageFile

from gallery import heif

MEMORY_BYTES = 392 * 1024 * 1024
"""Address space while one is read. The coded picture may be larger than the file around it says: it would be
decoded first and made smaller then, so only memory bounds it."""

declared_sizes = heif.declared_sizes
"""The parts of an AVIF declare themselves as those of a HEIF do."""

# One thread: its memory and its processor seconds are what the limits were measured with.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def opened(data: bytes) -> ImageFile.ImageFile:
    """The picture, not decoded yet. Its `size` is as the file says, and before it is turned upright."""
    with heif.less_memory(MEMORY_BYTES):
        return Image.open(io.BytesIO(data), formats=("AVIF",))


def load(image: ImageFile.ImageFile) -> None:
    """Decode it.

    :raises MemoryError: it has more, or deeper, pixels than there is memory for.
    """
    with heif.less_memory(MEMORY_BYTES):
        image.load()
