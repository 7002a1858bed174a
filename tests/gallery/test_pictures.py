"""What one decode of a picture gives, asked through the process as everyone does."""

import base64
import time
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from gallery import picture_process, xmp
from gallery.inspection import CannotRead, Inspection
from tests.gallery import drawing, hostile

MEGABYTE = 1024 * 1024


def look(data: bytes, *, keep_bytes: bool = True, result_bytes_max: int = 7 * MEGABYTE) -> Inspection:
    return picture_process.shared.inspect(data, keep_bytes=keep_bytes, result_bytes_max=result_bytes_max)


def rewritten(data: bytes, **options: Any) -> Image.Image:
    encoded = look(data, keep_bytes=False, **options).encoded
    assert encoded is not None
    return drawing.opened(encoded)


def refusal_of(data: bytes) -> str:
    with pytest.raises(CannotRead) as caught:
        look(data)
    return caught.value.code


def test_a_kept_picture_is_not_written_anew() -> None:
    inspection = look(drawing.jpeg((400, 300)))

    assert inspection.encoded is None
    assert (inspection.content_type, inspection.width, inspection.height) == ("image/jpeg", 400, 300)


def test_the_type_is_told_by_content() -> None:
    assert look(drawing.encoded(drawing.scene(), "WEBP")).content_type == "image/webp"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((2000, 1000), [(1280, 1280, 640), (640, 640, 320), (320, 320, 160)]),
        ((1024, 768), [(640, 640, 480), (320, 320, 240)]),
        ((1280, 1280), [(640, 640, 640), (320, 320, 320)]),
        ((300, 640), [(320, 150, 320)]),
        ((320, 200), [(320, 320, 200)]),
        ((40, 30), [(320, 40, 30)]),
        ((8000, 2), [(1280, 1280, 1), (640, 640, 1), (320, 320, 1)]),
        ((1, 1), [(320, 1, 1)]),
    ],
)
def test_renditions_are_made_below_the_pictures_size_and_320_always(
    size: tuple[int, int], expected: list[tuple[int, int, int]]
) -> None:
    copies = look(drawing.png(size)).copies

    assert [(copy.size, copy.width, copy.height) for copy in copies] == expected


def test_renditions_are_webp_pictures_of_what_they_say() -> None:
    for copy in look(drawing.png((1500, 900))).copies:
        image = drawing.opened(copy.data)
        assert (image.format, image.size) == ("WEBP", (copy.width, copy.height))


def test_renditions_keep_transparency() -> None:
    (copy,) = look(drawing.png((200, 200), mode="RGBA")).copies

    assert drawing.opened(copy.data).mode == "RGBA"


def test_the_placeholder_is_a_tiny_picture_in_an_address() -> None:
    placeholder = look(drawing.encoded(drawing.noise((900, 600)))).placeholder

    head, _, tail = placeholder.partition(",")
    assert head == "data:image/webp;base64"
    assert max(drawing.opened(base64.b64decode(tail)).size) <= 20
    assert len(placeholder) < 400


def test_the_placeholder_of_a_transparent_picture_is_small_too() -> None:
    assert len(look(drawing.encoded(drawing.noise((900, 900), mode="RGBA"))).placeholder) < 400


def test_the_dominant_colour_is_that_of_most_of_the_picture() -> None:
    image = Image.new("RGB", (400, 400), "#2040c0")
    image.paste("#ffcc00", (0, 0, 130, 130))

    assert look(drawing.encoded(image)).colour == "#2040c0"


def test_a_picture_of_one_colour_is_blank() -> None:
    assert look(drawing.encoded(Image.new("RGB", (500, 500), "#808080"))).blank


def test_a_fully_transparent_picture_is_blank() -> None:
    assert look(drawing.encoded(Image.new("RGBA", (500, 500), (10, 20, 30, 0)))).blank


def test_one_colour_through_a_coarse_jpeg_is_still_blank() -> None:
    image = Image.new("RGB", (500, 500), "#31a0f3")

    assert look(drawing.encoded(image, "JPEG", quality=20)).blank


def test_a_white_sheet_with_a_thin_line_is_not_blank() -> None:
    image = Image.new("RGB", (1024, 1024), "white")
    image.paste("black", (100, 500, 900, 502))

    assert not look(drawing.encoded(image)).blank


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(orientation: int) -> None:
    upright = drawing.scene((300, 200))
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(back[orientation]) if orientation in back else upright
    exif = Image.Exif()
    exif[0x0112] = orientation

    image = rewritten(drawing.encoded(stored, "PNG", exif=exif))

    assert image.size == (300, 200)
    assert image.tobytes() == upright.tobytes()


def test_a_kept_picture_is_measured_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    inspection = look(drawing.encoded(drawing.scene((300, 200)), "JPEG", exif=exif))

    assert (inspection.width, inspection.height) == (200, 300)
    assert (inspection.copies[0].width, inspection.copies[0].height) == (200, 300)


def test_a_colour_profile_is_turned_into_srgb_pixels() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = swap_primaries(srgb)
    red = Image.new("RGB", (64, 64), (200, 30, 30))

    image = rewritten(drawing.encoded(red, "PNG", icc_profile=swapped))

    red_level, green_level, _ = image.getpixel((5, 5))
    assert green_level > red_level
    assert "icc_profile" not in image.info


def swap_primaries(profile: bytes) -> bytes:
    """sRGB with the tags of its red and green primaries exchanged, under another name."""
    return (
        profile.replace(b"rXYZ", b"tXYZ")
        .replace(b"gXYZ", b"rXYZ")
        .replace(b"tXYZ", b"gXYZ")
        .replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    )


