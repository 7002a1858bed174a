"""Parts of landscapes: skies, ridges, water, trees, towers, balloons."""

import math

from PIL import Image

from generation.emulator.painter.brushes import Canvas, Point, oval, profile, rectangle
from generation.emulator.painter.palettes import Colour, Palette, darker, lighter, mix


def sky(canvas: Canvas, palette: Palette, horizon: float, *, low: bool = False) -> Point:
    """A sky down to the horizon with a sun or moon, and where that stands."""
    canvas.fill(palette.sky, bottom=horizon)
    x = canvas.width * canvas.rng.uniform(0.22, 0.78)
    y = horizon - canvas.unit * 0.07 if low else horizon * canvas.rng.uniform(0.3, 0.6)
    if sum(palette.sky[0]) < 200:
        stars(canvas, horizon * 0.7, 140)
    canvas.glow((x, y), canvas.unit * 0.55, palette.light, 0.75)
    canvas.ellipse((x, y), (canvas.unit * canvas.rng.uniform(0.05, 0.085),) * 2, [palette.light])
    for _ in range(canvas.rng.randint(2, 4)):
        _cloud(canvas, horizon, palette)
    return x, y


def _cloud(canvas: Canvas, horizon: float, palette: Palette) -> None:
    x, y = canvas.width * canvas.rng.random(), horizon * canvas.rng.uniform(0.15, 0.75)
    for _ in range(5):
        shift = canvas.unit * canvas.rng.uniform(-0.16, 0.16)
        reach = canvas.unit * canvas.rng.uniform(0.08, 0.2)
        canvas.ellipse(
            (x + shift, y + shift * 0.06), (reach, canvas.unit * 0.009), [palette.pale], strength=0.3
        )


def stars(canvas: Canvas, bottom: float, count: int) -> None:
    for _ in range(count):
        spot = (
            canvas.rng.randrange(canvas.width),
            canvas.rng.randrange(max(1, min(canvas.height, round(bottom)))),
        )
        shine = canvas.rng.randint(150, 255)
        canvas.image.putpixel(spot, (shine, shine, min(255, shine + 12)))


def ridge(
    canvas: Canvas,
    base: float,
    height: float,
    colour: Colour,
    palette: Palette,
    *,
    sharp: bool = False,
    waves: float = 2.2,
) -> None:
    """One range with mist at its foot and, where it is sharp, light on one flank."""
    line = hill_line(canvas, base, height, waves=waves, sharp=sharp)
    haze = mix(colour, palette.sky[-1], 0.4)
    canvas.polygon([*line, *bottom(canvas)], [colour, haze])
    if sharp:
        lit = [
            (x - height * 0.1, y + height * (0.06 + 0.3 * ((index * 7919) % 13) / 13))
            for index, (x, y) in enumerate(line)
        ][::3]
        tops = [(x, y) for x, y in line if y < base - height * 0.02]
        if len(tops) > 2 and len(lit) > 2:
            canvas.polygon(
                [*line, *reversed(lit)],
                [lighter(colour, 0.5), mix(colour, palette.light, 0.25)],
                strength=0.5,
            )


def hill_line(
    canvas: Canvas, base: float, height: float, *, waves: float, sharp: bool = False
) -> list[Point]:
    """Points of a skyline from left to right; `base` is its mean height, `height` how far it swings."""
    steps = canvas.width // 6 + 2
    waves *= canvas.width / canvas.height
    heights = profile(canvas.rng, steps, waves=waves, octaves=5 if sharp else 2, sharp=sharp)
    low, high = min(heights), max(heights)
    spread = (high - low) or 1.0
    return [
        (step * 6.0, base + height * (0.5 - (value - low) / spread)) for step, value in enumerate(heights)
    ]


def bottom(canvas: Canvas) -> list[Point]:
    return [(canvas.width + 6.0, canvas.height + 2.0), (-2.0, canvas.height + 2.0)]


def water(canvas: Canvas, shore: float, palette: Palette) -> None:
    """What is above the shore, mirrored, calmer and darker."""
    top, depth = round(shore), canvas.height - round(shore)
    mirror = canvas.image.crop((0, max(0, top - depth * 2), canvas.width, top)).transpose(
        Image.Transpose.FLIP_TOP_BOTTOM
    )
    mirror = mirror.resize((canvas.width, depth), Image.Resampling.BILINEAR)
    tint = Image.new("RGB", mirror.size, mix(palette.land[2], palette.sky[0], 0.4))
    mirror = Image.blend(mirror, tint, 0.32)
    canvas.image.paste(mirror, (0, top))
    for row in range(0, depth, 4):
        shift = round(math.sin(row * 0.55) * (1 + row / depth * 7) + canvas.rng.uniform(-1, 1))
        strip = mirror.crop((0, row, canvas.width, min(depth, row + 4)))
        canvas.image.paste(strip, (shift, top + row))
    canvas.polygon(rectangle(0, shore - 1, canvas.width, shore + 2), [palette.pale], strength=0.35)


