"""Sizes as ratios, and ratios as sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.wire import shapes
from generation.wire.errors import WireError


@pytest.mark.parametrize("ratio", shapes.RATIOS)
def test_the_pixels_of_a_ratio_are_nearest_to_it(ratio: str) -> None:
    assert shapes.ratio_of(shapes.size_of(ratio)) == ratio


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ("1024x1024", "1:1"),
        ("256x256", "1:1"),
        ("1024x1536", "2:3"),
        ("1536x1024", "3:2"),
        ("1792x1024", "16:9"),
        ("1024x1792", "9:16"),
        ("1080X1350", "4:5"),
        ("800 x 600", "4:3"),
        ("99999x1", "21:9"),
        ("1x99999", "9:16"),
        ("3:4", "3:4"),
        ("auto", None),
        (" AUTO ", None),
        ("", None),
    ],
)
def test_a_size_is_the_nearest_ratio(size: str, ratio: str | None) -> None:
    assert shapes.ratio_of(size) == ratio


@pytest.mark.parametrize(
    "size", ["large", "1024", "1024x", "x1024", "0x10", "-1x1", "1.5x2", "7:5", "1x1x1", "٣x٣"]
)
def test_what_is_no_size_is_a_wire_error(size: str) -> None:
    with pytest.raises(WireError):
        shapes.ratio_of(size)


@given(st.text(max_size=20) | st.from_regex(r"\d{1,7}x\d{1,7}", fullmatch=True))
def test_any_text_is_a_ratio_or_a_wire_error(size: str) -> None:
    try:
        ratio = shapes.ratio_of(size)
    except WireError:
        return
    assert ratio is None or ratio in shapes.RATIOS
