"""Pictures made to fit what a provider takes: as they are where they fit, else no worse than they must be."""

import contextlib
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from gallery import fitting
from gallery.fitting import CannotFit, Fitted, Limits
from gallery.inspection import sniffed
from tests.gallery import colours, drawing, heic

MEGABYTE = 1024 * 1024
INLINE = 7 * MEGABYTE
PNG, JPEG, WEBP, HEIC = "image/png", "image/jpeg", "image/webp", "image/heic"
WRITTEN = (PNG, JPEG, WEBP)

SOURCES = {
    "png": (PNG, drawing.png()),
    "transparent png": (PNG, drawing.png(mode="RGBA")),
    "palette png": (PNG, drawing.png(mode="P")),
    "jpeg": (JPEG, drawing.jpeg()),
    "grey jpeg": (JPEG, drawing.encoded(drawing.scene(mode="L"), "JPEG")),
    "webp": (WEBP, drawing.encoded(drawing.scene(), "WEBP", quality=90)),
    "transparent webp": (WEBP, drawing.encoded(drawing.scene(mode="RGBA"), "WEBP", quality=90)),
    "heic": (HEIC, heic.picture()),
    "transparent heic": (HEIC, heic.picture(mode="RGBA")),
}
TYPES = [frozenset(chosen) for number in (1, 2, 3) for chosen in itertools.combinations(WRITTEN, number)] + [
    frozenset({*WRITTEN, HEIC})
]
SIZES = [(INLINE, None), (20_000, None), (8_000, None), (INLINE, 200), (8_000, 200)]


@pytest.fixture(autouse=True, scope="module")
def no_process_left() -> Iterator[None]:
    yield
    fitting.process.close()


def fit(data: bytes, *types: str, max_bytes: int = INLINE, max_side: int | None = None) -> Fitted:
    limits = Limits(frozenset(types or WRITTEN), max_bytes, max_side)
    return fitting.fit(data, sniffed(data), limits=limits)


