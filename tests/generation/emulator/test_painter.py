"""The painter: the right size, this prompt's own picture, and references one can see."""

import asyncio
import io
from itertools import combinations

import pytest
from PIL import Image, ImageStat

from generation.emulator import painter, studio
from generation.emulator.context import SIZES
from generation.emulator.painter.compositions import COMPOSITIONS

PROMPTS = [
    "a mountain lake",
    "desert dunes",
    "a city at night",
    "waves at sunset",
    "a forest in mist",
    "hot-air balloons",
    "northern lights",
    "ceramic vases",
    "a mug of coffee",
    "glass spheres",
    "a dahlia",
    "a living room",
    "a geometric poster",
    "cut paper",
    "flowing silk",
    "something nobody has a word for",
]
RED = (250, 10, 30)


def distance(first: Image.Image, second: Image.Image) -> float:
    """How far two pictures are apart, as the mean difference of a pixel's channel at thumbnail size."""
    small = [image.resize((32, 32)).tobytes() for image in (first, second)]
    return sum(abs(a - b) for a, b in zip(*small, strict=True)) / len(small[0])


@pytest.mark.parametrize("ratio", SIZES)
def test_a_picture_has_exactly_the_size(ratio: str) -> None:
    picture = painter.paint("a mountain lake", index=0, size=SIZES[ratio])

    assert (picture.size, picture.mode) == (SIZES[ratio], "RGB")


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("size", [(1536, 672), (768, 1344)])
def test_no_motif_is_blank_in_any_shape(prompt: str, size: tuple[int, int]) -> None:
    picture = painter.paint(prompt, index=0, size=size)

    assert max(ImageStat.Stat(picture).stddev) > 15


def test_a_prompt_always_gives_the_same_picture() -> None:
    first, second = (painter.paint("a mountain lake", index=1, size=(256, 256)) for _ in range(2))

    assert first.tobytes() == second.tobytes()


def test_different_prompts_look_different() -> None:
    pictures = [painter.paint(prompt, index=0, size=(256, 256)) for prompt in PROMPTS]

    assert min(distance(first, second) for first, second in combinations(pictures, 2)) > 8


def test_the_pictures_of_one_prompt_differ() -> None:
    pictures = [painter.paint("ceramic vases", index=index, size=(256, 256)) for index in range(4)]

    assert min(distance(first, second) for first, second in combinations(pictures, 2)) > 4


@pytest.mark.parametrize("index", range(len(COMPOSITIONS)))
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("ratio", ["1:1", "21:9", "9:16"])
def test_each_reference_can_be_seen(index: int, count: int, ratio: str) -> None:
    colours = [RED, (10, 240, 40), (20, 30, 250)][:count]
    references = [Image.new("RGB", (300, 200), colour) for colour in colours]

    picture = painter.paint("put these together", index=index, size=SIZES[ratio], references=references)

    for colour in colours:
        assert share_near(picture, colour) > 0.01


def share_near(picture: Image.Image, colour: tuple[int, int, int]) -> float:
    """The share of pixels within 48 of the colour, channel by channel."""
    small = picture.reduce(4)
    data = small.tobytes()
    pixels = zip(data[0::3], data[1::3], data[2::3], strict=True)
    near = sum(all(abs(a - b) < 48 for a, b in zip(pixel, colour, strict=True)) for pixel in pixels)
    return near / (small.width * small.height)


def test_an_edit_is_not_the_reference_unchanged() -> None:
    reference = Image.linear_gradient("L").convert("RGB").resize((1024, 1024))

    picture = painter.paint("make it better", index=0, size=(1024, 1024), references=[reference])

    assert distance(picture, reference) > 8


def test_a_sketch_is_small_sized_right_and_its_own() -> None:
    first, second = (painter.sketch(prompt, index=0, size=(1184, 864)) for prompt in ("one", "two"))

    assert first.size == second.size == (1184, 864)
    assert distance(first, second) > 4


@pytest.mark.parametrize("size", [(1, 1), (17, 900), (2000, 20)])
def test_odd_sizes_can_be_painted(size: tuple[int, int]) -> None:
    for prompt in PROMPTS:
        assert painter.paint(prompt, index=0, size=size).size == size


def test_pictures_of_the_stock_are_few_and_their_bytes_each_their_own() -> None:
    commissions = [
        studio.Commission(f"number {number}", (320, 320), (), "png", False, "", stock=2)
        for number in range(8)
    ]
    made = [asyncio.run(studio.make(one, 0)).data for one in commissions]
    assert len(set(made)) == 8
    opened = {Image.open(io.BytesIO(data)).convert("RGB").tobytes() for data in made}
    assert len(opened) == 2
    assert asyncio.run(studio.make(commissions[0], 0)).data == made[0]
