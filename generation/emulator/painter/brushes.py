"""The tools of the painter: a canvas, soft and hard shapes, light, grain. Pillow only."""

import functools
import math
import random
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from generation.emulator.painter.palettes import Colour, mix

Point = tuple[float, float]
# Masks are drawn this much larger and reduced, so that edges are smooth.
SMOOTH = 2


class Canvas:
    """A picture in the making. `unit` is the shorter side in pixels, the measure of all things on it."""

    def __init__(self, size: tuple[int, int], rng: random.Random) -> None:
        self.size = size
        self.width, self.height = size
        self.unit = min(size)
        self.rng = rng
        self.image = Image.new("RGB", size)

    def fill(self, colours: Sequence[Colour], *, top: float = 0, bottom: float | None = None) -> None:
        """A vertical gradient between two heights."""
        bottom = self.height if bottom is None else bottom
        height = max(1, round(bottom) - round(top))
        self.image.paste(gradient((self.width, height), colours), (0, round(top)))

    def polygon(self, points: Sequence[Point], colours: Sequence[Colour], *, strength: float = 1.0) -> None:
        """A filled shape, shaded from its top to its bottom."""
        box = bounds(points, self.size)
        if box is None:
            return
        self.through(polygon_mask(points, box), box, colours, strength=strength)

    def ellipse(
        self, centre: Point, radii: tuple[float, float], colours: Sequence[Colour], *, strength: float = 1.0
    ) -> None:
        self.polygon(oval(centre, radii), colours, strength=strength)

    def through(
        self,
        mask: Image.Image,
        box: tuple[int, int, int, int],
        colours: Sequence[Colour],
        *,
        strength: float = 1.0,
    ) -> None:
        """Paint a gradient through a mask that lies at `box`."""
        if strength < 1.0:
            mask = mask.point([round(value * strength) for value in range(256)])
        paint: Image.Image | Colour = colours[0] if len(colours) == 1 else gradient(mask.size, colours)
        self.image.paste(paint, (box[0], box[1], box[0] + mask.width, box[1] + mask.height), mask)

    def glow(self, centre: Point, radius: float, colour: Colour, strength: float = 0.8) -> None:
        """Light that fades with the distance."""
        side = max(2, round(radius * 2))
        mask = _falloff().resize((side, side), Image.Resampling.BILINEAR)
        mask = mask.point([round(value * strength) for value in range(256)])
        self.image.paste(colour, (round(centre[0] - radius), round(centre[1] - radius)), mask)

    def shadow(
        self, points: Sequence[Point], blur: float, strength: float, colour: Colour = (20, 14, 24)
    ) -> None:
        """A blurred dark shape, blurred small and enlarged, which costs little and looks the same."""
        box = bounds(points, self.size, margin=round(blur * 3))
        if box is None:
            return
        small = 4
        size = (max(1, (box[2] - box[0]) // small), max(1, (box[3] - box[1]) // small))
        mask = Image.new("L", size)
        moved = [((x - box[0]) / small, (y - box[1]) / small) for x, y in points]
        ImageDraw.Draw(mask).polygon(moved, fill=round(255 * strength))
        mask = mask.filter(ImageFilter.GaussianBlur(blur / small))
        mask = mask.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR)
        self.image.paste(colour, (box[0], box[1]), mask)

    def blur(self, radius: float) -> None:
        """Put everything so far out of focus."""
        small = self.image.reduce(4).filter(ImageFilter.GaussianBlur(radius / 4))
        self.image = small.resize(self.size, Image.Resampling.BICUBIC)

    def finish(self, *, grain: bool = True) -> Image.Image:
        """A breath of vignette, and grain like paper."""
        edge = _vignette().resize(self.size, Image.Resampling.BILINEAR)
        image = ImageChops.multiply(self.image, Image.merge("RGB", (edge, edge, edge)))
        if not grain:
            return image
        noise = _noise(self.size)
        return ImageChops.add(image, Image.merge("RGB", (noise, noise, noise)), 1, -128)


def gradient(size: tuple[int, int], colours: Sequence[Colour]) -> Image.Image:
    """Colours from top to bottom."""
    strip = Image.new("RGB", (1, size[1]))
    strip.putdata([ramp(colours, row / max(1, size[1] - 1)) for row in range(size[1])])
    return strip.resize(size, Image.Resampling.NEAREST)


def sideways(size: tuple[int, int], colours: Sequence[Colour]) -> Image.Image:
    """Colours from left to right."""
    return gradient((size[1], size[0]), colours).transpose(Image.Transpose.TRANSPOSE).resize(size)


def ramp(colours: Sequence[Colour], place: float) -> Colour:
    """The colour at `place` (0 to 1) of an even gradient."""
    if len(colours) == 1:
        return colours[0]
    scaled = min(max(place, 0.0), 1.0) * (len(colours) - 1)
    index = min(int(scaled), len(colours) - 2)
    return mix(colours[index], colours[index + 1], scaled - index)


def bounds(
    points: Sequence[Point], size: tuple[int, int], margin: int = 1
) -> tuple[int, int, int, int] | None:
    """The pixels around the points that lie on the canvas, or None."""
    left = max(0, math.floor(min(x for x, _ in points)) - margin)
    top = max(0, math.floor(min(y for _, y in points)) - margin)
    right = min(size[0], math.ceil(max(x for x, _ in points)) + margin)
    bottom = min(size[1], math.ceil(max(y for _, y in points)) + margin)
    return (left, top, right, bottom) if right > left and bottom > top else None


def polygon_mask(points: Sequence[Point], box: tuple[int, int, int, int]) -> Image.Image:
    """A smooth mask of the shape, of the size of `box`."""
    mask = Image.new("L", ((box[2] - box[0]) * SMOOTH, (box[3] - box[1]) * SMOOTH))
    moved = [((x - box[0]) * SMOOTH, (y - box[1]) * SMOOTH) for x, y in points]
    ImageDraw.Draw(mask).polygon(moved, fill=255)
    return mask.reduce(SMOOTH)


def oval(centre: Point, radii: tuple[float, float], turn: float = 0.0, steps: int = 72) -> list[Point]:
    """The outline of an ellipse, turned by radians."""
    points = []
    for step in range(steps):
        angle = math.tau * step / steps
        x, y = math.cos(angle) * radii[0], math.sin(angle) * radii[1]
        points.append(
            (
                centre[0] + x * math.cos(turn) - y * math.sin(turn),
                centre[1] + x * math.sin(turn) + y * math.cos(turn),
            )
        )
    return points


def rectangle(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def profile(
    rng: random.Random, steps: int, *, waves: float, octaves: int = 4, sharp: bool = False
) -> list[float]:
    """A line of hills: `steps` heights between 0 and 1, with about `waves` rises."""
    heights, weight, total = [0.0] * steps, 1.0, 0.0
    for octave in range(octaves):
        count = max(2, round(waves * 2**octave) + 2)
        knots = [rng.random() for _ in range(count + 1)]
        for step in range(steps):
            place = step / max(1, steps - 1) * (count - 1)
            low, part = int(place), place % 1
            part = part if sharp else (1 - math.cos(part * math.pi)) / 2
            heights[step] += weight * (knots[low] + (knots[low + 1] - knots[low]) * part)
        total += weight
        weight *= 0.42 if sharp else 0.3
    return [height / total for height in heights]


@functools.cache
def _falloff() -> Image.Image:
    """White in the middle, black at the rim of the inscribed circle, softly."""
    fade = [round(255 * (1 - min(1.0, value / 180)) ** 2) for value in range(256)]
    return Image.radial_gradient("L").point(fade)


@functools.cache
def _vignette() -> Image.Image:
    return Image.radial_gradient("L").point([255 - round(46 * (value / 255) ** 2.4) for value in range(256)])


@functools.lru_cache(maxsize=12)
def _noise(size: tuple[int, int]) -> Image.Image:
    """Grain around 128: the same on every run, so that a prompt always gives the same picture."""
    tile = Image.frombytes("L", (512, 512), random.Random(7).randbytes(512 * 512))  # noqa: S311
    tile = tile.point([128 + round((value - 128) / 22) for value in range(256)])
    noise = Image.new("L", size)
    for left in range(0, size[0], 512):
        for top in range(0, size[1], 512):
            noise.paste(tile, (left, top))
    return noise
