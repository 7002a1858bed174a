"""Pages of collections, saved searches and tags, and what is changed on the page of a picture."""

import pytest
from django.test import Client

from accounts.models import Membership, Team, User
from gallery import collections, favourites, lineage, saved_searches, tags
from gallery.keeping import Source, keep
from gallery.models import Collection, Image, SavedSearch, Tag
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db


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


# Collections


def test_a_collection_is_made_renamed_and_deleted(signed_in: Client, owner: User) -> None:
    made = signed_in.post("/gallery/collections/new", {"name": "Posters", "visibility": "private"})
    found = owner.collections.get()
    assert made.headers["Location"] == f"/gallery/?collection={found.public_id}"

    signed_in.post(f"/gallery/collections/{found.public_id}", {"name": "Skies", "visibility": "private"})
    assert "Skies" in page(signed_in, f"/gallery/?collection={found.public_id}")

    assert "Delete “Skies”?" in page(signed_in, f"/gallery/collections/{found.public_id}/delete")
    signed_in.post(f"/gallery/collections/{found.public_id}/delete")
    assert not owner.collections.exists()


def test_a_collection_without_a_name_is_refused_in_the_form(signed_in: Client, owner: User) -> None:
    answer = signed_in.post("/gallery/collections/new", {"name": "  "})

    assert answer.status_code == 422
    assert "Give the collection a name." in answer.content.decode()


def test_a_team_sees_a_collection_and_doesnt_rename_it(client: Client, owner: User) -> None:
    team = Team.objects.create(name="Nord")
    mate = factories.person()
    Membership.objects.create(user=owner, team=team)
    Membership.objects.create(user=mate, team=team)
    found = collections.create(owner, "Casa Sol")
    collections.show_to(owner, found, Collection.Visibility.TEAM)
    client.force_login(mate)

    assert "For Nord" in page(client, f"/gallery/?collection={found.public_id}")
    answer = client.post(f"/gallery/collections/{found.public_id}", {"name": "Mine"})

    assert answer.status_code == 422
    assert "Only the person who made this collection may change it." in answer.content.decode()


def test_pictures_are_moved_and_the_first_one_is_not_the_cover_by_force(
    signed_in: Client, owner: User
) -> None:
    images = [rows.image(owner, prompt=f"picture {number}") for number in range(3)]
    found = collections.create(owner, "Posters")
    collections.add(owner, found, [image.pk for image in images])
    address = f"/gallery/collections/{found.public_id}"

    signed_in.post(
        f"{address}/move", {"image": images[2].public_id, "beside": images[0].public_id, "side": "before"}
    )
    signed_in.post(f"{address}/cover", {"image": images[1].public_id})

    text = page(signed_in, f"/gallery/?collection={found.public_id}")
    places = [text.index(f'data-id="{images[number].public_id}"') for number in (2, 0, 1)]
    assert places == sorted(places)
    found.refresh_from_db()
    assert found.cover == images[1]


def test_a_collection_stands_in_the_sidebar_with_its_number(signed_in: Client, owner: User) -> None:
    found = collections.create(owner, "Posters")
    collections.add(owner, found, [rows.image(owner).pk])

    text = page(signed_in, "/gallery/counts?place=mine")

    assert f'id="to-{found.public_id}"' in text
    assert '<b class="sidebar-count">1</b>' in text.partition("Posters")[2]


# Saved searches


def test_a_search_is_saved_under_a_name_that_is_offered(signed_in: Client, owner: User) -> None:
    text = page(signed_in, "/gallery/searches/save?ratio=16:9&colour=blue")
    assert 'value="16:9 · Blue"' in text

    signed_in.post("/gallery/searches/save", {"name": "Wide and blue", "query": "ratio=16:9&colour=blue"})

    saved = SavedSearch.objects.get(owner=owner)
    assert saved.query == "ratio=16%3A9&colour=blue"
    assert "Wide and blue" in page(signed_in, "/gallery/counts")


def test_a_name_is_taken_once(signed_in: Client, owner: User) -> None:
    saved_searches.save(owner, name="Blue", query="q=blue")

    answer = signed_in.post("/gallery/searches/save", {"name": "Blue", "query": "q=blue"})

    assert answer.status_code == 422
    assert "You have a saved search of that name already." in answer.content.decode()


def test_a_search_that_is_none_isnt_saved(signed_in: Client) -> None:
    assert signed_in.post("/gallery/searches/save", {"name": "x", "query": "show=nobody"}).status_code == 404


# Tags


