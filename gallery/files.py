"""Serves stored pictures: to who may see them, or by a short signed address; and says where.

Variants are `original` and the longer sides of the renditions, `320`, `640` and `1280`. Where a picture is
no larger than a variant, the original stands for it.
"""

import re
import uuid
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Protocol

import structlog
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import get_script_prefix, reverse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from accounts.models import User
from gallery import carrying, file_parts, ingest, storage, trash
from gallery.models import Image, Original, Upload
from gallery.xmp import NOTHING, Facts

VARIANTS = ("original", "320", "640", "1280")
SIZES = (320, 640, 1280)
IN_TRASH = ("320", "640")
"""What its owner sees of a picture in the trash."""
CACHE_SECONDS = 3600
ADDRESS_SECONDS_MAX = 300
NAME_CHARACTERS_MAX = 60
# A stored picture opened by itself may run, load and embed nothing, whatever its bytes pretend to be.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Accept-Ranges": "bytes",
}

_signer = signing.TimestampSigner(salt="gallery.files")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class StoredFile:
    """One file of a picture, as it is served: with what it says of itself, where it is to be kept."""

    name: str
    content_type: str
    etag: str
    facts: Facts = NOTHING


class Shape(Protocol):
    """What has a width and a height in pixels: an original, or what was read of one."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


# Addresses


def image_path(image: Image, variant: str = "original") -> str:
    """The path of an image's file, for who may see the image. Needs `original`, asks for no renditions."""
    return folder_of(image.public_id) + nearest(image.original, variant)


def folder_of(public_id: uuid.UUID | str) -> str:
    """What is before the variant in the paths of an image's files."""
    return _folders(get_script_prefix()).replace(_PLACE, str(public_id))


def upload_path(upload: Upload, variant: str = "original") -> str:
    """The path of an upload's file, for its owner."""
    return reverse("files:upload", args=[upload.public_id, nearest(upload.original, variant)])


def srcset(image: Image) -> str:
    """All variants with their widths, for an `img` element's `srcset`."""
    return srcset_in(folder_of(image.public_id), image.original)


def srcset_in(folder: str, shape: Shape) -> str:
    """As `srcset`, for the image whose paths begin so, and whose original has that shape."""
    return ", ".join(f"{folder}{variant} {width}w" for variant, width in _variants(shape.width, shape.height))


@lru_cache(maxsize=1_000)
def _variants(width: int, height: int) -> list[tuple[str, int]]:
    """The variants that a picture of so many pixels has, with their widths, those of 320 pixels first."""
    longer = max(width, height)
    smaller = [(str(size), max(1, round(width * size / longer))) for size in SIZES if size < longer]
    return [*smaller, ("original", width)]


# Addresses are put together a few hundred times a page, and `reverse` takes some 20 µs each time.
_PLACE = str(uuid.UUID(int=0))


@cache
def _folders(prefix: str) -> str:
    """Of the image whose id is nought; `prefix` is what is before all addresses here."""
    return reverse("files:image", args=[_PLACE, "original"]).removesuffix("original")


def signed_address(base: HttpRequest | str, picture: Image | Upload, variant: str = "original") -> str:
    """An absolute address that needs no sign-in and ends after `settings.FILE_ADDRESS_SECONDS`.

    `base` is the request being answered, or the site's address as in `settings.SITE_URL`.
    """
    kind = "image" if isinstance(picture, Image) else "upload"
    token = _signer.sign(f"{kind}:{picture.public_id.hex}:{nearest(picture.original, variant)}")
    path = reverse("files:signed", args=[token])
    return f"{base.rstrip('/')}{path}" if isinstance(base, str) else base.build_absolute_uri(path)


def file_name(picture: Image | Upload, variant: str = "original") -> str:
    """Our own name for a file to be saved under: words of the prompt, a short id, the real suffix."""
    text = picture.prompt if isinstance(picture, Image) else picture.file_name.rpartition(".")[0]
    words = slug(text) or "picture"
    chosen = nearest(picture.original, variant)
    suffix = ingest.SUFFIXES[picture.original.content_type] if chosen == "original" else "webp"
    size = "" if chosen == "original" else f"-{chosen}"
    return f"{words}-{picture.public_id.hex[:8]}{size}.{suffix}"


def slug(text: str) -> str:
    """Words of a text as the beginning of a file's name that every system takes; may be empty."""
    return slugify(text)[:NAME_CHARACTERS_MAX].strip("-")


def nearest(original: Shape, variant: str) -> str:
    """The variant that exists for the one asked for."""
    if variant == "original" or int(variant) == min(SIZES):
        return variant
    return variant if int(variant) < max(original.width, original.height) else "original"


# Views


@require_safe
def image_file(request: HttpRequest, public_id: uuid.UUID, variant: str) -> HttpResponseBase:
    """An image's file, for who may see it. Foreign and unknown ids are the same 404."""
    image = Image.objects.visible_to(request.user).select_related("original").filter(public_id=public_id)
    found = image.first() or in_trash(request.user, public_id, variant)
    return respond(request, found, variant, max_age=CACHE_SECONDS)


