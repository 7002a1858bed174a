"""Tags: found, put on and taken off, and the vocabulary itself, by whom it may be changed."""

import threading

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from accounts.models import Membership, Team, User
from gallery import browsing, sharing, tags
from gallery.browsing import Walk
from gallery.models import Image, ImageTag, Tag
from gallery.refusals import NotAllowed, Refused
from gallery.search import index, marking
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def mara() -> User:
    return factories.person(name="Mara Lindqvist", credits=0)


@pytest.fixture
def jo() -> User:
    return factories.person(name="Jo Okafor", credits=0)


def names(image: Image) -> list[str]:
    return [tag.name for tag in tags.of([image.pk]).get(image.pk, [])]


def found(user: User, text: str, **walk: object) -> list[int]:
    return [image.pk for image in browsing.page(user, Walk(text=text, **walk)).images]  # type: ignore[arg-type]


def entry(image: Image) -> str:
    """The picture's entry in the index, marks in their order."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SELECT document::text FROM {index.TABLE} WHERE id = %s", [image.pk])
        else:
            cursor.execute(
                f"SELECT title, prompt, notes, marks FROM {index.TABLE} WHERE rowid = %s", [image.pk]
            )
        return str(cursor.fetchall())


# On pictures


def test_a_tagged_picture_is_found_by_the_tag_until_it_is_taken_off(mara: User) -> None:
    one, other = rows.image(mara), rows.image(mara)

    assert tags.add(mara, [one.pk], ["Golden  hour", "Café"]) == [one.pk]
    assert found(mara, 'tag:"golden hour" tag:cafe') == [one.pk]
    assert found(mara, "gold") == [one.pk]
    assert tags.add(mara, [one.pk, other.pk], ["golden HOUR"]) == [other.pk]
    assert Tag.objects.get(key="golden hour").uses == 2

    assert tags.remove(mara, [one.pk, other.pk], ["Golden hour"]) == [one.pk, other.pk]

    assert found(mara, 'tag:"golden hour"') == []
    assert names(one) == ["Café"]
    assert Tag.objects.get(key="golden hour").uses == 0


def test_marks_changed_by_themselves_are_as_an_entry_written_anew(mara: User) -> None:
    image = rows.image(mara, title="Harbour", notes="for the poster")
    Membership.objects.create(user=mara, team=Team.objects.create(name="Press"))
    tags.add(mara, [image.pk], ["one", "two"])
    tags.remove(mara, [image.pk], ["one"])
    for visibility in ("everyone", "private", "team"):
        sharing.show_to(image, visibility)
        changed = entry(image)
        index.write([image.pk])
        assert entry(image) == changed


def test_a_picture_in_the_trash_gets_no_entry_by_its_marks(mara: User) -> None:
    image = rows.image(mara)
    index.remove([image.pk])

    marking.change([image.pk], add=["G1"])

    assert entry(image) == "[]"


def test_only_the_owner_and_the_team_it_is_shown_to_tag_a_picture(mara: User, jo: User) -> None:
    team = Team.objects.create(name="Press")
    Membership.objects.create(user=mara, team=team)
    private, shown = rows.image(mara), rows.image(mara)
    sharing.show_to(shown, "team")
    everyone = rows.image(mara, visibility="everyone")

    assert tags.add(jo, [private.pk, shown.pk, everyone.pk], ["mine"]) == []
    Membership.objects.create(user=jo, team=team)

    assert tags.add(jo, [private.pk, shown.pk, everyone.pk], ["mine"]) == [shown.pk]
    assert tags.remove(mara, [shown.pk], ["mine"]) == [shown.pk]


def test_a_picture_has_twenty_tags_at_most(mara: User) -> None:
    image, other = rows.image(mara), rows.image(mara)
    tags.add(mara, [image.pk], [f"tag {number}" for number in range(19)])

    assert tags.add(mara, [image.pk, other.pk], ["tag 3", "one more", "too many"]) == [other.pk]
    assert tags.add(mara, [image.pk], ["tag 3", "one more"]) == [image.pk]
    with pytest.raises(tags.TooManyTags):
        tags.add(mara, [image.pk], [f"new {number}" for number in range(21)])


@pytest.mark.parametrize("name", ["", "  ", "!!!", "🌇", "x" * 61, "ﷺ" * 60, "\x00"])
def test_a_name_that_is_none_is_refused(mara: User, name: str) -> None:
    with pytest.raises(tags.BadName):
        tags.named([name])
    assert not Tag.objects.exists()


def test_names_are_kept_on_one_line_without_what_cant_be_seen() -> None:
    (tag,) = tags.named(["  Pier\x00\n  seven\u202e "])

    assert (tag.name, tag.key) == ("Pier seven", "pier seven")


def test_suggestions_begin_like_a_word_of_the_name_and_the_most_used_come_first(mara: User) -> None:
    images = [rows.image(mara) for _ in range(3)]
    tags.add(mara, [one.pk for one in images], ["Blue hour"])
    tags.add(mara, [images[0].pk], ["Hour glass", "Blues"])
    tags.named(["House", "Unused"])

    assert [tag.name for tag in tags.suggest(mara, "ho")] == ["Blue hour", "Hour glass", "House"]
    assert [tag.name for tag in tags.suggest(mara, "blue h")] == ["Blue hour"]
    assert [tag.name for tag in tags.suggest(mara, "", limit=1)] == ["Blue hour"]
    assert tags.suggest(mara, "%") == tags.suggest(mara, "lue") == []


# The vocabulary


def test_a_renamed_tag_is_found_by_its_new_name(mara: User) -> None:
    image = rows.image(mara)
    tags.add(mara, [image.pk], ["Sunset"])

    tags.rename(mara, Tag.objects.get(), "Dusk")

    assert found(mara, "tag:dusk") == [image.pk]
    assert found(mara, "tag:sunset") == []


def test_a_tag_is_not_renamed_to_another_ones_name(mara: User) -> None:
    one, _ = tags.named(["Sunset", "Dusk"], by=mara)

    with pytest.raises(tags.NameTaken, match="“Dusk”"):
        tags.rename(mara, one, "DUSK")
    tags.rename(mara, one, "SUNSET")
    assert Tag.objects.get(pk=one.pk).name == "SUNSET"


def test_merging_joins_two_tags_and_the_old_name_leads_on(mara: User) -> None:
    first, second, third = (rows.image(mara) for _ in range(3))
    tags.add(mara, [first.pk], ["Sunset"])
    tags.add(mara, [second.pk], ["Dusk"])
    tags.add(mara, [third.pk], ["Sunset", "Dusk"])
    sunset, dusk = Tag.objects.get(key="sunset"), Tag.objects.get(key="dusk")

    tags.merge(mara, sunset, dusk)

    assert found(mara, "tag:dusk") == found(mara, "tag:sunset") == [third.pk, second.pk, first.pk]
    assert [names(one) for one in (first, third)] == [["Dusk"], ["Dusk"]]
    assert dict(Tag.objects.values_list("key", "uses")) == {"dusk": 3, "sunset": 0}
    assert tags.add(mara, [second.pk], ["sunset"]) == []
    assert tags.suggest(mara, "sun") == []


def test_a_merge_is_there_at_once_and_finished_later(mara: User, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [rows.image(mara) for _ in range(5)]
    ids = [one.pk for one in images]
    tags.add(mara, ids, ["Sunset"])
    sunset, (dusk,) = Tag.objects.get(), tags.named(["Dusk"], by=mara)
    monkeypatch.setattr(tags, "_BATCH", 2)
    monkeypatch.setattr(tags, "MERGE_SECONDS", 0.0)

    tags.merge(mara, sunset, dusk)

    assert ImageTag.objects.filter(tag=sunset).count() == 3
    assert found(mara, "tag:dusk") == ids[::-1]
    assert {tuple(names(one)) for one in images} == {("Dusk",)}
    assert tags.remove(mara, ids[:1], ["dusk"]) == ids[:1]
    assert tags.remove(mara, ids[-1:], ["sunset"]) == ids[-1:]
    assert tags.finish_merges() is True
    assert not ImageTag.objects.filter(tag=sunset).exists()
    assert found(mara, "tag:dusk") == ids[3:0:-1]


def test_merging_goes_one_step_however_often(mara: User) -> None:
    image = rows.image(mara)
    one, two, three = tags.named(["One", "Two", "Three"], by=mara)
    tags.add(mara, [image.pk], ["One"])

    tags.merge(mara, one, two)
    tags.merge(mara, Tag.objects.get(pk=two.pk), three)

    assert set(Tag.objects.exclude(pk=three.pk).values_list("merged_into", flat=True)) == {three.pk}
    assert found(mara, "tag:one") == [image.pk]
    with pytest.raises(Refused):
        tags.merge(mara, Tag.objects.get(pk=three.pk), Tag.objects.get(pk=one.pk))


def test_a_deleted_tag_is_off_all_pictures(mara: User) -> None:
    image = rows.image(mara)
    tags.add(mara, [image.pk], ["One", "Two"])
    tags.merge(mara, Tag.objects.get(key="one"), Tag.objects.get(key="two"))

    tags.delete(mara, Tag.objects.get(key="two"))

    assert not Tag.objects.exists()
    assert not ImageTag.objects.exists()
    assert found(mara, "tag:two") == found(mara, "two") == []


def test_a_tag_that_others_use_is_changed_by_who_may(mara: User, jo: User) -> None:
    (tag,) = tags.named(["Sunset"], by=mara)
    tags.add(mara, [rows.image(mara).pk], ["Sunset"])
    tags.recolour(mara, tag, "teal")
    with pytest.raises(NotAllowed):
        tags.rename(jo, tag, "Dusk")
    tags.add(jo, [rows.image(jo).pk], ["Sunset"])

    for act in (
        lambda who: tags.rename(who, tag, "Dusk"),
        lambda who: tags.recolour(who, tag, "red"),
        lambda who: tags.merge(who, tag, tags.named(["Other"], by=who)[0]),
        lambda who: tags.delete(who, tag),
    ):
        with pytest.raises(NotAllowed):
            act(mara)

    mara.user_permissions.add(Permission.objects.get(codename="change_tag"))
    tags.rename(User.objects.get(pk=mara.pk), tag, "Dusk")
    assert Tag.objects.get(pk=tag.pk).name == "Dusk"


def test_a_colour_is_one_of_those_on_offer(mara: User) -> None:
    (tag,) = tags.named(["Sunset"], by=mara)
    with pytest.raises(Refused):
        tags.recolour(mara, tag, "#ff0000")


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
def test_people_who_make_and_give_the_same_tags_at_once_wait_for_each_other() -> None:
    people = [factories.person(credits=0) for _ in range(4)]
    images = [rows.image(people[0], visibility="everyone") for _ in range(6)]
    mine = {person.pk: rows.image(person).pk for person in people}
    start, faults = threading.Barrier(len(people)), []

    def work(person: User, turn: int) -> None:
        words = ["red", "green", "blue", "pink"]
        start.wait()
        try:
            for time in range(8):
                chosen = words[turn:] + words[:turn]
                tags.add(person, [mine[person.pk]], chosen)
                if person == people[0]:
                    tags.add(person, [image.pk for image in images], chosen[:2])
                if time % 2:
                    tags.remove(person, [mine[person.pk]], chosen[::-1][:3])
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(one, place)) for place, one in enumerate(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert faults == []
    assert Tag.objects.count() == 4
    counted = {tag.pk: ImageTag.objects.filter(tag=tag).count() for tag in Tag.objects.all()}
    assert dict(Tag.objects.values_list("pk", "uses")) == counted
