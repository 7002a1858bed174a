"""Flat things: a geometric poster, layers of cut paper, flowing ribbons."""

import math

from generation.emulator.painter.brushes import Canvas, Point, oval, profile, rectangle
from generation.emulator.painter.palettes import Colour, Palette, darker, lighter, mix


def poster(canvas: Canvas, palette: Palette) -> None:
    """A grid of quarter circles, rings, stripes and triangles."""
    ground = canvas.rng.choice([palette.pale, lighter(palette.sky[-1], 0.3), darker(palette.dark, 0.15)])
    canvas.fill([ground, ground])
    columns = 4 if canvas.width <= canvas.height else round(4 * canvas.width / canvas.height)
    cell = canvas.width * 0.8 / columns
    rows = max(3, int(canvas.height * 0.86 // cell))
    left, top = (canvas.width - cell * columns) / 2, (canvas.height - cell * rows) / 2
    colours = [*palette.accents, palette.dark]
    for row in range(rows):
        for column in range(columns):
            box = (left + column * cell, top + row * cell, left + (column + 1) * cell, top + (row + 1) * cell)
            _tile(canvas, box, colours, ground)


def _tile(
    canvas: Canvas, box: tuple[float, float, float, float], colours: list[Colour], ground: Colour
) -> None:
    left, top, right, bottom = box
    cell, middle = right - left, ((left + right) / 2, (top + bottom) / 2)
    usable = [
        colour for colour in colours if sum(abs(a - b) for a, b in zip(colour, ground, strict=True)) > 90
    ]
    first, second = canvas.rng.sample(usable, 2)
    kind = canvas.rng.choice(("quarter", "quarter", "quarter", "half", "ring", "stripes", "triangle", "disc"))
    if kind in ("quarter", "half", "triangle") and canvas.rng.random() < 0.45:
        canvas.polygon(rectangle(*box), [second])
    corners = rectangle(*box)
    if kind == "quarter":
        at = canvas.rng.randrange(4)
        around = oval(corners[at], (cell, cell), steps=96)
        canvas.polygon([corners[at], *(around * 2)[at * 24 : at * 24 + 25]], [first])
    elif kind == "half":
        at = canvas.rng.randrange(2)
        around = oval((middle[0], bottom if at else top), (cell / 2, cell / 2), steps=96)
        canvas.polygon((around * 2)[at * 48 : at * 48 + 49], [first])
    elif kind == "ring":
        for share, colour in ((0.5, first), (0.36, ground), (0.24, first), (0.1, second)):
            canvas.ellipse(middle, (cell * share, cell * share), [colour])
    elif kind == "stripes":
        for stripe in range(4):
            y = top + cell * (stripe * 2 + 0.5) / 8
            canvas.polygon(rectangle(left, y, right, y + cell / 8), [first])
    elif kind == "triangle":
        at = canvas.rng.randrange(4)
        canvas.polygon([corners[at], corners[(at + 1) % 4], corners[(at + 2) % 4]], [first])
    else:
        canvas.ellipse(middle, (cell / 2, cell / 2), [first])


def paper(canvas: Canvas, palette: Palette) -> None:
    """Sheets of cut paper, one behind the other, down to a light."""
    centre = (canvas.width * canvas.rng.uniform(0.4, 0.6), canvas.height * canvas.rng.uniform(0.42, 0.58))
    canvas.fill([palette.light, palette.light])
    canvas.ellipse(centre, (canvas.unit * 0.09,) * 2, [palette.accents[0]])
    sheets = 8
    tones = [palette.pale, *palette.sky[::-1], *palette.land]
    for sheet in range(sheets):
        radius = canvas.unit * (0.17 + 0.085 * sheet)
        hole = _blob(canvas, centre, radius)
        tone = tones[min(len(tones) - 1, round(sheet / (sheets - 1) * (len(tones) - 1)))]
        rim = _around(canvas, hole)
        shade = [(x + canvas.unit * 0.004, y + canvas.unit * 0.016) for x, y in hole]
        canvas.shadow(_around(canvas, shade), canvas.unit * 0.014, 0.5)
        canvas.polygon(rim, [lighter(tone, 0.1), tone, darker(tone, 0.1)])


def _blob(canvas: Canvas, centre: Point, radius: float) -> list[Point]:
    """A closed wavy line."""
    swings = [
        (wave, canvas.rng.uniform(0.02, 0.13) / wave**0.5, canvas.rng.uniform(0, math.tau))
        for wave in (2, 3, 5, 7)
    ]
    stretch = canvas.width / canvas.unit, canvas.height / canvas.unit
    points = []
    for step in range(160):
        angle = math.tau * step / 160
        reach = radius * (1 + sum(size * math.sin(wave * angle + phase) for wave, size, phase in swings))
        points.append(
            (
                centre[0] + math.cos(angle) * reach * stretch[0],
                centre[1] + math.sin(angle) * reach * stretch[1],
            )
        )
    return points


def _around(canvas: Canvas, hole: list[Point]) -> list[Point]:
    """The sheet with the hole in it: the hole's line, then out and round the canvas."""
    far = 40.0
    width, height = canvas.width + far, canvas.height + far
    start = hole[0]
    return [
        *hole,
        start,
        (width, start[1]),
        (width, -far),
        (-far, -far),
        (-far, height),
        (width, height),
        (width, start[1]),
    ]


def ribbons(canvas: Canvas, palette: Palette) -> None:
    """Bands that flow across, each with its own light."""
    canvas.fill([palette.sky[0], palette.sky[-1]])
    canvas.glow((canvas.width * 0.7, canvas.height * 0.25), canvas.unit * 0.8, palette.light, 0.6)
    bands = 11
    tones = [*palette.sky[::-1], *palette.land]
    slope = canvas.rng.uniform(-0.35, 0.35) * canvas.height
    phase = canvas.rng.uniform(0, math.tau)
    lean = profile(canvas.rng, canvas.width // 8 + 2, waves=1.2, octaves=2)
    for band in range(bands):
        tone = tones[round(band / (bands - 1) * (len(tones) - 1))]
        if band % 4 == 2:
            tone = mix(tone, palette.accents[band % len(palette.accents)], 0.6)
        points = []
        for step, value in enumerate(lean):
            x = step * 8.0
            swing = math.sin(x / canvas.width * 3.6 + phase + band * 0.32) * canvas.height * 0.09
            rise = slope * (0.5 - x / canvas.width) + (value - 0.5) * canvas.height * 0.3
            points.append((x, canvas.height * (0.08 + 0.1 * band) + swing + rise))
        end = [(canvas.width + 8.0, canvas.height + 9.0), (-8.0, canvas.height + 9.0)]
        above = [(x, y - canvas.unit * 0.012) for x, y in points]
        canvas.shadow([*above, *end], canvas.unit * 0.02, 0.42)
        canvas.polygon([*points, *end], [lighter(tone, 0.3), tone, darker(tone, 0.15)])
