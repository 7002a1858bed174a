"""Places: mountains by a lake, dunes, a city, the sea, a forest, balloons, northern lights."""

import math

from PIL import Image

from generation.emulator.painter import scenery
from generation.emulator.painter.brushes import Canvas, profile
from generation.emulator.painter.palettes import Colour, Palette, darker, lighter, mix


def lake(canvas: Canvas, palette: Palette) -> None:
    """Ridges behind still water, and all of it again upside down."""
    shore = canvas.height * canvas.rng.uniform(0.58, 0.68)
    scenery.sky(canvas, palette, shore)
    for depth, colour in enumerate(palette.land[:3]):
        base = shore - canvas.height * (0.17 - 0.075 * depth)
        scenery.ridge(
            canvas,
            base,
            canvas.height * (0.27 - 0.06 * depth),
            colour,
            palette,
            sharp=True,
            waves=2.4 + depth,
        )
    scenery.water(canvas, shore, palette)
    near = scenery.hill_line(canvas, canvas.height * 0.95, canvas.height * 0.07, waves=1.6)
    canvas.polygon([*near, *scenery.bottom(canvas)], [palette.dark, darker(palette.dark, 0.4)])
    side = canvas.rng.choice((0.0, 0.72))
    for _ in range(canvas.rng.randint(5, 8)):
        x = canvas.width * (side + canvas.rng.random() * 0.3)
        scenery.conifer(
            canvas, x, canvas.height * 0.96, canvas.unit * canvas.rng.uniform(0.14, 0.32), palette.dark
        )


def dunes(canvas: Canvas, palette: Palette) -> None:
    """Long smooth crests, one side in the sun."""
    horizon = canvas.height * canvas.rng.uniform(0.4, 0.5)
    scenery.sky(canvas, palette, horizon + 4)
    canvas.fill([palette.land[0], palette.land[0]], top=horizon)
    for depth in range(5):
        colour = mix(palette.land[0], palette.land[-1], depth / 5)
        base = horizon + (canvas.height - horizon) * (depth / 5) ** 1.25
        line = scenery.hill_line(
            canvas, base + canvas.height * 0.04, canvas.height * (0.05 + 0.05 * depth), waves=0.9
        )
        canvas.polygon([*line, *scenery.bottom(canvas)], [lighter(colour, 0.3), colour, darker(colour, 0.25)])
        lee = [
            (x, y + 2 + (canvas.unit * 0.1 * (0.5 + 0.5 * math.sin(x / canvas.unit * 4 + depth))))
            for x, y in line
        ]
        canvas.polygon([*line, *reversed(lee)], [darker(colour, 0.45), darker(colour, 0.1)], strength=0.55)


def city(canvas: Canvas, palette: Palette) -> None:
    """Towers in rows, lit windows, and their shine on the river."""
    shore = canvas.height * 0.8
    scenery.sky(canvas, palette, shore)
    for depth, colour in enumerate(palette.land[:4]):
        scenery.towers(canvas, shore, depth, colour, palette)
    scenery.water(canvas, shore, palette)


def sea(canvas: Canvas, palette: Palette) -> None:
    """Rows of waves with pale crests under a low sun."""
    horizon = canvas.height * canvas.rng.uniform(0.36, 0.46)
    sun = scenery.sky(canvas, palette, horizon, low=True)
    rows = 8
    for row in range(rows):
        depth = row / rows
        colour = mix(mix(palette.sky[-1], palette.accents[2], 0.55), palette.land[-1], depth)
        y = horizon + (canvas.height - horizon) * depth**1.35
        swell = canvas.unit * (0.006 + 0.045 * depth)
        crest = scenery.wave(canvas, y, swell, length=canvas.unit * (0.18 + 0.5 * depth))
        canvas.polygon(
            [*crest, *scenery.bottom(canvas)], [lighter(colour, 0.2), colour, darker(colour, 0.12)]
        )
        foam = [(x, top + swell * 0.32) for x, top in crest]
        canvas.polygon([*crest, *reversed(foam)], [palette.pale], strength=0.3 + 0.4 * depth)
    for step in range(16):
        y = horizon + (canvas.height - horizon) * ((step + 0.5) / 16) ** 1.4
        reach = canvas.unit * (0.03 + 0.006 * step) * canvas.rng.uniform(0.5, 1.4)
        canvas.ellipse((sun[0], y), (reach, 1.2 + step * 0.22), [palette.light], strength=0.75)


