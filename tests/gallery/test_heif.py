"""HEIC and HEIF as phones make them: upright, in the right colours, within the limits, and only then."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from accounts.models import User
from gallery import ingest, inspection, picture_process
from gallery.inspection import CannotRead, Inspection
from tests.gallery import colours, drawing, heic
from tests.gallery.heic import Item, ispe

MEGABYTE = 1024 * 1024
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True, scope="module")
def no_process_left() -> Iterator[None]:
    yield
    picture_process.shared.close()


def look(data: bytes, *, keep_bytes: bool = False) -> Inspection:
    return picture_process.shared.inspect(data, keep_bytes=keep_bytes, result_bytes_max=30 * MEGABYTE)


def stored(data: bytes) -> Image.Image:
    encoded = look(data).encoded
    assert encoded is not None
    return drawing.opened(encoded)


def refusal_of(data: bytes) -> str:
    with pytest.raises(CannotRead) as caught:
        look(data)
    return caught.value.code


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of the worst channel, levels of 255."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


@pytest.mark.parametrize(
    "data",
    [heic.picture(), heic.deep(drawing.scene()), heic.deep(drawing.scene(), bits=12)],
    ids=["8 bits", "10 bits", "12 bits"],
)
def test_a_picture_comes_in_as_jpeg_and_looks_the_same(data: bytes) -> None:
    inspection = look(data)

    assert (inspection.content_type, inspection.width, inspection.height) == ("image/jpeg", 400, 300)
    assert difference(stored(data), drawing.scene()) < 4


@pytest.mark.parametrize(
    "data",
    [heic.picture(mode="RGBA"), heic.deep(drawing.scene(mode="RGBA"))],
    ids=["8 bits", "10 bits"],
)
def test_transparency_comes_in_as_png(data: bytes) -> None:
    image = stored(data)

    assert (image.format, image.mode) == ("PNG", "RGBA")
    assert difference(image.getchannel("A"), drawing.scene(mode="RGBA").getchannel("A")) < 2


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_comes_in(mode: str) -> None:
    grey = drawing.scene(mode=mode).convert("L").convert("RGB")

    assert difference(stored(heic.picture(mode=mode)).convert("RGB"), grey) < 3


def test_grey_of_ten_bits_is_scaled_not_cut_off() -> None:
    image = stored(heic.deep(drawing.scene(mode="L")))

    assert difference(image, drawing.scene(mode="L").convert("RGB")) < 3


def test_the_general_type_comes_in_too() -> None:
    data = heic.picture()
    data = data[:8] + b"mif1" + data[12:]

    assert inspection.sniffed(data) == "image/heif"
    assert difference(stored(data), drawing.scene()) < 4


BACK = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def lying(orientation: int, size: tuple[int, int] = (300, 200)) -> Image.Image:
    """The scene as a camera held like that sees it."""
    back = BACK[orientation]
    scene = drawing.scene(size)
    return scene.transpose(back) if back is not None else scene


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = "SECRET-PAYLOAD"
    return block.tobytes()


@pytest.mark.parametrize("orientation", BACK)
def test_every_orientation_is_turned_upright_once(orientation: int) -> None:
    """As phones write it: once as the file's own turn, once again in EXIF."""
    data = heic.encoded(lying(orientation), exif=exif(orientation))

    image = stored(data)

    assert b"SECRET-PAYLOAD" in data
    assert image.size == (300, 200)
    assert difference(image, drawing.scene((300, 200))) < 4


@pytest.mark.parametrize("orientation", [3, 6])
def test_an_orientation_of_exif_alone_is_ignored_as_the_standard_has_it(orientation: int) -> None:
    data = heic.encoded(drawing.scene((300, 200)), exif=exif(orientation))
    alone = data.replace(b"irot", b"free")

    assert b"irot" in data
    assert difference(stored(alone), drawing.scene((300, 200))) < 4


