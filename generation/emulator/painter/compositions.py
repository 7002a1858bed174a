"""Pictures with other people's pictures in them: prints on a wall, cards on a table, a canvas on an easel."""

import math
from collections.abc import Sequence

from PIL import Image, ImageOps

from generation.emulator.painter.brushes import Canvas, bounds, oval, polygon_mask, rectangle
from generation.emulator.painter.palettes import Palette, darker, lighter, mix
from generation.emulator.painter.things import VASES, frame, mug, turned, twigs, wall

_CARD = (250, 247, 241)
_WOOD = (150, 104, 68)


def gallery_wall(canvas: Canvas, palette: Palette, pictures: Sequence[Image.Image], *, cosy: bool) -> None:
    """Each reference framed on the wall, above a sideboard."""
    floor = wall(canvas, palette)
    if cosy:
        _lights(canvas, palette)
    unit, top = canvas.unit, canvas.height * 0.07
    _hang(canvas, palette, pictures, (canvas.width * 0.08, top, canvas.width * 0.92, floor - unit * 0.14))
    board = floor + unit * 0.02
    wood = mix(_WOOD, palette.land[-1], 0.25)
    canvas.shadow(
        rectangle(canvas.width * 0.1, board + unit * 0.1, canvas.width * 0.9, canvas.height), unit * 0.03, 0.5
    )
    canvas.polygon(
        rectangle(canvas.width * 0.06, board, canvas.width * 0.94, canvas.height), [wood, darker(wood, 0.35)]
    )
    canvas.polygon(
        rectangle(canvas.width * 0.05, board - unit * 0.022, canvas.width * 0.95, board + unit * 0.012),
        [lighter(wood, 0.3)],
    )
    _vase(canvas, (canvas.width * 0.13, board), unit * 0.2, palette)
    mug(canvas, (canvas.width * 0.86, board), unit * 0.13, palette.accents[2])


def cards(canvas: Canvas, palette: Palette, pictures: Sequence[Image.Image], *, cosy: bool) -> None:
    """The references as prints, laid on a table and seen from above."""
    wood = mix(palette.land[0], _WOOD, 0.5)
    canvas.fill([lighter(wood, 0.2), darker(wood, 0.15)])
    for plank in range(1, 6):
        y = canvas.height * plank / 6
        canvas.polygon(rectangle(0, y, canvas.width, y + 3), [darker(wood, 0.5)], strength=0.4)
    canvas.glow((canvas.width * 0.25, canvas.height * 0.15), canvas.unit, palette.light, 0.55)
    if cosy:
        _lights(canvas, palette)
    sizes = _row(pictures, (canvas.width * 0.94, canvas.height * 0.78), gap=-canvas.unit * 0.02)
    left = (canvas.width - sum(width for width, _ in sizes)) / 2
    for picture, (width, height) in zip(pictures, sizes, strict=True):
        middle = (left + width / 2, canvas.height * canvas.rng.uniform(0.47, 0.53))
        _card(canvas, picture, middle, (width * 0.94, height * 0.94), canvas.rng.uniform(-7, 7))
        left += width
    cup = (canvas.width * canvas.rng.choice((0.07, 0.93)), canvas.height * 0.9)
    _cup(canvas, cup, canvas.unit * 0.15, palette)


def easel(canvas: Canvas, palette: Palette, pictures: Sequence[Image.Image], *, cosy: bool) -> None:
    """The first reference as a canvas on an easel, the others leaning below."""
    floor = wall(canvas, palette)
    if cosy:
        _lights(canvas, palette)
    unit, middle = canvas.unit, canvas.width * 0.5
    width, height = _row(pictures[:1], (canvas.width * 0.62, canvas.height * 0.6), gap=0)[0]
    top, low = canvas.height * 0.1, canvas.height * 0.1 + height
    wood = mix(palette.accents[1], _WOOD, 0.7)
    for foot in (-0.3, 0.3):
        _leg(
            canvas,
            (middle + foot * unit * 0.12, top - unit * 0.05),
            (middle + foot * unit, floor + unit * 0.2),
            wood,
        )
    canvas.shadow(
        rectangle(middle - width / 2, top + unit * 0.03, middle + width / 2 + unit * 0.03, low + unit * 0.04),
        unit * 0.03,
        0.5,
    )
    _put(canvas, pictures[0], (middle - width / 2, top), (width, height))
    canvas.polygon(
        rectangle(middle - width * 0.56, low, middle + width * 0.56, low + unit * 0.03),
        [lighter(wood, 0.2), darker(wood, 0.2)],
    )
    for place, picture in enumerate(pictures[1:]):
        side = -1 if place == 0 else 1
        wide, tall = _row([picture], (unit * 0.4, unit * 0.36), gap=0)[0]
        x = middle + side * (unit * 0.12 + canvas.width * 0.24) - wide / 2
        frame(canvas, (x, floor + unit * 0.14 - tall, x + wide, floor + unit * 0.14), picture, palette)
    if len(pictures) < 3:
        _vase(canvas, (canvas.width * 0.88, floor + unit * 0.14), unit * 0.34, palette)


COMPOSITIONS = (gallery_wall, cards, easel)


