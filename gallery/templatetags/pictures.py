"""Pictures in a page: their addresses, and the nearest shape that the stylesheet knows."""

import math
from functools import lru_cache

from django import template

from gallery import files
from gallery.models import Image, Original, Upload

register = template.Library()

# How much taller than asked for a justified row usually ends.
ROW_STRETCH = 1.2

# The shapes that `shell.css` has a class for, with width ÷ height as in the class.
SHAPES = {
    "9x16": 0.5714,
    "2x3": 0.6667,
    "3x4": 0.7297,
    "4x5": 0.7778,
    "1x1": 1.0,
    "5x4": 1.2857,
    "4x3": 1.3704,
    "3x2": 1.5,
    "16x9": 1.75,
    "21x9": 2.2857,
}


@register.filter
def shape_class(original: Original) -> str:
    """The class that holds the picture's place, by its real pixels: `ratio-3x2`."""
    return shape_of(original.width, original.height)


@lru_cache(maxsize=1_000)
def shape_of(width: int, height: int) -> str:
    """As `shape_class`, of so many pixels."""
    ratio = math.log(width / height)
    return "ratio-" + min(SHAPES, key=lambda name: abs(math.log(SHAPES[name]) - ratio))


@register.simple_tag
def picture_path(image: Image, variant: str = "original") -> str:
    """Where the picture's file is served: `original`, `320`, `640` or `1280` pixels on the longer side."""
    return files.image_path(image, variant)


@register.simple_tag
def upload_file(upload: Upload) -> str:
    """Where a small copy of a picture that its owner gave is served."""
    return files.upload_path(upload, "320")


@register.simple_tag
def picture_srcset(image: Image) -> str:
    """The smaller copies of the picture, for `srcset`."""
    return files.srcset(image)


@register.filter
def width_in_row(original: Original, height: int) -> int:
    """About how many CSS pixels wide the picture is in a justified row of that height, for `sizes`."""
    return width_of_shape(original.width, original.height, height)


def width_of_shape(width: int, height: int, row: int) -> int:
    """As `width_in_row`, of so many pixels in a row so high."""
    return round(width / height * row * ROW_STRETCH)


@register.filter
def picture_alt(image: Image) -> str:
    """The words for who can't see it: its prompt, at most some 180 letters."""
    return alt(image.prompt)


def alt(prompt: str) -> str:
    """As `picture_alt`, of a prompt."""
    words = " ".join(prompt.split())
    return f"{words[:177]}…" if len(words) > 180 else words or "A picture without a prompt"
