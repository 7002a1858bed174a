"""AVIF comes in as what everybody takes: upright, in the right colours, within the limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from gallery import inspection, picture_process
from gallery.inspection import CannotRead, Inspection
from tests.gallery import colours, drawing, hostile_avif
from tests.gallery.heic import ispe
from tests.gallery.hostile_avif import encoded

MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True, scope="module")
def no_process_left() -> Iterator[None]:
    yield
    picture_process.shared.close()


def look(data: bytes, *, keep_bytes: bool = False) -> Inspection:
    return picture_process.shared.inspect(data, keep_bytes=keep_bytes, result_bytes_max=30 * MEGABYTE)


def stored(data: bytes) -> Image.Image:
    found = look(data).encoded
    assert found is not None
    return drawing.opened(found)


def refusal_of(data: bytes) -> str:
    with pytest.raises(CannotRead) as caught:
        look(data)
    return caught.value.code


def difference(one: Image.Image, other: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


@pytest.mark.parametrize("keep_bytes", [False, True], ids=["from a person", "from a provider"])
def test_a_picture_comes_in_as_jpeg_and_looks_the_same(keep_bytes: bool) -> None:
    found = look(encoded(drawing.scene(), quality=90), keep_bytes=keep_bytes)

    assert (found.content_type, found.width, found.height) == ("image/jpeg", 400, 300)
    assert difference(drawing.opened(found.encoded or b""), drawing.scene()) < 4


def test_transparency_comes_in_as_png() -> None:
    image = stored(encoded(drawing.scene(mode="RGBA"), quality=90))

    assert (image.format, image.mode) == ("PNG", "RGBA")
    assert difference(image.getchannel("A"), drawing.scene(mode="RGBA").getchannel("A")) < 2


def test_grey_comes_in() -> None:
    assert difference(stored(encoded(drawing.scene(mode="L"))), drawing.scene(mode="L").convert("RGB")) < 4


@pytest.mark.parametrize(
    ("brand", "kind"), [(b"avif", "image/avif"), (b"mif1", "image/avif"), (b"msf1", "image/avif-sequence")]
)
def test_it_is_known_by_its_brands(brand: bytes, kind: str) -> None:
    data = encoded(drawing.scene())

    assert inspection.sniffed(data[:8] + brand + data[12:]) == kind


def test_the_general_brand_comes_in_too() -> None:
    data = encoded(drawing.scene(), quality=90)

    assert difference(stored(data[:8] + b"mif1" + data[12:]), drawing.scene()) < 4


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", TURNS)
def test_it_is_turned_upright_once(orientation: int) -> None:
    block = Image.Exif()
    block[0x0112] = orientation
    data = encoded(drawing.scene((300, 200)).transpose(TURNS[orientation]), quality=90, exif=block)

    image = stored(data)

    assert image.size == (300, 200)
    assert difference(image, drawing.scene((300, 200))) < 4


def test_display_p3_comes_out_right_in_srgb() -> None:
    colour = (200, 60, 50)
    data = encoded(
        Image.new("RGB", (96, 96), colour), quality=100, subsampling="4:4:4", icc_profile=colours.display_p3()
    )

    image, expected = stored(data), colours.in_srgb(colour)

    assert "icc_profile" not in image.info
    assert all(abs(a - b) <= 3 for a, b in zip(image.getpixel((50, 50)), expected, strict=True)), expected


def test_nothing_but_pixels_survives() -> None:
    block = Image.Exif()
    block[0x010E] = "SECRET-PAYLOAD"
    data = encoded(drawing.scene(), exif=block, xmp=b"<x>SECRET-PAYLOAD</x>") + b"SECRET-PAYLOAD"

    found = look(data)

    assert data.count(b"SECRET-PAYLOAD") == 3
    for kept in (found.encoded or b"", *(copy.data for copy in found.copies)):
        assert b"SECRET" not in kept


def test_what_moves_is_refused() -> None:
    assert {refusal_of(data) for _, data in hostile_avif.avif_sequences()} == {"animated"}


@pytest.mark.parametrize("declared", [(8193, 8), (4701, 4700)], ids=["side", "pixels"])
def test_too_many_pixels_are_refused_before_they_are_decoded(declared: tuple[int, int]) -> None:
    data = encoded(drawing.scene((64, 64))).replace(ispe(64, 64), ispe(*declared))
    with pytest.raises(CannotRead) as caught:
        look(data)

    assert (caught.value.code, (caught.value.width, caught.value.height)) == ("too_many_pixels", declared)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_largest_picture_comes_in_within_the_limits(mode: str) -> None:
    data = encoded(
        drawing.scene((5500, 4000), mode=mode),
        quality=90,
        subsampling="4:4:4",
        icc_profile=colours.display_p3(),
    )
    process = picture_process.PictureProcess()
    try:
        found = process.inspect(data, keep_bytes=False, result_bytes_max=30 * MEGABYTE)
        assert memory_of(process) < 400 * MEGABYTE
    finally:
        process.close()
    assert (found.width, found.height) == (5500, 4000)


@pytest.mark.slow
def test_pixels_beyond_what_is_declared_are_bounded_by_memory() -> None:
    """The coded picture says 144 million, the file around it 21 million: it would be made smaller."""
    data = encoded(Image.new("RGB", (12_000, 12_000), "teal"))
    process = picture_process.PictureProcess()
    try:
        with pytest.raises(CannotRead):
            process.inspect(
                data.replace(ispe(12_000, 12_000), ispe(4600, 4600)),
                keep_bytes=False,
                result_bytes_max=MEGABYTE,
            )
        assert 0 < memory_of(process) < 400 * MEGABYTE
    finally:
        process.close()


def memory_of(process: picture_process.PictureProcess) -> int:
    """The most it ever held, bytes; 0 where it is gone or the system doesn't say."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except FileNotFoundError:
        return 0
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
