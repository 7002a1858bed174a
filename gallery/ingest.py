"""The one door for pictures from outside: uploads, references, what providers answer.

`store` does the slow work and touches no database; `record` writes the rows, in the caller's transaction, and
`recording` says what writes them.
"""

import base64
import binascii
import hashlib
import io
import json
import re
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from accounts import rows
from accounts.models import User
from gallery import containers, credentials, likeness, picture_process, quota, storage
from gallery.inspection import CannotRead, Inspection, raise_refusal
from gallery.models import Original, Rendition, Upload

SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
FILE_NAME_MAX = 120
# One of its own: the library that reads them stays loaded, and would be in every decoder's memory.
_credentials_process = picture_process.PictureProcess()
UNCHANGED_MEAN = 0.6
UNCHANGED_CELL = 3
"""Levels of 255. JPEG at quality 60 and above and resizing stay below both; a small edit does not."""

_WORDS = {
    "not_a_picture": "{name} isn't a picture Easel can use. Try PNG, JPEG, WebP, AVIF, HEIC or HEIF.",
    "animated": "{name} is animated. Easel uses still pictures: save one frame and add that.",
    "unreadable": "{name} is damaged, and Easel can't read it. Save it again and add the new file.",
    "too_many_pixels": "{name} has too many pixels{shape}. The limit is 8192 on a side and 25 million "
    "in all, 22 million for WebP and AVIF. Make it smaller and add it again.",
}


class PictureRefused(Exception):
    """The picture isn't let in.

    `code` is `too_large`, `not_a_picture`, `too_many_pixels`, `animated` or `unreadable`; `detail` is a
    sentence for the person who gave it.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class StoredRendition:
    """A WebP copy that is in the storage. `size` is the longer side asked for, pixels."""

    size: int
    name: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True)
class Stored:
    """A picture that is in the storage with its renditions, and what was seen of it.

    `width` and `height` are pixels of the upright picture, `credentials` is as `credentials.read` answers;
    the rest is as in `inspection.Inspection`.
    """

    sha256: str
    name: str
    content_type: str
    size_bytes: int
    width: int
    height: int
    placeholder: str
    colour: str
    signature: bytes
    palette: tuple[tuple[str, int], ...]
    difference_hash: int
    blank: bool
    renditions: tuple[StoredRendition, ...]
    credentials: dict[str, Any] | None = None


def store(
    data: bytes, *, keep_bytes: bool, max_bytes: int, file_name: str = "", source_type: str = ""
) -> Stored:
    """Check a picture and put it into the storage, named by its content. Slow; safe to repeat.

    `keep_bytes` for what a provider made; what people give is written anew, in at most
    `settings.UPLOAD_MAX_BYTES`, and so is AVIF, HEIC or HEIF from anybody. `max_bytes` is how much is let in.
    `source_type` is what its renditions say of how it came about, one of `xmp.SOURCE_TYPES` or nothing.

    :raises PictureRefused: for whatever is no whole PNG, JPEG, WebP, AVIF, HEIC or HEIF within the limits.
    """
    inspection = inspect(
        data, keep_bytes=keep_bytes, max_bytes=max_bytes, file_name=file_name, source_type=source_type
    )
    kept = data if inspection.encoded is None else inspection.encoded
    sha256 = hashlib.sha256(kept).hexdigest()
    renditions = _store_copies(sha256, inspection)
    # The original last: where it is, everything is.
    name = f"originals/{sha256[:2]}/{sha256[2:4]}/{sha256}.{SUFFIXES[inspection.content_type]}"
    storage.put(name, kept)
    return Stored(
        sha256=sha256,
        name=name,
        content_type=inspection.content_type,
        size_bytes=len(kept),
        width=inspection.width,
        height=inspection.height,
        placeholder=inspection.placeholder,
        colour=inspection.colour,
        signature=inspection.signature,
        palette=inspection.palette,
        difference_hash=inspection.difference_hash,
        blank=inspection.blank,
        renditions=renditions,
        # What is written anew has lost them.
        credentials=_credentials(data, inspection.content_type) if inspection.encoded is None else None,
    )


def inspect(
    data: bytes, *, keep_bytes: bool, max_bytes: int, file_name: str = "", source_type: str = ""
) -> Inspection:
    """Check a picture and store nothing.

    :raises PictureRefused: as `store` does.
    """
    check_size(len(data), max_bytes=max_bytes, file_name=file_name)
    name = clean_file_name(file_name) or "The picture"
    try:
        return picture_process.shared.inspect(
            data,
            keep_bytes=keep_bytes,
            result_bytes_max=settings.UPLOAD_MAX_BYTES,
            source_type=source_type,
        )
    except CannotRead as refusal:
        shape = f": {refusal.width} × {refusal.height}" if refusal.width else ""
        raise PictureRefused(refusal.code, _WORDS[refusal.code].format(name=name, shape=shape)) from refusal


def check_size(size: int, *, max_bytes: int, file_name: str = "") -> None:
    """Refuse by the announced size alone, so that what is too big need not be read. `size` in bytes.

    :raises PictureRefused:
    """
    if size > max_bytes:
        name = clean_file_name(file_name) or "The picture"
        raise PictureRefused("too_large", _too_large(name, size, max_bytes))


def record(stored: Stored) -> Original:
    """The rows of a stored picture, made once for each content. Runs in the caller's transaction."""
    _, written = recording(stored)
    *_, (found,) = rows.send(*written, rows.finding(Original, where="sha256 = %s", values=[stored.sha256]))
    return rows.as_read(Original, found)


