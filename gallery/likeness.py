"""What makes two pictures alike: colours, a hash of light and dark, and the words they were made from.

Pure and of the standard library, so that the decoding process uses it too. A picture comes as its signature:
16×16 RGB bytes, row by row.
"""

import hashlib
import math
import struct
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import pairwise

from gallery.search.words import words

SIGNATURE_SIDE = 16
Lab = tuple[float, float, float]

# Colours


@cache
def lab(red: int, green: int, blue: int) -> Lab:
    """An sRGB colour as CIE L*a*b* under D65: lightness 0 to 100, and two axes of some ±100.

    Formulas and constants: IEC 61966-2-1 and CIE 15.
    """
    linear = [_LINEAR[value] for value in (red, green, blue)]
    x, y, z = (sum(factor * part for factor, part in zip(row, linear, strict=True)) for row in _XYZ)
    fx, fy, fz = _root(x / 0.95047), _root(y), _root(z / 1.08883)
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


_LINEAR = [v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in range(256)]
_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)


def _root(value: float) -> float:
    return value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116


CELL = 12
"""The side of a cell of colours in L*a*b*; colours in one cell look nearly the same."""
Cell = tuple[int, int, int]


def cell_of(colour: Lab) -> Cell:
    """The cell that a colour lies in."""
    lightness, a, b = colour
    return math.floor(lightness / CELL), math.floor(a / CELL), math.floor(b / CELL)


def cells_near(colour: Lab, distance: float) -> list[Cell]:
    """The cells whose middle is at most so far from a colour; its own always. Distances are of L*a*b*."""
    steps = math.ceil(distance / CELL) + 1
    own = cell_of(colour)
    near = {own}
    for lightness in range(max(0, own[0] - steps), min(math.ceil(100 / CELL), own[0] + steps + 1)):
        for a in range(own[1] - steps, own[1] + steps + 1):
            for b in range(own[2] - steps, own[2] + steps + 1):
                middle = ((lightness + 0.5) * CELL, (a + 0.5) * CELL, (b + 0.5) * CELL)
                if math.dist(middle, colour) <= distance:
                    near.add((lightness, a, b))
    return sorted(near)


PALETTE_MAX = 5
MERGE_DISTANCE = 16.0
SHARE_MIN = 50
"""Thousandths; a smaller part is no colour of the picture."""
Palette = list[tuple[str, int]]


