"""Google's models that draw: references, sizes in pixels, and what a picture costs in tokens.

Source: ai.google.dev, "Image generation", "Aspect ratios and image size" and "Limitations", read 2026-11.
Pixels of 2K and 4K are exactly two and four times those of 1K.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from generation.wire import shapes

RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
IMAGE_SIZES = ("1K", "2K", "4K")

Pixels = Mapping[str, tuple[int, int]]

FLASH: Pixels = shapes.PIXELS
PRO: Pixels = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}


@dataclass(frozen=True)
class Model:
    """One model. `sizes` are pixels by image size, then ratio; `tokens` are a picture's, by image size.

    `signs` says that its pictures carry a thought signature, without which it does not take them back.
    """

    title: str
    references_max: int
    sizes: Mapping[str, Pixels]
    tokens: Mapping[str, int]
    signs: bool = False


def _times(table: Pixels, factor: int) -> Pixels:
    return {ratio: (width * factor, height * factor) for ratio, (width, height) in table.items()}


_FLASH = Model("Gemini 2.5 Flash Image", 3, {"1K": FLASH}, {"1K": 1290})
_PRO = Model(
    "Gemini 3 Pro Image",
    14,
    {"1K": PRO, "2K": _times(PRO, 2), "4K": _times(PRO, 4)},
    {"1K": 1120, "2K": 1120, "4K": 2000},
    signs=True,
)
MODELS: Mapping[str, Model] = {
    "gemini-2.5-flash-image": _FLASH,
    "gemini-2.5-flash-image-preview": _FLASH,
    "gemini-3-pro-image": _PRO,
    "gemini-3-pro-image-preview": _PRO,
}