def forest(canvas: Canvas, palette: Palette) -> None:
    """Rows of conifers that mist takes one after another."""
    canvas.fill([palette.sky[-2], palette.sky[-1], palette.pale])
    x, y = canvas.width * canvas.rng.uniform(0.25, 0.75), canvas.height * canvas.rng.uniform(0.2, 0.32)
    canvas.glow((x, y), canvas.unit * 0.6, palette.light)
    canvas.ellipse((x, y), (canvas.unit * 0.07,) * 2, [palette.light])
    for depth in range(5):
        colour = mix(mix(palette.sky[-1], palette.land[0], 0.65), palette.land[-1], depth / 4)
        base = canvas.height * (0.5 + 0.14 * depth)
        line = scenery.hill_line(canvas, base, canvas.height * 0.1, waves=1.4)
        for _ in range(30 - depth * 4):
            x, ground = canvas.rng.choice(line)
            tall = canvas.unit * (0.08 + 0.065 * depth) * canvas.rng.uniform(0.6, 1.3)
            scenery.conifer(canvas, x, ground + tall * 0.12, tall, colour)
        canvas.polygon([*line, *scenery.bottom(canvas)], [colour, mix(colour, palette.sky[-1], 0.45)])


def balloons(canvas: Canvas, palette: Palette) -> None:
    """Striped balloons over misty ridges."""
    scenery.sky(canvas, palette, canvas.height)
    for depth, colour in enumerate(palette.land):
        base = canvas.height * (0.7 + 0.085 * depth)
        scenery.ridge(
            canvas, base, canvas.height * 0.14, mix(colour, palette.sky[-1], 0.5 - 0.14 * depth), palette
        )
    spots = sorted(
        (canvas.rng.uniform(0.035, 0.075), canvas.rng.uniform(0.08, 0.92), canvas.rng.uniform(0.12, 0.6))
        for _ in range(canvas.rng.randint(5, 7))
    )
    for size, x, y in spots:
        scenery.balloon(canvas, (canvas.width * x, canvas.height * y), canvas.unit * size, palette)
    middle = (canvas.width * canvas.rng.uniform(0.35, 0.65), canvas.height * canvas.rng.uniform(0.34, 0.44))
    scenery.balloon(canvas, middle, canvas.unit * canvas.rng.uniform(0.17, 0.21), palette)


def aurora(canvas: Canvas, palette: Palette) -> None:
    """Curtains of light over dark hills."""
    # What is out of focus anyway is drawn at a quarter of the size.
    small = Canvas((max(1, canvas.width // 4), max(1, canvas.height // 4)), canvas.rng)
    small.fill([(8, 12, 34), (16, 34, 66), (36, 74, 104)])
    glow = canvas.rng.choice([((80, 255, 180), (90, 110, 255)), ((120, 255, 150), (220, 90, 210))])
    for curtain in range(3):
        _curtain(small, curtain, glow)
    canvas.image = small.image.resize(canvas.size, Image.Resampling.BICUBIC)
    canvas.blur(7)
    scenery.stars(canvas, canvas.height * 0.6, 190)
    for depth in range(3):
        colour = mix((24, 52, 78), (5, 10, 20), depth / 2)
        base, height = canvas.height * (0.78 + 0.09 * depth), canvas.height * 0.15
        scenery.ridge(canvas, base, height, colour, palette, sharp=depth < 2)


def _curtain(canvas: Canvas, place: int, glow: tuple[Colour, Colour]) -> None:
    """One hanging of light, bright at its wavy hem."""
    line = profile(canvas.rng, canvas.width // 2 + 2, waves=2.0, octaves=3)
    swing = math.tau * canvas.rng.random()
    for step, height in enumerate(line):
        foot = canvas.height * (0.38 + 0.1 * place + 0.3 * (height - 0.5))
        fold = abs(math.sin(step / canvas.width * 38 + swing)) * canvas.rng.uniform(0.7, 1)
        tall = max(2, round(canvas.height * (0.16 + 0.24 * fold)))
        mask = Image.linear_gradient("L").resize((3, tall)).point(_VEIL)
        canvas.through(mask, (step * 2, round(foot - tall), 0, 0), [glow[1], glow[0]])


_VEIL = [round(value * 0.42) for value in range(256)]
