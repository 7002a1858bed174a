"""Decodes a picture once and makes all that is kept of it. Pure Pillow; runs only in `picture_worker`.

What is let in, `decoding` says. Of a picture that is written anew nothing survives but its upright
sRGB pixels.
"""

import base64
import io
from typing import Any

from PIL import Image

from gallery import decoding, likeness, xmp
from gallery.inspection import CONTENT_TYPES, CannotRead, Inspection, SmallCopy

RENDITION_SIZES = (1280, 640, 320)
"""Longer sides, pixels. One is made where it is smaller than the picture; 320 always, never enlarged."""
WEBP_METHOD = 2
WEBP_QUALITY = 78
JPEG_QUALITY = 92
PNG_LEVEL = 4
"""Within 3 % of level 6's bytes at less than half its time; above `PNG_QUICK_PIXELS` level 1."""
PNG_QUICK_PIXELS = 6_000_000

PLACEHOLDER_SIDE = 20
PLACEHOLDER_MAX = 400
SIGNATURE_SIDE = 16
BLANK_RANGE = 6
"""A picture is blank when no channel of its small copy spans more levels than this, of 255."""


def inspect(data: bytes, *, keep_bytes: bool, result_bytes_max: int, source_type: str = "") -> Inspection:
    """Decode `data` once and make its renditions, placeholder, colour and signature.

    With `keep_bytes` the bytes are to be stored as they came; else the picture is written anew, as PNG
    where it came as PNG or has transparency, else as JPEG, in at most `result_bytes_max` bytes. AVIF,
    HEIC and HEIF are always written anew: not every browser, and hardly a provider, takes them.
    `source_type` is what the renditions say of how it came about, as `xmp.SOURCE_TYPES` has it; the
    original is left as it is.

    :raises CannotRead: for whatever is not a whole picture within the limits.
    """
    picture, content_type = decoding.decode(data)
    encoded = None
    if not keep_bytes or content_type not in CONTENT_TYPES:
        may_be_png = content_type == "image/png" or picture.mode == "RGBA"
        picture, encoded, content_type = _encode(picture, may_be_png=may_be_png, bytes_max=result_bytes_max)
    smallest, copies = _renditions(picture, xmp.packet(xmp.Facts(source_type)) if source_type else b"")
    flat = on_white(smallest)
    signature = _signature(picture)
    return Inspection(
        content_type=content_type,
        width=picture.width,
        height=picture.height,
        placeholder=_placeholder(smallest),
        colour=_dominant_colour(flat),
        signature=signature,
        palette=tuple(likeness.palette(signature)),
        difference_hash=likeness.difference_hash(signature),
        blank=_is_blank(flat),
        encoded=encoded,
        copies=copies,
    )


# Writing anew


def _encode(picture: Image.Image, *, may_be_png: bool, bytes_max: int) -> tuple[Image.Image, bytes, str]:
    """The picture, its bytes and their type. Too many bytes: as JPEG if opaque, then halved."""
    while True:
        if may_be_png:
            encoded = as_png(picture)
            if len(encoded) <= bytes_max:
                return picture, encoded, "image/png"
        if picture.mode == "RGB":
            encoded = saved(picture, "JPEG", quality=JPEG_QUALITY, subsampling=0)
            if len(encoded) <= bytes_max:
                return picture, encoded, "image/jpeg"
        if max(picture.size) == 1:
            raise CannotRead("unreadable")
        picture = picture.reduce(2)


def as_png(picture: Image.Image) -> bytes:
    """The picture as PNG, a large one packed less hard."""
    quick = picture.width * picture.height > PNG_QUICK_PIXELS
    return saved(picture, "PNG", compress_level=1 if quick else PNG_LEVEL)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as one of Pillow's kinds."""
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


# Copies and facts


def _renditions(picture: Image.Image, packet: bytes) -> tuple[Image.Image, tuple[SmallCopy, ...]]:
    """WebP copies, largest first, each made from the one before; and the smallest one's pixels."""
    copies = []
    current = picture
    for size in RENDITION_SIZES:
        if size >= max(picture.size) and size != min(RENDITION_SIZES):
            continue
        current = shrunk(current, size, of=picture.size)
        data = saved(current, "WEBP", method=WEBP_METHOD, quality=WEBP_QUALITY, xmp=packet)
        copies.append(SmallCopy(size=size, width=current.width, height=current.height, data=data))
    return current, tuple(copies)


def shrunk(picture: Image.Image, size: int, *, of: tuple[int, int]) -> Image.Image:
    """The picture with its longer side at most `size` pixels: box halves, then one small step.

    `of` is the full size, whose shape every copy has, however many steps it took.
    """
    longer = max(of)
    if longer <= size:
        return picture
    width, height = (max(1, round(side * size / longer)) for side in of)
    while max(picture.size) >= 2 * size and min(picture.size) > 1:
        picture = picture.reduce(2)
    if picture.size == (width, height):
        return picture
    return picture.resize((width, height), Image.Resampling.HAMMING)


def on_white(picture: Image.Image) -> Image.Image:
    """What a person sees of it on white."""
    if picture.mode == "RGB":
        return picture
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture.getchannel("A"))
    return paper


def _placeholder(picture: Image.Image) -> str:
    for side in (PLACEHOLDER_SIDE, PLACEHOLDER_SIDE // 2, 4):
        tiny = picture.copy()
        tiny.thumbnail((side, side), Image.Resampling.BOX)
        encoded = base64.b64encode(saved(tiny, "WEBP", method=4, quality=30)).decode()
        address = f"data:image/webp;base64,{encoded}"
        if len(address) < PLACEHOLDER_MAX:
            return address
    raise CannotRead("unreadable")


def _dominant_colour(flat: Image.Image) -> str:
    """The middle of the largest of five groups of colours, as #rrggbb."""
    small = flat.copy()
    small.thumbnail((64, 64), Image.Resampling.BOX)
    grouped = small.quantize(5, Image.Quantize.MEDIANCUT)
    histogram = grouped.histogram()
    index = histogram.index(max(histogram))
    red, green, blue = (grouped.getpalette() or [])[index * 3 : index * 3 + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _signature(picture: Image.Image) -> bytes:
    cells = picture.resize((SIGNATURE_SIDE, SIGNATURE_SIDE), Image.Resampling.BOX)
    return on_white(cells).tobytes()


def _is_blank(flat: Image.Image) -> bool:
    bands = flat.getextrema()
    return all(high - low <= BLANK_RANGE for low, high in bands)  # type: ignore[misc]
