"""The ten shapes of a picture: as a ratio, and as pixels for servers that are told a size instead."""

import math
import re
from collections.abc import Mapping

from generation.wire.errors import WireError

# What the model draws for each ratio.
PIXELS: Mapping[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}
RATIOS = tuple(PIXELS)
AUTO = "auto"

_SIZE = re.compile(r"(\d{1,5})\s*[x×]\s*(\d{1,5})", re.ASCII | re.IGNORECASE)


def size_of(ratio: str) -> str:
    """The pixels of one of the ten ratios as `WxH`."""
    width, height = PIXELS[ratio]
    return f"{width}x{height}"


def ratio_of(size: str) -> str | None:
    """The ratio nearest to a size such as `1536x1024`; None where it leaves the shape to the server.

    One of the ten ratios in place of a size is taken for itself.

    :raises WireError: it is no size.
    """
    text = size.strip()
    if text.lower() in ("", AUTO):
        return None
    if text in PIXELS:
        return text
    sides = pixels_of(text)
    if sides is None:
        raise WireError("not a size: WIDTHxHEIGHT or auto")
    wanted = math.log(sides[0] / sides[1])
    return min(RATIOS, key=lambda ratio: abs(math.log(_quotient(ratio)) - wanted))


def pixels_of(size: str) -> tuple[int, int] | None:
    """Width and height of a size as `WxH`, or None."""
    match = _SIZE.fullmatch(size.strip())
    if match is None or not (int(match[1]) and int(match[2])):
        return None
    return int(match[1]), int(match[2])


def _quotient(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return int(width) / int(height)
