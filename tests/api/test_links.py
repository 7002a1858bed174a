"""Share links over the API: made, changed, listed, ended, and only one's own."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gallery.models import Image, ShareLink
from tests import factories
from tests.api.conftest import Caller
from tests.gallery import shared

pytestmark = pytest.mark.django_db


def create(owner: Caller, **given: Any) -> Any:
    return owner.client.post("/api/v1/links", given)


def opened(url: str) -> int:
    return int(Client().get(url.replace("http://127.0.0.1:8000", "")).status_code)


def test_a_link_is_made_and_opens(owner: Caller) -> None:
    image = shared.image(owner.user)

    answer = create(owner, images=[str(image.public_id)], download="preview", views_max=5, title="Harbour")

    assert answer.status_code == 201
    told = answer.json()
    assert answer.headers["Location"].endswith(f"/api/v1/links/{told['id']}")
    assert (told["state"], told["images"], told["collection"], told["has_password"]) == (
        "live",
        1,
        None,
        False,
    )
    assert (told["download"], told["views_max"], told["title"]) == ("preview", 5, "Harbour")
    assert opened(told["url"]) == 200


def test_pictures_keep_the_order_asked_for(owner: Caller) -> None:
    images = [shared.image(owner.user, seed=seed) for seed in range(3)]
    ids = [str(image.public_id) for image in reversed(images)]

    create(owner, images=ids)

    link = ShareLink.objects.get()
    assert [str(one.image.public_id) for one in link.shared_images.select_related("image")] == ids


def test_a_collection_is_shared_live(owner: Caller) -> None:
    collection = shared.collection(owner.user, shared.image(owner.user))

    told = create(owner, collection=str(collection.public_id), is_live=True).json()

    assert (told["is_live"], told["images"], told["collection"]) == (True, None, str(collection.public_id))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "invalid_link_terms"),
        ({"images": []}, "empty"),
        ({"images": [str(uuid.uuid4())]}, "unknown_image"),
        ({"collection": str(uuid.uuid4())}, "unknown_collection"),
        ({"images": ["{image}"], "password": "short"}, "invalid_link_terms"),
        ({"images": ["{image}"], "password": 5}, "invalid"),
        ({"images": ["{image}"], "audience": "team"}, "invalid_link_terms"),
        ({"images": ["{image}"], "is_live": True}, "invalid_link_terms"),
        ({"images": ["{image}"], "views_max": 0}, "min_value"),
        ({"images": ["{image}"], "expires_at": "2001-01-01T00:00:00Z"}, "invalid_link_terms"),
        ({"images": ["{image}"], "downloads": 5}, "unknown_field"),
    ],
)
def test_what_cannot_be_shared_is_refused_with_a_code(owner: Caller, given: Any, code: str) -> None:
    image = shared.image(owner.user)
    if given.get("images") == ["{image}"]:
        given = {**given, "images": [str(image.public_id)]}

    answer = create(owner, **given)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not ShareLink.objects.exists()


def test_a_foreign_picture_is_as_unknown_as_none(owner: Caller) -> None:
    foreign = shared.image(factories.person(), visibility=Image.Visibility.EVERYONE)
    answer = create(owner, images=[str(foreign.public_id)])
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_image")


def test_terms_change_and_the_password_is_never_told(owner: Caller) -> None:
    link = shared.link(owner.user)
    end = (timezone.now() + timedelta(days=3)).isoformat()

    answer = owner.client.patch(
        f"/api/v1/links/{link.public_id}",
        {"password": "open sesame", "shows_prompt": True, "expires_at": end},
    )

    told = answer.json()
    assert (told["has_password"], told["shows_prompt"]) == (True, True)
    assert "open sesame" not in answer.content.decode()
    assert "password" not in told
    assert (
        owner.client.patch(f"/api/v1/links/{link.public_id}", {"password": ""}).json()["has_password"]
        is False
    )
    assert (
        owner.client.patch(f"/api/v1/links/{link.public_id}", {"expires_at": None}).json()["expires_at"]
        is None
    )


def test_revoking_ends_it_and_keeps_its_counts(owner: Caller) -> None:
    link = shared.link(owner.user)
    url = owner.client.get(f"/api/v1/links/{link.public_id}").json()["url"]
    assert opened(url) == 200

    for _ in range(2):
        told = owner.client.post(f"/api/v1/links/{link.public_id}/revoke").json()
        assert (told["state"], told["views"]) == ("revoked", 1)
    assert opened(url) == 404
    answer = owner.client.patch(f"/api/v1/links/{link.public_id}", {"shows_prompt": True})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_link_terms")


def test_deleting_forgets_it(owner: Caller) -> None:
    link = shared.link(owner.user)
    address = shared.path(link)
    assert owner.client.delete(f"/api/v1/links/{link.public_id}").status_code == 204
    assert Client().get(address).status_code == 404
    assert owner.client.get("/api/v1/links").json()["results"] == []


def test_the_list_has_ones_own_newest_first_in_a_constant_number_of_queries(
    owner: Caller, django_assert_max_num_queries: Any
) -> None:
    shared.link(factories.person())
    made = [shared.link(owner.user) for _ in range(5)]

    with django_assert_max_num_queries(4):
        told = owner.client.get("/api/v1/links").json()["results"]

    assert [one["id"] for one in told] == [str(link.public_id) for link in reversed(made)]
    assert {one["images"] for one in told} == {1}