def opened(fitted: Fitted) -> Image.Image:
    assert sniffed(fitted.data) == fitted.content_type
    return drawing.opened(fitted.data)


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of the worst channel, levels of 255."""
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


def on_white(image: Image.Image) -> Image.Image:
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


@pytest.mark.parametrize("types", TYPES, ids=lambda types: "+".join(sorted(one[6:] for one in types)))
@pytest.mark.parametrize(("max_bytes", "max_side"), SIZES)
@pytest.mark.parametrize("source", SOURCES)
def test_every_source_within_every_limit(
    source: str, types: frozenset[str], max_bytes: int, max_side: int | None
) -> None:
    content_type, data = SOURCES[source]
    limits = Limits(types, max_bytes, max_side)
    fits = content_type in types and len(data) <= max_bytes and max_side is None

    fitted = fitting.fit(data, content_type, limits=limits)

    assert fitted.content_type in types
    assert len(fitted.data) <= max_bytes
    assert fitted.changed is not fits
    if fits:
        assert (fitted.data, fitted.content_type) == (data, content_type)
        return
    image = opened(fitted)
    assert max(image.size) <= (max_side or 400)
    assert max(image.size) >= fitting_side_min(max_bytes)
    assert abs(image.width / image.height - 4 / 3) < 0.05
    assert not {"exif", "icc_profile", "xmp"} & set(image.info)
    alike = drawing.scene(mode="RGBA" if "transparent" in source else "RGB").resize(image.size)
    if "transparent" in source:
        assert ("A" in image.mode) or fitted.content_type == JPEG
        alike, image = on_white(alike), on_white(image) if image.mode == "RGBA" else image
    if "grey" not in source and "palette" not in source:
        assert difference(image, alike) < 12


def fitting_side_min(max_bytes: int) -> int:
    """A PNG of eight kilobytes may be small; what has room keeps its size."""
    return 64 if max_bytes < 10_000 else 120


@pytest.mark.parametrize("source", ["png", "jpeg", "webp"])
def test_at_the_limit_bytes_stay_and_one_below_they_do_not(source: str) -> None:
    content_type, data = SOURCES[source]

    at = fit(data, content_type, max_bytes=len(data))
    below = fit(data, content_type, max_bytes=len(data) - 1)

    assert (at.data, at.changed) == (data, False)
    assert below.changed
    assert len(below.data) < len(data)


def test_what_fits_is_not_even_sent_to_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "process", None)

    assert not fit(drawing.png()).changed


def test_a_side_within_the_limit_leaves_the_bytes_alone() -> None:
    data = drawing.png((300, 200))

    assert fit(data, max_side=300).data == data
    assert opened(fit(data, max_side=299)).size == (299, 199)


def test_nothing_is_made_larger() -> None:
    assert opened(fit(drawing.png((60, 40)), JPEG, max_side=5000)).size == (60, 40)


def test_the_bytes_count_and_not_what_they_are_called() -> None:
    data = drawing.png()

    fitted = fitting.fit(data, JPEG, limits=Limits(frozenset({JPEG, PNG}), INLINE))

    assert (fitted.data, fitted.content_type) == (data, PNG)


def photograph(size: tuple[int, int], *, mode: str = "RGB") -> Image.Image:
    """As much detail as a camera's: the scene under grain."""
    grain = Image.effect_noise((size[0] // 3, size[1] // 3), 80).resize(size).convert("RGB")
    image = Image.blend(drawing.scene(size), grain, 0.4)
    if mode == "RGBA":
        image.putalpha(Image.radial_gradient("L").resize(size))
    return image


@pytest.fixture(scope="module")
def large() -> dict[str, bytes]:
    """Pictures of over 7 MB, as people give them."""
    size = (4600, 3450)
    return {
        "jpeg": drawing.encoded(photograph(size), "JPEG", quality=97, subsampling=0),
        "transparent png": drawing.encoded(photograph(size, mode="RGBA"), compress_level=1),
        "noise": drawing.encoded(drawing.noise((2600, 2600)), compress_level=1),
    }


@pytest.mark.slow
@pytest.mark.parametrize("source", ["jpeg", "transparent png", "noise"])
@pytest.mark.parametrize("types", [WRITTEN, (PNG,), (JPEG,), (WEBP,)], ids=["any", "png", "jpeg", "webp"])
def test_what_is_over_seven_megabytes_comes_just_below(
    large: dict[str, bytes], source: str, types: tuple[str, ...]
) -> None:
    data = large[source]

    fitted = fit(data, *types)

    # That it comes at all says that it took no more than the process's eight processor seconds.
    assert len(data) > INLINE >= len(fitted.data)
    # WebP takes more pixels than it is given time for; PNG's steps are in pixels alone.
    assert len(fitted.data) > INLINE * (0.25 if types == (WEBP,) else 0.6)
    assert memory_of_decoder() < 400 * MEGABYTE
    assert opened(fitted).width > 1500


def memory_of_decoder() -> int:
    """The most its process ever held, bytes; 0 where the system doesn't say."""
    try:
        status = Path(f"/proc/{fitting.process.pid}/status").read_text()
    except FileNotFoundError:
        return 0
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


@pytest.mark.slow
def test_quality_goes_before_pixels(large: dict[str, bytes]) -> None:
    generous, tight = fit(large["jpeg"], JPEG), fit(large["jpeg"], JPEG, max_bytes=MEGABYTE)

    assert opened(generous).size == (4600, 3450)
    assert opened(tight).width < 4600


def test_the_best_quality_that_fits_is_taken() -> None:
    data = drawing.encoded(photograph((900, 700)))
    whole = len(fit(data, JPEG, max_bytes=INLINE).data)

    sizes = [len(fit(data, JPEG, max_bytes=whole * share // 100).data) for share in range(100, 50, -5)]

    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) >= 4


def test_transparency_stays_where_a_type_for_it_fits() -> None:
    data = drawing.encoded(drawing.scene(mode="RGBA"), "WEBP", lossless=True)
    png, webp = fit(data, PNG, JPEG), fit(drawing.png(mode="RGBA"), JPEG, WEBP)

    assert (png.content_type, webp.content_type) == (PNG, WEBP)
    assert opened(png).getchannel("A").tobytes() == drawing.scene(mode="RGBA").getchannel("A").tobytes()
    assert difference(opened(webp).getchannel("A"), drawing.scene(mode="RGBA").getchannel("A")) < 2


def test_a_transparent_png_too_large_goes_on_white_where_only_jpeg_is_left() -> None:
    clear = Image.new("RGBA", (300, 200), (200, 20, 20, 0))
    clear.paste((20, 20, 200, 255), (0, 0, 150, 200))

    image = opened(fit(drawing.encoded(clear), JPEG))

    assert all(abs(a - b) < 6 for a, b in zip(image.getpixel((20, 100)), (20, 20, 200), strict=True))
    assert all(level > 250 for level in image.getpixel((280, 100)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int) -> None:
    scene = drawing.scene((300, 200))
    block = Image.Exif()
    block[0x0112] = orientation
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270, 3: Image.Transpose.ROTATE_180}
    back |= {2: Image.Transpose.FLIP_LEFT_RIGHT, 4: Image.Transpose.FLIP_TOP_BOTTOM}
    back |= {5: Image.Transpose.TRANSPOSE, 7: Image.Transpose.TRANSVERSE}
    lying = scene.transpose(back[orientation]) if orientation in back else scene

    image = opened(fit(drawing.encoded(lying, exif=block), JPEG))

    assert image.size == (300, 200)
    assert difference(image, scene) < 4
    assert image.getexif().get(0x0112) is None


def test_colours_come_out_in_srgb() -> None:
    given = (200, 60, 50)
    data = drawing.encoded(Image.new("RGB", (80, 80), given), icc_profile=colours.display_p3())

    image = opened(fit(data, JPEG))

    assert all(abs(a - b) <= 3 for a, b in zip(image.getpixel((9, 9)), colours.in_srgb(given), strict=True))


def test_the_same_picture_and_limits_give_the_same_bytes() -> None:
    data = drawing.encoded(photograph((1400, 1000)))
    first = fit(data, JPEG, max_bytes=100_000)
    fitting.process.close()

    assert fit(data, JPEG, max_bytes=100_000) == first


# Refusals


@pytest.mark.parametrize("types", [(JPEG,), (PNG,), (WEBP,), WRITTEN])
def test_what_fits_in_no_size_is_refused(types: tuple[str, ...]) -> None:
    with pytest.raises(CannotFit, match="the provider takes 200 bytes") as caught:
        fit(drawing.encoded(drawing.noise((500, 400))), *types, max_bytes=200)

    assert caught.value.code == "does_not_fit"


def test_a_provider_of_no_type_of_ours_is_refused() -> None:
    with pytest.raises(CannotFit) as caught:
        fit(drawing.png(), "image/gif")

    assert caught.value.code == "no_type"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no picture", "not_a_picture"),
        (drawing.jpeg()[:4000], "unreadable"),
        (heic.picture()[:4000], "unreadable"),
        (drawing.encoded(Image.new("1", (8193, 10))), "too_many_pixels"),
    ],
    ids=["text", "half a jpeg", "half a heic", "too many pixels"],
)
def test_what_is_no_whole_picture_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(CannotFit) as caught:
        fit(data, WEBP, max_bytes=3000)

    assert caught.value.code == code


# Over sizes and limits


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    mode=st.sampled_from(["RGB", "RGBA", "L"]),
    kind=st.sampled_from(["PNG", "JPEG", "WEBP"]),
    is_noise=st.booleans(),
    types=st.sets(st.sampled_from(WRITTEN), min_size=1),
    # At the least 64×64 pixels of four bytes that don't pack, and what any file needs around them.
    max_bytes=st.one_of(st.integers(17_500, 60_000), st.integers(60_000, 2_000_000)),
    max_side=st.one_of(st.none(), st.integers(1, 900)),
)
def test_whatever_comes_out_is_within_the_limits(
    width: int,
    height: int,
    mode: str,
    kind: str,
    is_noise: bool,
    types: set[str],
    max_bytes: int,
    max_side: int | None,
) -> None:
    image = drawing.noise((width, height)) if is_noise else drawing.scene((width, height))
    if mode == "RGBA" and kind != "JPEG":
        image.putalpha(Image.radial_gradient("L").resize((width, height)))
    elif mode == "L":
        image = image.convert("L")
    data = drawing.encoded(image, kind)

    fitted = fit(data, *types, max_bytes=max_bytes, max_side=max_side)

    out = opened(fitted)
    assert fitted.content_type in types
    assert len(fitted.data) <= max_bytes
    assert max(out.size) <= min(max(width, height), max_side or 10_000)
    if not fitted.changed:
        assert fitted.data == data
    # The shape stays, to the pixel that rounding costs.
    scale = max(out.size) / max(width, height)
    assert math.isclose(out.width, max(1, width * scale), abs_tol=1)
    assert math.isclose(out.height, max(1, height * scale), abs_tol=1)


@settings(max_examples=30, deadline=None)
@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    types=st.sets(st.sampled_from(WRITTEN), min_size=1),
    max_bytes=st.integers(0, 20_000),
)
def test_the_smallest_limits_end_in_a_picture_within_them_or_in_a_refusal(
    width: int, height: int, types: set[str], max_bytes: int
) -> None:
    ends = []
    data = drawing.encoded(drawing.noise((width, height)))
    with contextlib.suppress(CannotFit):
        ends.append(fit(data, *types, max_bytes=max_bytes))

    if not ends:
        with pytest.raises(CannotFit) as caught:
            fit(data, *types, max_bytes=max_bytes)
        assert caught.value.code == "does_not_fit"
    for fitted in ends:
        assert len(fitted.data) <= max_bytes
        assert max(opened(fitted).size) <= max(width, height)
