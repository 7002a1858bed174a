"""Pictures given with a prompt: uploads, images of the gallery, addresses, data URIs."""

import uuid
from dataclasses import dataclass

from django.conf import settings

from accounts.models import User
from gallery import addresses, ingest
from gallery.models import Image, Original, Upload
from generation.wishes import InvalidWish


@dataclass(frozen=True)
class GivenReference:
    """A picture that is stored with us, and the gallery's image it came from, if it did."""

    original: Original
    image: Image | None = None


FETCH_SECONDS = 20.0


def resolve(*, user: User, given: list[str]) -> list[GivenReference]:
    """The pictures meant, stored with us; slow (it may fetch), so call it outside a transaction.

    Each of `given` is an upload's or image's id, an http(s) address, or a data URI.

    :raises InvalidWish: when one is unknown, can't be reached, or is no picture we take.
    """
    return [_one(user, text.strip(), place) for place, text in enumerate(given, start=1)]


def _one(user: User, text: str, place: int) -> GivenReference:
    if text.startswith("data:"):
        return _taken_in(user, _data(text, place), f"reference {place}", place)
    if text.lower().startswith(("http://", "https://")):
        return _taken_in(user, _fetched(text, place), f"reference {place}", place)
    try:
        public_id = uuid.UUID(text)
    except ValueError:
        raise _unknown(place) from None
    if upload := Upload.objects.select_related("original").filter(owner=user, public_id=public_id).first():
        return GivenReference(upload.original)
    image = Image.objects.visible_to(user).select_related("original").filter(public_id=public_id).first()
    if image is None:
        raise _unknown(place)
    return GivenReference(image.original, image)


def _data(text: str, place: int) -> bytes:
    try:
        return ingest.decode_data_uri(text, max_bytes=settings.UPLOAD_MAX_BYTES)
    except ingest.PictureRefused as refusal:
        raise _refused(refusal, place) from refusal


def _fetched(url: str, place: int) -> bytes:
    try:
        return addresses.fetch_sync(
            url, max_bytes=settings.UPLOAD_MAX_BYTES, deadline_seconds=FETCH_SECONDS
        ).data
    except (addresses.AddressRefused, addresses.FetchFailed) as error:
        raise InvalidWish(
            "references", "reference_unreachable", f"Reference {place}: {error.detail}"
        ) from error


def _taken_in(user: User, data: bytes, name: str, place: int) -> GivenReference:
    try:
        upload = ingest.store_upload(owner=user, data=data, file_name=name)
    except ingest.PictureRefused as refusal:
        raise _refused(refusal, place) from refusal
    return GivenReference(upload.original)


def _refused(refusal: ingest.PictureRefused, place: int) -> InvalidWish:
    return InvalidWish("references", f"reference_{refusal.code}", f"Reference {place}: {refusal.detail}")


def _unknown(place: int) -> InvalidWish:
    return InvalidWish("references", "unknown_reference", f"Reference {place} isn't a picture of yours.")
