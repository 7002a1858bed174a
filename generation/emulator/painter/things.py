"""Parts of pictures: walls and tables, frames, and what stands before them."""

import math

from PIL import Image

from generation.emulator.painter.brushes import Canvas, Point, bounds, oval, polygon_mask, rectangle, sideways
from generation.emulator.painter.palettes import Colour, Palette, darker, lighter, mix

# Outlines of turned things: half widths from rim to foot, as shares of the height.
VASES = (
    (0.09, 0.07, 0.075, 0.12, 0.22, 0.27, 0.27, 0.22, 0.15),
    (0.13, 0.1, 0.2, 0.33, 0.4, 0.4, 0.34, 0.22),
    (0.05, 0.045, 0.045, 0.06, 0.14, 0.19, 0.2, 0.18, 0.13),
    (0.3, 0.34, 0.46, 0.52, 0.52, 0.45, 0.3),
    (0.12, 0.09, 0.16, 0.28, 0.24, 0.14, 0.1, 0.12),
)


def wall(canvas: Canvas, palette: Palette) -> float:
    """A wall with a slant of light, a floor below; gives the height of the skirting."""
    floor = canvas.height * 0.74
    tone = mix(palette.sky[-2], palette.pale, 0.35)
    canvas.fill([tone, darker(tone, 0.1)], bottom=floor)
    canvas.fill([mix(palette.land[0], palette.accents[1], 0.35), darker(palette.land[1], 0.2)], top=floor)
    slant = canvas.width * canvas.rng.uniform(0.0, 0.35)
    beam = [
        (slant, 0),
        (slant + canvas.unit * 0.5, 0),
        (slant + canvas.unit * 1.1, floor),
        (slant + canvas.unit * 0.5, floor),
    ]
    canvas.polygon([(float(x), float(y)) for x, y in beam], [palette.light], strength=0.28)
    canvas.polygon(rectangle(0, floor - canvas.unit * 0.02, canvas.width, floor), [lighter(tone, 0.5)])
    return floor


def frame(
    canvas: Canvas,
    box: tuple[float, float, float, float],
    picture: Image.Image | None,
    palette: Palette,
) -> None:
    """A framed print on the wall: shadow, frame, passe-partout, picture."""
    left, top, right, bottom = box
    thick, mount = canvas.unit * 0.012, canvas.unit * 0.028
    lower = canvas.unit * 0.022
    canvas.shadow(
        rectangle(left, top + lower, right + lower * 0.6, bottom + lower), canvas.unit * 0.022, 0.55
    )
    canvas.polygon(rectangle(*box), [darker(palette.dark, 0.1), darker(palette.dark, 0.45)])
    canvas.polygon(
        rectangle(left + thick, top + thick, right - thick, bottom - thick),
        [(250, 247, 240), (236, 231, 221)],
    )
    if picture is not None:
        inner = (round(left + thick + mount), round(top + thick + mount))
        size = (round(right - left - 2 * (thick + mount)), round(bottom - top - 2 * (thick + mount)))
        canvas.image.paste(picture.resize(size, Image.Resampling.LANCZOS), inner)


def stage(canvas: Canvas, palette: Palette, *, window: bool = False) -> float:
    """A plain wall and a table top, softly lit; gives where they meet."""
    table = canvas.height * 0.62
    tone = mix(palette.sky[-2], palette.land[0], 0.3)
    canvas.fill([darker(tone, 0.12), lighter(tone, 0.12)], bottom=table)
    canvas.fill([lighter(tone, 0.32), lighter(tone, 0.1), darker(tone, 0.08)], top=table)
    canvas.glow((canvas.width * 0.2, canvas.height * 0.25), canvas.unit * 0.9, palette.light, 0.5)
    if window:
        left, top = canvas.width * 0.08, canvas.height * 0.06
        right, sill = canvas.width * 0.92, table - canvas.unit * 0.05
        canvas.polygon(rectangle(left, top, right, sill), [palette.sky[0], palette.sky[-1], palette.pale])
        for depth, colour in enumerate(palette.land[:2]):
            hills = [
                (
                    left + (right - left) * step / 40,
                    sill - canvas.unit * (0.2 - 0.09 * depth + 0.04 * math.sin(step / 5 + depth * 2)),
                )
                for step in range(41)
            ]
            canvas.polygon([*hills, (right, sill), (left, sill)], [colour, lighter(colour, 0.3)])
        middle = (left + right) / 2
        for x in (left, middle, right):
            canvas.polygon(
                rectangle(x - canvas.unit * 0.012, top, x + canvas.unit * 0.012, sill), [palette.pale]
            )
        for y in (top, sill):
            canvas.polygon(
                rectangle(left, y - canvas.unit * 0.012, right, y + canvas.unit * 0.012), [palette.pale]
            )
    return table


