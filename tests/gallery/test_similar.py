"""Pictures that look alike."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from gallery import likeness, similar
from gallery.models import Image
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db
TEAL, RED, SAND = (49, 145, 140), (192, 57, 47), (236, 220, 208)


def signature(left: tuple[int, int, int], right: tuple[int, int, int], *, at: int = 8) -> bytes:
    """Two colours beside each other; in the upper four rows the second begins at that column of 16."""
    upper, lower = (bytes(left) * place + bytes(right) * (16 - place) for place in (at, 8))
    return upper * 4 + lower * 12


@pytest.fixture
def mara() -> User:
    return factories.person(name="Mara", credits=0)


def found(user: User, image: Image, **options: int) -> list[str]:
    return [one.image.prompt for one in similar.similar(user, image, **options)]


def test_nearly_the_same_comes_before_the_same_colours_and_others_not_at_all(mara: User) -> None:
    image = rows.image(mara, prompt="it", signature=signature(TEAL, SAND))
    rows.image(mara, prompt="mirrored", signature=signature(SAND, TEAL))
    rows.image(mara, prompt="moved a little", signature=signature(TEAL, SAND, at=7))
    rows.image(mara, prompt="other", signature=signature(RED, (20, 20, 20)))

    assert found(mara, image) == ["moved a little", "mirrored"]


def test_only_what_one_may_see_is_shown(mara: User) -> None:
    image = rows.image(mara, signature=signature(TEAL, SAND))
    other = factories.person(credits=0)
    rows.image(other, prompt="private", signature=signature(TEAL, SAND))
    rows.image(other, prompt="shared", signature=signature(TEAL, SAND), visibility="everyone")

    assert found(mara, image) == ["shared"]


def test_of_one_file_only_the_newest_is_shown(mara: User) -> None:
    image = rows.image(mara, signature=signature(TEAL, SAND))
    first = rows.image(mara, prompt="first", signature=signature(TEAL, SAND))
    again = rows.image(mara, prompt="again", signature=signature(TEAL, SAND))
    Image.objects.filter(pk=again.pk).update(original=first.original)

    assert found(mara, image) == ["again"]


def test_the_limit_holds_and_costs_as_many_queries(mara: User) -> None:
    image = rows.image(mara, signature=signature(TEAL, SAND))
    counts = []
    for more in (1, 6):
        for _ in range(more):
            rows.image(mara, signature=signature(TEAL, SAND))
        with CaptureQueriesContext(connection) as asked:
            assert len(similar.similar(mara, image, limit=3)) == min(3, more)
        counts.append(len(asked))

    assert counts[0] == counts[1]


def test_distance_of_palettes_is_symmetric_and_nought_for_the_same() -> None:
    one = tuple(likeness.palette(signature(TEAL, SAND)))
    other = tuple(likeness.palette(signature(RED, SAND, at=4)))

    assert similar.palette_distance(one, one) == 0
    assert similar.palette_distance(one, other) == similar.palette_distance(other, one) > 0


def test_the_part_of_the_page_shows_them(client: Client, mara: User) -> None:
    image = rows.image(mara, signature=signature(TEAL, SAND))
    near = rows.image(mara, prompt="<near>", signature=signature(TEAL, SAND, at=7))
    client.force_login(mara)

    page = client.get(f"/images/{image.public_id}/similar")
    part = client.get(f"/images/{image.public_id}/similar", headers={"HX-Request": "true"})

    for answer in (page, part):
        assert f"/images/{near.public_id}" in answer.content.decode()
        assert "&lt;near&gt;" in answer.content.decode()
    assert "<html" in page.content.decode()
    assert "<html" not in part.content.decode()


def test_nothing_similar_is_said_so(client: Client, mara: User) -> None:
    image = rows.image(mara, signature=signature(TEAL, SAND))
    client.force_login(mara)

    assert (
        "No picture looks like this one" in client.get(f"/images/{image.public_id}/similar").content.decode()
    )


def test_a_foreign_picture_has_no_similar_ones(client: Client, mara: User) -> None:
    image = rows.image(factories.person(credits=0), signature=signature(TEAL, SAND))
    client.force_login(mara)

    assert client.get(f"/images/{image.public_id}/similar").status_code == 404
    assert client.get(f"/api/v1/images/{image.public_id}/similar").status_code == 404


def test_the_api_says_how_alike_they_are(client: Client, mara: User) -> None:
    image = rows.image(mara, signature=signature(TEAL, SAND))
    near = rows.image(mara, signature=signature(TEAL, SAND, at=7))
    client.force_login(mara)

    (shown,) = client.get(f"/api/v1/images/{image.public_id}/similar").json()["results"]

    assert shown["image"]["id"] == str(near.public_id)
    assert shown["nearly_the_same"] is True
    assert shown["bits_apart"] <= similar.NEAR_BITS
