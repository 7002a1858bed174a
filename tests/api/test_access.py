"""Who may do what: each address as owner, teammate, stranger and admin."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts import keys
from accounts.models import User
from gallery import archives, bulk, collections, saved_searches, tags
from gallery.models import Image, Tag
from gallery.selection import Selection
from tests import factories
from tests.api import rows
from tests.api.conftest import Caller, caller
from tests.gallery import shared
from tests.generation import turning

pytestmark = pytest.mark.django_db
OPEN = {("GET", ""), ("GET", "schema"), ("GET", "docs")}
# Method and path → what owner, teammate, admin and stranger are answered.
EXPECTED: dict[tuple[str, str], tuple[int, int, int, int]] = {
    ("GET", ""): (200, 200, 200, 200),
    ("GET", "schema"): (200, 200, 200, 200),
    ("GET", "docs"): (200, 200, 200, 200),
    ("GET", "models"): (200, 200, 200, 401),
    ("GET", "providers"): (200, 200, 200, 401),
    ("POST", "quotes"): (200, 200, 200, 401),
    ("GET", "generations"): (200, 200, 200, 401),
    ("POST", "generations"): (400, 400, 400, 401),
    ("GET", "generations/{generation}"): (200, 404, 404, 401),
    ("POST", "generations/{generation}/cancel"): (200, 404, 404, 401),
    ("POST", "generations/{generation}/retry"): (409, 404, 404, 401),
    ("GET", "generations/{generation}/receipt"): (200, 404, 200, 401),
    ("POST", "uploads"): (415, 415, 415, 401),
    ("GET", "uploads/{upload}"): (200, 404, 404, 401),
    ("DELETE", "uploads/{upload}"): (204, 404, 404, 401),
    ("GET", "images"): (200, 200, 200, 401),
    ("POST", "images"): (415, 415, 415, 401),
    ("GET", "images/{image}"): (200, 404, 404, 401),
    ("PATCH", "images/{image}"): (400, 404, 404, 401),
    ("GET", "images/{image}/file"): (200, 404, 404, 401),
    ("GET", "images/{image}/similar"): (200, 404, 404, 401),
    ("POST", "images/already"): (400, 400, 400, 401),
    ("GET", "images/{shared}"): (200, 200, 200, 401),
    ("PATCH", "images/{shared}"): (400, 403, 403, 401),
    ("GET", "images/{shared}/file"): (200, 200, 200, 401),
    ("PUT", "images/{image}/tags"): (200, 404, 404, 401),
    ("PUT", "images/{shared}/tags"): (200, 403, 403, 401),
    ("PUT", "images/{image}/favourite"): (204, 404, 404, 401),
    ("DELETE", "images/{shared}/favourite"): (204, 204, 204, 401),
    ("GET", "images/{image}/lineage"): (200, 404, 404, 401),
    ("GET", "images/{shared}/lineage"): (200, 200, 200, 401),
    ("POST", "images/bulk"): (400, 400, 400, 401),
    ("GET", "undo/{act}"): (200, 404, 404, 401),
    ("POST", "undo/{act}"): (200, 404, 404, 401),
    ("GET", "tags"): (200, 200, 200, 401),
    # Its owner alone uses it; admins have the permission.
    ("PATCH", "tags/{tag}"): (200, 200, 200, 401),
    ("POST", "tags/{tag}/merge"): (400, 400, 400, 401),
    ("DELETE", "tags/{tag}"): (404, 403, 204, 401),
    ("GET", "collections"): (200, 200, 200, 401),
    ("POST", "collections"): (400, 400, 400, 401),
    ("GET", "collections/{collection}"): (200, 404, 404, 401),
    ("PATCH", "collections/{collection}"): (200, 404, 404, 401),
    ("DELETE", "collections/{collection}"): (204, 404, 404, 401),
    ("POST", "collections/{collection}/images"): (400, 404, 404, 401),
    ("PUT", "collections/{collection}/images"): (400, 404, 404, 401),
    ("DELETE", "collections/{collection}/images/{image}"): (204, 404, 404, 401),
    ("POST", "collections/{collection}/move"): (400, 404, 404, 401),
    ("GET", "searches"): (200, 200, 200, 401),
    ("POST", "searches"): (400, 400, 400, 401),
    ("PATCH", "searches/{search}"): (400, 404, 404, 401),
    ("DELETE", "searches/{search}"): (204, 404, 404, 401),
    ("GET", "links"): (200, 200, 200, 401),
    ("POST", "links"): (400, 400, 400, 401),
    ("GET", "links/{link}"): (200, 404, 404, 401),
    ("PATCH", "links/{link}"): (200, 404, 404, 401),
    ("DELETE", "links/{link}"): (204, 404, 404, 401),
    ("POST", "links/{link}/revoke"): (200, 404, 404, 401),
    ("POST", "images/{image}/trash"): (200, 404, 404, 401),
    ("POST", "images/{shared}/trash"): (200, 403, 403, 401),
    ("POST", "images/{image}/restore"): (200, 404, 404, 401),
    ("POST", "images/{shared}/restore"): (200, 403, 403, 401),
    ("POST", "images/{trashed}/restore"): (200, 404, 404, 401),
    ("GET", "trash"): (200, 200, 200, 401),
    ("DELETE", "trash"): (200, 200, 200, 401),
    ("DELETE", "trash/{trashed}"): (204, 404, 404, 401),
    ("GET", "archives"): (200, 200, 200, 401),
    ("POST", "archives"): (400, 400, 400, 401),
    ("GET", "archives/{archive}"): (200, 404, 404, 401),
    ("DELETE", "archives/{archive}"): (204, 404, 404, 401),
    ("GET", "archives/{archive}/file"): (404, 404, 404, 401),
    ("GET", "conversations"): (200, 200, 200, 401),
    ("POST", "conversations"): (400, 400, 400, 401),
    ("GET", "conversations/{conversation}"): (200, 404, 404, 401),
    ("PATCH", "conversations/{conversation}"): (400, 404, 404, 401),
    ("POST", "conversations/{conversation}/turns"): (400, 404, 404, 401),
    ("PATCH", "conversations/{conversation}/turns/{turn}"): (400, 404, 404, 401),
    ("PATCH", "conversations/{conversation}/branches/{branch}"): (400, 404, 404, 401),
    ("GET", "events"): (200, 200, 200, 401),
    ("GET", "credits"): (200, 200, 200, 401),
    ("GET", "credits/entries"): (200, 200, 200, 401),
}


def things_of(user: User) -> dict[str, uuid.UUID | int]:
    turn = turning.refine(user, rows.image_of(user, seed=3))
    image = rows.image_of(user, seed=1)
    collection = collections.create(user, "Posters")
    collections.add(user, collection, [image.pk])
    tags.add(user, [image.pk], ["Dusk"])
    return {
        "collection": collection.public_id,
        "tag": Tag.objects.get().pk,
        "search": saved_searches.save(user, name="Dusk", query="q=dusk").public_id,
        "act": bulk.favourite(user, Selection((image.public_id,))).public_id,
        "turn": turn.public_id,
        "branch": turn.branch.public_id,
        "conversation": turn.branch.conversation.public_id,
        "generation": factories.generation(user).public_id,
        "archive": archives.create(user, [image.pk], now=timezone.now()).public_id,
        "upload": factories.upload(user).public_id,
        "image": image.public_id,
        "link": shared.link(user).public_id,
        "trashed": rows.image_of(user, seed=4, trashed_at=timezone.now()).public_id,
        "shared": rows.image_of(user, seed=2, visibility=Image.Visibility.EVERYONE).public_id,
    }


def ask(client: Client, method: str, path: str) -> Any:
    return client.generic(method, f"/api/v1/{path}", b"{}", content_type="application/json")


def _is_ones_own(path: str) -> bool:
    """Whether it is of something that others don't see; tags are everybody's."""
    return "{" in path and "{tag}" not in path


@pytest.mark.parametrize(("method", "path"), EXPECTED)
def test_each_address_as_each_role(
    method: str, path: str, owner: Caller, teammate: Caller, admin: Caller, stranger: Client
) -> None:
    asked = path.format(**things_of(owner.user))

    # The owner last: deleting and cancelling happen once.
    theirs = [ask(who, method, asked).status_code for who in (teammate.client, admin.client, stranger)]
    answered = (ask(owner.client, method, asked).status_code, *theirs)

    assert answered == EXPECTED[method, path]


@pytest.mark.parametrize(("method", "path"), [row for row in EXPECTED if _is_ones_own(row[1])])
def test_an_unknown_id_answers_as_a_foreign_one(
    method: str, path: str, owner: Caller, teammate: Caller
) -> None:
    if "{shared}" in path:
        path = path.replace("{shared}", "{image}")
    foreign = ask(teammate.client, method, path.format(**things_of(owner.user)))
    unknown = ask(teammate.client, method, path.format_map(Unknown()))

    assert foreign.status_code == unknown.status_code == 404
    assert {**foreign.json(), "instance": ""} == {**unknown.json(), "instance": ""}


class Unknown(dict[str, uuid.UUID]):
    def __missing__(self, name: str) -> uuid.UUID:
        return uuid.uuid4()


def test_every_address_stands_in_the_table() -> None:
    stated = {path.replace("{shared}", "{image}") for _, path in EXPECTED}

    assert {_braced(route) for route in _routes()} == {_braced(path) for path in stated}


def _routes() -> set[str]:
    (api,) = [entry for entry in get_resolver().url_patterns if str(entry.pattern) == "api/"]
    assert isinstance(api, URLResolver)
    found = set()
    for entry in api.url_patterns:
        children = entry.url_patterns if isinstance(entry, URLResolver) else [entry]
        for child in children:
            assert isinstance(child, URLPattern)
            prefix = str(entry.pattern) if isinstance(entry, URLResolver) else ""
            found.add(prefix + str(child.pattern))
    return {route.removeprefix("v1/") for route in found if route.startswith("v1/")}


def _braced(path: str) -> str:
    import re

    return re.sub(r"\{\w+\}|<(?:uuid|int):\w+>", "{}", path)


@pytest.mark.parametrize(
    ("method", "path"), [row for row in EXPECTED if row not in OPEN and "{shared}" not in row[1]]
)
def test_each_call_needs_its_scope(method: str, path: str, owner: Caller) -> None:
    reads = method == "GET" or path in ("quotes", "images/already")
    wrong = caller(owner.user, scopes=["generate" if reads else "read"])

    answer = ask(wrong.client, method, path.format(**things_of(owner.user)))

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


# Where the admin comes first, the owner finds it gone.
ONCE = {("DELETE", "tags/{tag}")}


@pytest.mark.parametrize(("method", "path"), [row for row in EXPECTED if row not in OPEN | ONCE])
def test_a_session_may_what_a_key_may(method: str, path: str, owner: Caller) -> None:
    browser = Client()
    browser.force_login(owner.user)

    answer = ask(browser, method, path.format(**things_of(owner.user)))

    assert answer.status_code == EXPECTED[method, path][0]


def test_a_revoked_key_is_refused_at_the_next_request(owner: Caller) -> None:
    from django.utils import timezone

    assert owner.client.get("/api/v1/credits").status_code == 200
    keys.revoke(key=owner.key, now=timezone.now())

    assert owner.client.get("/api/v1/credits").status_code == 401


def test_a_deactivated_person_is_refused_by_key_and_session(owner: Caller) -> None:
    browser = Client()
    browser.force_login(owner.user)
    User.objects.filter(pk=owner.user.pk).update(is_active=False)

    assert owner.client.get("/api/v1/credits").status_code == 401
    assert browser.get("/api/v1/credits").status_code == 401
