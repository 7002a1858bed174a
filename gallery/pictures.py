"""Reads a picture once and makes all that is kept of it. Pure Pillow; runs only in `picture_worker`.

Rules of what is let in: PNG, JPEG or WebP by content, never by name; one frame; sides and pixels
within limits before anything is decoded; decoded to the last row. Of a picture that is written anew
nothing survives but its upright sRGB pixels.
"""

import base64
import io
import warnings

from PIL import Image, ImageCms, ImageFile, PngImagePlugin, UnidentifiedImageError

from gallery.inspection import CannotRead, Inspection, SmallCopy

SIDE_MAX = 8192
PIXELS_MAX = 25_000_000
WEBP_PIXELS_MAX = 22_000_000
"""Lower: Pillow 13 with libwebp's frame decoder takes 16 bytes a pixel, and we stay under 400 MB."""

SCANNED_PIXELS_MAX = 2_000_000_000
"""Pixels times scans of a progressive JPEG, which may repeat scans without end: about a second's work.
Ten scans are usual."""

RENDITION_SIZES = (1280, 640, 320)
"""Longer sides, pixels. One is made where it is smaller than the picture; 320 always, never enlarged."""
WEBP_METHOD = 2
WEBP_QUALITY = 78
JPEG_QUALITY = 92
PNG_LEVEL = 4
"""Within 3 % of level 6's bytes at less than half its time; above `PNG_QUICK_PIXELS` level 1."""
PNG_QUICK_PIXELS = 6_000_000

PLACEHOLDER_SIDE = 20
PLACEHOLDER_MAX = 400
SIGNATURE_SIDE = 16
BLANK_RANGE = 6
"""A picture is blank when no channel of its small copy spans more levels than this, of 255."""

# Pillow's own check comes first and does not say the size; from our limit up to here, ours does.
Image.MAX_IMAGE_PIXELS = 4 * SIDE_MAX * SIDE_MAX
ImageFile.LOAD_TRUNCATED_IMAGES = False
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024 * 1024

_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp"}
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def inspect(data: bytes, *, keep_bytes: bool, result_bytes_max: int) -> Inspection:
    """Decode `data` once and make its renditions, placeholder, colour and signature.

    With `keep_bytes` the bytes are to be stored as they came; else the picture is written anew, as PNG
    where it came as PNG or has transparency, else as JPEG, in at most `result_bytes_max` bytes.

    :raises CannotRead: for whatever is not a whole picture within the limits.
    """
    picture, kind = _decode(data)
    encoded, content_type = None, _TYPES[kind]
    if not keep_bytes:
        as_png = kind == "PNG" or picture.mode == "RGBA"
        picture, encoded, content_type = _encode(picture, as_png=as_png, bytes_max=result_bytes_max)
    smallest, copies = _renditions(picture)
    flat = _flat(smallest)
    return Inspection(
        content_type=content_type,
        width=picture.width,
        height=picture.height,
        placeholder=_placeholder(smallest),
        colour=_dominant_colour(flat),
        signature=_signature(picture),
        blank=_is_blank(flat),
        encoded=encoded,
        copies=copies,
    )


# Reading


def _decode(data: bytes) -> tuple[Image.Image, str]:
    """The upright sRGB pixels, RGB or RGBA, with nothing else attached; and the format by content."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = _open(data)
        try:
            _check_before_decoding(image)
            image.load()
            return _pixels_only(image), image.format or ""
        except CannotRead:
            raise
        except Exception as error:
            raise CannotRead("unreadable", width=image.width, height=image.height) from error
        finally:
            image.close()


def _open(data: bytes) -> ImageFile.ImageFile:
    try:
        image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise CannotRead("too_many_pixels") from error
    except UnidentifiedImageError as error:
        raise CannotRead("unreadable" if _begins_like_a_picture(data) else "not_a_picture") from error
    except Exception as error:
        raise CannotRead("unreadable") from error
    scans = data.count(b"\xff\xda") if image.info.get("progressive") else 1
    if image.width * image.height * scans > SCANNED_PIXELS_MAX:
        raise CannotRead("unreadable", width=image.width, height=image.height)
    return image


def _begins_like_a_picture(data: bytes) -> bool:
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or (
        data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    )


def _check_before_decoding(image: ImageFile.ImageFile) -> None:
    width, height = image.size
    pixels_max = WEBP_PIXELS_MAX if image.format == "WEBP" else PIXELS_MAX
    if width > SIDE_MAX or height > SIDE_MAX or width * height > pixels_max:
        raise CannotRead("too_many_pixels", width=width, height=height)
    # A camera's MPO is a JPEG with a preview or a depth map behind it: its first picture is the picture.
    if image.format != "MPO" and getattr(image, "n_frames", 1) != 1:
        raise CannotRead("animated", width=width, height=height)


def _pixels_only(image: ImageFile.ImageFile) -> Image.Image:
    orientation = _orientation(image)
    profile = image.info.get("icc_profile")
    picture = _in_srgb(image, profile) or _as_rgb(image)
    # Pillow writes comments and profiles it finds here into what it saves.
    picture.info = {}
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1–8; 1 where the metadata is broken, for the picture itself may be fine."""
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:
        return 1