def turned(canvas: Canvas, foot: Point, tall: float, shape: tuple[float, ...], colour: Colour) -> None:
    """A thing from the potter's wheel: light on its left, shade on its right, a shadow on the table."""
    x, bottom = foot
    rows = 48
    half = [_between(shape, row / rows) * tall for row in range(rows + 1)]
    side = [(x + half[row], bottom - tall + tall * row / rows) for row in range(rows + 1)]
    base = oval((x, bottom), (half[-1], half[-1] * 0.22))[1:36]
    outline = [*side, *base, *[(2 * x - px, py) for px, py in reversed(side)]]
    wide = max(half)
    canvas.shadow(oval((x + wide * 0.55, bottom + wide * 0.05), (wide * 1.35, wide * 0.2)), wide * 0.16, 0.5)
    _shaded(canvas, outline, colour)
    canvas.glow((x - wide * 0.42, bottom - tall * 0.42), wide * 0.55, (255, 255, 255), 0.42)
    lip = half[0]
    canvas.ellipse((x, bottom - tall), (lip, lip * 0.22), [lighter(colour, 0.25)])
    canvas.ellipse((x, bottom - tall + 1), (lip * 0.82, lip * 0.15), [darker(colour, 0.65)])


def _shaded(canvas: Canvas, outline: list[Point], colour: Colour) -> None:
    """Fill an outline with the light and shade of something round."""
    box = bounds(outline, canvas.size)
    if box is None:
        return
    mask = polygon_mask(outline, box)
    tones = [
        darker(colour, 0.12),
        lighter(colour, 0.3),
        lighter(colour, 0.08),
        colour,
        darker(colour, 0.35),
        darker(colour, 0.6),
        darker(colour, 0.5),
    ]
    canvas.image.paste(sideways(mask.size, tones), (box[0], box[1]), mask)


def _between(values: tuple[float, ...], place: float) -> float:
    """A smooth curve through the values, at `place` from 0 to 1."""
    scaled = place * (len(values) - 1)
    index = min(int(scaled), len(values) - 2)
    before, after = values[max(0, index - 1)], values[min(len(values) - 1, index + 2)]
    first, second, part = values[index], values[index + 1], scaled - index
    rise, fall = (second - before) / 2, (after - first) / 2
    return (
        (2 * first - 2 * second + rise + fall) * part**3
        + (-3 * first + 3 * second - 2 * rise - fall) * part**2
        + rise * part
        + first
    )


def twigs(canvas: Canvas, mouth: Point, tall: float, palette: Palette) -> None:
    for _ in range(canvas.rng.randint(6, 9)):
        lean, reach = canvas.rng.uniform(-0.5, 0.5), tall * canvas.rng.uniform(0.4, 0.75)
        for step in range(14):
            share = step / 13
            x, y = mouth[0] + lean * reach * share**1.4, mouth[1] - reach * share + 6
            canvas.image.paste(palette.land[2], (round(x), round(y) - 8, round(x) + 3, round(y) + 3))
            if share > 0.4:
                spot = (x + canvas.rng.uniform(-9, 9), y + canvas.rng.uniform(-7, 7))
                bud = canvas.unit * canvas.rng.uniform(0.006, 0.012)
                canvas.ellipse(
                    spot, (bud, bud), [mix(palette.pale, palette.accents[0], canvas.rng.random() * 0.6)]
                )


def mug(canvas: Canvas, foot: Point, tall: float, colour: Colour) -> None:
    """A mug with its handle on the right."""
    x, bottom = foot
    handle = (x + tall * 0.46, bottom - tall * 0.52)
    canvas.shadow(oval((x + tall * 0.3, bottom + tall * 0.02), (tall * 0.75, tall * 0.1)), tall * 0.07, 0.5)
    outer, inner = oval(handle, (tall * 0.27, tall * 0.3)), oval(handle, (tall * 0.165, tall * 0.19))
    box = bounds(outer, canvas.size)
    if box is not None:
        ring = polygon_mask(outer, box)
        ring.paste(0, (0, 0), polygon_mask(inner, box))
        canvas.through(ring, box, [lighter(colour, 0.08), darker(colour, 0.4)])
    turned(canvas, foot, tall, (0.46, 0.455, 0.445, 0.43, 0.41, 0.385, 0.35), colour)
    canvas.ellipse((x, bottom - tall + tall * 0.02), (tall * 0.37, tall * 0.07), [(74, 44, 30), (46, 27, 20)])


