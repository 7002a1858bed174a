"""Colours, hashes of light and dark, and sketches of words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery import likeness

SIDE = likeness.SIGNATURE_SIDE
RED, BLUE, GREEN, WHITE = (200, 30, 40), (30, 60, 200), (40, 160, 60), (250, 250, 250)
signatures = st.binary(min_size=SIDE * SIDE * 3, max_size=SIDE * SIDE * 3)


def striped(*colours: tuple[int, int, int]) -> bytes:
    """Upright stripes of the same width."""
    row = b"".join(bytes(colours[column * len(colours) // SIDE]) for column in range(SIDE))
    return row * SIDE


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        # sRGB to CIE L*a*b* (D65) of Bruce Lindbloom's calculator.
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_lab_is_that_of_the_standard(
    colour: tuple[int, int, int], expected: tuple[float, float, float]
) -> None:
    assert likeness.lab(*colour) == pytest.approx(expected, abs=0.02)


def test_the_palette_names_the_colours_most_first() -> None:
    found = likeness.palette(striped(RED, RED, BLUE, WHITE))

    assert found == [("#c81e28", 500), ("#1e3cc8", 250), ("#fafafa", 250)] or found == [
        ("#c81e28", 500),
        ("#fafafa", 250),
        ("#1e3cc8", 250),
    ]


def test_many_coloured_needs_three_hues() -> None:
    assert likeness.is_many_coloured(likeness.palette(striped(RED, GREEN, BLUE)))
    assert not likeness.is_many_coloured(likeness.palette(striped(RED, BLUE)))
    assert not likeness.is_many_coloured(likeness.palette(striped(WHITE, (120, 120, 120), (10, 10, 10))))


@given(signatures)
def test_every_picture_has_a_palette_and_a_hash(signature: bytes) -> None:
    colours = likeness.palette(signature)
    assert 1 <= len(colours) <= likeness.PALETTE_MAX
    assert sum(share for _, share in colours) <= 1000
    assert all(likeness.rgb(colour) for colour, _ in colours)
    value = likeness.difference_hash(signature)
    assert 0 <= value < 1 << 64
    assert likeness.unsigned(likeness.signed(value)) == value


def test_the_hash_sees_light_and_dark_and_not_colour_or_brightness() -> None:
    rising = b"".join(bytes((column * 15,) * 3) for column in range(SIDE)) * SIDE
    falling = b"".join(bytes((240 - column * 15,) * 3) for column in range(SIDE)) * SIDE
    dimmer = bytes(value // 2 for value in rising)

    assert likeness.difference_hash(rising) == (1 << 64) - 1
    assert likeness.difference_hash(falling) == 0
    assert likeness.bits_apart(likeness.difference_hash(rising), likeness.difference_hash(dimmer)) <= 2


@given(st.integers(0, (1 << 64) - 1), st.sets(st.integers(0, 63), max_size=likeness.BANDS - 1))
def test_hashes_that_differ_in_three_bits_share_a_band(value: int, flipped: set[int]) -> None:
    other = value
    for bit in flipped:
        other ^= 1 << bit
    assert set(likeness.bands(value)) & set(likeness.bands(other))


def test_cells_near_a_colour_hold_it_and_grow_with_the_distance() -> None:
    teal = likeness.lab(49, 145, 140)
    close, loose = likeness.cells_near(teal, 14), likeness.cells_near(teal, 34)

    assert likeness.cell_of(teal) in close
    assert set(close) < set(loose)
    assert likeness.cell_of(likeness.lab(*RED)) not in loose


def test_alike_prompts_share_a_band_and_others_do_not() -> None:
    prompt = "A quiet terracotta courtyard at noon with three arches and a small turquoise pool"
    alike = "a quiet terracotta courtyard at noon, with three arches and a turquoise pool!"
    other = "Hot-air balloons drifting over misty ridges at sunrise"

    assert set(likeness.sketch(prompt)) & set(likeness.sketch(alike))
    assert not set(likeness.sketch(prompt)) & set(likeness.sketch(other))
    assert likeness.shared_words(prompt, alike) > 0.8 > 0.2 > likeness.shared_words(prompt, other)
    assert likeness.digest("A mug!") == likeness.digest("a  MUG") != likeness.digest("mug a")
    assert likeness.sketch("…") == []
