"""Doing something to many pictures at once, and undoing it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Event, Membership, Team, User
from gallery import (
    browsing,
    bulk,
    bulk_verbs,
    collections,
    favourites,
    later,
    packing,
    selection,
    sharing,
    tags,
    telling,
    trash,
    unfinished,
)
from gallery.browsing import Walk
from gallery.models import CollectionItem, Favourite, Image, ImageTag, Tag, UndoableAct
from gallery.refusals import Refused
from gallery.selection import Selection
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def mara() -> User:
    return factories.person(name="Mara Lindqvist", credits=0)


@pytest.fixture
def images(mara: User) -> list[Image]:
    return [rows.image(mara) for _ in range(5)]


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures a part, and time for the first part alone."""
    for name, verb in bulk_verbs.VERBS.items():
        monkeypatch.setitem(bulk_verbs.VERBS, name, bulk_verbs.Verb(verb.do, verb.undo, part=2))
    monkeypatch.setattr(bulk, "REQUEST_SECONDS", 0.0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often the rest was asked for."""
    calls: list[str] = []
    monkeypatch.setattr(later, "_takers", [lambda: calls.append("asked")])
    return calls


def of(images: list[Image]) -> Selection:
    return Selection(tuple(image.public_id for image in images))


def found(user: User, text: str = "", **walk: Any) -> list[int]:
    return [image.pk for image in browsing.page(user, Walk(text=text, **walk)).images]


def counts(act: UndoableAct) -> tuple[int, int, int, int]:
    how = bulk.outcome(act)
    return how.asked, how.changed, how.unchanged, how.left


# What is chosen


def test_chosen_pictures_come_in_their_order_without_those_one_doesnt_see(
    mara: User, images: list[Image]
) -> None:
    hidden = rows.image(factories.person(credits=0))
    chosen = of([images[3], hidden, images[0], images[3]])

    assert selection.resolve(mara, chosen) == [images[3].pk, images[0].pk]
    assert selection.count(mara, Selection((uuid4(),))) == 0


def test_all_of_a_filter_without_some(mara: User, images: list[Image]) -> None:
    tags.add(mara, [one.pk for one in images[:4]], ["Dusk"])
    walk = Walk(tags=("dusk",))
    chosen = Selection(walk=walk, without=(images[1].public_id, images[4].public_id))

    assert selection.resolve(mara, chosen) == [images[3].pk, images[2].pk, images[0].pk]
    assert selection.count(mara, chosen) == 3
    assert selection.count(mara, Selection(walk=walk)) == 4


def test_too_many_are_refused_before_anything_is_done(
    mara: User, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "IMAGES_MAX", 4)
    for chosen in (of(images), Selection(walk=Walk())):
        with pytest.raises(selection.TooLarge):
            bulk.favourite(mara, chosen)
        assert selection.count(mara, chosen) == 5
    assert selection.resolve(mara, Selection(walk=Walk(), without=(images[0].public_id,)))
    assert not UndoableAct.objects.exists()


def test_ids_are_kept_in_few_letters_in_their_order() -> None:
    ids = [7, 900_001, 900_002, 900_003, 12, 5_000_000_000]

    packed = packing.pack(ids)

    assert packing.unpack(packed) == ids
    assert packing.size(packed) == 6
    assert len(packing.pack(range(1_000_000, 1_050_000))) < 110_000
    assert packing.unpack(packing.pack([])) == []
    assert packing.size("") == 0


# Verbs and their undoing


def test_tagging_many_says_how_many_it_changed_and_is_undone(mara: User, images: list[Image]) -> None:
    foreign = rows.image(factories.person(credits=0), visibility="everyone")
    tags.add(mara, [images[0].pk], ["Dusk"])

    act = bulk.tag(mara, of([*images, foreign]), ["Dusk"])

    assert counts(act) == (6, 4, 2, 0)
    assert found(mara, "tag:dusk") == [one.pk for one in reversed(images)]
    undone = bulk.undo(mara, act.public_id)
    assert bulk.outcome(undone).restored == 4
    assert found(mara, "tag:dusk") == [images[0].pk]


def test_undoing_leaves_tags_that_somebody_gave_since(mara: User, images: list[Image]) -> None:
    act = bulk.tag(mara, of(images[:2]), ["Dusk"])
    tags.remove(mara, [images[0].pk], ["Dusk"])
    tags.add(mara, [images[0].pk], ["Dusk"])

    bulk.undo(mara, act.public_id)

    assert found(mara, "tag:dusk") == [images[0].pk]


def test_undoing_takes_back_what_was_merged_since(mara: User, images: list[Image]) -> None:
    act = bulk.tag(mara, of(images[:2]), ["Dusk"])
    (other,) = tags.named(["Sunset"], by=mara)
    tags.merge(mara, Tag.objects.get(key="dusk"), other)

    assert bulk.outcome(bulk.undo(mara, act.public_id)).restored == 2
    assert found(mara, "tag:sunset") == []
    assert not ImageTag.objects.exists()


def test_untagging_is_undone_with_whose_tags_they_were(mara: User, images: list[Image]) -> None:
    jo = factories.person(credits=0)
    team = Team.objects.create(name="Press")
    for person in (mara, jo):
        Membership.objects.create(user=person, team=team)
    sharing.show_to(images[0], "team")
    tags.add(jo, [images[0].pk], ["Dusk", "Pier"])
    tags.add(mara, [images[1].pk], ["Dusk"])

    act = bulk.untag(mara, of(images), ["Dusk", "Unknown"])

    assert counts(act) == (5, 2, 3, 0)
    assert found(mara, "tag:dusk") == []
    assert bulk.outcome(bulk.undo(mara, act.public_id)).restored == 2
    assert found(mara, "tag:dusk") == [images[1].pk, images[0].pk]
    assert ImageTag.objects.get(image=images[0], tag__key="dusk").added_by == jo


def test_collecting_and_taking_out_are_undone(mara: User, images: list[Image]) -> None:
    posters = collections.create(mara, "Posters")
    collections.add(mara, posters, [images[2].pk])
    order = [3, 0, 2]

    act = bulk.collect(mara, of([images[place] for place in order]), posters)
    assert counts(act) == (3, 2, 1, 0)
    filed = [images[2].pk, images[3].pk, images[0].pk]
    walk = {"scope": "all", "collection": posters.public_id, "sort": "manual"}
    assert found(mara, **walk) == filed

    out = bulk.uncollect(mara, of(images), posters)
    assert counts(out) == (5, 3, 2, 0)
    assert bulk.outcome(bulk.undo(mara, out.public_id)).restored == 3
    assert found(mara, **walk) == filed
    bulk.undo(mara, act.public_id)
    assert found(mara, **walk) == [images[2].pk]


def test_a_full_collection_refuses_all_and_leaves_no_act(
    mara: User, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    posters = collections.create(mara, "Posters")
    monkeypatch.setattr(collections, "IMAGES_MAX", 4)

    with pytest.raises(collections.Full):
        bulk.collect(mara, of(images), posters)

    assert not UndoableAct.objects.exists()
    assert not CollectionItem.objects.exists()


def test_undoing_in_a_collection_that_is_gone_does_nothing(mara: User, images: list[Image]) -> None:
    posters = collections.create(mara, "Posters")
    act = bulk.collect(mara, of(images), posters)
    collections.delete(mara, posters)

    assert bulk.outcome(bulk.undo(mara, act.public_id)).restored == 0


def test_favourites_are_set_in_bulk_and_undone(mara: User, images: list[Image]) -> None:
    favourites.put(mara, images[0], liked=True)

    act = bulk.favourite(mara, of(images))
    assert counts(act) == (5, 4, 1, 0)
    bulk.undo(mara, act.public_id)
    assert favourites.among(mara, [one.pk for one in images]) == {images[0].pk}

    act = bulk.favourite(mara, of(images), liked=False)
    assert counts(act) == (5, 1, 4, 0)
    bulk.undo(mara, act.public_id)
    assert Favourite.objects.count() == 1


def test_who_sees_many_is_changed_for_ones_own_and_undone(mara: User, images: list[Image]) -> None:
    other = factories.person(credits=0)
    foreign = rows.image(other, visibility="everyone")
    sharing.show_to(images[0], "everyone")

    act = bulk.show(mara, of([*images, foreign]), "everyone")

    assert counts(act) == (6, 4, 2, 0)
    assert len(found(other, scope="everyone")) == 6
    # Somebody thought better of one meanwhile: that is newer, and stays.
    sharing.show_to(Image.objects.get(pk=images[1].pk), "private")
    assert bulk.outcome(bulk.undo(mara, act.public_id)).restored == 3
    assert found(other, scope="everyone") == [foreign.pk, images[0].pk]


def test_showing_many_to_the_team(mara: User, images: list[Image]) -> None:
    with pytest.raises(sharing.NoTeam):
        bulk.show(mara, of(images), "team")
    with pytest.raises(Refused):
        bulk.show(mara, of(images), "world")
    jo = factories.person(credits=0)
    team = Team.objects.create(name="Press")
    for person in (mara, jo):
        Membership.objects.create(user=person, team=team)

    act = bulk.show(mara, of(images[:2]), "team")

    assert found(jo, scope="team") == [images[1].pk, images[0].pk]
    assert Event.objects.filter(user=jo, subject=str(images[0].public_id)).exists()
    bulk.undo(mara, act.public_id)
    assert found(jo, scope="team") == []
    assert Image.objects.get(pk=images[0].pk).team is None


def test_of_a_great_many_that_are_shown_one_event_tells(
    mara: User, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "SUBJECTS_MAX", 2)
    Event.objects.all().delete()

    bulk.show(mara, of(images), "everyone")

    assert list(Event.objects.values_list("user", "kind", "subject")) == [(None, "image", "")]


def test_trash_takes_ones_own_and_gives_them_back(mara: User, images: list[Image]) -> None:
    foreign = rows.image(factories.person(credits=0), visibility="everyone")

    act = bulk.trash(mara, of([*images, foreign]))

    assert counts(act) == (6, 5, 1, 0)
    assert found(mara) == []
    assert bulk.outcome(bulk.undo(mara, act.public_id)).restored == 5
    assert found(mara) == [one.pk for one in reversed(images)]


def test_undoing_leaves_in_the_trash_what_was_thrown_away_again(mara: User, images: list[Image]) -> None:
    act = bulk.trash(mara, of(images[:2]))
    trash.take_out(mara, [images[0].pk])
    trash.put(mara, [images[0].pk])

    assert bulk.outcome(bulk.undo(mara, act.public_id)).restored == 1
    assert images[0].pk not in found(mara)


# Undoing: by whom, until when, once


def test_an_act_is_undone_once_by_who_did_it_within_a_minute(mara: User, images: list[Image]) -> None:
    act = bulk.favourite(mara, of(images))
    with pytest.raises(UndoableAct.DoesNotExist):
        bulk.undo(factories.person(credits=0), act.public_id)
    with time_machine.travel(timezone.now() + timedelta(seconds=61)), pytest.raises(bulk.TooLate):
        bulk.undo(mara, act.public_id)
    bulk.undo(mara, act.public_id)
    with pytest.raises(bulk.AlreadyUndone):
        bulk.undo(mara, act.public_id)


def test_what_changes_nothing_is_an_act_all_the_same(mara: User) -> None:
    act = bulk.tag(mara, Selection(), ["Dusk"])
    assert counts(act) == (0, 0, 0, 0)
    bulk.undo(mara, act.public_id)


def test_old_acts_are_forgotten(mara: User, images: list[Image]) -> None:
    bulk.favourite(mara, of(images))
    assert unfinished.tidy(now=timezone.now()) == 0
    assert unfinished.tidy(now=timezone.now() + timedelta(hours=2)) == 1


# More than a request has time for


VERBS: list[Callable[[User, Selection], UndoableAct]] = [
    lambda user, chosen: bulk.tag(user, chosen, ["Dusk"]),
    lambda user, chosen: bulk.favourite(user, chosen),
    lambda user, chosen: bulk.show(user, chosen, "everyone"),
    lambda user, chosen: bulk.trash(user, chosen),
]


@pytest.mark.parametrize("verb", VERBS)
def test_what_a_request_has_no_time_for_is_gone_on_with(
    mara: User, images: list[Image], few_at_once: None, asked: list[str], verb: Any
) -> None:
    act = verb(mara, of(images))

    assert bulk.outcome(act).left in (1, 3)
    assert asked
    assert unfinished.go_on() is True
    act.refresh_from_db()
    assert counts(act) == (5, 5, 0, 0)

    act = bulk.undo(mara, act.public_id)
    assert bulk.outcome(act).left > 0
    unfinished.go_on()
    act.refresh_from_db()
    assert (bulk.outcome(act).restored, bulk.outcome(act).left) == (5, 0)


def test_an_act_is_undone_before_it_is_done(
    mara: User, images: list[Image], few_at_once: None, asked: list[str]
) -> None:
    act = bulk.tag(mara, of(images), ["Dusk"])
    done = bulk.outcome(act).changed
    assert 0 < done < 5

    bulk.undo(mara, act.public_id)
    unfinished.go_on()

    act.refresh_from_db()
    assert bulk.outcome(act).restored == done
    assert found(mara, "tag:dusk") == []


def test_one_act_that_cant_be_gone_on_with_keeps_none_of_the_others(
    mara: User, images: list[Image], few_at_once: None, asked: list[str]
) -> None:
    bad, good = bulk.tag(mara, of(images), ["Dusk"]), bulk.favourite(mara, of(images))
    before = UndoableAct.objects.get(pk=bad.pk).before
    UndoableAct.objects.filter(pk=bad.pk).update(before={**before, "args": {}})

    # It isn't tried over and over: the clock comes back to it.
    assert unfinished.go_on() is True

    good.refresh_from_db()
    assert bulk.outcome(good).left == 0
