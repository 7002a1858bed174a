"""Decodes a picture of any type that is let in. Runs only in `picture_worker`.

What is let in: PNG, JPEG, WebP, AVIF, HEIC or HEIF by content, never by name; one frame; sides and pixels
within limits before anything is decoded; decoded to the last row.
"""

import io
import warnings

from PIL import Image, ImageCms, ImageFile, PngImagePlugin, UnidentifiedImageError

from gallery import avif, heif
from gallery.inspection import CannotRead, sniffed

SIDE_MAX = 8192
PIXELS_MAX = 25_000_000
WEBP_PIXELS_MAX = 22_000_000
"""Lower: Pillow 13 with libwebp's frame decoder takes 16 bytes a pixel, and we stay under 400 MB."""

AVIF_PIXELS_MAX = 22_000_000
"""Lower as well: the decoder keeps its own planes beside two copies in RGB."""

SCANNED_PIXELS_MAX = 2_000_000_000
"""Pixels times scans of a progressive JPEG, which may repeat scans without end: about a second's work.
Ten scans are usual."""

# Pillow's own check comes first and does not say the size; from our limit up to here, ours does.
Image.MAX_IMAGE_PIXELS = 4 * SIDE_MAX * SIDE_MAX
ImageFile.LOAD_TRUNCATED_IMAGES = False
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024 * 1024

_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp"}
_PIXELS_MAX = {"WEBP": WEBP_PIXELS_MAX, "AVIF": AVIF_PIXELS_MAX}
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


def decode(data: bytes) -> tuple[Image.Image, str]:
    """The upright sRGB pixels, RGB or RGBA, with nothing else attached; and the type by content.

    :raises CannotRead: for whatever is not a whole picture within the limits.
    """
    kind = sniffed(data)
    if kind.startswith("image/hei"):
        return _decode_heif(data, kind), kind
    if kind.startswith("image/avif"):
        return _decode_avif(data, kind), kind
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with _open(data) as image:
            try:
                _check_before_decoding(image)
                image.load()
                return _pixels_only(image, _orientation(image)), _TYPES[image.format or ""]
            except CannotRead:
                raise
            except Exception as error:
                raise CannotRead("unreadable", width=image.width, height=image.height) from error


def size(data: bytes) -> tuple[int, int]:
    """Width and height by the file's own word, pixels; no pixels are decoded.

    :raises CannotRead: when it has none, or is of a type that isn't let in.
    """
    kind = sniffed(data)
    if kind.startswith(("image/hei", "image/avif")):
        try:
            return (heif if kind.startswith("image/hei") else avif).opened(data).size
        except Exception as error:
            raise CannotRead("unreadable") from error
    with warnings.catch_warnings(action="ignore"), _open(data) as image:
        return image.size


def _open(data: bytes) -> ImageFile.ImageFile:
    try:
        image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise CannotRead("too_many_pixels") from error
    except UnidentifiedImageError as error:
        raise CannotRead("unreadable" if sniffed(data) else "not_a_picture") from error
    except Exception as error:
        raise CannotRead("unreadable") from error
    scans = data.count(b"\xff\xda") if image.info.get("progressive") else 1
    if image.width * image.height * scans > SCANNED_PIXELS_MAX:
        raise CannotRead("unreadable", width=image.width, height=image.height)
    return image


def _check_before_decoding(image: ImageFile.ImageFile) -> None:
    width, height = image.size
    _check_size(width, height, pixels_max=_PIXELS_MAX.get(image.format or "", PIXELS_MAX))
    # A camera's MPO is a JPEG with a preview or a depth map behind it: its first picture is the picture.
    if image.format != "MPO" and getattr(image, "n_frames", 1) != 1:
        raise CannotRead("animated", width=width, height=height)


def _check_size(width: int, height: int, *, pixels_max: int = PIXELS_MAX) -> None:
    if width > SIDE_MAX or height > SIDE_MAX or width * height > pixels_max:
        raise CannotRead("too_many_pixels", width=width, height=height)


def _decode_heif(data: bytes, kind: str) -> Image.Image:
    if kind.endswith("-sequence"):
        raise CannotRead("animated")
    for size in heif.declared_sizes(data):
        _check_size(*size)
    try:
        image = heif.opened(data)
        _check_size(*image.size)
        picture = heif.pixels(image)
        # Its own copy of the pixels, before more are made.
        del image
        return _pixels_only(picture, orientation=1)
    except CannotRead:
        raise
    except Exception as error:
        raise CannotRead("unreadable") from error


def _decode_avif(data: bytes, kind: str) -> Image.Image:
    if kind.endswith("-sequence"):
        raise CannotRead("animated")
    for size in avif.declared_sizes(data):
        _check_size(*size, pixels_max=AVIF_PIXELS_MAX)
    width = height = 0
    try:
        with avif.opened(data) as image:
            width, height = image.size
            _check_before_decoding(image)
            avif.load(image)
            return _pixels_only(image, _orientation(image))
    except CannotRead:
        raise
    except MemoryError as error:
        raise CannotRead("too_many_pixels", width=width, height=height) from error
    except Exception as error:
        raise CannotRead("unreadable", width=width, height=height) from error


def _pixels_only(image: Image.Image, orientation: int) -> Image.Image:
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
        srgb = ImageCms.createProfile("sRGB")
        if source.mode == "CMYK":
            return ImageCms.profileToProfile(source, embedded, srgb, outputMode="RGB")
        # In place: a third copy of 25 million pixels would be 100 MB more.
        ImageCms.profileToProfile(source, embedded, srgb, inPlace=True)
        return source
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
