"""Pictures that people bring into the gallery themselves, beside those that are generated."""

import re

from django.conf import settings
from django.db import transaction

from accounts.models import User
from gallery import collections, ingest, keeping, quota
from gallery.models import Collection, Image

TITLE_MAX = 120
_SUFFIX = re.compile(r"\.(png|jpe?g|jfif|webp|avif|heic|heif)$", re.IGNORECASE)


def upload(
    user: User, data: bytes, file_name: str, *, title: str = "", collection: Collection | None = None
) -> Image:
    """Take in a picture as an image of the person's, private, titled by its file name where none is given.

    Slow, and not to be called inside a transaction. It is written anew, so nothing but its pixels is kept;
    who may file into the collection was checked before.

    :raises ingest.PictureRefused: as `ingest.store` does; the limit is `settings.UPLOAD_MAX_BYTES`.
    :raises quota.QuotaExceeded:
    """
    quota.check(user, len(data))
    stored = ingest.store(data, keep_bytes=False, max_bytes=settings.UPLOAD_MAX_BYTES, file_name=file_name)
    # Written anew it may have more bytes than it came with.
    quota.check(user, stored.size_bytes)
    with transaction.atomic():
        image = Image(
            owner=user,
            original=ingest.record(stored),
            origin=Image.Origin.UPLOADED,
            title=" ".join(title.split())[:TITLE_MAX] or title_of(file_name),
        )
        keeping.keep(image)
        if collection is not None:
            collections.add(user, collection, [image.pk])
    return image


def title_of(file_name: str) -> str:
    """A person's file name as a title: no folders, no control characters, no suffix, 120 letters at most."""
    return ingest.clean_file_name(_SUFFIX.sub("", file_name.strip()))
