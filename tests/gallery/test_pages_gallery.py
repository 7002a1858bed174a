"""The gallery page: whose pictures, in which order, found by which words."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from accounts.models import User
from gallery import browsing
from gallery.browsing import Walk
from gallery.models import Image
from gallery.templatetags.pictures import SHAPES, shape_class
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db
EVERYONE = Image.Visibility.EVERYONE


@pytest.fixture
def owner() -> User:
    return factories.person(name="Mara Lindqvist")


@pytest.fixture
def signed_in(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def shown(client: Client, path: str) -> list[str]:
    """The prompts of the tiles, in their order."""
    response = client.get(path)
    assert response.status_code == 200, response
    return re.findall(r'tile-label-prompt">(.*?)<', response.content.decode())


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    response = client.get("/gallery/")

    assert response.headers["Location"].startswith("/accounts/login/")


def test_mine_shows_my_pictures_newest_first(signed_in: Client, owner: User) -> None:
    rows.image(owner, prompt="older")
    rows.image(owner, prompt="newer")
    rows.image(factories.person(), prompt="another's", visibility=EVERYONE)

    assert shown(signed_in, "/gallery/") == ["newer", "older"]


def test_everyone_shows_what_is_shared_and_nothing_private(signed_in: Client, owner: User) -> None:
    rows.image(factories.person(), prompt="another's private")
    rows.image(factories.person(), prompt="another's shared", visibility=EVERYONE)
    rows.image(owner, prompt="my private")
    rows.image(owner, prompt="my shared", visibility=EVERYONE)

    assert shown(signed_in, "/gallery/?show=everyone") == ["my shared", "another&#x27;s shared"]


def test_an_admin_sees_no_private_picture_of_others(client: Client, owner: User) -> None:
    client.force_login(factories.person(is_staff=True, is_superuser=True))
    rows.image(owner, prompt="private")

    assert shown(client, "/gallery/") == []
    assert shown(client, "/gallery/?show=everyone") == []


def test_the_search_wants_every_word_in_any_order_and_case(signed_in: Client, owner: User) -> None:
    rows.image(owner, prompt="A Blue mug at dawn")
    rows.image(owner, prompt="A blue house")

    assert shown(signed_in, "/gallery/?q=MUG+blue") == ["A Blue mug at dawn"]


@pytest.mark.parametrize("signs", ["%25", "_", "%22%22", "-", "*", "AND%20OR%20NOT", ":%3A", "((("])
def test_signs_alone_ask_for_nothing_and_break_nothing(signed_in: Client, owner: User, signs: str) -> None:
    rows.image(owner, prompt="a plain and / or not so plain wall")

    assert shown(signed_in, f"/gallery/?q={signs}") == ["a plain and / or not so plain wall"]


def test_the_search_survives_a_null_character(signed_in: Client, owner: User) -> None:
    rows.image(owner, prompt="a plain wall")

    assert shown(signed_in, "/gallery/?q=plain%00wall") == ["a plain wall"]


def test_a_search_without_a_match_says_what_was_searched(signed_in: Client, owner: User) -> None:
    rows.image(owner)

    text = signed_in.get("/gallery/?q=velvet+submarine").content.decode()

    assert "Nothing matches all of this" in text
    assert "No picture is called “velvet submarine”." in text


def test_an_empty_gallery_leads_to_the_studio(signed_in: Client) -> None:
    assert "What will you make first?" in signed_in.get("/gallery/").content.decode()


def test_pages_follow_each_other_without_gap_or_repeat(owner: User) -> None:
    made = [rows.image(owner).pk for _ in range(7)][::-1]
    walk, seen, before = Walk(), [], None

    while True:
        page = browsing.page(owner, walk, before=before, size=3)
        seen += [image.pk for image in page.images]
        before = page.older
        if before is None:
            break

    assert seen == made


def test_newer_leads_back_the_same_way(owner: User) -> None:
    made = [rows.image(owner).pk for _ in range(7)][::-1]
    deep = browsing.page(owner, Walk(), before=made[4], size=2)

    back = browsing.page(owner, Walk(), after=deep.newer, size=2)

    assert [image.pk for image in back.images] == made[3:5]
    assert back.newer == made[3]


def test_the_newest_page_has_nothing_newer(owner: User) -> None:
    rows.image(owner)

    assert browsing.page(owner, Walk()).newer is None


def test_the_link_to_older_pictures_keeps_scope_and_words(
    signed_in: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(browsing.page_of.__kwdefaults__, "size", 1)
    first = rows.image(owner, prompt="blue one", visibility=EVERYONE)
    second = rows.image(owner, prompt="blue two", visibility=EVERYONE)

    text = signed_in.get("/gallery/?show=everyone&q=blue").content.decode()
    href = re.search(r'data-older href="([^"]+)"', text)

    assert href is not None
    assert href[1].replace("&amp;", "&") == f"?show=everyone&q=blue&before={second.pk}"
    assert first.prompt in shown(signed_in, "/gallery/" + href[1].replace("&amp;", "&"))


@pytest.mark.parametrize("query", ["before=x", "before=-1", "after=1e9", f"before={'9' * 19}", "show=nobody"])
def test_a_made_up_place_is_not_found(signed_in: Client, query: str) -> None:
    assert signed_in.get(f"/gallery/?{query}").status_code == 404


def test_days_have_their_names(signed_in: Client, owner: User) -> None:
    rows.image(owner, created_at=datetime(2020, 3, 1, 12, tzinfo=UTC))
    rows.image(owner)

    text = signed_in.get("/gallery/").content.decode()

    assert text.index(">Today</h2>") < text.index(">March 2020</h2>")


def test_the_gallery_asks_the_database_as_often_for_many_as_for_few(signed_in: Client, owner: User) -> None:
    counts = []
    # What people choose filters from is kept for a minute.
    queries(signed_in, "/gallery/")
    for more in (1, 12):
        for _ in range(more):
            rows.image(owner)
        counts.append(queries(signed_in, "/gallery/"))

    assert counts[0] == counts[1] <= 8


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_on_offer_has_its_own_class(owner: User, name: str) -> None:
    width, height = (int(part) for part in name.split("x"))

    assert shape_class(rows.image(owner, width=width * 100, height=height * 100).original) == f"ratio-{name}"


def queries(client: Client, path: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_the_last_week_is_shown_by_day_and_what_is_older_by_month(signed_in: Client, owner: User) -> None:
    today = datetime(2026, 11, 28, 12, tzinfo=UTC)
    for days_ago in (0, 1, 6, 7, 27, 28, 40):
        image = rows.image(owner)
        Image.objects.filter(pk=image.pk).update(created_at=today - timedelta(days=days_ago))
    images = sorted(Image.objects.all(), key=lambda image: image.created_at, reverse=True)

    found = [(stretch.key, len(group)) for stretch, group in browsing.by_date(images, today=today.date())]

    assert found == [
        ("2026-11-28", 1),
        ("2026-11-27", 1),
        ("2026-11-22", 1),
        ("2026-11", 2),
        ("2026-10", 2),
    ]
