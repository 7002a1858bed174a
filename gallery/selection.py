"""Many pictures at once: those that were chosen one by one, or all of a walk but for some."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.models import User
from gallery import browsing
from gallery.browsing import Walk
from gallery.models import Image
from gallery.refusals import Refused
from gallery.search import engine

IMAGES_MAX = 50_000
_BATCH = 1_000


class TooLarge(Refused):
    code, field = "too_many_images", "images"

    def __init__(self) -> None:
        super().__init__(f"That is more than {IMAGES_MAX:,} pictures. Narrow it down, or do it in parts.")


@dataclass(frozen=True)
class Selection:
    """Pictures by their public ids, or all of a walk without some."""

    public_ids: tuple[UUID, ...] = ()
    walk: Walk | None = None
    without: tuple[UUID, ...] = ()


def resolve(user: User, selection: Selection) -> list[int]:
    """The ids of those that the person sees: as they were chosen, or newest first.

    :raises TooLarge: :raises browsing.UnknownPlace: the walk is of a collection the person doesn't see.
    """
    if selection.walk is None:
        _check(selection.public_ids)
        return _seen(user, selection.public_ids)
    _check(selection.without)
    without = set(_seen(user, selection.without))
    wanted = browsing.wanted(user, selection.walk)
    found = engine.newest(wanted, size=IMAGES_MAX + len(without) + 1)
    ids = [pk for pk in found if pk not in without]
    if len(ids) > IMAGES_MAX:
        raise TooLarge
    return ids


def count(user: User, selection: Selection) -> int:
    """How many there are; of a walk counted up to one more than can be taken at once."""
    if selection.walk is None or selection.without:
        try:
            return len(resolve(user, selection))
        except TooLarge:
            return IMAGES_MAX + 1
    return engine.count(browsing.wanted(user, selection.walk), most=IMAGES_MAX + 1)


def _check(public_ids: Sequence[UUID]) -> None:
    if len(public_ids) > IMAGES_MAX:
        raise TooLarge


def _seen(user: User, public_ids: Iterable[UUID]) -> list[int]:
    wanted = list(dict.fromkeys(public_ids))
    found: dict[UUID, int] = {}
    images = Image.objects.visible_to(user)
    for start in range(0, len(wanted), _BATCH):
        some = images.filter(public_id__in=wanted[start : start + _BATCH])
        found.update(some.values_list("public_id", "pk"))
    return [found[one] for one in wanted if one in found]
