"""The collection that a generation's pictures are filed in once they are there."""

import uuid
from dataclasses import replace
from uuid import UUID

from accounts.models import User
from gallery import collections
from generation.models import Generation
from generation.wishes import InvalidWish, Wish


def into(wish: Wish, user: User, chosen: UUID | str | None) -> Wish:
    """The wish with the collection of that public id; of none, or an empty text, as it is.

    :raises InvalidWish: there is no such collection, or it isn't the person's to file into.
    """
    if not chosen:
        return wish
    try:
        found = collections.get_fileable(user, uuid.UUID(str(chosen)))
    except (ValueError, collections.Unknown):
        raise InvalidWish(
            "collection",
            "unknown_collection",
            "This collection is gone, or you may not file into it any more. Choose another, or none.",
        ) from None
    return replace(wish, collection_id=found.pk)


def as_before(wish: Wish, user: User, earlier: Generation) -> Wish:
    """The wish with the earlier generation's collection, as long as the person may file into it."""
    chosen = earlier.collection_id
    if chosen is None or not collections.fileable_by(user).filter(pk=chosen).exists():
        return wish
    return replace(wish, collection_id=chosen)