def palette(signature: bytes) -> Palette:
    """Up to five colours of a picture as `#rrggbb`, with their share in thousandths, most first."""
    groups: dict[Cell, list[tuple[int, int, int]]] = {}
    pixels = [(signature[i], signature[i + 1], signature[i + 2]) for i in range(0, len(signature) - 2, 3)]
    for pixel in pixels:
        groups.setdefault(cell_of(lab(*pixel)), []).append(pixel)
    merged: list[tuple[Lab, list[tuple[int, int, int]]]] = []
    for group in sorted(groups.values(), key=lambda group: (-len(group), group)):
        colour = lab(*_mean(group))
        for known, members in merged:
            if math.dist(known, colour) <= MERGE_DISTANCE:
                members.extend(group)
                break
        else:
            merged.append((colour, list(group)))
    merged.sort(key=lambda found: -len(found[1]))
    shares = [(_hex(_mean(members)), len(members) * 1000 // len(pixels)) for _, members in merged]
    return [one for one in shares[:PALETTE_MAX] if one[1] >= SHARE_MIN] or shares[:1]


def is_many_coloured(colours: Iterable[tuple[str, int]]) -> bool:
    """Whether at least three clearly different hues have a tenth of the picture each."""
    hues: list[float] = []
    for colour, share in colours:
        _, a, b = lab(*rgb(colour))
        if share < 100 or math.hypot(a, b) < 20:
            continue
        hue = math.degrees(math.atan2(b, a))
        if all(min(abs(hue - other) % 360, 360 - abs(hue - other) % 360) >= 40 for other in hues):
            hues.append(hue)
    return len(hues) >= 3


def rgb(colour: str) -> tuple[int, int, int]:
    """`#rrggbb` as numbers.

    :raises ValueError: for anything else.
    """
    if len(colour) != 7 or colour[0] != "#":
        raise ValueError(colour)
    value = int(colour[1:], 16)
    return value >> 16, value >> 8 & 255, value & 255


def _mean(pixels: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    red, green, blue = (sum(pixel[channel] for pixel in pixels) // len(pixels) for channel in range(3))
    return red, green, blue


def _hex(pixel: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*pixel)


# Light and dark

HASH_SIDE = 8
BANDS = 4
"""Two hashes that differ in fewer bits than this have at least one band in common."""


def difference_hash(signature: bytes) -> int:
    """64 bits: in each of 8 rows, whether each of 8 places is lighter than the one to its left.

    After Neal Krawetz, "Kind of Like That" (2013), from nine places a row.
    """
    light = [
        299 * signature[i] + 587 * signature[i + 1] + 114 * signature[i + 2]
        for i in range(0, SIGNATURE_SIDE * SIGNATURE_SIDE * 3, 3)
    ]
    value = 0
    for row in range(HASH_SIDE):
        upper, lower = light[32 * row : 32 * row + 16], light[32 * row + 16 : 32 * row + 32]
        line = [above + below for above, below in zip(upper, lower, strict=True)]
        # Nine places of 16/9 columns each, in ninths of a column.
        places = [_stretch(line, 16 * place, 16 * place + 16) for place in range(HASH_SIDE + 1)]
        for left, right in pairwise(places):
            value = value << 1 | (right > left)
    return value


def _stretch(line: Sequence[int], start: int, end: int) -> int:
    """The sum of a line from one ninth of a column to another."""
    return sum(
        line[column] * (min(end, 9 * column + 9) - max(start, 9 * column))
        for column in range(start // 9, min(len(line), (end + 8) // 9))
    )


def signed(value: int) -> int:
    """A hash as the signed 64-bit number that databases keep."""
    return value - (1 << 64) if value >> 63 else value


def unsigned(value: int) -> int:
    """The hash that a database keeps as that number."""
    return value & (1 << 64) - 1


def bands(value: int) -> list[str]:
    """The four 16-bit parts of a hash, each with its place: `0a1b2`."""
    return [f"{band}{value >> 16 * band & 0xFFFF:04x}" for band in range(BANDS)]


def bits_apart(one: int, other: int) -> int:
    """How many of 64 bits two hashes differ in."""
    return (one ^ other).bit_count()


# Words

SKETCH = 16
SKETCH_ROWS = 2
"""Numbers of a sketch that make a band: texts that share half their words have one in common at 7 in 8 times
or better, those that share four in five practically always, those that share a tenth at 1 in 13.
"""


def digest(text: str) -> str:
    """What two texts of the same words in the same order have in common, whatever their case and signs."""
    return hashlib.blake2b(" ".join(words(text)).encode(), digest_size=6).hexdigest()


def sketch(text: str) -> list[str]:
    """A text's words as bands of minimal hashes (Broder, 1997), each with its place: alike texts share some.

    Empty for a text without words.
    """
    known = set(words(text))
    if not known:
        return []
    least = [min(column) for column in zip(*map(_hashes, known), strict=True)]
    return [
        f"{chr(ord('a') + band)}{_folded(least[SKETCH_ROWS * band : SKETCH_ROWS * (band + 1)]):07x}"
        for band in range(SKETCH // SKETCH_ROWS)
    ]


@lru_cache(maxsize=10_000)
def _hashes(word: str) -> tuple[int, ...]:
    digested = hashlib.blake2b(word.encode(), digest_size=4 * SKETCH).digest()
    return struct.unpack(f">{SKETCH}I", digested)


def _folded(numbers: Sequence[int]) -> int:
    joined = b"".join(number.to_bytes(4) for number in numbers)
    return int.from_bytes(hashlib.blake2b(joined, digest_size=4).digest()) >> 4


def shared_words(one: str, other: str) -> float:
    """How many of the different words of both texts are in both: 0 to 1 (Jaccard)."""
    first, second = set(words(one)), set(words(other))
    return len(first & second) / len(first | second) if first or second else 1.0