@require_safe
def upload_file(request: HttpRequest, public_id: uuid.UUID, variant: str) -> HttpResponseBase:
    """An upload's file, for its owner."""
    if not request.user.is_authenticated:
        raise Http404
    upload = Upload.objects.select_related("original").filter(public_id=public_id, owner=request.user)
    return respond(request, upload.first(), variant, max_age=CACHE_SECONDS)


@require_safe
def signed_file(request: HttpRequest, token: str) -> HttpResponseBase:
    """A file by a signed address. Forged, expired and of a picture that is gone are the same 404."""
    try:
        value = _signer.unsign(token, max_age=settings.FILE_ADDRESS_SECONDS)
    except signing.BadSignature as error:
        raise Http404 from error
    kind, public_id, variant = value.split(":")
    pictures = Image.objects.kept() if kind == "image" else Upload.objects
    picture = pictures.select_related("original").filter(public_id=public_id).first()
    return respond(request, picture, variant, max_age=settings.FILE_ADDRESS_SECONDS)


def respond(
    request: HttpRequest, picture: Image | Upload | None, variant: str, *, max_age: int
) -> HttpResponseBase:
    """The answer with one file of a picture. Access is checked before; `max_age` is seconds.

    With `?download=1` it is a file to be kept, and says what its owner chose (`carrying`).

    :raises Http404: without a picture, a variant of that name, or a file in the storage.
    """
    if picture is None or variant not in VARIANTS:
        raise Http404
    chosen = stored(picture.original, variant)
    is_saved = request.GET.get("download") == "1"
    if is_saved and isinstance(picture, Image):
        facts = carrying.facts_of(picture)
        chosen = replace(chosen, etag=carrying.etag(chosen.etag, facts), facts=facts)
    return serve(
        request,
        chosen,
        name=file_name(picture, variant),
        is_saved=is_saved,
        cached=f"private, max-age={max_age}",
        # What is written into a copy on its way, the storage doesn't have.
        elsewhere_seconds=max_age if chosen.facts == NOTHING else None,
    )


def serve(
    request: HttpRequest,
    stored: StoredFile,
    *,
    name: str,
    is_saved: bool,
    cached: str,
    elsewhere_seconds: int | None = None,
) -> HttpResponseBase:
    """The answer with one stored file, as `name`; `cached` is its Cache-Control.

    With `elsewhere_seconds` a storage that can may serve it, by an address that a browser keeps so long.

    :raises Http404: without such a file in the storage.
    """
    disposition = content_disposition_header(is_saved, name) or "inline"
    response: HttpResponseBase | None = get_conditional_response(request, etag=stored.etag)
    if response is None and elsewhere_seconds is not None:
        response = _elsewhere(request, stored, disposition, elsewhere_seconds)
    if response is None:
        response = _contents(request, stored)
    if response.status_code in (200, 206):
        response.headers["Content-Disposition"] = disposition
    for header, value in HEADERS.items():
        response.headers[header] = value
    if response.status_code != 302:
        response.headers["ETag"] = stored.etag
        response.headers["Cache-Control"] = cached
    return response


def _elsewhere(
    request: HttpRequest, stored: StoredFile, disposition: str, max_age: int
) -> HttpResponseBase | None:
    """To the object store, for a few minutes, where files are handed out by it; it knows ranges itself."""
    # What is signed is signed for one method.
    if request.method != "GET":
        return None
    address = storage.address_of(
        stored.name,
        content_type=stored.content_type,
        disposition=disposition,
        max_age=max_age,
        seconds=min(settings.FILE_ADDRESS_SECONDS, ADDRESS_SECONDS_MAX),
    )
    if address is None:
        return None
    return HttpResponseRedirect(address, headers={"Cache-Control": "private, no-store"})


def in_trash(user: User | AnonymousUser, public_id: uuid.UUID | str, variant: str) -> Image | None:
    """The picture where it is in the trash of who asks, for the small copies that are shown of it there."""
    if not user.is_authenticated or variant not in IN_TRASH:
        return None
    return trash.of(user).select_related("original").filter(public_id=public_id).first()


def stored(original: Original, variant: str) -> StoredFile:
    """The file that stands for a variant of a picture."""
    if nearest(original, variant) != "original":
        rendition = next((copy for copy in original.renditions.all() if copy.size == int(variant)), None)
        if rendition is not None:
            return StoredFile(rendition.name, "image/webp", f'"{original.sha256}-{rendition.size}"')
    return StoredFile(original.name, original.content_type, f'"{original.sha256}"')


def _contents(request: HttpRequest, stored: StoredFile) -> HttpResponseBase:
    try:
        file = carrying.opened(stored.name, stored.facts)
    except FileNotFoundError as error:
        _log.error("stored_file_missing", name=stored.name)
        raise Http404 from error
    size = file.size
    wanted = _range(request, size, stored.etag)
    if wanted is None:
        return file_parts.response(request, file, 0, size, content_type=stored.content_type)
    start, end = wanted
    if start >= end:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    response = file_parts.response(request, file, start, end, content_type=stored.content_type)
    response.status_code = 206
    response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return response


def _range(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """First byte and the one after the last; equal when none is there. None to serve the whole file."""
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.headers.get("Range", ""))
    if match is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if first:
        end = min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
        return (int(first), end) if int(first) < size else (size, size)
    if last:
        return max(0, size - int(last)), size
    return None
