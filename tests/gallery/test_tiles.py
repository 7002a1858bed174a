"""Tiles of the gallery: what they say, and that nothing people write gets out of its place."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery import files, tiles
from gallery.models import Favourite, Image, ImageTag, Tag
from gallery.tiles import Look
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def mara() -> User:
    return factories.person(name="Mara <Lindqvist>", credits=0)


def drawn(user: User, *images: Image, ahead: int = 0, **look: object) -> str:
    read = tiles.of(user, [image.pk for image in images])
    return str(tiles.html(read, Look(user.pk, NOW, **look), ahead=ahead))  # type: ignore[arg-type]


def test_a_tile_says_whose_picture_it_is_and_leads_to_it(mara: User) -> None:
    image = rows.image(mara, prompt="a lighthouse", created_at=NOW - timedelta(hours=2))

    html = drawn(mara, image, query="show=all&q=a")

    assert f'href="/images/{image.public_id}/?show=all&amp;q=a"' in html
    assert f'src="{files.image_path(image, "640")}" srcset="{files.srcset(image)}"' in html
    assert "Mara &lt;Lindqvist&gt; · 2 h ago" in html
    assert f'data-place="{image.pk}" data-id="{image.public_id}" data-mine>' in html


def test_a_title_stands_for_the_prompt_but_not_for_who_cannot_see(mara: User) -> None:
    image = rows.image(mara, prompt="a lighthouse", title="Poster")

    html = drawn(mara, image)

    assert '<span class="tile-label-prompt">Poster</span>' in html
    assert 'alt="a lighthouse"' in html


def test_what_people_write_stays_where_it_belongs(mara: User) -> None:
    image = rows.image(mara, prompt='"><script>alert(1)</script>', title="<b>&")
    for number, name in enumerate(('"onload=x', "<i>")):
        ImageTag.objects.create(image=image, tag=Tag.objects.create(name=name, key=str(number)))

    html = drawn(mara, image, query='q="><script>', selecting=True)

    assert "<script" not in html
    assert "<b>" not in html
    assert 'data-tags="&quot;onload=x, &lt;i&gt;"' in html


def test_a_favourite_is_ones_own(mara: User) -> None:
    image = rows.image(mara, visibility="everyone")
    other = factories.person(credits=0)
    Favourite.objects.create(user=other, image=image)

    assert "data-favourite" not in drawn(mara, image)
    assert "data-favourite" in drawn(other, image)
    assert "data-mine" not in drawn(other, image)


def test_the_first_pictures_are_loaded_at_once(mara: User) -> None:
    images = [rows.image(mara) for _ in range(3)]

    assert drawn(mara, *images, ahead=6).count('loading="lazy"') == 1


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(hours=24), "27 November"),
        (timedelta(days=400), "24 October 2025"),
    ],
)
def test_when_is_said_as_elsewhere(mara: User, ago: timedelta, words: str) -> None:
    assert f"· {words}<" in drawn(mara, rows.image(mara, created_at=NOW - ago))


def test_tiles_keep_the_order_asked_for_and_leave_out_what_is_gone(mara: User) -> None:
    first, second = rows.image(mara), rows.image(mara)

    read = tiles.of(mara, [first.pk, 10**9, second.pk])

    assert [tile.pk for tile in read] == [first.pk, second.pk]
    assert read[0].created_at == first.created_at
    assert read[0].public_id == first.public_id


def test_the_page_shows_tags_with_each_picture(client: Client, mara: User) -> None:
    tag = Tag.objects.create(name="Golden hour", key="golden hour")
    for _ in range(2):
        ImageTag.objects.create(image=rows.image(mara, created_at=timezone.now()), tag=tag)
    client.force_login(mara)

    page = client.get("/gallery/").content.decode()

    assert re.findall(r'data-tags="(.*?)"', page) == ["Golden hour", "Golden hour"]