def _in_srgb(image: Image.Image, profile: object) -> Image.Image | None:
    """The picture through its colour profile; None where it has none that can be used, or it is sRGB."""
    if not isinstance(profile, bytes) or not profile:
        return None
    try:
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(embedded).lower():
            return None
        source = _for_profile(image, embedded.profile.xcolor_space.strip())
        if source is None:
            return None
        mode = "RGB" if source.mode == "CMYK" else source.mode
        return ImageCms.profileToProfile(source, embedded, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _for_profile(image: Image.Image, colour_space: str) -> Image.Image | None:
    """The picture in the mode that the profile is about; None where the two do not belong together."""
    if colour_space == "CMYK" and image.mode == "CMYK":
        return image
    if colour_space == "RGB" and image.mode in ("RGB", "RGBA", "P", "PA"):
        return _as_rgb(image)
    return None


def _as_rgb(image: Image.Image) -> Image.Image:
    """A new picture: RGBA where there is transparency, else RGB."""
    if image.mode in ("I;16", "I;16B", "I"):
        # A plain convert cuts 16 bits off at 255 instead of scaling them.
        return image.convert("I").point(lambda level: level * (1 / 257) + 0.5).convert("L").convert("RGB")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    picture = image.convert(mode)
    if mode == "RGBA" and picture.getchannel("A").getextrema() == (255, 255):
        picture = picture.convert("RGB")
    return picture


# Writing anew


def _encode(picture: Image.Image, *, as_png: bool, bytes_max: int) -> tuple[Image.Image, bytes, str]:
    """The picture, its bytes and their type. Too many bytes: as JPEG if opaque, then halved."""
    while True:
        if as_png:
            quick = picture.width * picture.height > PNG_QUICK_PIXELS
            encoded = _saved(picture, "PNG", compress_level=1 if quick else PNG_LEVEL)
            if len(encoded) <= bytes_max:
                return picture, encoded, "image/png"
        if picture.mode == "RGB":
            encoded = _saved(picture, "JPEG", quality=JPEG_QUALITY, subsampling=0)
            if len(encoded) <= bytes_max:
                return picture, encoded, "image/jpeg"
        if max(picture.size) == 1:
            raise CannotRead("unreadable")
        picture = picture.reduce(2)


def _saved(picture: Image.Image, kind: str, **options: int) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


# Copies and facts


def _renditions(picture: Image.Image) -> tuple[Image.Image, tuple[SmallCopy, ...]]:
    """WebP copies, largest first, each made from the one before; and the smallest one's pixels."""
    copies = []
    current = picture
    for size in RENDITION_SIZES:
        if size >= max(picture.size) and size != min(RENDITION_SIZES):
            continue
        current = _shrunk(current, size, of=picture.size)
        data = _saved(current, "WEBP", method=WEBP_METHOD, quality=WEBP_QUALITY)
        copies.append(SmallCopy(size=size, width=current.width, height=current.height, data=data))
    return current, tuple(copies)


def _shrunk(picture: Image.Image, size: int, *, of: tuple[int, int]) -> Image.Image:
    """The picture with its longer side at most `size` pixels: box halves, then one small step.

    `of` is the full size, whose shape every copy has, however many steps it took.
    """
    longer = max(of)
    if longer <= size:
        return picture
    width, height = (max(1, round(side * size / longer)) for side in of)
    while max(picture.size) >= 2 * size and min(picture.size) > 1:
        picture = picture.reduce(2)
    if picture.size == (width, height):
        return picture
    return picture.resize((width, height), Image.Resampling.HAMMING)


def _flat(picture: Image.Image) -> Image.Image:
    """What a person sees of it on white."""
    if picture.mode == "RGB":
        return picture
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture.getchannel("A"))
    return paper


def _placeholder(picture: Image.Image) -> str:
    for side in (PLACEHOLDER_SIDE, PLACEHOLDER_SIDE // 2, 4):
        tiny = picture.copy()
        tiny.thumbnail((side, side), Image.Resampling.BOX)
        encoded = base64.b64encode(_saved(tiny, "WEBP", method=4, quality=30)).decode()
        address = f"data:image/webp;base64,{encoded}"
        if len(address) < PLACEHOLDER_MAX:
            return address
    raise CannotRead("unreadable")


def _dominant_colour(flat: Image.Image) -> str:
    """The middle of the largest of five groups of colours, as #rrggbb."""
    small = flat.copy()
    small.thumbnail((64, 64), Image.Resampling.BOX)
    grouped = small.quantize(5, Image.Quantize.MEDIANCUT)
    histogram = grouped.histogram()
    index = histogram.index(max(histogram))
    red, green, blue = (grouped.getpalette() or [])[index * 3 : index * 3 + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _signature(picture: Image.Image) -> bytes:
    cells = picture.resize((SIGNATURE_SIDE, SIGNATURE_SIDE), Image.Resampling.BOX)
    return _flat(cells).tobytes()


def _is_blank(flat: Image.Image) -> bool:
    bands = flat.getextrema()
    return all(high - low <= BLANK_RANGE for low, high in bands)  # type: ignore[misc]
