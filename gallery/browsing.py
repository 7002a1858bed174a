"""Walking through pictures: whose, which ones, in what order, and from where on. All of it in the address."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict

from accounts.models import User
from gallery import collections
from gallery.models import Collection, CollectionItem, Image
from gallery.search import candidates, colours, engine, marks, ranking, syntax
from gallery.search.engine import Viewer, Wanted
from gallery.search.expression import Expression, Mark
from gallery.search.meaning import Limits, colour_marks, meaning, tag_marks
from gallery.search.words import normalised
from gallery.tiles import Tile

PAGE = 48
SCOPES = engine.SCOPES
SORTS = ("newest", "best", "manual")
"""By time; by how well the words fit; by the order of the collection."""
CHOICES_MAX = 12
_NUMBER_DIGITS_MAX = 18


P = TypeVar("P", Image, Tile)


class UnknownPlace(Exception):
    """The place in the address isn't one that was given out."""


@dataclass(frozen=True)
class Walk:
    """What a person looks through. The default is all their own pictures.

    `text` is as `search.syntax` reads it. `tags` are keys of tags, `people` public names as `by:` takes them,
    `colour` a swatch's name, `#rrggbb` or `many`; `since` and `until` are days, both inclusive.
    """

    scope: str = "mine"
    text: str = ""
    tags: tuple[str, ...] = ()
    any_tag: bool = False
    ratios: tuple[str, ...] = ()
    people: tuple[int, ...] = ()
    providers: tuple[str, ...] = ()
    colour: str = ""
    closeness: str = colours.DEFAULT_CLOSENESS
    since: date | None = None
    until: date | None = None
    with_references: bool = False
    favourites: bool = False
    collection: UUID | None = None
    sort: str = "newest"

    @cached_property
    def query(self) -> str:
        """It as the query of an address, empty for what is the default."""
        return urlencode(self.parameters())

    def parameters(self) -> list[tuple[str, str]]:
        """It as the parameters of an address, without those that say the default."""
        named = [
            ("show", self.scope if self.scope != self.usual_scope else ""),
            ("q", self.text),
            *(("tag", tag) for tag in self.tags),
            ("any", "1" if self.any_tag else ""),
            *(("ratio", ratio) for ratio in self.ratios),
            *(("person", str(person)) for person in self.people),
            *(("provider", provider) for provider in self.providers),
            ("colour", self.colour),
            ("close", self.closeness if self.colour and self.closeness != colours.DEFAULT_CLOSENESS else ""),
            ("since", self.since.isoformat() if self.since else ""),
            ("until", self.until.isoformat() if self.until else ""),
            ("references", "1" if self.with_references else ""),
            ("favourites", "1" if self.favourites else ""),
            ("collection", str(self.collection) if self.collection else ""),
            ("sort", self.sort if self.sort != self.usual_sort else ""),
        ]
        return [(name, value) for name, value in named if value]

    @property
    def usual_scope(self) -> str:
        """Favourites, a collection's pictures and those of named people may be anybody's."""
        return "all" if self.collection or self.favourites or self.people else "mine"

    @property
    def usual_sort(self) -> str:
        return "manual" if self.collection and not self.is_narrowed else "newest"

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but whose and which collection is asked for."""
        return self.without_narrowing() != replace(self, sort="newest")

    def without_narrowing(self) -> "Walk":
        """The same pictures without words and filters."""
        return Walk(scope=self.scope, collection=self.collection)

    @cached_property
    def parsed(self) -> syntax.Parsed:
        return syntax.parse(self.text)


@dataclass(frozen=True)
class Page(Generic[P]):
    """Some pictures in their order, and the places beside which the next and the previous ones begin.

    `older` and `newer` are numbers for `before` and `after`; of a walk by fit they count pictures.
    """

    images: list[P]
    older: int | None
    newer: int | None


@dataclass(frozen=True)
class Neighbours:
    """The pictures beside one in a walk; None at its ends."""

    newer: Image | None
    older: Image | None


# Addresses


def walk_of(query: Mapping[str, str]) -> Walk:
    """The walk an address names.

    :raises UnknownPlace: for what is no value that addresses of ours have.
    """
    given = _Given(query)
    walk = Walk(
        text=syntax.clean(given.get("q")),
        tags=tuple(dict.fromkeys(key for tag in given.all("tag") if (key := normalised(tag)))),
        any_tag=given.flag("any"),
        ratios=tuple(ratio for ratio in given.all("ratio") if given.check(ratio in marks.RATIOS)),
        people=tuple(parse_number(person) or 0 for person in given.all("person")),
        providers=tuple(given.all("provider")),
        colour=given.colour("colour"),
        closeness=given.one_of("close", tuple(colours.CLOSENESS), colours.DEFAULT_CLOSENESS),
        since=given.day("since"),
        until=given.day("until"),
        with_references=given.flag("references"),
        favourites=given.flag("favourites"),
        collection=given.uuid("collection"),
    )
    walk = replace(walk, scope=given.one_of("show", SCOPES, walk.usual_scope))
    return replace(walk, sort=given.one_of("sort", SORTS, walk.usual_sort))


class _Given:
    """The parameters of an address, read strictly."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = query

    def get(self, name: str) -> str:
        return self._query.get(name) or ""

    def all(self, name: str) -> list[str]:
        query = self._query
        found = query.getlist(name) if isinstance(query, QueryDict) else [self.get(name)]
        chosen = list(dict.fromkeys(value for value in found if value))
        self.check(len(chosen) <= CHOICES_MAX and all(len(value) <= 120 for value in chosen))
        return chosen

    def flag(self, name: str) -> bool:
        return self.one_of(name, ("0", "1"), "0") == "1"

    def one_of(self, name: str, values: Sequence[str], default: str) -> str:
        value = self.get(name) or default
        self.check(value in values)
        return value

    def colour(self, name: str) -> str:
        value = self.get(name)
        self.check(not value or bool(colours.named(value)))
        return value.lower()

    def day(self, name: str) -> date | None:
        value = self.get(name)
        if not value:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise UnknownPlace(value) from error

    def uuid(self, name: str) -> UUID | None:
        value = self.get(name)
        if not value:
            return None
        try:
            return UUID(value)
        except ValueError as error:
            raise UnknownPlace(value) from error

    @staticmethod
    def check(is_fine: bool) -> bool:
        if not is_fine:
            raise UnknownPlace
        return True