def test_tiles_are_put_together() -> None:
    scene = drawing.scene((700, 500))
    data = heic.encoded(scene, tile_size=128)

    assert data.count(b"hvc1") >= 24
    assert difference(stored(data), scene) < 4


def test_tiles_are_turned_together() -> None:
    data = heic.encoded(lying(6, (700, 500)), tile_size=128, exif=exif(6))

    assert difference(stored(data), drawing.scene((700, 500))) < 4


IN_P3 = [(200, 60, 50), (60, 170, 90), (90, 90, 200), (128, 128, 128), (240, 220, 180), (20, 60, 40)]


@pytest.mark.parametrize("colour", IN_P3)
@pytest.mark.parametrize("size", [(96, 96), (300, 200)], ids=["whole", "in tiles"])
def test_display_p3_comes_out_right_in_srgb(colour: tuple[int, int, int], size: tuple[int, int]) -> None:
    options = {"tile_size": 128} if size != (96, 96) else {}
    data = heic.encoded(
        Image.new("RGB", size, colour), quality=-1, icc_profile=colours.display_p3(), chroma=444, **options
    )

    image = stored(data)

    expected = colours.in_srgb(colour)
    assert "icc_profile" not in image.info
    assert all(abs(a - b) <= 3 for a, b in zip(image.getpixel((50, 50)), expected, strict=True)), expected
    # Grey is grey in both; the rest would be off without the profile.
    assert max(abs(a - b) for a, b in zip(colour, expected, strict=True)) > 3 or len(set(colour)) == 1


def test_display_p3_of_a_png_comes_out_the_same() -> None:
    data = drawing.encoded(Image.new("RGB", (9, 9), IN_P3[0]), icc_profile=colours.display_p3())

    assert all(
        abs(a - b) <= 1 for a, b in zip(stored(data).getpixel((4, 4)), colours.in_srgb(IN_P3[0]), strict=True)
    )


def test_of_several_stills_the_one_to_be_shown_is_taken() -> None:
    frames = [drawing.scene((60, 40)), drawing.scene((80, 60), seed=2), drawing.scene((50, 50))]

    image = stored(heic.several(frames, primary=1))

    assert image.size == frames[1].size
    assert difference(image, frames[1]) < 6


@pytest.mark.parametrize("brand", [b"hevc", b"hevx", b"msf1"])
def test_what_moves_is_refused(brand: bytes) -> None:
    data = heic.picture()

    assert refusal_of(data[:8] + brand + data[12:]) == "animated"


def test_nothing_but_pixels_survives() -> None:
    data = heic.encoded(drawing.scene(), exif=exif(1), xmp=b"<x>SECRET-PAYLOAD</x>") + b"SECRET-PAYLOAD"

    inspection = look(data)

    assert data.count(b"SECRET-PAYLOAD") == 3
    for kept in (inspection.encoded or b"", *(copy.data for copy in inspection.copies)):
        assert b"SECRET" not in kept


def test_a_providers_one_is_written_anew_as_well() -> None:
    inspection = look(heic.picture(), keep_bytes=True)

    assert inspection.content_type == "image/jpeg"
    assert drawing.opened(inspection.encoded or b"").format == "JPEG"


@pytest.mark.parametrize(
    "data",
    [
        heic.picture((64, 64)).replace(ispe(64, 64), ispe(8193, 8)),
        heic.picture((64, 64)).replace(ispe(64, 64), ispe(5001, 5000)),
        heic.encoded(Image.new("RGB", (5001, 5000), "teal")),
    ],
    ids=["side", "pixels by its word", "pixels in truth"],
)
def test_too_many_pixels_are_refused_before_they_are_decoded(data: bytes) -> None:
    process = picture_process.PictureProcess(cpu_seconds=0.3)
    try:
        with pytest.raises(CannotRead) as caught:
            process.inspect(data, keep_bytes=False, result_bytes_max=MEGABYTE)
    finally:
        process.close()

    assert caught.value.code == "too_many_pixels"
    assert caught.value.width > 5000


