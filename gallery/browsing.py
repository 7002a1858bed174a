"""Walking through pictures, newest first: whose, which words, and from where on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from accounts.models import User
from gallery.models import Image, ImageQuerySet
from gallery.search import clean, search

PAGE = 60
SCOPES = ("mine", "everyone")
_NUMBER_DIGITS_MAX = 18


class UnknownPlace(Exception):
    """The place in the address isn't one that was given out."""


@dataclass(frozen=True)
class Walk:
    """What a person looks through: their own pictures or those shared with everyone, with some words."""

    scope: str = "mine"
    text: str = ""

    @property
    def query(self) -> str:
        """It as the query of an address, empty for what is the default."""
        named = {"show": self.scope if self.scope != "mine" else "", "q": self.text}
        return urlencode({name: value for name, value in named.items() if value})

    def images(self, user: User) -> ImageQuerySet:
        """All pictures of the walk that the person may see."""
        visible = Image.objects.visible_to(user)
        if self.scope == "mine":
            chosen = visible.filter(owner=user)
        else:
            chosen = visible.filter(visibility=Image.Visibility.EVERYONE)
        return search(chosen, self.text)


@dataclass(frozen=True)
class Page:
    """Some pictures, newest first, and the numbers beside which the older and the newer ones begin."""

    images: list[Image]
    older: int | None
    newer: int | None


@dataclass(frozen=True)
class Neighbours:
    """The pictures beside one in a walk; None at its ends."""

    newer: Image | None
    older: Image | None


def walk_of(query: Mapping[str, str]) -> Walk:
    """The walk an address names.

    :raises UnknownPlace: for a scope that doesn't exist.
    """
    scope = query.get("show", "mine")
    if scope not in SCOPES:
        raise UnknownPlace(scope)
    return Walk(scope, clean(query.get("q", "")))


def page(
    user: User, walk: Walk, *, before: int | None = None, after: int | None = None, size: int = PAGE
) -> Page:
    """The pictures next older than `before`, or next newer than `after`, or the newest."""
    images = walk.images(user).select_related("original", "owner")
    if after is not None:
        found = list(images.filter(pk__gt=after).order_by("pk")[: size + 1])
        shown = found[:size][::-1]
        return Page(
            shown,
            older=shown[-1].pk if shown else None,
            newer=shown[0].pk if len(found) > size else None,
        )
    if before is not None:
        images = images.filter(pk__lt=before)
    found = list(images.order_by("-pk")[: size + 1])
    shown = found[:size]
    return Page(
        shown,
        older=shown[-1].pk if len(found) > size else None,
        newer=shown[0].pk if shown and before is not None else None,
    )


def neighbours(user: User, walk: Walk, image: Image) -> Neighbours:
    """What comes before and after the picture in the walk, whether or not it is part of it."""
    images = walk.images(user)
    return Neighbours(
        newer=images.filter(pk__gt=image.pk).order_by("pk").first(),
        older=images.filter(pk__lt=image.pk).order_by("-pk").first(),
    )


def parse_number(text: str | None) -> int | None:
    """A place in the walk from an address.

    :raises UnknownPlace:
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX):
        raise UnknownPlace(text)
    return int(text)


def by_date(images: list[Image]) -> Iterator[tuple[date, list[Image]]]:
    """The pictures in groups of a day, in their order."""
    group: list[Image] = []
    for image in images:
        if group and group[0].created_at.date() != image.created_at.date():
            yield group[0].created_at.date(), group
            group = []
        group.append(image)
    if group:
        yield group[0].created_at.date(), group
