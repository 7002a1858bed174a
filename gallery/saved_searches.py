"""Saved searches: walks through the gallery under names."""

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import QueryDict

from accounts.models import User
from gallery import browsing, texts
from gallery.models import SavedSearch
from gallery.refusals import Refused

NAME_MAX = 80
SEARCHES_MAX = 100
"""Of one person."""
_QUERY_MAX = 2_000


class NameTaken(Refused):
    code, field = "name_taken", "name"

    def __init__(self) -> None:
        super().__init__("You have a saved search of that name already. Choose another.")


class BadName(Refused):
    code, field = "invalid_name", "name"


class BadSearch(Refused):
    code, field = "invalid_search", "query"


class TooMany(Refused):
    code = "too_many_searches"

    def __init__(self) -> None:
        super().__init__(f"You have {SEARCHES_MAX} saved searches. Delete one first.")


def of(user: User) -> QuerySet[SavedSearch]:
    """A person's saved searches, by name."""
    return SavedSearch.objects.filter(owner=user)


def save(user: User, *, name: str, query: str) -> SavedSearch:
    """Keep a walk under a name, by the query of its address.

    :raises BadName: :raises NameTaken: :raises TooMany:
    :raises BadSearch: it is no walk of ours, or of a collection the person doesn't see.
    """
    search = SavedSearch(owner=user, name=_name(name), query=_query(user, query))
    if of(user).count() >= SEARCHES_MAX:
        raise TooMany
    return _written(search)


def rename(search: SavedSearch, name: str) -> SavedSearch:
    """:raises BadName: :raises NameTaken:"""
    search.name = _name(name)
    return _written(search)


def _written(search: SavedSearch) -> SavedSearch:
    try:
        with transaction.atomic():
            search.save()
    except IntegrityError as error:
        raise NameTaken from error
    return search


def _name(text: str) -> str:
    name = texts.line(text)
    if not name:
        raise BadName("Give the search a name.")
    if len(name) > NAME_MAX:
        raise BadName(f"A name has {NAME_MAX} letters at most.")
    return name


def _query(user: User, text: str) -> str:
    if len(text) > _QUERY_MAX:
        raise BadSearch("This search is too long to be saved. Choose fewer filters.")
    try:
        walk = browsing.walk_of(QueryDict(text.removeprefix("?")))
        browsing.wanted(user, walk)
    except browsing.UnknownPlace as error:
        raise BadSearch(
            "This search can't be read. Open it in the gallery and save it from there."
        ) from error
    if len(walk.query) > _QUERY_MAX:
        raise BadSearch("This search is too long to be saved. Choose fewer filters.")
    return walk.query