def test_pixels_beyond_what_is_declared_are_not_decoded() -> None:
    """The coded picture says 24 million, the file around it 64×64."""
    data = heic.encoded(Image.new("RGB", (6000, 4000), "teal"))
    process = picture_process.PictureProcess()
    try:
        with pytest.raises(CannotRead) as caught:
            process.inspect(
                data.replace(ispe(6000, 4000), ispe(64, 64)), keep_bytes=False, result_bytes_max=MEGABYTE
            )
        assert memory_of(process) < 100 * MEGABYTE
    finally:
        process.close()
    assert caught.value.code == "unreadable"


def memory_of(process: picture_process.PictureProcess) -> int:
    """The most it ever held, bytes; 0 where it is gone or the system doesn't say."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except FileNotFoundError:
        return 0
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_phones_largest_picture_comes_in_within_the_limits() -> None:
    """24.5 million pixels in tiles with a profile, lying on its side: all that costs memory at once."""
    size = (4284, 5712)
    scene = drawing.scene(size)
    data = heic.encoded(
        scene.transpose(Image.Transpose.ROTATE_90),
        tile_size=512,
        exif=exif(6),
        icc_profile=colours.display_p3(),
    )
    process = picture_process.PictureProcess()
    try:
        inspection = process.inspect(data, keep_bytes=False, result_bytes_max=30 * MEGABYTE)
        assert (inspection.width, inspection.height) == size
        assert 0 < memory_of(process) < 400 * MEGABYTE or sys.platform != "linux"
    finally:
        process.close()


WITHOUT = """
import io, sys
from PIL import Image
from gallery import picture_worker, pictures

target = io.BytesIO()
Image.new("RGB", (64, 64)).save(target, "PNG")
pictures.inspect(target.getvalue(), keep_bytes=True, result_bytes_max=1)
sys.exit(any("heif" in name for name in sys.modules if not name.startswith("gallery.")))
"""


def test_other_pictures_do_not_wait_for_its_library() -> None:
    assert subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, timeout=30).returncode == 0


def test_the_name_of_an_upload_may_say_anything(db: None, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "files")
    owner = User.objects.create_user("owner@example.org", "a long enough one")

    upload = ingest.store_upload(owner=owner, data=heic.picture(), file_name="holiday.jpg")

    assert (upload.original.content_type, upload.file_name) == ("image/jpeg", "holiday.jpg")
    assert (upload.original.width, upload.original.height) == (400, 300)


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", ""),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x18ftypheix\0\0\0\0mif1heix", "image/heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heif"),
        (b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc", "image/heif-sequence"),
        (b"\0\0\0\x18ftyphevc\0\0\0\0msf1hevc", "image/heic-sequence"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "image/avif"),
        (b"\0\0\0\x18ftypmp42", ""),
        (b"", ""),
    ],
)
def test_a_type_is_told_by_how_a_file_begins(begin: bytes, kind: str) -> None:
    assert inspection.sniffed(begin) == kind


def test_a_file_built_box_by_box_is_a_picture() -> None:
    """What the hostile ones are built with makes a good one too, so that they fail for their own reasons."""
    hevc, data = heic.coded()

    image = stored(heic.file(Item(1, b"hvc1", data, [hevc, ispe(64, 64)])))

    assert difference(image, drawing.scene((64, 64))) < 8


@pytest.mark.needs_pictures
@pytest.mark.parametrize("orientation", BACK)
def test_real_photographs_come_through(pictures: Path, orientation: int) -> None:
    with Image.open(pictures / "landscape.jpg") as photograph:
        photograph.thumbnail((1600, 1600))
        upright = Image.open(io.BytesIO(drawing.encoded(photograph.convert("RGB"))))
    back = BACK[orientation]
    lying = upright.transpose(back) if back is not None else upright

    image = stored(heic.encoded(lying, exif=exif(orientation)))

    assert difference(image, upright.convert("RGB")) < 4