def _hang(
    canvas: Canvas,
    palette: Palette,
    pictures: Sequence[Image.Image],
    room: tuple[float, float, float, float],
) -> None:
    """The pictures in frames, in one row or below each other, whichever makes them larger."""
    left, top, right, bottom = room
    gap, wide, high = canvas.unit * 0.05, right - left, bottom - top
    row = _row(pictures, (wide, high), gap=gap)
    each = (high - gap * (len(pictures) - 1)) / len(pictures)
    column = [_row([picture], (wide, each), gap=0)[0] for picture in pictures]
    if row[0][1] >= column[0][1]:
        x = (left + right - sum(width for width, _ in row) - gap * (len(row) - 1)) / 2
        for picture, (width, height) in zip(pictures, row, strict=True):
            y = (top + bottom - height) / 2
            frame(canvas, (x, y, x + width, y + height), picture, palette)
            x += width + gap
        return
    for place, (picture, (width, height)) in enumerate(zip(pictures, column, strict=True)):
        x, y = (left + right - width) / 2, top + place * (each + gap) + (each - height) / 2
        frame(canvas, (x, y, x + width, y + height), picture, palette)


def _vase(canvas: Canvas, foot: tuple[float, float], tall: float, palette: Palette) -> None:
    twigs(canvas, (foot[0], foot[1] - tall), tall, palette)
    turned(canvas, foot, tall, VASES[0], palette.accents[0])


def _row(
    pictures: Sequence[Image.Image], room: tuple[float, float], *, gap: float
) -> list[tuple[float, float]]:
    """Sizes in one row of equal height that fits the room, in pixels."""
    shapes = [min(max(picture.width / picture.height, 0.5), 2.2) for picture in pictures]
    height = min(room[1], (room[0] - gap * (len(shapes) - 1)) / sum(shapes))
    return [(height * shape, height) for shape in shapes]


def _put(
    canvas: Canvas, picture: Image.Image, corner: tuple[float, float], size: tuple[float, float]
) -> None:
    whole = (max(1, round(size[0])), max(1, round(size[1])))
    canvas.image.paste(ImageOps.fit(picture, whole), (round(corner[0]), round(corner[1])))


def _card(
    canvas: Canvas,
    picture: Image.Image,
    middle: tuple[float, float],
    size: tuple[float, float],
    degrees: float,
) -> None:
    """A print with a white border, turned a little."""
    border = round(canvas.unit * 0.022)
    whole = (max(1, round(size[0])), max(1, round(size[1])))
    card = Image.new("RGB", whole, _CARD)
    inner = (max(1, whole[0] - 2 * border), max(1, whole[1] - 2 * border))
    card.paste(ImageOps.fit(picture, inner), (border, border))
    turn = -math.radians(degrees)
    corners = rectangle(-whole[0] / 2, -whole[1] / 2, whole[0] / 2, whole[1] / 2)
    placed = [
        (
            middle[0] + x * math.cos(turn) - y * math.sin(turn),
            middle[1] + x * math.sin(turn) + y * math.cos(turn),
        )
        for x, y in corners
    ]
    fall = canvas.unit * 0.015
    canvas.shadow([(x + fall, y + fall * 1.6) for x, y in placed], canvas.unit * 0.02, 0.6)
    turned = card.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=_CARD)
    corner = (round(middle[0] - turned.width / 2), round(middle[1] - turned.height / 2))
    box = (corner[0], corner[1], corner[0] + turned.width, corner[1] + turned.height)
    canvas.image.paste(turned, corner, polygon_mask(placed, box))


def _leg(
    canvas: Canvas, start: tuple[float, float], end: tuple[float, float], colour: tuple[int, int, int]
) -> None:
    half = canvas.unit * 0.012
    outline = [
        (start[0] - half, start[1]),
        (start[0] + half, start[1]),
        (end[0] + half, end[1]),
        (end[0] - half, end[1]),
    ]
    canvas.shadow([(x + half * 2, y) for x, y in outline], half * 2, 0.3)
    canvas.polygon(outline, [lighter(colour, 0.2), darker(colour, 0.25)])


def _cup(canvas: Canvas, centre: tuple[float, float], radius: float, palette: Palette) -> None:
    """A cup of coffee from above."""
    canvas.shadow(
        oval((centre[0] + radius * 0.1, centre[1] + radius * 0.15), (radius,) * 2), radius * 0.15, 0.5
    )
    for share, colours in (
        (1.0, [palette.pale, darker(palette.pale, 0.15)]),
        (0.66, [darker(palette.accents[0], 0.1), palette.accents[0]]),
        (0.56, [(58, 34, 24), (98, 62, 42)]),
    ):
        if bounds(oval(centre, (radius * share,) * 2), canvas.size) is not None:
            canvas.ellipse(centre, (radius * share,) * 2, colours)


def _lights(canvas: Canvas, palette: Palette) -> None:
    """Out of focus: what a café looks like behind what you look at."""
    canvas.blur(26)
    for _ in range(26):
        spot = (canvas.width * canvas.rng.random(), canvas.height * canvas.rng.uniform(0.0, 0.7))
        radius = canvas.unit * canvas.rng.uniform(0.015, 0.055)
        colour = mix(palette.light, canvas.rng.choice(palette.accents[:2]), canvas.rng.random() * 0.5)
        canvas.ellipse(spot, (radius, radius), [colour], strength=canvas.rng.uniform(0.15, 0.45))
