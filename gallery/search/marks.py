"""An image's facts as short words of the index. A capital begins each, which no word of a text has.

| mark | says |
| --- | --- |
| `O12` `T3` `E` | made by that person; shown to that team; shown to everyone signed in |
| `G45` | has that tag |
| `Pgoogle` `Mgemini25flashimage` | provider and model, letters and digits alone |
| `A16x9` | aspect ratio, the nearest of those on offer |
| `F` `U` | made with references; uploaded |
| `Cd3m1p4` `K` | has a colour of that cell; has many colours |
| `H0a1b2` | a band of its hash of light and dark |
| `Qa1…` `Ja01…` `R9` | prompt; band of the sketch of its prompt; made from that original |
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

from gallery import likeness
from gallery.models import Image, Original

EVERYONE = "E"
REFERENCES = "F"
UPLOADED = "U"
MANY_COLOURED = "K"

RATIOS = {
    "9:16": 0.5714,
    "2:3": 0.6667,
    "3:4": 0.7297,
    "4:5": 0.7778,
    "1:1": 1.0,
    "5:4": 1.2857,
    "4:3": 1.3704,
    "3:2": 1.5,
    "16:9": 1.75,
    "21:9": 2.2857,
}
"""Width ÷ height of what Gemini makes for each ratio (1344×768 for 16:9)."""


def of(image: Image, *, tags: Iterable[int], sources: Iterable[int]) -> list[str]:
    """All marks of an image. `tags` are ids of its tags, `sources` of the originals it was made from."""
    original: Original = image.original
    found = [owner(image.owner_id)]
    if image.team_id is not None and image.visibility != Image.Visibility.PRIVATE:
        found.append(team(image.team_id))
    if image.visibility == Image.Visibility.EVERYONE:
        found.append(EVERYONE)
    found.extend(tag(pk) for pk in tags)
    found.extend(source(pk) for pk in sources)
    if image.provider:
        found.append(provider(image.provider))
    if image.model:
        found.append(model(image.model))
    if image.origin == Image.Origin.UPLOADED:
        found.append(UPLOADED)
    if any(one.startswith("R") for one in found):
        found.append(REFERENCES)
    found.extend(_of_words(image.prompt))
    colours = tuple((one[0], one[1]) for one in original.palette)
    found.extend(of_picture(original.width, original.height, colours, original.difference_hash))
    return sorted(set(found))


@lru_cache(maxsize=2000)
def of_picture(
    width: int, height: int, palette: tuple[tuple[str, int], ...], difference_hash: int | None
) -> tuple[str, ...]:
    """The marks of what is seen: several images may be of one picture."""
    found = [aspect(nearest_ratio(width, height)), *_of_colours(palette)]
    if difference_hash is not None:
        found.extend(band(one) for one in likeness.bands(likeness.unsigned(difference_hash)))
    return tuple(found)


def owner(pk: int) -> str:
    return f"O{pk}"


def team(pk: int) -> str:
    return f"T{pk}"


def tag(pk: int) -> str:
    return f"G{pk}"


def source(pk: int) -> str:
    return f"R{pk}"


def provider(name: str) -> str:
    return f"P{_letters(name)}"


def model(name: str) -> str:
    return f"M{_letters(name)}"


def aspect(ratio: str) -> str:
    return f"A{ratio.replace(':', 'x')}"


def colour(cell: likeness.Cell) -> str:
    return "C" + "".join(f"m{-value}" if value < 0 else f"p{value}" for value in cell)


def band(text: str) -> str:
    return f"H{text}"


def prompt(text: str) -> str:
    return f"Q{likeness.digest(text)}"


def sketch(text: str) -> list[str]:
    return [f"J{one}" for one in likeness.sketch(text)]


def nearest_ratio(width: int, height: int) -> str:
    """The ratio on offer that a picture of so many pixels comes nearest to."""
    shape = math.log(width / height)
    return min(RATIOS, key=lambda name: abs(math.log(RATIOS[name]) - shape))


def _of_words(text: str) -> list[str]:
    bands = sketch(text)
    return [prompt(text), *bands] if bands else []


def _of_colours(colours: Sequence[tuple[str, int]]) -> list[str]:
    found = [colour(likeness.cell_of(likeness.lab(*likeness.rgb(name)))) for name, _ in colours]
    return [*found, MANY_COLOURED] if likeness.is_many_coloured(colours) else found


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isascii() and letter.isalnum())
