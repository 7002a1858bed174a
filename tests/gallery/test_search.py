"""Finding pictures by words, tags, people and facts: the same on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from accounts.models import Membership, Team, User
from gallery import browsing, sharing
from gallery.browsing import Walk
from gallery.models import Image, ImageTag, Tag
from gallery.search import engine, index
from gallery.search.words import normalised
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db
Find = Callable[..., list[str]]


@pytest.fixture
def mara() -> User:
    return factories.person(name="Mara Lindqvist", credits=0)


@pytest.fixture
def find(mara: User) -> Find:
    def found(text: str = "", *, by: User | None = None, **walk: object) -> list[str]:
        page = browsing.page(by or mara, Walk(text=text, **walk))  # type: ignore[arg-type]
        return [image.prompt for image in page.images]

    return found


def tagged(image: Image, *names: str) -> None:
    for name in names:
        tag, _ = Tag.objects.get_or_create(key=normalised(name), defaults={"name": name})
        ImageTag.objects.create(image=image, tag=tag)
    index.write([image.pk])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lighthouse", ["a lighthouse at dusk", "two lighthouses"]),
        ("LIGHTHOUSE dusk", ["a lighthouse at dusk"]),
        ("dusk -lighthouse", ["dusk over the café"]),
        ('"at dusk"', ["a lighthouse at dusk"]),
        ('"dusk at"', []),
        ("cafe", ["dusk over the café"]),
        ("at", ["a lighthouse at dusk"]),
        ("light house", []),
        ("日本", ["日本の城"]),
        ("本日", []),
        ("o'clock", ["seven o’clock"]),
    ],
)
def test_words_are_found_whole_or_as_beginnings(mara: User, find: Find, text: str, found: list[str]) -> None:
    for prompt in (
        "seven o’clock",
        "日本の城",
        "dusk over the café",
        "two lighthouses",
        "a lighthouse at dusk",
    ):
        rows.image(mara, prompt=prompt)

    assert find(text) == found


def test_titles_and_notes_are_found_too(mara: User, find: Find) -> None:
    rows.image(mara, prompt="one", title="Harbour poster")
    rows.image(mara, prompt="two", notes="for the harbour campaign")
    rows.image(mara, prompt="harbour")
    rows.image(mara, prompt="other")

    assert find("harbour") == ["harbour", "two", "one"]
    assert find("harbour", sort="best")[0] == "one"


def test_tags_and_people_are_found_by_words_of_their_names(mara: User, find: Find) -> None:
    jonas = factories.person(name="Jonas Weber", credits=0)
    tagged(rows.image(mara, prompt="one"), "Golden hour")
    theirs = rows.image(jonas, prompt="two")
    sharing.show_to(theirs, Image.Visibility.EVERYONE)

    assert find("golden", scope="all") == ["one"]
    assert find('tag:"golden hour"') == ["one"]
    assert find("tag:golden") == []
    assert find("-tag:golden", scope="all") == ["two", "one"]
    assert find("jonas", scope="all") == find("by:weber", scope="all") == ["two"]
    assert find("by:me", scope="all") == ["one"]


def test_typed_terms_ask_for_facts(mara: User, find: Find) -> None:
    rows.image(mara, prompt="wide", width=1344, height=768, credits=2, provider="google")
    rows.image(mara, prompt="square", width=1024, height=1024, credits=8)
    Image.objects.filter(prompt="wide").update(created_at=datetime(2026, 10, 5, tzinfo=UTC))
    Image.objects.filter(prompt="square").update(created_at=datetime(2026, 11, 5, tzinfo=UTC))

    assert find("ratio:16:9") == ["wide"]
    assert find("cost:>4") == find("cost:8") == find("cost:>=8 cost:<9") == ["square"]
    assert find("cost:<4 wide") == ["wide"]
    assert find("size:>1024") == find("size:1344") == find("size:>=1100 size:<2000") == ["wide"]
    assert find("size:<=1024 square") == find("size:<1344px") == ["square"]
    assert find("size:>1000 size:<1024") == []
    assert find("provider:google") == ["wide"]
    assert find("from:2026-11") == ["square"]
    assert find("before:2026-11-05") == ["wide"]
    assert find("from:2026-10-05 before:2026-10-06") == ["wide"]
    assert find("from:2027") == find("before:2026") == []


def test_colours_are_found_by_name_and_by_how_near_they_are(mara: User, find: Find) -> None:
    rows.image(mara, prompt="teal", signature=bytes([49, 145, 140]) * 256)
    rows.image(mara, prompt="red", signature=bytes([192, 57, 47]) * 256)

    assert find("color:teal") == ["teal"]
    assert find("colour:#c0392f") == ["red"]
    assert find(colour="red", closeness="close") == ["red"]
    assert find(colour="terracotta", closeness="close") == []
    assert find(colour="terracotta", closeness="loose") == ["red"]


def test_only_what_one_may_see_is_found(mara: User, find: Find) -> None:
    north, south = Team.objects.create(name="North"), Team.objects.create(name="South")
    jonas = factories.person(name="Jonas", credits=0)
    for user, team in ((mara, north), (jonas, north)):
        Membership.objects.create(user=user, team=team)
    stranger = factories.person(credits=0)
    Membership.objects.create(user=stranger, team=south)
    for prompt, visibility in (("cat one", "private"), ("cat two", "team"), ("cat three", "everyone")):
        image = rows.image(jonas, prompt=prompt, team=north)
        sharing.show_to(image, visibility)

    for text in ("cat", ""):
        assert find(text, scope="all") == ["cat three", "cat two"]
        assert find(text, scope="team") == ["cat three", "cat two"]
        assert find(text, scope="everyone") == ["cat three"]
        assert find(text, scope="mine") == []
        assert find(text, by=stranger, scope="all") == ["cat three"]
        assert find(text, by=stranger, scope="team") == []
        assert find(text, by=jonas, scope="all") == ["cat three", "cat two", "cat one"]
    Membership.objects.filter(user=mara).update(team=south)
    assert find("cat", scope="all") == ["cat three"]


def test_a_walk_goes_on_where_it_was_and_back(mara: User) -> None:
    for number in range(7):
        rows.image(mara, prompt=f"cat {number}")
    walk = Walk(text="cat")

    first = browsing.page(mara, walk, size=3)
    second = browsing.page(mara, walk, before=first.older, size=3)
    back = browsing.page(mara, walk, after=second.newer, size=3)

    assert [image.prompt for image in second.images] == ["cat 3", "cat 2", "cat 1"]
    assert back.images == first.images
    assert back.newer is None


def test_counting_stops_at_the_most(mara: User) -> None:
    for _ in range(5):
        rows.image(mara, prompt="cat")
    asked = browsing.wanted(mara, Walk(text="cat"))

    assert engine.count(asked, most=3) == 3
    assert engine.count(asked, most=10) == 5
