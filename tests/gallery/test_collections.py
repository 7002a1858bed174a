"""Collections: whose they are, what is in them, in which order, and what is filed by itself."""

from typing import Any

import pytest

from accounts.models import Membership, Team, User
from gallery import browsing, collections, sharing
from gallery.browsing import Walk
from gallery.models import Collection, CollectionItem, Image
from gallery.refusals import NotAllowed, Refused
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def mara() -> User:
    return factories.person(name="Mara Lindqvist", credits=0)


@pytest.fixture
def jo(mara: User) -> User:
    """A member of Mara's team."""
    team = Team.objects.create(name="Press")
    jo = factories.person(name="Jo Okafor", credits=0)
    for person in (mara, jo):
        Membership.objects.create(user=person, team=team)
    return jo


@pytest.fixture
def posters(mara: User) -> Collection:
    return collections.create(mara, "  Posters ")


def shown(user: User, collection: Collection) -> list[int]:
    walk = Walk(scope="all", collection=collection.public_id, sort="manual")
    return [image.pk for image in browsing.page(user, walk).images]


def filled(user: User, collection: Collection, number: int) -> list[int]:
    ids = [rows.image(user).pk for _ in range(number)]
    return collections.add(user, collection, ids)


def test_pictures_stand_in_the_order_they_were_filed_in_once_each(mara: User, posters: Collection) -> None:
    first, second, third = (rows.image(mara).pk for _ in range(3))

    assert collections.add(mara, posters, [second, first, second]) == [second, first]
    assert collections.add(mara, posters, [first, third]) == [third]

    assert shown(mara, posters) == [second, first, third]
    posters.refresh_from_db()
    assert (posters.name, posters.size) == ("Posters", 3)


def test_taking_out_and_deleting_leave_the_pictures(mara: User, posters: Collection) -> None:
    ids = filled(mara, posters, 2)

    assert [item.image_id for item in collections.remove(mara, posters, [ids[0], 0])] == [ids[0]]
    assert shown(mara, posters) == [ids[1]]
    collections.delete(mara, posters)

    assert not Collection.objects.exists()
    assert Image.objects.count() == 2


def test_one_is_moved_before_and_after_another(mara: User, posters: Collection) -> None:
    a, b, c, d = filled(mara, posters, 4)

    collections.move(mara, posters, d, beside=a, is_before=True)
    assert shown(mara, posters) == [d, a, b, c]
    collections.move(mara, posters, d, beside=c, is_before=False)
    assert shown(mara, posters) == [a, b, c, d]
    collections.move(mara, posters, a, beside=c, is_before=True)
    assert shown(mara, posters) == [b, a, c, d]
    collections.move(mara, posters, b, beside=a, is_before=False)
    assert shown(mara, posters) == [a, b, c, d]
    collections.move(mara, posters, a, beside=a, is_before=False)
    with pytest.raises(collections.NotInIt):
        collections.move(mara, posters, a, beside=rows.image(mara).pk, is_before=False)


def test_where_there_is_no_room_between_two_all_are_numbered_anew(
    mara: User, posters: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "POSITION_GAP", 4)
    expected = filled(mara, posters, 6)

    # The last one goes just behind the first, again and again: each time the room there is halved.
    for _ in range(12):
        expected.insert(1, expected.pop())
        collections.move(mara, posters, expected[1], beside=expected[0], is_before=False)
        assert shown(mara, posters) == expected

    positions = list(CollectionItem.objects.order_by("position").values_list("position", flat=True))
    assert len(set(positions)) == 6


def test_several_are_put_in_an_order_at_their_places(mara: User, posters: Collection) -> None:
    a, b, c, d = filled(mara, posters, 4)

    collections.order(mara, posters, [d, a])

    assert shown(mara, posters) == [d, b, c, a]
    with pytest.raises(collections.NotInIt):
        collections.order(mara, posters, [a, 0])


def test_a_full_collection_takes_nothing_more(
    mara: User, posters: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "IMAGES_MAX", 3)
    ids = filled(mara, posters, 2)

    with pytest.raises(collections.Full, match="3 pictures"):
        filled(mara, posters, 2)

    assert shown(mara, posters) == ids
    # Those that are in it already need no room.
    assert len(collections.add(mara, posters, [*ids, rows.image(mara).pk])) == 1


