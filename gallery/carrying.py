"""What a copy of an image that is kept says of it, by the choice of its owner, and such a copy as a file.

A copy says how the picture came about in any case; the prompt and the id of the generation where its owner
has them in. Nothing is said of pictures people gave: what isn't known isn't claimed.
"""

import hashlib
import io
from collections.abc import Iterable
from typing import Any, BinaryIO, cast

from django.core.files.base import File

from gallery import storage, xmp
from gallery.models import GallerySettings, Image, ImageSource
from gallery.provenance import EMULATOR
from gallery.xmp import NOTHING, Facts, Piece


def facts_of(image: Image, *, with_prompt: bool | None = None, with_id: bool | None = None) -> Facts:
    """What a copy of the image says; None is as its owner chose."""
    (facts,) = facts_of_each([image], with_prompt=with_prompt, with_id=with_id)
    return facts


def facts_of_each(
    images: Iterable[Image], *, with_prompt: bool | None = None, with_id: bool | None = None
) -> list[Facts]:
    """The same for many, in two queries."""
    images = list(images)
    made = [image for image in images if image.origin == Image.Origin.GENERATED]
    keys = {image.pk for image in made}
    edited = set(ImageSource.objects.filter(image__in=keys).values_list("image_id", flat=True))
    chosen = {} if None not in (with_prompt, with_id) else settings_of({image.owner_id for image in made})
    return [
        _facts(
            image,
            is_edited=image.pk in edited,
            with_prompt=_chosen(chosen, image).embeds_prompt if with_prompt is None else with_prompt,
            with_id=_chosen(chosen, image).embeds_generation if with_id is None else with_id,
        )
        if image.pk in keys
        else NOTHING
        for image in images
    ]


def settings_of(user_ids: set[int]) -> dict[int, GallerySettings]:
    """What these people chose; who chose nothing is not in it."""
    return GallerySettings.objects.in_bulk(user_ids)


def etag(stored: str, facts: Facts) -> str:
    """The ETag of a file with the facts in it, from that of the file as it is stored."""
    if not facts:
        return stored
    digest = hashlib.sha256(f"{stored} {facts!r}".encode()).hexdigest()
    return f'{stored[:-1]}-{digest[:20]}"'


def opened(name: str, facts: Facts) -> "File[Any]":
    """The stored file, with the facts in it.

    :raises FileNotFoundError: when nothing is stored under `name`.
    """
    file = storage.opened(name)
    if not facts:
        return file
    try:
        pieces = xmp.splice(cast(BinaryIO, file), facts)
        return File(cast(BinaryIO, _Spliced(file, pieces)))
    except BaseException:
        file.close()
        raise


class _Spliced(io.RawIOBase):
    """Pieces of a file, and new ones, to be read as one file. It closes the file it is of."""

    def __init__(self, file: Any, pieces: list[Piece]) -> None:
        self._file = file
        self._place = 0
        self._pieces: list[tuple[int, int, Piece]] = []
        self.size = 0
        for piece in pieces:
            length = len(piece) if isinstance(piece, bytes) else piece.end - piece.start
            self._pieces.append((self.size, self.size + length, piece))
            self.size += length

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        end = self.size if size is None or size < 0 else min(self.size, self._place + size)
        found = []
        for start, stop, piece in self._pieces:
            first, last = max(start, self._place), min(stop, end)
            if first >= last:
                continue
            if isinstance(piece, bytes):
                found.append(piece[first - start : last - start])
            else:
                self._file.seek(piece.start + first - start)
                found.append(self._file.read(last - first))
        self._place = max(self._place, end)
        return b"".join(found)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _facts(image: Image, *, is_edited: bool, with_prompt: bool, with_id: bool) -> Facts:
    source_type = xmp.DRAWN if image.provider == EMULATOR else xmp.EDITED if is_edited else xmp.MADE
    return Facts(
        source_type=source_type,
        prompt=image.prompt if with_prompt else "",
        generation_id=str(image.generation_id) if with_id and image.generation_id else "",
    )


def _chosen(chosen: dict[int, GallerySettings], image: Image) -> GallerySettings:
    return chosen.get(image.owner_id) or GallerySettings(user_id=image.owner_id)