def wave(canvas: Canvas, y: float, swell: float, *, length: float) -> list[Point]:
    phase, second = canvas.rng.uniform(0, math.tau), canvas.rng.uniform(0, math.tau)
    points = []
    for x in range(0, canvas.width + 8, 6):
        angle = math.tau * x / length
        points.append(
            (float(x), y - swell * (abs(math.sin(angle / 2 + phase)) + 0.4 * math.sin(angle * 0.37 + second)))
        )
    return points


def conifer(canvas: Canvas, x: float, foot: float, tall: float, colour: Colour) -> None:
    """A fir of a few skirts."""
    right: list[Point] = []
    for tier in range(6):
        share = (tier + 1) / 6
        reach = tall * 0.2 * share
        y = foot - tall * (1 - share)
        right += [(x + reach * canvas.rng.uniform(0.85, 1.1), y), (x + reach * 0.45, y - tall * 0.025)]
    left = [(2 * x - px, py) for px, py in reversed(right)]
    canvas.polygon([(x, foot - tall), *right, *left], [mix(colour, (255, 255, 255), 0.05), colour])


def towers(canvas: Canvas, shore: float, depth: int, colour: Colour, palette: Palette) -> None:
    x = -canvas.unit * canvas.rng.uniform(0, 0.08)
    haze = mix(colour, palette.sky[-1], 0.45 - 0.13 * depth)
    while x < canvas.width:
        wide = canvas.unit * canvas.rng.uniform(0.05, 0.11)
        tall = shore * (0.66 - 0.13 * depth) * canvas.rng.uniform(0.45, 1.0)
        roof = shore - tall
        canvas.polygon(rectangle(x, roof, x + wide, shore), [haze, mix(haze, palette.sky[-1], 0.2)])
        canvas.polygon(rectangle(x + wide * 0.72, roof, x + wide, shore), [darker(haze, 0.3)], strength=0.5)
        if canvas.rng.random() < 0.3:
            middle = x + wide / 2
            canvas.polygon(rectangle(middle - 1.5, roof - tall * 0.18, middle + 1.5, roof), [haze])
        if depth > 0:
            _windows(canvas, x, roof, wide, shore, palette)
        x += wide * canvas.rng.uniform(1.0, 1.35)


def _windows(canvas: Canvas, x: float, roof: float, wide: float, shore: float, palette: Palette) -> None:
    cell = canvas.unit * 0.016
    for column in range(1, int(wide / cell)):
        for row in range(1, int((shore - roof) / (cell * 1.5))):
            if canvas.rng.random() < 0.33:
                left, top = round(x + column * cell), round(roof + row * cell * 1.5)
                lit = mix(palette.light, palette.accents[1], canvas.rng.random() * 0.6)
                canvas.image.paste(lit, (left, top, left + round(cell * 0.5), top + round(cell * 0.8)))


def balloon(canvas: Canvas, centre: Point, radius: float, palette: Palette) -> None:
    """A striped envelope, shaded to the right, with its basket."""
    x, y = centre
    first, second = canvas.rng.sample(palette.accents, 2)
    foot = y + radius * 1.45
    outline = [*oval(centre, (radius, radius * 1.05))[37:72], (x + radius, y)]
    outline += [(x + radius * 0.2, foot), (x - radius * 0.2, foot), (x - radius, y)]
    canvas.polygon(outline, [lighter(first, 0.12), first, darker(first, 0.25)])
    for stripe in (0.72, 0.3):
        gore = [(x + (px - x) * stripe, py) for px, py in outline]
        canvas.polygon(gore, [second if stripe == 0.72 else first])
    shade = [(px, py) for px, py in outline if px >= x + radius * 0.3]
    canvas.polygon([*shade, (x + radius * 0.45, y)], [darker(first, 0.7)], strength=0.22)
    canvas.glow((x - radius * 0.35, y - radius * 0.4), radius * 0.7, (255, 255, 255), 0.35)
    basket = radius * 0.16
    canvas.polygon(
        rectangle(x - basket, foot + radius * 0.16, x + basket, foot + radius * 0.42),
        [darker(palette.dark, 0.2)],
    )
    for side in (-1, 1):
        rope = [(x + side * basket, foot + radius * 0.18), (x + side * radius * 0.2, foot)]
        canvas.polygon(
            [*rope, (x + side * radius * 0.2 + 1.6, foot), (x + side * basket + 1.6, foot + 2)],
            [palette.dark],
        )
