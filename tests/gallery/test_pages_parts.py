"""What an open gallery page asks for: counts, months, suggestions; and the filters of the page itself."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Team, User
from gallery import browsing, collections, tags, trash
from gallery.browsing import Walk
from gallery.models import Image
from gallery.pages import filters, sidebar, suggesting
from gallery.search import months
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


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer
    return answer.content.decode()


# Counts


def test_the_sidebar_counts_what_is_at_each_place(signed_in: Client, owner: User) -> None:
    team = Team.objects.create(name="Nord")
    mate = factories.person()
    for user in (owner, mate):
        Membership.objects.create(user=user, team=team)
    rows.image(owner)
    rows.image(mate, visibility="team", team=team)
    rows.image(factories.person(), visibility=EVERYONE)
    trash.put(owner, [rows.image(owner).pk])

    assert sidebar.counts(owner) == {
        "mine": 1, "favourites": 0, "team": 1, "everyone": 1, "links": 0, "trash": 1,
    }  # fmt: skip
    assert page(signed_in, "/gallery/counts").count("sidebar-count") == 6


def test_counts_are_kept_until_the_person_changes_something(signed_in: Client, owner: User) -> None:
    image = rows.image(owner)
    assert sidebar.counts(owner)["favourites"] == 0

    signed_in.post(f"/images/{image.public_id}/favourite", {"on": "1"})

    assert sidebar.counts(owner)["favourites"] == 1


@pytest.mark.parametrize(
    ("query", "said"), [("", "3 images"), ("q=blue", "1 image"), ("q=nothing", "0 images")]
)
def test_a_walk_says_how_many_it_has(signed_in: Client, owner: User, query: str, said: str) -> None:
    for prompt in ("a blue mug", "a red mug", "a house"):
        rows.image(owner, prompt=prompt)

    assert page(signed_in, f"/gallery/count?{query}") == said


def test_more_than_a_thousand_is_said_so() -> None:
    from gallery.pages.parts import in_words

    assert [in_words(number) for number in (0, 1, 999, 1_000)] == [
        "0 images", "1 image", "999 images", "1,000+ images",
    ]  # fmt: skip


def test_it_tells_how_many_came_since(signed_in: Client, owner: User) -> None:
    first = rows.image(owner)
    rows.image(owner)

    assert signed_in.get(f"/gallery/count?after={first.pk}").json() == {"images": 1}


# Months


def test_months_have_their_number_and_their_place(signed_in: Client, owner: User) -> None:
    for month, number in ((3, 2), (5, 1)):
        for day in range(number):
            rows.image(owner, created_at=datetime(2026, month, 1 + day, tzinfo=UTC))

    found = signed_in.get("/gallery/months").json()["months"]

    assert [(one["month"], one["images"]) for one in found] == [("2026-05", 1), ("2026-03", 2)]
    march = browsing.page(owner, Walk(), before=found[1]["before"])
    assert {image.created_at.month for image in march.images} == {3}


def test_many_months_come_from_the_spread_of_ids(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    made = [rows.image(owner, created_at=now - timedelta(days=31 * back)) for back in (4, 4, 2, 0, 0, 0)]
    monkeypatch.setattr(months, "COUNTED_MAX", 2)

    found = months.months(browsing.wanted(owner, Walk()))

    assert [one.images for one in found] == [3, 1, 2]
    assert found[0].before == made[-1].pk + 1
    assert [image.pk for image in browsing.page(owner, Walk(), before=found[-1].before).images] == [
        made[1].pk,
        made[0].pk,
    ]


def test_no_pictures_have_no_months(signed_in: Client) -> None:
    assert signed_in.get("/gallery/months").json() == {"months": []}


# Suggestions


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("sun", "tag:sunset "),
        ("blue tag:gol", 'blue tag:"golden hour" '),
        ("-tag:sun", "-tag:sunset "),
        ("mara", 'by:"Mara Lindqvist" '),
        ("by:me", "by:me "),
        ("color:tea", "color:teal "),
        ("ratio:16", "ratio:16:9 "),
        ("cos", "cost:"),
    ],
)
def test_the_end_of_what_is_typed_is_completed(owner: User, typed: str, first: str) -> None:
    tags.add(owner, [rows.image(owner).pk], ["sunset", "golden hour"])

    assert suggesting.suggest(owner, typed)[0].text == first


@pytest.mark.parametrize("typed", ["", " ", '"', "--", "tag:zzz", "x" * 100_000, '" ' * 5_000, "from:2"])
def test_nothing_is_suggested_where_nothing_fits(signed_in: Client, typed: str) -> None:
    assert signed_in.get("/gallery/suggest", {"q": typed[:4_000]}).json() == {"options": []}


# Filters


def test_every_filter_stands_on_the_page_as_a_form(signed_in: Client, owner: User) -> None:
    tags.add(owner, [rows.image(owner).pk], ["sunset"])

    text = page(signed_in, "/gallery/")

    for name in ("colour", "ratio", "tag", "person", "since", "until", "provider", "close", "any"):
        assert f'name="{name}"' in text
    assert text.count('class="swatch-choice') == 17
    assert 'popovertarget="filter-colour"' in text


@pytest.mark.parametrize(
    ("query", "value", "without"),
    [
        ("q=mug&colour=teal&close=loose", "Teal", "q=mug"),
        ("colour=%2312ab9f", "#12ab9f", ""),
        ("ratio=3:2&ratio=1:1&q=mug", "3:2 + 1:1", "q=mug"),
        ("ratio=3:2&ratio=1:1&ratio=4:5", "3 aspects", ""),
        ("tag=sea&tag=dusk&any=1", "sea or dusk", ""),
        ("since=2026-11-01&until=2026-11-20", "1 Nov – 20 Nov 2026", ""),
        ("since=2026-11-01", "Since 1 Nov 2026", ""),
        ("provider=aimlapi", "AI/ML API", ""),
    ],
)
def test_a_chip_that_is_on_says_what_and_leads_to_the_walk_without(
    signed_in: Client, query: str, value: str, without: str
) -> None:
    from django.http import QueryDict

    (chip,) = [one for one in filters.chips(browsing.walk_of(QueryDict(query))) if one.value]

    assert (chip.value, chip.without) == (value, without)
    assert value in page(signed_in, f"/gallery/?{query}")


def test_what_isnt_understood_is_said(signed_in: Client, owner: User) -> None:
    rows.image(owner)

    assert "“cost:&gt;abc” isn't understood" in page(signed_in, "/gallery/?q=cost:>abc")


def test_an_empty_answer_offers_to_drop_the_filter_that_hides_most(signed_in: Client, owner: User) -> None:
    for _ in range(3):
        rows.image(owner, prompt="a blue mug", provider="aimlapi")
    rows.image(owner, prompt="a red mug", provider="emulator")

    text = page(signed_in, "/gallery/?q=blue&provider=emulator&since=2020-01-01")

    assert "Nothing matches all of this" in text
    assert "No picture is called “blue” made since 1 Jan 2020 and from Built-in emulator" in text
    assert 'href="/gallery/?q=blue&amp;since=2020-01-01">Clear provider</a>' in text
    assert "Make “blue”" in text


def test_people_are_looked_for_among_all_that_one_sees(signed_in: Client) -> None:
    other = factories.person(name="Jonas")
    rows.image(other, prompt="another's", visibility=EVERYONE)

    assert "tile-label-prompt" in page(signed_in, f"/gallery/?person={other.pk}")
    assert "tile-label-prompt" not in page(signed_in, f"/gallery/?person={other.pk}&show=mine")


def test_periods_are_whole_days() -> None:
    found = {one.label: one.query for one in filters.Offered(Walk(), date(2026, 3, 15)).periods}

    assert found["Last month"] == "since=2026-02-01&until=2026-02-28"
    assert found["Last 7 days"] == "since=2026-03-09&until=2026-03-15"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "What will you make first?"),
        ("?favourites=1", "No favourites yet"),
        ("?show=team", "Your team shows nothing yet"),
        ("?show=everyone", "Nobody has shared a picture yet"),
        ("?before=1", "There is nothing further"),
    ],
)
def test_each_empty_place_says_what_to_do(signed_in: Client, query: str, said: str) -> None:
    assert said in page(signed_in, f"/gallery/{query}")


# What it costs


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/gallery/", 11),
        ("/gallery/?tag=sea&show=all", 15),
        ("/gallery/?q=mug&sort=best", 15),
        ("/gallery/counts", 16),
        ("/gallery/months", 6),
        ("/gallery/trash", 12),
        ("/gallery/tags", 8),
        ("/gallery/collections", 9),
    ],
)
def test_a_page_asks_the_database_as_often_for_many_as_for_few(
    signed_in: Client, owner: User, path: str, most: int
) -> None:
    numbers = itertools.count()
    asked: list[int] = []
    for more in (2, 9):
        for _ in range(more):
            image = rows.image(owner, prompt="a blue mug")
            tags.add(owner, [image.pk], ["sea", f"tag {next(numbers)}"])
            collections.add(owner, collections.create(owner, f"Posters {next(numbers)}"), [image.pk])
            trash.put(owner, [rows.image(owner).pk])
        signed_in.get(path)
        sidebar.forget(owner)
        asked.append(queries(signed_in, path))

    assert asked[0] == asked[1] <= most


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        answer: Any = client.get(path)
        assert answer.status_code == 200
    return len(captured)
