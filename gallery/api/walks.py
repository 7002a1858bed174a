"""A list of images narrowed down as the gallery's pages do it, found by the same engine, in keyset pages."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from accounts.models import User
from gallery import browsing
from gallery.browsing import SCOPES, Walk
from gallery.models import Image
from gallery.search import colours, engine, marks
from gallery.search.engine import Wanted
from gallery.search.expression import Mark

_FLAGS = {"true": "1", "false": "0"}
_FLAG_NAMES = ("any", "references", "favourites")


def _many(name: str, what: str, kind: Any = str, enum: Any = None) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {"type": "array", "items": {"type": kind, **({"enum": list(enum)} if enum else {})}},
        description=what,
    )


def _flag(name: str, what: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, enum=list(_FLAGS), description=what)


PARAMETERS = [
    OpenApiParameter("mine", str, enum=list(_FLAGS), description="Your own only, or only what others share."),
    OpenApiParameter(
        "show", str, enum=SCOPES, description="Whose: yours, your team's, those shared with everyone, or all."
    ),
    OpenApiParameter(
        "q",
        str,
        description='Words, `"phrases"`, `-without`, `tag:`, `by:`, `ratio:`, `from:`, `before:`, `color:`, '
        "`cost:>4`, `size:>2000` (the longer side, pixels), `provider:`, `model:`.",
    ),
    _many("tag", "Names of tags; with several, all of them.", "string"),
    _flag("any", "One of the tags is enough."),
    _many("ratio", "Aspect ratios; one of them.", "string", marks.RATIOS),
    _many("person", "Who made it, by their number; one of them.", "string"),
    _many("provider", "Ids of providers; one of them.", "string"),
    OpenApiParameter("colour", str, description="A swatch's name, `#rrggbb`, or `many`."),
    OpenApiParameter("close", str, enum=list(colours.CLOSENESS), description="How near to the colour."),
    OpenApiParameter("since", OpenApiTypes.DATE, description="The first day."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="The last day."),
    _flag("references", "Made with references."),
    _flag("favourites", "Your favourites."),
    OpenApiParameter("collection", OpenApiTypes.UUID, description="In that collection."),
]
NAMES = frozenset(parameter.name for parameter in PARAMETERS)


def wanted_by(request: Request, user: User) -> Wanted:
    """What the parameters of a list ask for, of all that the person sees where they don't say whose.

    :raises ValidationError: naming each parameter that can't be read. :raises Http404: for a collection that
    the person doesn't see.
    """
    given = request.query_params
    mine = given.get("mine")
    if mine is not None and (mine not in _FLAGS or "show" in given):
        detail = f"“{mine[:20]}” is not one of the available choices." if mine not in _FLAGS else _EITHER
        raise ValidationError({"mine": ErrorDetail(detail, code="invalid_choice")})
    query = _as_of_pages(given)
    if mine == "true":
        query["show"] = "mine"
    elif "show" not in query:
        query["show"] = "all"
    try:
        wanted = browsing.wanted(user, _walk(query))
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown
    if mine == "false":
        own = [Mark(marks.owner(user.pk))]
        wanted = Wanted(wanted.viewer, wanted.scope, wanted.expression.and_none(own), wanted.limits)
    return wanted


_EITHER = "Say either mine or show."


def walk_of(text: str) -> Walk:
    """The walk of a query as the addresses of the pages have it.

    :raises ValidationError: on the field `filter`.
    """
    try:
        return browsing.walk_of(QueryDict(text.removeprefix("?")))
    except (browsing.UnknownPlace, ValueError) as unknown:
        detail = ErrorDetail("This filter can't be read.", code="invalid_filter")
        raise ValidationError({"filter": detail}) from unknown


def _as_of_pages(given: QueryDict) -> QueryDict:
    """The parameters as the pages' addresses have them."""
    query = QueryDict(mutable=True)
    for name in NAMES - {"mine"}:
        values = given.getlist(name)
        if name in _FLAG_NAMES:
            values = [_FLAGS.get(value, "x") for value in values]
        if values:
            query.setlist(name, values)
    return query


def _walk(query: QueryDict) -> Walk:
    try:
        return browsing.walk_of(query)
    except (browsing.UnknownPlace, ValueError):
        wrong = [name for name in query if _is_unreadable(name, query)] or ["q"]
        detail = ErrorDetail("There is no such value, or it can't be read.", code="invalid_choice")
        raise ValidationError(dict.fromkeys(wrong, detail)) from None


def _is_unreadable(name: str, query: QueryDict) -> bool:
    alone = QueryDict(mutable=True)
    alone.setlist(name, query.getlist(name))
    try:
        browsing.walk_of(alone)
    except (browsing.UnknownPlace, ValueError):
        return True
    return False


class Found:
    """The images of a walk, as far as a keyset page asks a queryset: beyond a row, in order, so many."""

    def __init__(self, wanted: Wanted, user: User, place: Mapping[str, int] | None = None) -> None:
        self._wanted, self._user, self._place = wanted, user, place or {}

    def filter(self, **place: int) -> "Found":
        return Found(self._wanted, self._user, place)

    def order_by(self, order: str) -> "Found":
        return self

    def __getitem__(self, some: slice) -> list[Image]:
        ids = engine.newest(
            self._wanted,
            size=some.stop,
            before=self._place.get("pk__lt"),
            after=self._place.get("pk__gt"),
        )
        images = Image.objects.with_files().with_facts(self._user).in_bulk(ids) if ids else {}
        return [images[pk] for pk in ids if pk in images]
