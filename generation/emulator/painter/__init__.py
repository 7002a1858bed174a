"""Draws a picture for a prompt: always the same for the same prompt and index, and never the same for two.

Nothing here is a model. A few words choose the motif, the rest of the prompt chooses palette and hand.
"""

import hashlib
import random
import re
from collections.abc import Callable, Sequence

from PIL import Image

from generation.emulator.painter import compositions, graphics, landscapes, objects
from generation.emulator.painter.brushes import Canvas
from generation.emulator.painter.palettes import (
    ALL,
    DAWN,
    EMBER,
    MINT,
    NIGHT,
    NOON,
    ROSE,
    SAGE,
    SAND,
    SUNSET,
    VIOLET,
    Palette,
)

Motif = Callable[[Canvas, Palette], None]

_MOTIFS: tuple[tuple[str, Motif], ...] = (
    (r"aurora|northern light|polar", landscapes.aurora),
    (r"balloon|airship", landscapes.balloons),
    (r"mug|coffee|caf|tea\b|cup|kettle|drink", objects.mug),
    (r"vase|ceramic|pottery|still life|bottle|perfume|jar|bowl", objects.vases),
    (r"sofa|living room|interior|room|house|chair|furniture|lamp", objects.room),
    (r"flower|dahlia|rose\b|petal|blossom|peony|garden", objects.flower),
    (r"sphere|ball|bubble|glass|marble|planet|orb", objects.spheres),
    (r"city|skyline|street|tower|building|tokyo|new york|urban", landscapes.city),
    (r"desert|dune|sand|sahara|camel", landscapes.dunes),
    (r"sea\b|ocean|wave|beach|coast|harbour|boat|ship|lighthouse|surf|fish|whale", landscapes.sea),
    (r"forest|tree|wood|jungle|dinosaur|t-rex|raccoon|racoon|fox|bear|deer|mushroom", landscapes.forest),
    (r"lake|mountain|alp|river|valley|landscape|hill|snow|kite|bird", landscapes.lake),
    (r"poster|geometric|bauhaus|pattern|grid|logo|typograph", graphics.poster),
    (r"paper|cut-?out|layer|canyon|collage", graphics.paper),
    (r"abstract|ribbon|gradient|silk|fluid|flow", graphics.ribbons),
)
_ANY: tuple[Motif, ...] = tuple(motif for _, motif in _MOTIFS if motif is not landscapes.aurora)

_MOODS: tuple[tuple[str, tuple[Palette, ...]], ...] = (
    (r"night|moon|star|midnight", (NIGHT, VIOLET)),
    (r"sunset|dusk|evening", (SUNSET, EMBER, DAWN)),
    (r"sunrise|dawn|morning|mist", (DAWN, ROSE)),
    (r"desert|sand|warm|earth", (SAND, ROSE, EMBER)),
    (r"forest|green|sage|spring", (SAGE, MINT)),
    (r"blue|winter|snow|ice", (NOON, NIGHT)),
    (r"pink|rose|blossom", (ROSE, VIOLET)),
)


def paint(
    prompt: str, *, index: int, size: tuple[int, int], references: Sequence[Image.Image] = ()
) -> Image.Image:
    """The picture with this index for a prompt, `size` pixels wide and high, with the references in it."""
    rng = _rng(prompt, index)
    canvas = Canvas(size, rng)
    palette = _palette(prompt, rng)
    if references:
        _compose(canvas, palette, prompt, index, references)
    else:
        _motif(prompt)(canvas, palette)
    return canvas.finish()


def sketch(prompt: str, *, index: int, size: tuple[int, int]) -> Image.Image:
    """A plain picture in a few milliseconds: of the right size, not blank, and this prompt's own."""
    rng = _rng(prompt, index)
    palette = rng.choice(ALL)
    # One pixel a colour, stretched: Pillow does all of it without holding up the event loop's thread.
    strip = Image.new("RGB", (1, len(palette.sky)))
    strip.putdata(palette.sky)
    image = strip.resize(size, Image.Resampling.BILINEAR)
    for colour in palette.accents:
        left, top = rng.randrange(size[0]), rng.randrange(size[1])
        side = rng.randint(size[0] // 8, size[0] // 3)
        image.paste(colour, (left, top, left + side, top + side))
    return image


def _rng(prompt: str, index: int) -> random.Random:
    seed = hashlib.sha256(f"{prompt}\0{index}".encode()).digest()
    return random.Random(seed)  # noqa: S311 - a picture, not a secret


def _palette(prompt: str, rng: random.Random) -> Palette:
    for words, palettes in _MOODS:
        if re.search(words, prompt, re.IGNORECASE):
            return rng.choice(palettes)
    return rng.choice(ALL)


def _motif(prompt: str) -> Motif:
    for words, motif in _MOTIFS:
        if re.search(rf"\b(?:{words})", prompt, re.IGNORECASE):
            return motif
    # One motif for all indices of a prompt: four pictures of one idea, not four ideas.
    return _rng(prompt, -1).choice(_ANY)


def _compose(
    canvas: Canvas, palette: Palette, prompt: str, index: int, references: Sequence[Image.Image]
) -> None:
    first = _rng(prompt, -1).randrange(len(compositions.COMPOSITIONS))
    composition = compositions.COMPOSITIONS[(first + index) % len(compositions.COMPOSITIONS)]
    cosy = re.search(r"caf[eé]|bokeh|blur|cosy|cozy|evening", prompt, re.IGNORECASE) is not None
    composition(canvas, palette, references, cosy=cosy)
