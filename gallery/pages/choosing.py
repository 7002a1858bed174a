"""What a form says was chosen: pictures one by one, or all that a walk finds but for some."""

from uuid import UUID

from django.http import HttpRequest, QueryDict

from gallery import browsing
from gallery.refusals import Refused
from gallery.selection import IMAGES_MAX, Selection


class NothingChosen(Refused):
    code, field = "nothing_chosen", "images"

    def __init__(self) -> None:
        super().__init__("Choose at least one image first.")


def chosen(request: HttpRequest) -> Selection:
    """The selection of the posted form: `image` again and again, or `all` with `walk` and `without`.

    :raises NothingChosen: :raises browsing.UnknownPlace: for what no form of ours says.
    """
    if request.POST.get("all") == "1":
        walk = browsing.walk_of(QueryDict(request.POST.get("walk", "")))
        return Selection(walk=walk, without=_ids(request.POST.getlist("without")))
    public_ids = _ids(request.POST.getlist("image"))
    if not public_ids:
        raise NothingChosen
    return Selection(public_ids=public_ids)


def fields(request: HttpRequest) -> list[tuple[str, str]]:
    """The same as hidden fields of a form that asks back."""
    names = ("all", "walk", "without", "image")
    return [(name, value) for name in names for value in request.POST.getlist(name)]


def _ids(values: list[str]) -> tuple[UUID, ...]:
    try:
        # One more than may be chosen, so that too many are refused as such.
        return tuple(UUID(value) for value in values[: IMAGES_MAX + 1])
    except ValueError as error:
        raise browsing.UnknownPlace(values) from error