@pytest.fixture
def sunset(owner: User) -> Tag:
    tags.add(owner, [rows.image(owner).pk], ["sunset"])
    return Tag.objects.get(key="sunset")


def test_tags_are_listed_by_use(signed_in: Client, owner: User, sunset: Tag) -> None:
    tags.add(owner, [rows.image(owner).pk for _ in range(2)], ["sea"])

    text = page(signed_in, "/gallery/tags")

    assert text.index(">sea</a>") < text.index(">sunset</a>")
    assert "sunset" not in page(signed_in, "/gallery/tags?q=se").partition("<tbody>")[2]


def test_a_tag_is_renamed_merged_coloured_and_deleted(signed_in: Client, owner: User, sunset: Tag) -> None:
    tags.add(owner, [rows.image(owner).pk], ["sea"])
    sea = Tag.objects.get(key="sea")

    signed_in.post(f"/gallery/tags/{sunset.pk}", {"do": "rename", "name": "dusk"})
    signed_in.post(f"/gallery/tags/{sea.pk}/colour", {"colour": "blue"})
    signed_in.post(f"/gallery/tags/{sunset.pk}", {"do": "merge", "into": "sea"})
    sea.refresh_from_db()
    assert (sea.colour, sea.uses) == ("blue", 2)
    assert Tag.objects.get(key="dusk").merged_into == sea

    signed_in.post(f"/gallery/tags/{sea.pk}", {"do": "delete"})
    assert not Tag.objects.filter(key="sea").exists()


def test_a_tag_that_others_use_is_not_offered_for_change(client: Client, sunset: Tag) -> None:
    other = factories.person()
    tags.add(other, [rows.image(other).pk], ["sunset"])
    client.force_login(other)

    assert f'href="/gallery/tags/{sunset.pk}"' not in page(client, "/gallery/tags")
    answer = client.post(f"/gallery/tags/{sunset.pk}", {"do": "rename", "name": "dusk"})

    assert answer.status_code == 422
    assert "Ask an admin to change it." in answer.content.decode()


def test_merging_into_nothing_says_so(signed_in: Client, sunset: Tag) -> None:
    answer = signed_in.post(f"/gallery/tags/{sunset.pk}", {"do": "merge", "into": "nowhere"})

    assert answer.status_code == 422
    assert "There is no tag of that name to merge it into." in answer.content.decode()


# The page of a picture


def test_title_notes_tags_and_collections_are_changed_on_the_page(signed_in: Client, owner: User) -> None:
    image = rows.image(owner)
    address = f"/images/{image.public_id}"

    signed_in.post(f"{address}/describe", {"title": "Lighthouse", "notes": "for the autumn campaign"})
    signed_in.post(f"{address}/tags", {"tags": "sea, dusk"})
    signed_in.post(f"{address}/tags", {"remove": "dusk"})
    signed_in.post(f"{address}/collections", {"new": "Posters"})
    signed_in.post(f"{address}/favourite", {"on": "1"})

    text = page(signed_in, f"{address}/?panel=details")
    assert ">Lighthouse</h1>" in text
    assert "for the autumn campaign" in text
    assert ">sea</a>" in text
    assert ">dusk</a>" not in text
    assert ">Posters</a>" in text
    assert favourites.among(owner, [image.pk]) == {image.pk}
    assert len(signed_in.get("/gallery/?q=autumn").context["page"].images) == 1


def test_a_title_that_is_too_long_is_refused(signed_in: Client, owner: User) -> None:
    image = rows.image(owner)

    signed_in.post(f"/images/{image.public_id}/describe", {"title": "x" * 121})

    assert "A title has 120 letters at most." in page(signed_in, f"/images/{image.public_id}/?panel=details")


def test_the_page_shows_what_it_was_made_from_and_into(signed_in: Client, owner: User) -> None:
    first = rows.image(owner, prompt="the first")
    second = Image(owner=owner, original=first.original, prompt="the second")
    keep(second, sources=[Source(first.original_id, first.pk)])

    assert "Made into: the second" in page(signed_in, f"/images/{first.public_id}/")
    assert "Made from: the first" in page(signed_in, f"/images/{second.public_id}/")
    assert lineage.of(owner, second).sources[0].image == first


def test_trash_goes_on_to_the_next_picture_and_can_be_undone(signed_in: Client, owner: User) -> None:
    older, image = rows.image(owner), rows.image(owner)

    answer = signed_in.post(f"/images/{image.public_id}/trash")

    assert answer.headers["Location"] == f"/images/{older.public_id}/"
    image.refresh_from_db()
    assert image.trashed_at is not None
    assert "/undo" in page(signed_in, f"/images/{older.public_id}/")
