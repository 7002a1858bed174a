"""Makes a picture fit what a provider takes. Pure Pillow; runs only in `picture_worker`.

First another type if its own isn't taken, then lower quality, and only then fewer pixels; never more of
a step than is needed, and never more pixels than it came with. The same picture and limits give the
same bytes.

Writing 25 million pixels takes half a second to seconds, so a large picture is written only where a
sample of it says that it comes near: the slowest we know takes some three of the worker's eight seconds.
"""

import math
from collections.abc import Iterator

from PIL import Image

from gallery import decoding, pictures
from gallery.inspection import CannotRead, sniffed

QUALITIES = (95, 92, 88, 84, 80)
"""JPEG's and WebP's, best first. A step is 15 to 25 % of the bytes; the last still looks like the first."""
SIDE_MIN = 64
"""Pixels. Nobody can use a reference whose longer side is less, so it isn't made smaller to save bytes."""
STEP_MIN, STEP_MAX = 0.5, 0.95
"""By how much the longer side is made shorter at once."""
STEP_BLIND = 0.75
"""The same, where the encoder gave no number of bytes to reckon with."""
WEBP_PIXELS_MAX = 6_000_000
"""Of what is written as WebP, which takes ten times JPEG's time."""

SAMPLE_TILES, SAMPLE_TILE_SIDE = 4, 128
SAMPLED_PIXELS_MIN = 1_000_000
"""Below, writing a picture is as fast as wondering."""
SAMPLE_TRUST = 1.25
"""A picture is written when its sample says at most so many times what fits."""

_PNG, _JPEG, _WEBP = "image/png", "image/jpeg", "image/webp"
_WITH_TRANSPARENCY = (_PNG, _WEBP, _JPEG)
_CAME_LOSSLESS = (_PNG, _JPEG, _WEBP)
_CAME_LOSSY = (_JPEG, _WEBP, _PNG)


def fit(
    data: bytes, *, content_types: frozenset[str], max_bytes: int, max_side: int | None
) -> tuple[bytes, str] | None:
    """The picture's bytes within the limits and their type; None when it is within them as it is.

    `content_types` has at least one of PNG, JPEG and WebP. Orientation is applied, colours are sRGB.

    :raises CannotRead: `does_not_fit` when even the smallest is too large; else as `decoding.decode`.
    """
    kind = sniffed(data)
    may_stay = kind in content_types and len(data) <= max_bytes
    if may_stay and (max_side is None or max(decoding.size(data)) <= max_side):
        return None
    picture, kind = decoding.decode(data)
    ways = [way for way in _order(picture, kind) if way in content_types]
    longer = max(picture.size)
    side = min(longer, max_side or longer)
    for way in ways:
        if encoded := _Fitting(picture, way, max_bytes).in_quality(side):
            return encoded, way
    # Fewer pixels as the type that takes least without giving anything up: transparency, that is.
    way = next((way for way in ways if way != _PNG), _PNG)
    fitting = _Fitting(picture, way, max_bytes)
    if way == _WEBP and (most := _webp_side(picture)) < side:
        side = most
        if encoded := fitting.in_quality(side):
            return encoded, way
    return fitting.in_pixels(side), way


def _webp_side(picture: Image.Image) -> int:
    """The longer side with which it has no more pixels than are written as WebP."""
    longer, shorter = max(picture.size), min(picture.size)
    return int(math.sqrt(WEBP_PIXELS_MAX * longer / shorter))


def _order(picture: Image.Image, kind: str) -> tuple[str, ...]:
    """The types to write it as, best first."""
    if picture.mode == "RGBA":
        return _WITH_TRANSPARENCY
    return _CAME_LOSSLESS if kind == _PNG else _CAME_LOSSY


