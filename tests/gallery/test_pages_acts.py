"""Choosing pictures on the gallery's page and doing something to them, with and without a script."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, Team, User
from gallery import collections, tags
from gallery.models import Archive, Favourite, Image, UndoableAct
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


def ids(images: list[Image]) -> list[str]:
    return [str(image.public_id) for image in images]


def said(client: Client, path: str = "/gallery/") -> list[str]:
    """What the toasts of the next page say."""
    text = client.get(path).content.decode()
    shown = text.partition('<template id="toast-template">')[0]
    return [" ".join(one.split()) for one in re.findall(r"data-toast-text>(.*?)</p>", shown, re.DOTALL)]


def test_select_without_scripts_is_a_form_with_boxes(signed_in: Client, owner: User) -> None:
    image = rows.image(owner)

    text = signed_in.get("/gallery/?select=1").content.decode()

    assert f'type="checkbox" name="image" value="{image.public_id}"' in text
    assert 'class="gallery is-selecting"' in text
    assert 'name="image"' not in signed_in.get("/gallery/").content.decode().partition("<template")[0]


def test_favourites_are_put_and_undone_by_the_form(signed_in: Client, owner: User) -> None:
    images = [rows.image(owner) for _ in range(3)]

    answer = signed_in.post(
        "/gallery/act", {"verb": "favourite", "image": ids(images[:2]), "walk": "q=lighthouse"}
    )
    done = UndoableAct.objects.get()

    assert answer.headers["Location"] == "/gallery/?q=lighthouse"
    assert Favourite.objects.filter(user=owner).count() == 2
    text = signed_in.get("/gallery/?q=lighthouse").content.decode()
    assert "2 images added to your favourites." in text
    assert f'action="/gallery/acts/{done.public_id}/undo"' in text

    signed_in.post(f"/gallery/acts/{done.public_id}/undo")
    assert Favourite.objects.filter(user=owner).count() == 0


def test_a_script_is_answered_with_words_and_where_to_undo(signed_in: Client, owner: User) -> None:
    image = rows.image(owner)

    answer = signed_in.post(
        "/gallery/act", {"verb": "trash", "image": ids([image])}, headers={"X-Part": "act"}
    ).json()
    undone = signed_in.post(answer["undo"], headers={"X-Part": "act"})

    assert answer["said"] == "1 image moved to the trash."
    assert undone.status_code == 204
    image.refresh_from_db()
    assert image.trashed_at is None
    assert said(signed_in) == ["Undone: 1 image as before."]


def test_all_of_a_walk_is_taken_but_for_what_was_left_out(signed_in: Client, owner: User) -> None:
    blue = [rows.image(owner, prompt="a blue mug") for _ in range(3)]
    red = rows.image(owner, prompt="a red mug")

    signed_in.post("/gallery/act", {"verb": "trash", "all": "1", "walk": "q=blue", "without": ids(blue[:1])})

    kept = set(Image.objects.kept().values_list("pk", flat=True))
    assert kept == {blue[0].pk, red.pk}


def test_pictures_of_others_stay_as_they_are_and_it_is_said(signed_in: Client, owner: User) -> None:
    own = rows.image(owner)
    foreign = rows.image(factories.person(), visibility=Image.Visibility.EVERYONE)
    private = rows.image(factories.person())

    signed_in.post("/gallery/act", {"verb": "trash", "image": ids([own, foreign, private])})

    assert said(signed_in) == ["1 image moved to the trash. 1 image stayed as before."]
    foreign.refresh_from_db()
    assert foreign.trashed_at is None


@pytest.mark.parametrize(("verb", "field"), [("tag", "tags"), ("collect", "new"), ("show", "visibility")])
def test_a_verb_that_needs_more_asks_and_keeps_the_choice(
    signed_in: Client, owner: User, verb: str, field: str
) -> None:
    images = [rows.image(owner) for _ in range(2)]

    answer = signed_in.post("/gallery/act", {"verb": verb, "image": ids(images)})
    text = answer.content.decode()

    assert answer.status_code == 200
    assert "data-ask-form" in text
    assert "2 images chosen." in text
    assert f'name="{field}"' in text
    assert text.count('type="hidden" name="image"') == 2


def test_tags_are_given_with_commas(signed_in: Client, owner: User) -> None:
    image = rows.image(owner)

    signed_in.post("/gallery/act", {"verb": "tag", "image": ids([image]), "tags": "golden hour, sea"})

    assert [tag.name for tag in tags.of([image.pk])[image.pk]] == ["golden hour", "sea"]


def test_a_refused_tag_is_said_in_the_form(signed_in: Client, owner: User) -> None:
    answer = signed_in.post("/gallery/act", {"verb": "tag", "image": ids([rows.image(owner)]), "tags": "!!"})

    assert answer.status_code == 422
    assert "A tag needs a letter or a digit." in answer.content.decode()


def test_pictures_are_collected_into_an_old_or_a_new_collection(signed_in: Client, owner: User) -> None:
    image = rows.image(owner)
    old = collections.create(owner, "Posters")

    signed_in.post(
        "/gallery/act", {"verb": "collect", "image": ids([image]), "collection": str(old.public_id)}
    )
    signed_in.post("/gallery/act", {"verb": "collect", "image": ids([image]), "new": "Skies"})

    assert sorted(owner.collections.values_list("name", "size")) == [("Posters", 1), ("Skies", 1)]


def test_a_foreign_collection_is_not_found(signed_in: Client, owner: User) -> None:
    foreign = collections.create(factories.person(), "Theirs")

    answer = signed_in.post(
        "/gallery/act",
        {"verb": "collect", "image": ids([rows.image(owner)]), "collection": str(foreign.public_id)},
    )

    assert answer.status_code == 404


def test_who_is_in_no_team_is_told_so(signed_in: Client, owner: User) -> None:
    answer = signed_in.post(
        "/gallery/act", {"verb": "show", "image": ids([rows.image(owner)]), "visibility": "team"}
    )

    assert answer.status_code == 422
    assert "You aren&#x27;t in a team" in answer.content.decode()


def test_the_team_is_shown_the_chosen(signed_in: Client, owner: User) -> None:
    Membership.objects.create(user=owner, team=Team.objects.create(name="Nord"))
    image = rows.image(owner)

    signed_in.post("/gallery/act", {"verb": "show", "image": ids([image]), "visibility": "team"})

    image.refresh_from_db()
    assert image.visibility == "team"


def test_sharing_leads_to_the_dialog_with_the_chosen(signed_in: Client, owner: User) -> None:
    images = [rows.image(owner) for _ in range(2)]

    answer = signed_in.post("/gallery/act", {"verb": "share", "image": ids(images)})

    assert answer.headers["Location"] == f"/share/new?image={images[0].public_id}&image={images[1].public_id}"


def test_a_download_asks_which_files_and_is_prepared(signed_in: Client, owner: User) -> None:
    images = [rows.image(owner) for _ in range(2)]

    asked = signed_in.post("/gallery/act", {"verb": "download", "image": ids(images)}).content.decode()
    signed_in.post("/gallery/act", {"verb": "download", "image": ids(images), "variant": "1280"})

    assert 'name="variant"' in asked
    archive = Archive.objects.get(owner=owner)
    assert (archive.image_ids, archive.variant) == ([image.pk for image in images], "1280")
    assert said(signed_in) == ["Your download is being prepared. It will stand under “Your downloads”."]


def test_a_download_of_files_that_there_are_not_is_asked_for_again(signed_in: Client, owner: User) -> None:
    posted = {"verb": "download", "image": ids([rows.image(owner)]), "variant": "9"}

    assert 'name="variant"' in signed_in.post("/gallery/act", posted).content.decode()
    assert not Archive.objects.exists()


def test_a_download_of_nothing_one_sees_is_refused(signed_in: Client) -> None:
    foreign = rows.image(factories.person())

    answer = signed_in.post(
        "/gallery/act", {"verb": "download", "image": ids([foreign]), "variant": "original"}
    )

    assert answer.status_code == 422
    assert "There is no picture among these that you can see." in answer.content.decode()


def test_nothing_chosen_is_said(signed_in: Client) -> None:
    signed_in.post("/gallery/act", {"verb": "trash"})

    assert said(signed_in) == ["Choose at least one image first."]


@pytest.mark.parametrize(
    "posted",
    [
        {"verb": "trash", "image": "x"},
        {"verb": "trash", "all": "1", "walk": "show=nobody"},
        {"verb": "trash", "all": "1", "walk": f"collection={uuid.uuid4()}"},
        {"verb": "trash", "all": "1", "walk": "", "without": "no id"},
    ],
)
def test_what_no_form_of_ours_says_is_not_found(signed_in: Client, posted: dict[str, Any]) -> None:
    assert signed_in.post("/gallery/act", posted).status_code == 404


def test_an_unknown_verb_changes_nothing(signed_in: Client, owner: User) -> None:
    answer = signed_in.post("/gallery/act", {"verb": "burn", "image": ids([rows.image(owner)])})

    assert answer.status_code == 422


def test_an_act_is_undone_once(signed_in: Client, owner: User) -> None:
    signed_in.post("/gallery/act", {"verb": "favourite", "image": ids([rows.image(owner)])})
    address = f"/gallery/acts/{UndoableAct.objects.get().public_id}/undo"
    signed_in.post(address, headers={"X-Part": "act"})

    again = signed_in.post(address, headers={"X-Part": "act"})

    assert (again.status_code, again.content.decode()) == (422, "This was undone already.")


def test_a_dialog_is_told_where_to_go_on_and_the_toast_waits_for_the_page(
    signed_in: Client, owner: User
) -> None:
    answer = signed_in.post(
        "/gallery/act",
        {"verb": "tag", "image": ids([rows.image(owner)]), "tags": "sea", "walk": "q=lighthouse"},
        headers={"X-Part": "ask"},
    )

    assert (answer.status_code, answer.headers["X-Go"]) == (204, "/gallery/?q=lighthouse")
    assert said(signed_in) == ["1 image tagged."]
