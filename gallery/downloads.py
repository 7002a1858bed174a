"""Copies of images to be kept: what every way out of Easel gives, a page, the API, a share link or a ZIP."""

from dataclasses import replace
from typing import Any

from django.core.files.base import File

from gallery import carrying, files
from gallery.files import StoredFile
from gallery.models import Image


def bytes_for(
    image: Image, variant: str, *, with_prompt: bool | None = None, with_id: bool | None = None
) -> "File[Any]":
    """The image's file as it is given out, open at its beginning. Access is checked before.

    It says how the picture came about; its prompt and its generation's id where they are wanted, or, for
    None, where its owner chose so. A file with signed Content Credentials is given as it is.

    :raises FileNotFoundError: when the storage has no such file.
    """
    facts = carrying.facts_of(image, with_prompt=with_prompt, with_id=with_id)
    return carrying.opened(files.stored(image.original, variant).name, facts)


def carrying_facts(
    stored: StoredFile, image: Image, *, with_prompt: bool | None = None, with_id: bool | None = None
) -> StoredFile:
    """A stored file of the image for `files.serve`, as `bytes_for` gives it."""
    facts = carrying.facts_of(image, with_prompt=with_prompt, with_id=with_id)
    return replace(stored, etag=carrying.etag(stored.etag, facts), facts=facts)