def parse_number(text: str | None) -> int | None:
    """A place in the walk from an address.

    :raises UnknownPlace:
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX):
        raise UnknownPlace(text)
    return int(text)


# What it means


def wanted(user: User, walk: Walk, *, viewer: Viewer | None = None) -> Wanted:
    """The walk as the search engine takes it.

    :raises UnknownPlace: for a collection the person doesn't see.
    """
    expression, limits = meaning(walk.parsed.terms, me=user.pk, closeness=walk.closeness)
    expression = _chosen(walk, expression)
    limits = _within(user, walk, limits)
    if viewer is None:
        # One's own pictures are one's own whatever team one is in.
        viewer = Viewer(user.pk, None) if walk.scope == "mine" else engine.viewer_of(user)
    return Wanted(viewer, walk.scope, expression, limits)


def _chosen(walk: Walk, expression: Expression) -> Expression:
    if walk.tags and walk.any_tag:
        expression = expression.and_any(tag_marks(walk.tags))
    else:
        for tag in walk.tags:
            expression = expression.and_any(tag_marks([tag]))
    for chosen in (
        [marks.aspect(ratio) for ratio in walk.ratios],
        [marks.owner(person) for person in walk.people],
        [marks.provider(provider) for provider in walk.providers],
    ):
        if chosen:
            expression = expression.and_any(Mark(mark) for mark in chosen)
    if walk.colour:
        expression = expression.and_any(colour_marks(colours.named(walk.colour), walk.closeness))
    if walk.with_references:
        expression = expression.and_any([Mark(marks.REFERENCES)])
    return expression


def _within(user: User, walk: Walk, limits: Limits) -> Limits:
    days = [syntax.Term("from", walk.since.isoformat())] if walk.since else []
    if walk.until and walk.until < date.max:
        days.append(syntax.Term("before", date.fromordinal(walk.until.toordinal() + 1).isoformat()))
    _, limits = meaning(days, me=user.pk, limits=limits)
    if walk.favourites:
        limits = replace(limits, favourite_of=user.pk)
    if walk.collection:
        limits = replace(limits, collection_id=collection_of(user, walk.collection).pk)
    return limits


def collection_of(user: User, public_id: UUID) -> Collection:
    """The collection of that id.

    :raises UnknownPlace: when the person doesn't see it.
    """
    found = collections.visible_to(user).filter(public_id=public_id).first()
    if found is None:
        raise UnknownPlace(public_id)
    return found


# Pages


def page(
    user: User, walk: Walk, *, before: int | None = None, after: int | None = None, size: int = PAGE
) -> Page[Image]:
    """The pictures that come next after the place `before`, or just ahead of `after`, or the first ones.

    :raises UnknownPlace: as `wanted`.
    """
    return page_of(images_of, user, walk, before=before, after=after, size=size)


def page_of(
    read: Callable[[Sequence[int]], list[P]],
    user: User,
    walk: Walk,
    *,
    before: int | None = None,
    after: int | None = None,
    size: int = PAGE,
) -> Page[P]:
    """As `page`, of what `read` makes of ids.

    :raises UnknownPlace: as `wanted`.
    """
    asked = wanted(user, walk)
    if walk.sort == "best":
        return _part_of(read, _best(asked, walk), before, after, size)
    if walk.sort == "manual":
        return _part_of(read, _in_order(asked), before, after, size)
    if after is not None:
        found = engine.newest(asked, size=size + 1, after=after)
        shown = found[-size:]
        return Page(read(shown), shown[-1] if shown else None, shown[0] if len(found) > size else None)
    found = engine.newest(asked, size=size + 1, before=before)
    shown = found[:size]
    return Page(
        read(shown),
        older=shown[-1] if len(found) > size else None,
        newer=shown[0] if shown and before is not None else None,
    )


def images_of(ids: Sequence[int]) -> list[Image]:
    """The images with these ids, in this order, with their originals and owners."""
    images = Image.objects.select_related("original", "owner").in_bulk(ids) if ids else {}
    return [images[pk] for pk in ids if pk in images]


def _part_of(
    read: Callable[[Sequence[int]], list[P]],
    ids: Sequence[int],
    before: int | None,
    after: int | None,
    size: int,
) -> Page[P]:
    """A page of a list of ids; places are how many come ahead."""
    start = max(0, after - size) if after is not None else before or 0
    shown = ids[start : start + size]
    return Page(
        read(shown),
        older=start + size if start + size < len(ids) else None,
        newer=start if start > 0 else None,
    )


def _best(asked: Wanted, walk: Walk) -> list[int]:
    found = candidates.of(engine.newest(asked, size=ranking.AMONG))
    return ranking.best_first(found, walk.parsed.terms)


def _in_order(asked: Wanted) -> list[int]:
    """All ids of a collection in its own order; those that may be seen."""
    items = CollectionItem.objects.filter(collection=asked.limits.collection_id)
    ids = items.order_by("position", "pk").values_list("image_id", flat=True)
    seen = set(engine.newest(asked, size=collections.IMAGES_MAX))
    return [pk for pk in ids if pk in seen]


def neighbours(user: User, walk: Walk, image: Image) -> Neighbours:
    """What comes before and after the picture in the walk, whether or not it is part of it."""
    asked = wanted(user, walk)
    if walk.sort != "newest":
        ids = _best(asked, walk) if walk.sort == "best" else _in_order(asked)
        if image.pk in ids:
            at = ids.index(image.pk)
            beside = images_of(ids[max(0, at - 1) : at + 2])
            return Neighbours(
                newer=beside[0] if at > 0 else None,
                older=beside[-1] if at + 1 < len(ids) and len(beside) > 1 else None,
            )
    newer = images_of(engine.newest(asked, size=1, after=image.pk))
    older = images_of(engine.newest(asked, size=1, before=image.pk))
    return Neighbours(newer[0] if newer else None, older[0] if older else None)


@dataclass(frozen=True)
class Stretch:
    """A day, or a month, under one heading. `first` is its day, or the month's first."""

    first: date
    is_month: bool = False

    @property
    def key(self) -> str:
        """As `2026-11-28` or `2026-11`."""
        return self.first.isoformat()[: 7 if self.is_month else 10]


def groups(walk: Walk, images: Sequence[P], *, today: date) -> list[tuple[Stretch | None, list[P]]]:
    """The pictures as a page shows them: by date where they are in the order of time, else all together."""
    if walk.sort == "newest":
        return list(by_date(images, today=today))
    return [(None, list(images))] if images else []


def by_date(images: Sequence[P], *, today: date) -> Iterator[tuple[Stretch, list[P]]]:
    """The pictures of the last week in groups of a day, older ones of a month, in their order."""
    stretch, group = None, list[P]()
    for image in images:
        own = _stretch_of(image.created_at.date(), today)
        if stretch is not None and own != stretch:
            yield stretch, group
            group = []
        stretch = own
        group.append(image)
    if stretch is not None:
        yield stretch, group


def _stretch_of(day: date, today: date) -> Stretch:
    if day > today - timedelta(days=7):
        return Stretch(day)
    return Stretch(day.replace(day=1), is_month=True)