def test_a_broken_colour_profile_is_left_out() -> None:
    original = drawing.scene()

    image = rewritten(drawing.encoded(original, "PNG", icc_profile=b"no profile at all" * 20))

    assert image.tobytes() == original.tobytes()


def test_a_profile_keeps_transparency() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    original = drawing.scene(mode="RGBA")

    image = rewritten(drawing.encoded(original, "PNG", icc_profile=swap_primaries(srgb)))

    assert image.getchannel("A").tobytes() == original.getchannel("A").tobytes()


def test_sixteen_bits_are_scaled_not_cut_off() -> None:
    image = Image.new("I;16", (40, 40), 32768)

    assert rewritten(drawing.encoded(image)).getpixel((3, 3)) == (128, 128, 128)


def test_nothing_but_pixels_survives_writing_anew() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "SECRET-PAYLOAD")
    text.add_itxt("XML:com.adobe.xmp", "SECRET-PAYLOAD")
    exif = Image.Exif()
    exif[0x010E] = "SECRET-PAYLOAD"
    as_png = drawing.encoded(drawing.scene(), "PNG", pnginfo=text, exif=exif) + b"SECRET-PAYLOAD"
    as_jpeg = (
        drawing.encoded(drawing.scene(), "JPEG", comment=b"SECRET-PAYLOAD", exif=exif) + b"SECRET-PAYLOAD"
    )

    for data in (as_png, as_jpeg):
        inspection = look(data, keep_bytes=False)
        assert inspection.encoded is not None
        for stored in (inspection.encoded, *(copy.data for copy in inspection.copies)):
            assert b"SECRET" not in stored
        assert set(drawing.opened(inspection.encoded).info) <= {
            "jfif",
            "jfif_version",
            "jfif_unit",
            "jfif_density",
        }


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (drawing.encoded(drawing.scene(), "PNG"), "PNG"),
        (drawing.encoded(drawing.scene(), "JPEG"), "JPEG"),
        (drawing.encoded(drawing.scene(), "WEBP"), "JPEG"),
        (drawing.encoded(drawing.scene(mode="RGBA"), "WEBP", lossless=True), "PNG"),
    ],
    ids=["png", "jpeg", "webp", "transparent webp"],
)
def test_what_is_written_anew_is_png_or_jpeg(data: bytes, kind: str) -> None:
    assert rewritten(data).format == kind


def test_a_png_that_would_be_too_big_becomes_a_jpeg() -> None:
    data = drawing.encoded(drawing.noise((600, 400)))

    image = rewritten(data, result_bytes_max=600_000)

    assert (image.format, image.size) == ("JPEG", (600, 400))


def test_a_transparent_picture_that_would_be_too_big_is_made_smaller() -> None:
    data = drawing.encoded(drawing.noise((600, 400), mode="RGBA"))

    inspection = look(data, keep_bytes=False, result_bytes_max=400_000)

    assert (inspection.content_type, inspection.width, inspection.height) == ("image/png", 300, 200)
    assert len(inspection.encoded or b"") <= 400_000


def test_more_than_8192_pixels_on_a_side_are_refused() -> None:
    assert refusal_of(drawing.encoded(Image.new("1", (8193, 10)))) == "too_many_pixels"


def test_more_than_25_million_pixels_are_refused() -> None:
    assert refusal_of(drawing.encoded(Image.new("1", (5001, 5000)))) == "too_many_pixels"


def test_an_animation_is_refused() -> None:
    frames = [drawing.scene((60, 60), seed=seed) for seed in range(3)]

    for kind in ("PNG", "WEBP"):
        data = drawing.encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert refusal_of(data) == "animated"


def test_half_a_picture_is_unreadable() -> None:
    data = drawing.jpeg()

    assert refusal_of(data[: len(data) // 2]) == "unreadable"


def test_another_format_is_not_a_picture() -> None:
    assert refusal_of(drawing.encoded(drawing.scene(), "GIF")) == "not_a_picture"


def test_a_cameras_double_jpeg_gives_its_first_picture() -> None:
    preview = drawing.scene((80, 60), seed=2)
    data = drawing.encoded(drawing.scene(), "MPO", save_all=True, append_images=[preview])

    inspection = look(data)

    assert (inspection.content_type, inspection.width) == ("image/jpeg", 400)


def test_a_progressive_jpeg_comes_in() -> None:
    data = drawing.encoded(drawing.scene((1500, 1000)), "JPEG", progressive=True)

    assert look(data).width == 1500


def test_a_progressive_jpeg_of_a_thousand_scans_is_refused_at_once() -> None:
    data = hostile.many_scans()
    began = time.monotonic()

    assert refusal_of(data) == "unreadable"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("source_type", ["made", "edited", "drawn"])
def test_renditions_say_how_the_picture_came_about(source_type: str) -> None:
    data = drawing.png((1500, 900))
    inspection = picture_process.shared.inspect(
        data, keep_bytes=True, result_bytes_max=1_000_000, source_type=source_type
    )

    packets = [drawing.opened(copy.data).info["xmp"].decode() for copy in inspection.copies]
    assert len(packets) == 3
    assert all(f">{xmp.SOURCE_TYPES[source_type]}</Iptc4xmpExt:DigitalSourceType>" in one for one in packets)


def test_renditions_of_what_people_give_say_nothing() -> None:
    inspection = look(drawing.png(), keep_bytes=False)

    assert all("xmp" not in drawing.opened(copy.data).info for copy in inspection.copies)