class _Fitting:
    """One picture as one type in so many bytes."""

    def __init__(self, picture: Image.Image, way: str, max_bytes: int) -> None:
        self._picture, self._way = picture, way
        # No file has no bytes, and shares of the limit are reckoned with.
        self._max_bytes = max(1, max_bytes)
        self._error = 1.0
        """How many times what its sample says the picture came to, when last written."""

    def in_quality(self, side: int) -> bytes | None:
        """At this longer side, in the best quality that fits."""
        current = self._shrunk(side)
        for quality in _qualities(self._way):
            encoded, _ = self._tried(current, quality)
            if encoded:
                return encoded
        return None

    def in_pixels(self, side: int) -> bytes:
        """In the last quality, at the longest side up to this one that fits.

        :raises CannotRead: when none does.
        """
        while True:
            encoded, share = self._tried(self._shrunk(side), QUALITIES[-1])
            if encoded:
                return encoded
            if side <= SIDE_MIN:
                width, height = self._picture.size
                raise CannotRead("does_not_fit", width=width, height=height)
            step = math.sqrt(1 / share) if share else STEP_BLIND
            side = max(SIDE_MIN, int(side * min(STEP_MAX, max(STEP_MIN, step))))

    def _shrunk(self, side: int) -> Image.Image:
        return pictures.shrunk(self._picture, side, of=self._picture.size)

    def _tried(self, picture: Image.Image, quality: int) -> tuple[bytes | None, float]:
        """The bytes if they fit; and how many times what fits they are, or seem to be; 0 if nobody knows."""
        guess = self._guess(picture, quality)
        if guess * self._error > self._max_bytes * SAMPLE_TRUST:
            return None, guess * self._error / self._max_bytes
        encoded = _encoded(picture, self._way, quality)
        if encoded is None:
            return None, 0.0
        if guess:
            self._error = len(encoded) / guess
        share = len(encoded) / self._max_bytes
        return (encoded if share <= 1 else None), share

    def _guess(self, picture: Image.Image, quality: int) -> float:
        """Bytes by a sample of it; 0 where it is small enough to be written at once."""
        pixels = picture.width * picture.height
        if pixels < SAMPLED_PIXELS_MIN:
            return 0.0
        sample = _sample(picture)
        encoded = _encoded(sample, self._way, quality) or b""
        return len(encoded) * pixels / (sample.width * sample.height)


def _qualities(way: str) -> tuple[int, ...]:
    return QUALITIES[:1] if way == _PNG else QUALITIES


def _sample(picture: Image.Image) -> Image.Image:
    """Tiles from all over the picture, side by side."""
    tile = SAMPLE_TILE_SIDE
    sheet = Image.new(picture.mode, (SAMPLE_TILES * tile, SAMPLE_TILES * tile))
    for row, top in enumerate(_places(picture.height)):
        for column, left in enumerate(_places(picture.width)):
            part = picture.crop((left, top, left + tile, top + tile))
            sheet.paste(part, (column * tile, row * tile))
    return sheet


def _places(length: int) -> Iterator[int]:
    """Where tiles begin on a side of this length, evenly; all the same on one that is too short for more."""
    for number in range(SAMPLE_TILES):
        middle = length * (2 * number + 1) // (2 * SAMPLE_TILES)
        yield max(0, min(length - SAMPLE_TILE_SIDE, middle - SAMPLE_TILE_SIDE // 2))


def _encoded(picture: Image.Image, way: str, quality: int) -> bytes | None:
    """The picture's bytes; None where the type has no room for such a picture."""
    if way == _PNG:
        return pictures.as_png(picture)
    if way == _JPEG:
        return pictures.saved(pictures.on_white(picture), "JPEG", quality=quality, subsampling=0)
    if picture.width * picture.height > WEBP_PIXELS_MAX:
        return None
    try:
        return pictures.saved(picture, "WEBP", method=pictures.WEBP_METHOD, quality=quality)
    except ValueError:
        # What WebP keeps apart of a large and busy picture has a limit of half a megabyte.
        return None