def recording(stored: Stored) -> tuple[Original, list[rows.Statement]]:
    """The original as `record` makes it, but for its id, and what writes its rows; for `rows.send`."""
    original = Original(
        sha256=stored.sha256,
        name=stored.name,
        content_type=stored.content_type,
        size_bytes=stored.size_bytes,
        width=stored.width,
        height=stored.height,
        placeholder=stored.placeholder,
        colour=stored.colour,
        signature=stored.signature,
        palette=[list(one) for one in stored.palette],
        difference_hash=likeness.signed(stored.difference_hash),
        credentials=stored.credentials,
    )
    itself = rows.id_of(original, "sha256")
    # An earlier one is held until the caller's rows are there, so that it isn't let go of as unused.
    held = f"SELECT id FROM gallery_original WHERE sha256 = %s{rows.HOLDING[connection.vendor]}"  # noqa: S608
    written = [(held, [stored.sha256]), rows.inserting(original, unique="sha256")]
    for copy in stored.renditions:
        # Whoever lost the race has the same copies; the unique size of an original settles it.
        rendition = Rendition(
            size=copy.size,
            name=copy.name,
            width=copy.width,
            height=copy.height,
            size_bytes=copy.size_bytes,
        )
        written.append(rows.inserting(rendition, unique="original_id, size", refers={"original_id": itself}))
    return original, written


def store_upload(*, owner: User, data: bytes, file_name: str = "") -> Upload:
    """Take in a picture that a person gives as a reference. Not to be called inside a transaction.

    :raises PictureRefused: as `store` does; the limit is `settings.UPLOAD_MAX_BYTES`.
    :raises quota.QuotaExceeded:
    """
    quota.check(owner, len(data))
    stored = store(data, keep_bytes=False, max_bytes=settings.UPLOAD_MAX_BYTES, file_name=file_name)
    with transaction.atomic():
        return Upload.objects.create(
            owner=owner, original=record(stored), file_name=clean_file_name(file_name)
        )


def decode_data_uri(text: str, *, max_bytes: int | None = None, file_name: str = "") -> bytes:
    """The bytes of a `data:…;base64,…` address. Its length is checked before anything is decoded.

    :raises PictureRefused: when it is longer than `max_bytes` (`settings.UPLOAD_MAX_BYTES`) or malformed.
    """
    limit = settings.UPLOAD_MAX_BYTES if max_bytes is None else max_bytes
    name = clean_file_name(file_name) or "The picture"
    kind, comma, encoded = text.partition(",")
    if not comma or not kind.lower().startswith("data:") or not kind.lower().endswith(";base64"):
        raise PictureRefused("not_a_picture", _WORDS["not_a_picture"].format(name=name))
    size = len(encoded) * 3 // 4 - encoded[-2:].count("=")
    if size > limit:
        raise PictureRefused("too_large", _too_large(name, size, limit))
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PictureRefused("unreadable", _WORDS["unreadable"].format(name=name)) from error


def looks_unchanged(signature_a: bytes, signature_b: bytes) -> bool:
    """Whether two pictures look the same, however they are encoded or sized, by their signatures."""
    if len(signature_a) != len(signature_b) or not signature_a:
        return False
    differences = [abs(a - b) for a, b in zip(signature_a, signature_b, strict=True)]
    return sum(differences) / len(differences) < UNCHANGED_MEAN and max(differences) < UNCHANGED_CELL


def stage(data: bytes, name: str) -> None:
    """Keep a provider's answer until it is taken in, so that a crash doesn't pay twice.

    `name` is `staging/<generation>/<attempt>/<index>`.
    """
    storage.put(name, data)


def staged(name: str) -> bytes:
    """:raises FileNotFoundError: when nothing is staged under `name`."""
    return storage.get(name)


def unstage(name: str) -> None:
    """Let go of a staged answer; that it is gone already is no error."""
    storage.delete(name)


def clean_file_name(file_name: str) -> str:
    """A person's file name as text to show: no folders, no control characters, at most 120 characters."""
    last = re.split(r"[/\\]", file_name)[-1]
    return "".join(character for character in last if character.isprintable()).strip()[:FILE_NAME_MAX]


def _credentials(data: bytes, content_type: str) -> dict[str, Any] | None:
    """What the file's Content Credentials say, read in another process; hardly a file has any."""
    file = io.BytesIO(data)
    try:
        if not containers.holds_credentials(file, containers.look(file)):
            return None
        header, blobs = _credentials_process.ask("credentials", data, content_type=content_type)
        raise_refusal(header)
        found: dict[str, Any] | None = json.loads(blobs[0])
    except containers.CannotFollow:
        return None
    except CannotRead:
        return {"state": credentials.UNREADABLE}
    return found


def _store_copies(sha256: str, inspection: Inspection) -> tuple[StoredRendition, ...]:
    stored = []
    for copy in inspection.copies:
        name = f"renditions/{sha256[:2]}/{sha256[2:4]}/{sha256}-{copy.size}.webp"
        storage.put(name, copy.data)
        stored.append(
            StoredRendition(
                size=copy.size, name=name, width=copy.width, height=copy.height, size_bytes=len(copy.data)
            )
        )
    return tuple(stored)


def _too_large(name: str, size: int, limit: int) -> str:
    return (
        f"{name} is too big. It is {_megabytes(size)}; the limit is {_megabytes(limit)}. "
        "Make it smaller and add it again."
    )


def _megabytes(size: int) -> str:
    """Rounded up, so that what is over the limit never reads as the limit."""
    tenths = -(-size * 10 // (1024 * 1024))
    return f"{tenths // 10} MB" if tenths % 10 == 0 else f"{tenths / 10} MB"
