"""Favourites, saved searches, titles and notes, and where a picture comes from."""

from typing import Any

import pytest

from accounts.models import Membership, Team, User
from gallery import browsing, collections, describing, favourites, keeping, lineage, saved_searches, sharing
from gallery.browsing import Walk
from gallery.keeping import Source
from gallery.models import Favourite, Image, SavedSearch
from gallery.refusals import NotAllowed
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def mara() -> User:
    return factories.person(name="Mara Lindqvist", credits=0)


def found(user: User, text: str) -> list[int]:
    return [image.pk for image in browsing.page(user, Walk(text=text)).images]


# Favourites


def test_a_favourite_is_set_and_taken_back_once(mara: User) -> None:
    image = rows.image(mara)
    for _ in range(2):
        favourites.put(mara, image, liked=True)
    assert [one.pk for one in browsing.page(mara, Walk(scope="all", favourites=True)).images] == [image.pk]
    for _ in range(2):
        favourites.put(mara, image, liked=False)
    assert not Favourite.objects.exists()


def test_favourites_are_ones_own_and_of_what_one_sees(mara: User) -> None:
    other = factories.person(credits=0)
    shared, private = rows.image(mara, visibility="everyone"), rows.image(mara)
    favourites.put(mara, shared, liked=True)
    favourites.put(other, shared, liked=True)
    favourites.put(other, private, liked=True)

    assert favourites.among(other, [shared.pk, private.pk]) == {shared.pk}
    favourites.put(other, shared, liked=False)
    assert favourites.among(mara, [shared.pk]) == {shared.pk}


# Saved searches


def test_a_search_is_kept_as_the_address_has_it(mara: User) -> None:
    saved = saved_searches.save(
        mara, name=" Dusk ", query="?q=dusk&tag=Golden+Hour&ratio=16%3A9&ratio=3%3A2&sort=newest&page=7"
    )

    assert (saved.name, saved.query) == ("Dusk", "q=dusk&tag=golden+hour&ratio=16%3A9&ratio=3%3A2")
    saved_searches.rename(saved, "Evening")
    assert SavedSearch.objects.get().name == "Evening"


def test_a_name_is_given_once_a_person(mara: User) -> None:
    saved_searches.save(mara, name="Dusk", query="q=dusk")
    saved_searches.save(factories.person(credits=0), name="Dusk", query="q=dusk")
    other = saved_searches.save(mara, name="Dawn", query="q=dawn")

    with pytest.raises(saved_searches.NameTaken):
        saved_searches.save(mara, name="Dusk", query="")
    with pytest.raises(saved_searches.NameTaken):
        saved_searches.rename(other, "Dusk")
    with pytest.raises(saved_searches.BadName):
        saved_searches.rename(other, " ")


@pytest.mark.parametrize("query", ["ratio=7:7", "show=mars", f"q={'x' * 2000}", "collection=x"])
def test_what_is_no_search_isnt_kept(mara: User, query: str) -> None:
    with pytest.raises(saved_searches.BadSearch):
        saved_searches.save(mara, name="Odd", query=query)


def test_a_search_in_a_collection_one_doesnt_see_isnt_kept(mara: User) -> None:
    hidden = collections.create(factories.person(credits=0), "Hidden")
    with pytest.raises(saved_searches.BadSearch):
        saved_searches.save(mara, name="Odd", query=f"collection={hidden.public_id}")


def test_there_is_an_end_to_how_many_are_kept(mara: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_searches, "SEARCHES_MAX", 1)
    saved_searches.save(mara, name="One", query="")
    with pytest.raises(saved_searches.TooMany):
        saved_searches.save(mara, name="Two", query="")


# Titles and notes


def test_titles_and_notes_are_found_at_once(mara: User) -> None:
    image = rows.image(mara)

    describing.describe(mara, image, title="  Harbour\nposter ", notes="For\r\nthe\x00 campaign\n")

    image.refresh_from_db()
    assert (image.title, image.notes) == ("Harbour poster", "For\nthe campaign")
    assert found(mara, "harbour campaign") == [image.pk]
    describing.describe(mara, image, title="")
    assert (image.title, image.notes) == ("", "For\nthe campaign")
    assert found(mara, "harbour") == []


def test_only_the_owner_describes_a_picture(mara: User) -> None:
    image = rows.image(mara, visibility="everyone")
    with pytest.raises(NotAllowed):
        describing.describe(factories.person(credits=0), image, title="Mine")


@pytest.mark.parametrize(("field", "most"), [("title", 120), ("notes", 4000)])
def test_what_is_too_long_is_refused(mara: User, field: str, most: int) -> None:
    image = rows.image(mara)
    describing.describe(mara, image, **{field: "x" * most})
    with pytest.raises(describing.TooLong, match=f"{most:,}"):
        describing.describe(mara, image, **{field: "x" * (most + 1)})


# Where it comes from


def made_from(owner: User, *sources: Image | Any, **fields: Any) -> Image:
    """An image made from images and uploads."""
    image = rows.image(owner, **fields)
    again = Image(owner=owner, original=image.original, **fields)
    given = [Source(one.original_id, one.pk if isinstance(one, Image) else None) for one in sources]
    keeping.keep(again, sources=given)
    return again


def test_lineage_names_what_it_was_made_from_and_what_was_made_from_it(mara: User) -> None:
    first, second = rows.image(mara), rows.image(mara)
    upload = factories.upload(mara)
    image = made_from(mara, first, upload, second)
    made = [made_from(mara, image) for _ in range(2)]

    found = lineage.of(mara, image)

    assert [one.image for one in found.sources] == [first, None, second]
    assert (found.sources[1].upload, found.sources[1].original) == (upload, upload.original)
    assert not any(one.is_hidden for one in found.sources)
    assert found.made == tuple(reversed(made))


def test_lineage_shows_nobody_what_they_cant_see(mara: User) -> None:
    other = factories.person(credits=0)
    private = rows.image(mara)
    shared = made_from(mara, private, factories.upload(mara), visibility="everyone")
    made_from(mara, shared)
    theirs = made_from(other, shared)

    found = lineage.of(other, shared)

    assert [one.is_hidden for one in found.sources] == [True, True]
    assert found.made == (theirs,)
    sharing.show_to(private, "everyone")
    assert [one.image for one in lineage.of(other, shared).sources] == [private, None]


def test_lineage_is_bounded_and_costs_the_same(
    mara: User, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(lineage, "MADE_MAX", 3)
    image = made_from(mara, *(rows.image(mara) for _ in range(3)), factories.upload(mara))
    made = [made_from(mara, image, image) for _ in range(4)]

    with django_assert_max_num_queries(10):
        found = lineage.of(mara, image)
        assert [one.original.width for one in found.made] == [1248] * 3

    assert found.more is True
    assert found.made == tuple(made[:0:-1])


def test_a_picture_shown_to_the_team_stays_in_their_lineage(mara: User) -> None:
    jo = factories.person(credits=0)
    team = Team.objects.create(name="Press")
    for person in (mara, jo):
        Membership.objects.create(user=person, team=team)
    source = rows.image(mara)
    sharing.show_to(source, "team")
    image = made_from(jo, source)

    assert [one.image for one in lineage.of(jo, image).sources] == [source]
    assert lineage.of(mara, source).made == ()
    sharing.show_to(image, "team")
    assert lineage.of(mara, source).made == (image,)
