"""The gallery's sidebar: where one can go, and how much is there. The counts come apart from the page."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from gallery import browsing, collections, saved_searches
from gallery.browsing import Walk
from gallery.collections import Listed
from gallery.models import Collection, Image, SavedSearch, ShareLink
from gallery.search import engine

COUNTED_MAX = 10_000
COLLECTIONS_MAX = 60
SEARCHES_MAX = 40
_KEPT_SECONDS = 30
PLACES = {
    "mine": Walk(),
    "favourites": Walk(scope="all", favourites=True),
    "team": Walk(scope="team"),
    "everyone": Walk(scope="everyone"),
}


@dataclass(frozen=True)
class Shelf:
    """Collections and saved searches of the sidebar, and how many pictures each place of it has."""

    counts: dict[str, int]
    collections: list[Listed]
    sizes: dict[int, int]
    searches: list[SavedSearch]


def place_of(walk: Walk) -> str:
    """Which entry of the sidebar a walk is under; a collection's is its id."""
    if walk.collection:
        return str(walk.collection)
    if walk.favourites and walk.scope == "all":
        return "favourites"
    return walk.scope if walk.scope in PLACES else ""


def shelf(user: User) -> Shelf:
    listed = collections.listed(user)[:COLLECTIONS_MAX]
    # Of a team's collection everyone sees another number.
    sizes = collections.sizes(user, [one.collection for one in listed if one.size is None])
    sizes |= {one.collection.pk: one.size for one in listed if one.size is not None}
    return Shelf(counts(user), listed, sizes, list(saved_searches.of(user)[:SEARCHES_MAX]))


def counts(user: User) -> dict[str, int]:
    """How many pictures there are at each place, up to `COUNTED_MAX`; kept for half a minute."""
    found: Any = cache.get_or_set(_key(user), lambda: dict(_counted(user)), _KEPT_SECONDS)
    return dict(found)


def forget(user: User) -> None:
    """What was counted isn't true any more: the person changed something."""
    cache.delete(_key(user))


def _key(user: User) -> str:
    return f"gallery:counts:{user.pk}"


def _counted(user: User) -> Iterator[tuple[str, int]]:
    for name, walk in PLACES.items():
        yield name, engine.count(browsing.wanted(user, walk), most=COUNTED_MAX)
    links = ShareLink.objects.filter(owner=user, revoked_at=None)
    open_links = links.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    yield "links", open_links[:COUNTED_MAX].count()
    trashed = Image.objects.filter(owner=user, trashed_at__isnull=False)
    yield "trash", trashed[:COUNTED_MAX].count()


def collection(user: User, public_id: uuid.UUID) -> Collection:
    """A collection that the person sees, with its owner.

    :raises browsing.UnknownPlace:
    """
    seen = collections.visible_to(user).select_related("owner", "team")
    found = seen.filter(public_id=public_id).first()
    if found is None:
        raise browsing.UnknownPlace(public_id)
    return found