def steam(canvas: Canvas, start: Point, tall: float) -> None:
    turn = canvas.rng.uniform(0, math.tau)
    for step in range(24):
        share = step / 23
        x = start[0] + math.sin(share * 5 + turn) * tall * 0.09
        canvas.glow(
            (x, start[1] - tall * share), tall * (0.05 + 0.08 * share), (255, 255, 255), 0.16 * (1 - share)
        )


def ball(canvas: Canvas, centre: Point, radius: float, colour: Colour) -> None:
    x, y = centre
    canvas.shadow(
        oval((x + radius * 0.25, y + radius * 0.95), (radius, radius * 0.28)),
        radius * 0.18,
        0.4,
        darker(colour, 0.7),
    )
    outline = oval(centre, (radius, radius), steps=96)
    box = bounds(outline, canvas.size)
    if box is None:
        return
    canvas.through(polygon_mask(outline, box), box, [lighter(colour, 0.18), colour, darker(colour, 0.5)])
    canvas.glow((x - radius * 0.3, y - radius * 0.35), radius * 0.62, lighter(colour, 0.85), 0.75)
    canvas.glow((x + radius * 0.28, y + radius * 0.52), radius * 0.42, lighter(colour, 0.5), 0.35)
    canvas.ellipse(
        (x - radius * 0.34, y - radius * 0.42),
        (radius * 0.1, radius * 0.07),
        [(255, 255, 255)],
        strength=0.85,
    )


def petal(canvas: Canvas, centre: Point, radius: float, angle: float, colour: Colour, petals: int) -> None:
    length, half = radius * 0.46, radius * math.pi / petals * 0.86
    middle = (centre[0] + math.cos(angle) * radius * 0.72, centre[1] + math.sin(angle) * radius * 0.72)
    outline = oval(middle, (length * 0.6, half), turn=angle, steps=22)
    if bounds(outline, canvas.size) is None:
        return
    edge = oval((middle[0] + 2, middle[1] + 4), (length * 0.63, half * 1.1), turn=angle, steps=22)
    canvas.polygon(edge, [darker(colour, 0.72)], strength=0.5)
    canvas.polygon(outline, [lighter(colour, 0.22), colour, darker(colour, 0.22)])


def sofa(canvas: Canvas, foot: Point, colour: Colour) -> None:
    x, bottom = foot
    unit = canvas.unit
    canvas.shadow(oval((x, bottom + unit * 0.03), (unit * 0.36, unit * 0.035)), unit * 0.03, 0.55)
    for side in (-1, 1):
        canvas.polygon(
            rectangle(
                x + side * unit * 0.28 - 5, bottom - 4, x + side * unit * 0.28 + 5, bottom + unit * 0.03
            ),
            [(60, 40, 32)],
        )
    _block(canvas, (x - unit * 0.31, bottom - unit * 0.25, x + unit * 0.31, bottom - unit * 0.05), colour)
    for side in (-1, 1):
        _block(
            canvas,
            (
                x + side * unit * 0.145 - unit * 0.14,
                bottom - unit * 0.13,
                x + side * unit * 0.145 + unit * 0.14,
                bottom - unit * 0.05,
            ),
            lighter(colour, 0.12),
        )
        _block(
            canvas,
            (
                x + side * unit * 0.325 - unit * 0.045,
                bottom - unit * 0.17,
                x + side * unit * 0.325 + unit * 0.045,
                bottom,
            ),
            darker(colour, 0.1),
        )
    _block(canvas, (x - unit * 0.3, bottom - unit * 0.06, x + unit * 0.3, bottom), darker(colour, 0.18))


def _block(canvas: Canvas, box: tuple[float, float, float, float], colour: Colour) -> None:
    """An upholstered box with round corners."""
    left, top, right, bottom = box
    round_by = min(right - left, bottom - top) * 0.35
    outline: list[Point] = []
    corners = (
        (right - round_by, bottom - round_by),
        (left + round_by, bottom - round_by),
        (left + round_by, top + round_by),
        (right - round_by, top + round_by),
    )
    for quarter, corner in enumerate(corners):
        outline += oval(corner, (round_by, round_by), steps=36)[quarter * 9 : quarter * 9 + 10]
    canvas.polygon(outline, [lighter(colour, 0.2), colour, darker(colour, 0.25)])


def leaves(canvas: Canvas, foot: Point, tall: float, palette: Palette) -> None:
    green = mix(palette.land[2], (70, 120, 80), 0.5)
    for step in range(11):
        angle = -math.pi / 2 + (step - 5) * 0.24
        reach = tall * canvas.rng.uniform(0.55, 0.95)
        middle = (foot[0] + math.cos(angle) * reach / 2, foot[1] + math.sin(angle) * reach / 2)
        canvas.polygon(
            oval(middle, (reach / 2, tall * 0.055), turn=angle), [lighter(green, 0.2), darker(green, 0.25)]
        )