def test_a_teams_collection_is_seen_and_filled_by_its_members(
    mara: User, jo: User, posters: Collection
) -> None:
    mine = filled(mara, posters, 2)
    with pytest.raises(collections.Unknown):
        collections.add(jo, posters, [rows.image(jo).pk])
    with pytest.raises(browsing.UnknownPlace):
        shown(jo, posters)

    collections.show_to(mara, posters, "team")
    theirs = filled(jo, posters, 1)
    sharing.show_to(Image.objects.get(pk=mine[0]), "team")

    # What who looks may not see is left out.
    assert shown(jo, posters) == [mine[0], *theirs]
    assert shown(mara, posters) == mine
    assert collections.sizes(jo, [posters]) == {posters.pk: 2}
    assert collections.remove(jo, posters, [mine[1]]) == []
    assert [item.image_id for item in collections.remove(jo, posters, mine)] == [mine[0]]
    collections.show_to(mara, posters, "private")
    assert not collections.visible_to(jo).exists()


def test_only_its_owner_changes_a_collection(mara: User, jo: User, posters: Collection) -> None:
    collections.show_to(mara, posters, "team")
    acts: list[Any] = [
        lambda: collections.rename(jo, posters, "Mine"),
        lambda: collections.show_to(jo, posters, "private"),
        lambda: collections.set_cover(jo, posters, None),
        lambda: collections.delete(jo, posters),
    ]
    for act in acts:
        with pytest.raises(NotAllowed):
            act()


def test_who_is_in_no_team_shows_a_collection_to_none(mara: User, posters: Collection) -> None:
    with pytest.raises(sharing.NoTeam):
        collections.show_to(mara, posters, "team")
    with pytest.raises(Refused):
        collections.show_to(mara, posters, "everyone")


@pytest.mark.parametrize("name", ["", " \n", "x" * 81])
def test_a_collection_has_a_name(mara: User, name: str) -> None:
    with pytest.raises(collections.BadName):
        collections.create(mara, name)


def test_what_a_person_sees_of_anothers_picture_is_all_they_can_file(mara: User, posters: Collection) -> None:
    other = factories.person(credits=0)
    hidden, shown_to_all = rows.image(other), rows.image(other, visibility="everyone")

    assert collections.add(mara, posters, [hidden.pk, shown_to_all.pk]) == [shown_to_all.pk]


def test_the_sidebar_shows_each_with_a_cover_that_may_be_seen(
    mara: User, jo: User, posters: Collection, django_assert_num_queries: Any
) -> None:
    ids = filled(mara, posters, 3)
    collections.set_cover(mara, posters, Image.objects.get(pk=ids[2]))
    collections.show_to(mara, posters, "team")
    sharing.show_to(Image.objects.get(pk=ids[1]), "team")
    collections.create(jo, "Empty")

    (mine,) = collections.listed(mara)
    assert (mine.collection, mine.cover and mine.cover.pk, mine.is_mine) == (posters, ids[2], True)
    own, theirs = collections.listed(jo)
    assert (own.cover, own.size, theirs.cover and theirs.cover.pk, theirs.size) == (None, 0, ids[1], None)

    for number in range(5):
        filled(mara, collections.create(mara, f"More {number}"), 1)
    with django_assert_num_queries(2):
        assert len([one.cover.original for one in collections.listed(mara) if one.cover]) == 6


def test_a_cover_is_one_of_its_pictures(mara: User, posters: Collection) -> None:
    with pytest.raises(collections.NotInIt):
        collections.set_cover(mara, posters, rows.image(mara))
    (pk,) = filled(mara, posters, 1)
    collections.set_cover(mara, posters, Image.objects.get(pk=pk))
    Image.objects.filter(pk=pk).delete()
    posters.refresh_from_db()
    assert (posters.cover, posters.size) == (None, 0)


def test_results_are_filed_as_far_as_there_is_room(
    mara: User, jo: User, posters: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "IMAGES_MAX", 2)
    made = [rows.image(mara) for _ in range(3)]

    collections.file(posters.pk, made, by_id=mara.pk)
    assert shown(mara, posters) == [made[0].pk, made[1].pk]

    # Whoever may not file into it any more, and where there is none, nothing happens.
    collections.file(posters.pk, [rows.image(jo)], by_id=jo.pk)
    collections.file(0, made, by_id=mara.pk)
    assert CollectionItem.objects.count() == 2
