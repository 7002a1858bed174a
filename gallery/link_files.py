"""The files that a share link gives: copies without metadata, and downloads as its owner chose.

Nothing here is the original unless the link gives originals: a picture that is no larger than a preview gets
a copy of its own size, made when it is first asked for.
"""

import io
from typing import NamedTuple

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.crypto import salted_hmac
from django.utils.text import slugify
from PIL import Image as Picture

from gallery import downloads, files, fitting, ingest, storage
from gallery.files import StoredFile
from gallery.models import Image, Original, Rendition, ShareLink

SIZES = (320, 640, 1280)
PREVIEW = 1280
_PREVIEW_BYTES_MAX = 2 * 1024 * 1024
_STEP_BYTES_MAX = 64 * 1024 * 1024
_CACHED = "private, no-store"


class Size(NamedTuple):
    """Of a copy as it is shown, in pixels."""

    width: int
    height: int


def size_of(image: Image, longer: int = PREVIEW) -> Size:
    """How large the copy with at most `longer` pixels on its longer side is."""
    width, height = image.original.width, image.original.height
    share = min(1, longer / max(width, height))
    return Size(max(1, round(width * share)), max(1, round(height * share)))


def picture(request: HttpRequest, image: Image, size: int) -> HttpResponseBase:
    """A copy to look at, with at most `size` pixels on its longer side.

    :raises Http404: when its file can't be had.
    """
    stored = _copy(image.original, size)
    return files.serve(request, stored, name=f"{size}.webp", is_saved=False, cached=_CACHED)


def download(request: HttpRequest, link: ShareLink, image: Image) -> HttpResponseBase:
    """The file to keep: the original or the preview, as the link allows.

    It says how the picture came about, and its prompt where the link shows it. A signed original is given
    byte for byte.

    :raises Http404: when the link gives none, or its file can't be had.
    """
    if link.download == ShareLink.Download.NONE:
        raise Http404
    stored = _copy(image.original, PREVIEW)
    suffix = "webp"
    if link.download == ShareLink.Download.ORIGINAL:
        original = image.original
        stored = StoredFile(original.name, original.content_type, _etag(original.name))
        suffix = ingest.SUFFIXES[original.content_type]
    words = slugify(link.title)[: files.NAME_CHARACTERS_MAX].strip("-") or "picture"
    name = f"{words}-{image.public_id.hex[:8]}.{suffix}"
    stored = downloads.carrying_facts(stored, image, with_prompt=link.shows_prompt, with_id=False)
    return files.serve(request, stored, name=name, is_saved=True, cached=_CACHED)


def _copy(original: Original, size: int) -> StoredFile:
    longer = max(original.width, original.height)
    wanted = size if size < longer or size == min(SIZES) else PREVIEW
    rendition = original.renditions.filter(size=wanted).first() or _made(original)
    return StoredFile(rendition.name, "image/webp", _etag(rendition.name))


def _made(original: Original) -> Rendition:
    """The copy of a picture that is no larger than a preview: all of its pixels, none of its metadata."""
    try:
        data = _as_webp(storage.get(original.name), original.content_type)
    except (FileNotFoundError, fitting.CannotFit) as error:
        raise Http404 from error
    name = f"renditions/{original.sha256[:2]}/{original.sha256[2:4]}/{original.sha256}-{PREVIEW}.webp"
    storage.put(name, data)
    with Picture.open(io.BytesIO(data)) as opened:
        width, height = opened.size
    made = Rendition(
        original=original, size=PREVIEW, name=name, width=width, height=height, size_bytes=len(data)
    )
    # Whoever lost the race made the same copy.
    Rendition.objects.bulk_create([made], ignore_conflicts=True)
    return made


def _as_webp(data: bytes, content_type: str) -> bytes:
    if content_type == "image/webp":
        # Fitting leaves alone what is of the type already, metadata and all; so by way of another.
        way = fitting.Limits(frozenset({"image/png"}), _STEP_BYTES_MAX, PREVIEW)
        data, content_type = fitting.fit(data, content_type, limits=way).data, "image/png"
    limits = fitting.Limits(frozenset({"image/webp"}), _PREVIEW_BYTES_MAX, PREVIEW)
    return fitting.fit(data, content_type, limits=limits).data


def _etag(name: str) -> str:
    """Not the storage's own name of it: that is the digest of the original."""
    return f'"{salted_hmac("gallery.link_files", name, algorithm="sha256").hexdigest()}"'
