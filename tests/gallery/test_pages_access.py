"""Every address of the gallery's pages, as each kind of person."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from accounts.models import Membership, Team, User
from gallery import bulk, collections, saved_searches, tags
from gallery.models import Collection, Image
from gallery.pages import acts, arranging, parts, picture, tagging, trashing, uploads
from gallery.selection import Selection
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db

# What the owner, a member of their team, another person and a stranger are answered. A picture that everyone
# sees is `shared`, a private one `image`; `team` is a collection for the team, `own` a private one.
EXPECTED: dict[tuple[str, str], tuple[int, int, int, int]] = {
    ("GET", "gallery/"): (200, 200, 200, 302),
    ("GET", "gallery/?collection={own}"): (200, 404, 404, 302),
    ("GET", "gallery/?collection={team}"): (200, 200, 404, 302),
    ("GET", "gallery/counts"): (200, 200, 200, 302),
    ("GET", "gallery/count"): (200, 200, 200, 302),
    ("GET", "gallery/count?collection={own}"): (200, 404, 404, 302),
    ("GET", "gallery/months"): (200, 200, 200, 302),
    ("GET", "gallery/months?collection={own}"): (200, 404, 404, 302),
    ("GET", "gallery/suggest"): (200, 200, 200, 302),
    ("POST", "gallery/act"): (422, 422, 422, 302),
    ("POST", "gallery/acts/{act}/undo"): (302, 404, 404, 302),
    ("POST", "gallery/upload"): (302, 302, 302, 302),
    ("GET", "gallery/collections"): (200, 200, 200, 302),
    ("GET", "gallery/collections/new"): (200, 200, 200, 302),
    ("POST", "gallery/collections/new"): (422, 422, 422, 302),
    ("GET", "gallery/collections/{own}"): (200, 404, 404, 302),
    ("GET", "gallery/collections/{team}"): (200, 200, 404, 302),
    ("POST", "gallery/collections/{team}"): (422, 422, 404, 302),
    ("GET", "gallery/collections/{own}/delete"): (200, 404, 404, 302),
    ("POST", "gallery/collections/{own}/cover"): (404, 404, 404, 302),
    ("POST", "gallery/collections/{own}/move"): (404, 404, 404, 302),
    ("GET", "gallery/searches/save"): (200, 200, 200, 302),
    ("POST", "gallery/searches/save"): (422, 422, 422, 302),
    ("POST", "gallery/searches/{search}/delete"): (302, 404, 404, 302),
    ("GET", "gallery/tags"): (200, 200, 200, 302),
    ("GET", "gallery/tags/{tag}"): (200, 200, 200, 302),
    ("POST", "gallery/tags/{tag}"): (422, 422, 422, 302),
    ("POST", "gallery/tags/{tag}/colour"): (302, 302, 302, 302),
    ("GET", "gallery/trash"): (200, 200, 200, 302),
    ("POST", "gallery/trash/restore"): (302, 302, 302, 302),
    ("GET", "gallery/trash/empty"): (200, 200, 200, 302),
    ("POST", "gallery/trash/empty"): (302, 302, 302, 302),
    ("POST", "images/{image}/visibility"): (422, 404, 404, 302),
    ("POST", "images/{image}/favourite"): (302, 404, 404, 302),
    ("POST", "images/{shared}/favourite"): (302, 302, 302, 302),
    ("POST", "images/{image}/tags"): (302, 404, 404, 302),
    ("POST", "images/{shared}/tags"): (302, 302, 404, 302),
    ("POST", "images/{image}/describe"): (302, 404, 404, 302),
    ("POST", "images/{shared}/describe"): (302, 404, 404, 302),
    ("POST", "images/{image}/collections"): (302, 404, 404, 302),
    ("POST", "images/{shared}/collections"): (302, 302, 302, 302),
    ("POST", "images/{shared}/trash"): (302, 404, 404, 302),
}
MODULES = {module.__name__ for module in (acts, arranging, parts, picture, tagging, trashing, uploads)}


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="Studio Nord")


def member(team: Team) -> User:
    user = factories.person()
    Membership.objects.create(user=user, team=team)
    return user


@pytest.fixture
def owner(team: Team) -> User:
    return member(team)


@pytest.fixture
def things(owner: User, team: Team) -> dict[str, Any]:
    shared = rows.image(owner, visibility=Image.Visibility.EVERYONE, team=team)
    image = rows.image(owner)
    own = collections.create(owner, "Mine")
    ours = collections.create(owner, "Ours")
    collections.show_to(owner, ours, Collection.Visibility.TEAM)
    tags.add(owner, [image.pk], ["sunset"])
    return {
        "image": image.public_id,
        "shared": shared.public_id,
        "own": own.public_id,
        "team": ours.public_id,
        "search": saved_searches.save(owner, name="Blue", query="q=blue").public_id,
        "tag": tags.known(["sunset"])[0].pk,
        "act": bulk.favourite(owner, Selection(public_ids=(shared.public_id,))).public_id,
    }


def ask(user: User | None, method: str, path: str) -> int:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client.generic(method, f"/{path}", content_type="application/x-www-form-urlencoded").status_code


@pytest.mark.parametrize(("method", "path"), EXPECTED)
def test_each_address_as_each_role(
    method: str, path: str, owner: User, team: Team, things: dict[str, Any]
) -> None:
    asked = path.format(**things)

    # The owner last: some things can be done once.
    others = [ask(who, method, asked) for who in (member(team), factories.person(), None)]

    assert (ask(owner, method, asked), *others) == EXPECTED[method, path]


@pytest.mark.parametrize(
    ("method", "path"), [row for row in EXPECTED if "{" in row[1] and "tag}" not in row[1]]
)
def test_an_unknown_id_is_not_found(method: str, path: str, owner: User) -> None:
    made_up = path.format_map(Unknown())

    assert ask(owner, method, made_up) == 404


class Unknown(dict[str, uuid.UUID]):
    def __missing__(self, name: str) -> uuid.UUID:
        return uuid.uuid4()


def test_every_address_of_these_pages_stands_in_the_table() -> None:
    import re

    found = {
        re.sub(r"<\w+:\w+>", "{}", str(pattern.pattern))
        for pattern in gallery_patterns()
        if pattern.callback.__module__ in MODULES
    }
    stated = {re.sub(r"\{\w+\}", "{}", path.partition("?")[0]) for _, path in EXPECTED}

    assert found <= stated


def gallery_patterns() -> list[Any]:
    from gallery import urls

    assert get_resolver().reverse_dict is not None
    return urls.urlpatterns


@pytest.mark.parametrize("path", sorted({path for method, path in EXPECTED if method == "POST"}))
def test_what_changes_something_needs_the_csrf_token(path: str, owner: User, things: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)

    assert client.post(f"/{path.format(**things)}").status_code == 403


@pytest.mark.parametrize(
    "path",
    sorted({path for method, path in EXPECTED if method == "POST"} - {p for m, p in EXPECTED if m == "GET"}),
)
def test_what_changes_something_is_posted(path: str, owner: User, things: dict[str, Any]) -> None:
    assert ask(owner, "GET", path.format(**things)) == 405
