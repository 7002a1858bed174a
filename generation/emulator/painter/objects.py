"""Things: vases, mugs, spheres, a flower, a room."""

import math

from generation.emulator.painter import things
from generation.emulator.painter.brushes import Canvas, Point, rectangle
from generation.emulator.painter.palettes import Palette, darker, lighter, mix


def vases(canvas: Canvas, palette: Palette) -> None:
    """Ceramics on a table in light from the left."""
    table = things.stage(canvas, palette)
    count = canvas.rng.randint(3, 4)
    colours = canvas.rng.sample([*palette.accents, palette.pale, palette.dark], count)
    order = sorted(range(count), key=lambda place: -abs(place - (count - 1) / 2))
    for place in sorted(order, key=lambda _: canvas.rng.random()):
        share = (place + 0.5) / count
        x = canvas.width / 2 + (share - 0.5) * canvas.unit * 0.86
        shape = things.VASES[(place * 2 + canvas.rng.randint(0, 2)) % len(things.VASES)]
        tall = canvas.unit * (0.3 if max(shape) > 0.45 else canvas.rng.uniform(0.36, 0.56))
        foot = table + canvas.unit * canvas.rng.uniform(0.1, 0.2)
        if max(shape) < 0.3 and tall > canvas.unit * 0.4:
            things.twigs(canvas, (x, foot - tall), tall, palette)
        things.turned(canvas, (x, foot), tall, shape, colours[place])


def mug(canvas: Canvas, palette: Palette) -> None:
    """A mug on a table by a window, with steam."""
    table = things.stage(canvas, palette, window=True)
    colour = canvas.rng.choice(palette.accents[:4])
    x, foot = canvas.width * canvas.rng.uniform(0.42, 0.58), table + canvas.unit * 0.2
    tall = canvas.unit * 0.42
    things.mug(canvas, (x, foot), tall, colour)
    for wisp in range(3):
        things.steam(canvas, (x + (wisp - 1) * tall * 0.22, foot - tall * 1.05), tall * 0.6)
    if canvas.width >= canvas.height:
        beside = x + canvas.unit * canvas.rng.choice((-0.52, 0.55))
        things.turned(
            canvas, (beside, foot - canvas.unit * 0.06), canvas.unit * 0.3, things.VASES[3], palette.pale
        )


def spheres(canvas: Canvas, palette: Palette) -> None:
    """Polished balls of one family of colours."""
    base = canvas.rng.choice(palette.accents[:4])
    canvas.fill([lighter(base, 0.62), lighter(base, 0.4), lighter(base, 0.5), lighter(base, 0.7)])
    canvas.glow((canvas.width * 0.3, canvas.height * 0.2), canvas.unit * 0.8, (255, 255, 255), 0.55)
    balls = [(0.24, 0.5, 0.5)]
    for _ in range(60):
        radius = canvas.rng.uniform(0.035, 0.13)
        x, y = canvas.rng.uniform(0.05, 0.95), canvas.rng.uniform(0.3, 0.92)
        if all(_apart(canvas, (x, y, radius), other) for other in balls) and len(balls) < 12:
            balls.append((radius, x, y))
    for radius, x, y in sorted(balls, key=lambda ball: ball[2] + ball[0]):
        colour = canvas.rng.choice(
            [base, lighter(base, 0.45), darker(base, 0.35), *palette.accents[:3], palette.pale]
        )
        things.ball(canvas, (canvas.width * x, canvas.height * y), canvas.unit * radius, colour)


def flower(canvas: Canvas, palette: Palette) -> None:
    """A dahlia, petal by petal from the rim to the heart."""
    colour = canvas.rng.choice(sorted(palette.accents, key=lambda one: max(one) - min(one))[-3:])
    canvas.fill([darker(palette.dark, 0.35), darker(palette.dark, 0.6)])
    centre = (canvas.width * canvas.rng.uniform(0.42, 0.58), canvas.height * canvas.rng.uniform(0.44, 0.56))
    reach = math.hypot(canvas.width, canvas.height) * canvas.rng.uniform(0.4, 0.5)
    canvas.glow(centre, reach, colour, 0.35)
    rings = 13
    for ring in range(rings):
        share = 1 - ring / rings
        radius, petals = reach * share**1.25, 14 + round(share * 8)
        for petal in range(petals):
            angle = math.tau * (petal + 0.5 * (ring % 2)) / petals + ring * 0.05
            things.petal(
                canvas,
                centre,
                radius,
                angle,
                mix(lighter(colour, 0.45), darker(colour, 0.35), 1 - share),
                petals,
            )


def room(canvas: Canvas, palette: Palette) -> None:
    """A sofa, a print on the wall, a lamp, a plant, a rug."""
    floor = things.wall(canvas, palette)
    unit, middle = canvas.unit, canvas.width * 0.5
    _print(canvas, (middle, floor - unit * 0.43), palette)
    canvas.ellipse((middle, floor + unit * 0.17), (unit * 0.48, unit * 0.08), [palette.pale], strength=0.85)
    things.sofa(canvas, (middle, floor + unit * 0.1), canvas.rng.choice(palette.accents[:4]))
    reach = min(unit * 0.55, canvas.width * 0.4) * canvas.rng.choice((-1, 1))
    _lamp(canvas, middle + reach, floor, palette)
    plant = (middle - reach, floor + unit * 0.1)
    things.turned(canvas, plant, unit * 0.18, things.VASES[1], palette.accents[3])
    things.leaves(canvas, (plant[0], plant[1] - unit * 0.17), unit * 0.3, palette)


def _print(canvas: Canvas, middle: Point, palette: Palette) -> None:
    """A framed abstract of a disc and a square."""
    (x, y), unit = middle, canvas.unit
    things.frame(canvas, (x - unit * 0.13, y - unit * 0.13, x + unit * 0.13, y + unit * 0.13), None, palette)
    canvas.ellipse((x - unit * 0.03, y - unit * 0.01), (unit * 0.045,) * 2, [palette.accents[0]])
    canvas.polygon(rectangle(x - unit * 0.02, y, x + unit * 0.07, y + unit * 0.08), [palette.accents[1]])


def _lamp(canvas: Canvas, x: float, floor: float, palette: Palette) -> None:
    """A standing lamp, lit."""
    unit = canvas.unit
    canvas.polygon(rectangle(x - 3, floor - unit * 0.36, x + 3, floor + unit * 0.06), [palette.dark])
    canvas.ellipse((x, floor + unit * 0.06), (unit * 0.04, unit * 0.008), [palette.dark])
    canvas.glow((x, floor - unit * 0.38), unit * 0.42, palette.light, 0.6)
    top, low, half = floor - unit * 0.46, floor - unit * 0.34, unit * 0.05
    shade = [(x - half, top), (x + half, top), (x + half * 1.7, low), (x - half * 1.7, low)]
    canvas.polygon(shade, [palette.light, lighter(palette.accents[1], 0.5)])


def _apart(canvas: Canvas, one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    across, down = (one[0] - other[1]) * canvas.width, (one[1] - other[2]) * canvas.height
    return math.hypot(across, down) > (one[2] + other[0]) * canvas.unit * 1.04
