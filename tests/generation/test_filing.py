"""A collection chosen when generating: checked when it is asked for, filed into when pictures come."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import ledger
from accounts.models import User
from gallery import collections, later, unfinished
from gallery.models import Collection, CollectionItem
from generation import composer, filing, queue, retrying, submission, tasks, wishes
from generation.models import Generation
from generation.wishes import InvalidWish
from tests import factories
from tests.api import rows
from tests.api.conftest import Caller, caller

pytestmark = pytest.mark.django_db
URL = "/api/v1/generations"


@pytest.fixture
def owner() -> Caller:
    return caller()


@pytest.fixture
def posters(owner: Caller) -> Collection:
    return collections.create(owner.user, "Posters")


def submitted(user: User, collection: Collection, **wish: Any) -> Generation:
    checked = filing.into(wishes.check(prompt="A pier", **wish), user, collection.public_id)
    return submission.submit(user=user, wish=checked, references=[], now=timezone.now()).generation


def filed(collection: Collection) -> list[int]:
    return list(collection.items.order_by("position").values_list("image_id", flat=True))


def delivered(generation: Generation) -> list[int]:
    return list(generation.outputs.order_by("position").values_list("image_id", flat=True))


def test_the_pictures_are_filed_when_they_come(owner: Caller, posters: Collection) -> None:
    generation = submitted(owner.user, posters, count=2)
    assert filed(posters) == []

    rows.finish(generation)

    assert filed(posters) == delivered(generation)
    assert len(filed(posters)) == 2


def test_the_api_takes_a_collection_and_shows_it(owner: Caller, posters: Collection) -> None:
    answer = owner.client.post(URL, {"prompt": "A pier", "collection": str(posters.public_id)})

    assert (answer.status_code, answer.json()["collection"]) == (202, str(posters.public_id))
    assert owner.client.post(URL, {"prompt": "A pier"}).json()["collection"] is None


def test_a_foreign_and_an_unknown_collection_are_refused_before_anything_is_held(owner: Caller) -> None:
    foreign = collections.create(factories.person(credits=0), "Hidden")
    for chosen in (str(foreign.public_id), "00000000-0000-4000-8000-000000000000"):
        answer = owner.client.post(URL, {"prompt": "A pier", "collection": chosen})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_collection")
        assert answer.json()["errors"][0]["field"] == "collection"
    assert ledger.standing(owner.user).held == 0
    assert not Generation.objects.exists()


@pytest.mark.parametrize("fate", ["full", "deleted", "private"])
def test_no_paid_picture_is_lost_for_want_of_a_place(
    owner: Caller, posters: Collection, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = submitted(owner.user, posters, count=2)
    if fate == "full":
        monkeypatch.setattr(collections, "IMAGES_MAX", 1)
    elif fate == "deleted":
        collections.delete(owner.user, posters)
    else:
        # It was a team's, and the person is in the team no longer.
        Collection.objects.filter(pk=posters.pk).update(owner=factories.person(credits=0))

    generation.refresh_from_db()
    rows.finish(generation)

    generation.refresh_from_db()
    assert generation.status == "succeeded"
    assert len(delivered(generation)) == 2
    assert CollectionItem.objects.count() == (1 if fate == "full" else 0)
    assert ledger.standing(owner.user).held == 0


def test_filing_that_fails_keeps_nothing_from_being_delivered(
    owner: Caller, posters: Collection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    generation = submitted(owner.user, posters)
    # What the database refuses stands for a deadlock and the like.
    monkeypatch.setattr(collections, "_append", _broken)

    rows.finish(generation)

    generation.refresh_from_db()
    assert generation.status == "succeeded"
    assert filed(posters) == []
    assert "could not be filed" in caplog.text


def _broken(*_: Any, **__: Any) -> None:
    CollectionItem.objects.create(collection_id=None, image_id=None, position=0)


def test_asked_for_again_it_is_filed_there_too_while_it_is_there(owner: Caller, posters: Collection) -> None:
    generation = submitted(owner.user, posters)
    rows.fail(generation)
    generation.refresh_from_db()

    def again() -> Generation:
        retry = retrying.prepare(generation, user=owner.user, now=timezone.now())
        return retrying.submit(retry, user=owner.user, now=timezone.now()).generation

    assert again().collection == posters
    Collection.objects.filter(pk=posters.pk).update(owner=factories.person(credits=0))
    assert again().collection is None


def test_one_deleted_between_choosing_and_submitting_keeps_nothing_from_being_made(
    owner: Caller, posters: Collection
) -> None:
    wish = filing.into(wishes.check(prompt="A pier"), owner.user, posters.public_id)
    collections.delete(owner.user, posters)

    made = submission.submit(user=owner.user, wish=wish, references=[], now=timezone.now()).generation

    assert made.collection is None


def test_the_composer_offers_the_collections_and_keeps_the_choice(owner: Caller, posters: Collection) -> None:
    collections.create(factories.person(credits=0), "Hidden")
    client = Client()
    client.force_login(owner.user)
    studio = reverse("generation:studio")

    page = client.get(f"{studio}?collection={posters.public_id}").content.decode()
    assert f'<option value="{posters.public_id}" selected>Posters</option>' in page
    assert "Hidden" not in page

    form = {"prompt": "A pier", "count": "1", "collection": str(posters.public_id)}
    refused = client.post(studio, {**form, "prompt": ""})
    assert f'<option value="{posters.public_id}" selected>' in refused.content.decode()
    client.post(studio, form)
    generation = Generation.objects.get()
    assert generation.collection == posters
    assert composer.asked(owner.user, {"again": str(generation.public_id)}).collection == str(
        posters.public_id
    )


@pytest.mark.parametrize("chosen", ["x", "00000000-0000-4000-8000-000000000000"])
def test_the_form_refuses_a_collection_that_isnt_there(owner: Caller, chosen: str) -> None:
    client = Client()
    client.force_login(owner.user)

    answer = client.post(reverse("generation:studio"), {"prompt": "A pier", "collection": chosen})

    assert answer.status_code == 422
    assert "This collection is gone" in answer.content.decode()
    assert not Generation.objects.exists()


def test_a_wish_without_a_collection_stays_as_it_is(owner: Caller) -> None:
    wish = wishes.check(prompt="A pier")
    assert filing.into(wish, owner.user, "") is filing.into(wish, owner.user, None) is wish
    with pytest.raises(InvalidWish):
        filing.into(wish, owner.user, "no id")


def test_what_a_request_leaves_is_sent_to_the_short_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(queue, "_send", lambda task, _, cluster: sent.append((task, cluster)))

    later.ask()

    assert sent == [("generation.tasks.go_on", "short")]


def test_a_task_that_has_no_time_left_sends_another(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(queue, "_send", lambda task, *_, **__: sent.append(task))
    answers = iter([False, True])
    monkeypatch.setattr(unfinished, "go_on", lambda **_: next(answers))

    tasks.go_on("gallery")
    tasks.go_on("gallery")

    assert sent == ["generation.tasks.go_on"]
